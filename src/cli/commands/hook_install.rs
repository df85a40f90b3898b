//! `onehead hook install`: nothing is overwritten, and what is written is printed first.

use std::io::Write as _;
use std::path::Path;

use super::merge_driver;
use crate::cli::args::{Global, HookInstallArgs, HookName};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::session::Session;
use crate::cli::shell::shell_word;
use crate::text::printable;
use crate::vcs::HookPlace;

pub(super) fn run(global: &Global, args: &HookInstallArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut session = Session::open(global)?;
    let mut taken = Vec::new();
    for name in &args.names {
        taken.extend(install(&session, *name, out)?);
    }
    if args.merge_driver {
        merge_driver::install(&mut session, out)?;
    }
    match taken.as_slice() {
        [] => Ok(Verdict::Clean),
        [(message, hint), rest @ ..] => {
            out.report.flush()?;
            for (message, hint) in rest {
                out.note(&format!("onehead: {message}\n  try: {hint}"));
            }
            Err(Failure::new(message, hint))
        }
    }
}

/// Installs one hook, or tells why not and what to do.
fn install(
    session: &Session<'_>,
    name: HookName,
    out: &mut Output,
) -> Result<Option<(String, String)>, Failure> {
    let call = format!("onehead hook run {}", name.as_str());
    let text = format!(
        "#!/bin/sh\n# Written by `onehead hook install`; {}.\nexec {call} \"$@\"\n",
        match name {
            HookName::PreCommit | HookName::PreMergeCommit => "`git commit --no-verify` goes past it",
            HookName::PrePush => "`git push --no-verify` goes past it",
            HookName::PreReceive | HookName::Update => "remove this file to take it back",
        }
    );
    let line = format!("{call} \"$@\" || exit $?");
    // What reads standard input leaves nothing to the next one.
    let line = match name {
        HookName::PrePush | HookName::PreReceive => {
            format!("{line}   (what git writes to standard input, only one command of the hook can read)")
        }
        _ => line,
    };
    match session.repo.plan_hook(name.as_str(), &text, &call)? {
        HookPlace::Free(hook) => {
            writeln!(out.report, "{}:", shown(hook.file()))?;
            for line in hook.text().lines() {
                writeln!(out.report, "  {line}")?;
            }
            out.report.flush()?;
            session.repo.write_hook(&hook)?;
            writeln!(out.report, "written; to take it back: rm {}", shell_word(&shown(hook.file())))?;
            Ok(None)
        }
        HookPlace::Calls(file) => {
            writeln!(out.report, "{} calls onehead already", shown(&file))?;
            Ok(None)
        }
        HookPlace::Taken(file) => {
            let message =
                format!("there is a {} hook at {}, and it stays as it is", name.as_str(), shown(&file));
            Ok(Some((message, format!("add to it: {line}"))))
        }
        HookPlace::Elsewhere(file) => {
            let message = format!(
                "core.hooksPath leads to {}, outside of this repository: a hook there would run in others, too",
                shown(file.parent().unwrap_or(&file))
            );
            let hint =
                format!("git config --local --unset core.hooksPath, or a line in {}: {line}", shown(&file));
            Ok(Some((message, hint)))
        }
    }
}

fn shown(path: &Path) -> String {
    printable(&path.strip_prefix(".").unwrap_or(path).display().to_string())
}
