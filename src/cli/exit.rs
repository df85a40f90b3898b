//! Exit codes and what is said when a command cannot run.
//!
//! 0: nothing found, or done. 1: findings. 2: could not run, with the reason and a command to try
//! on stderr.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anstream::AutoStream;

use super::args::{Args, Color};
use crate::plan;
use crate::report::audit_html::PageError;
use crate::text::{is_hidden, printable};
use crate::vcs;

/// Exit code for everything that kept a command from running.
pub(super) const COULD_NOT_RUN: u8 = 2;

/// The same for a merge driver: git stops at what is above 128.
pub(super) const DRIVER_COULD_NOT_RUN: u8 = 129;

/// What a command that ran found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing, or the work is done.
    Clean,
    /// Something.
    Findings,
}

/// Why a command could not run.
#[derive(Debug)]
pub enum Failure {
    /// A reason for people, and what to try.
    Told {
        /// One sentence without a full stop.
        message: String,
        /// A command or an action.
        hint: Option<String>,
    },
    /// Why a merge driver could not run: git takes a small exit code for a conflict.
    Driver {
        /// One sentence without a full stop.
        message: String,
    },
    /// The reader of stdout went away; nobody is there to be told.
    BrokenPipe,
}

impl Failure {
    /// A failure with a hint.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Told { message: message.into(), hint: Some(hint.into()) }
    }

    /// A failure of the merge driver.
    pub fn driver(message: impl Into<String>) -> Self {
        Self::Driver { message: message.into() }
    }
}

impl From<vcs::Error> for Failure {
    fn from(error: vcs::Error) -> Self {
        Self::Told { message: error.to_string(), hint: error.hint() }
    }
}

impl From<plan::Unproven> for Failure {
    fn from(error: plan::Unproven) -> Self {
        Self::new(
            format!("{error}; nothing was written"),
            "onehead check --all-findings   (to see all faults)",
        )
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Told { message: format!("cannot write the report: {error}"), hint: None },
        }
    }
}

impl From<PageError> for Failure {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Repository(error) => error.into(),
            PageError::Output(error) => error.into(),
            PageError::Data(error) => error.into(),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

/// Where reports and talk go.
pub(super) struct Output {
    /// The report.
    pub(super) report: io::BufWriter<AutoStream<io::Stdout>>,
    talk: AutoStream<io::Stderr>,
    quiet: bool,
}

impl Output {
    pub(super) fn new(args: &Args) -> Self {
        let choice = match args.global.color {
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
            Color::Auto => anstream::ColorChoice::Auto,
        };
        Self {
            report: io::BufWriter::new(AutoStream::new(io::stdout(), choice)),
            talk: AutoStream::new(io::stderr(), choice),
            quiet: args.global.quiet,
        }
    }

    /// Says something beside the report, unless `--quiet`.
    pub(super) fn note(&mut self, text: &str) {
        if !self.quiet {
            let _ = writeln!(self.talk, "{}", printable_lines(text));
        }
    }

    /// Bytes as they are: a patch holds what files hold, and the stream of reports takes text alone.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.report.flush()?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// A document as JSON, indented, with a newline.
    pub(super) fn json(&mut self, document: &impl serde::Serialize) -> Result<(), Failure> {
        self.json_text(&serde_json::to_string_pretty(document)?)
    }

    /// Writes a document as one line of JSON Lines.
    ///
    /// # Errors
    /// When the report cannot be written.
    pub(super) fn json_line(&mut self, document: &impl serde::Serialize) -> Result<(), Failure> {
        self.json_text(&serde_json::to_string(document)?)
    }

    fn json_text(&mut self, text: &str) -> Result<(), Failure> {
        self.report.write_all(json_printable(text).as_bytes())?;
        self.report.write_all(b"\n")?;
        Ok(())
    }
}

/// JSON text with the characters that could move or reorder a terminal's text as `\uXXXX`: they can
/// only stand inside strings.
pub(super) fn json_printable(json: &str) -> Cow<'_, str> {
    // Nearly every text is plain, which is told fast.
    if json.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return Cow::Borrowed(json);
    }
    // Line feeds stand between the fields; inside strings serde has escaped them.
    let is_unsafe = |character: char| character != '\n' && is_hidden(character);
    if !json.contains(is_unsafe) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        match is_unsafe(character) {
            false => out.push(character),
            true => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    Cow::Owned(out)
}

fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Keeps what a command has built until the process ends, which is soon: the kernel takes all memory
/// back at once, and giving it back piece by piece would take a tenth of the run.
pub(super) fn leave_to_the_end<T>(built: T) {
    std::mem::forget(built);
}

/// Turns a command's result into talk and an exit code.
pub(super) fn report(result: Result<Verdict, Failure>, out: &mut Output) -> ExitCode {
    let result = result.and_then(|verdict| {
        out.report.flush()?;
        Ok(verdict)
    });
    match result {
        Ok(Verdict::Clean) => ExitCode::SUCCESS,
        Ok(Verdict::Findings) => ExitCode::from(1),
        Err(Failure::BrokenPipe) => ExitCode::from(COULD_NOT_RUN),
        Err(Failure::Driver { message }) => {
            let _ = writeln!(out.talk, "onehead: {}", printable_lines(&message));
            ExitCode::from(DRIVER_COULD_NOT_RUN)
        }
        Err(Failure::Told { message, hint }) => {
            let _ = writeln!(out.talk, "onehead: {}", printable_lines(&message));
            if let Some(hint) = hint {
                let _ = writeln!(out.talk, "  try: {}", printable_lines(&hint));
            }
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}
