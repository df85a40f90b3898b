//! A sign of life on stderr for work that takes longer than a second; only on a terminal.

use std::io::IsTerminal as _;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Work shorter than this is left alone.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the sign moves.
const TICK: Duration = Duration::from_millis(120);

/// Shows what is being done until it is dropped.
pub(super) struct Progress {
    say: Option<Sender<&'static str>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins with `work`. Where `quiet`, or stderr is no terminal, nothing is ever shown.
    pub(super) fn start(quiet: bool, work: &'static str) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self { say: None, thread: None };
        }
        let (say, heard) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut work = work;
            // What comes within the first second only changes the words.
            let end = std::time::Instant::now() + PATIENCE;
            loop {
                match heard.recv_timeout(end.saturating_duration_since(std::time::Instant::now())) {
                    Ok(next) => work = next,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.set_message(work);
            bar.enable_steady_tick(TICK);
            while let Ok(next) = heard.recv() {
                bar.set_message(next);
            }
            bar.finish_and_clear();
        });
        Self { say: Some(say), thread: Some(thread) }
    }

    /// Goes on to `work`.
    pub(super) fn now(&self, work: &'static str) {
        if let Some(say) = &self.say {
            // Nobody to hear it: the sign is gone, and the work goes on.
            let _ = say.send(work);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.say = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
