//! Runs the binary as a user would, and nothing of the user's.

use std::time::Duration;

use super::history::Run;
use super::repository::{Repository, environment, isolate};

/// What a run gave.
#[derive(Debug)]
pub struct Answer {
    /// The exit code; none if it was killed, as after a hang.
    pub exit: Option<i32>,
    /// The report.
    pub stdout: String,
    /// The talk.
    pub stderr: String,
}

/// Runs onehead in the repository; answers come without the temporary directory and the version.
pub fn run(repository: &Repository, run: &Run, args: &[String]) -> Answer {
    let mut command = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("onehead"));
    isolate(|name| {
        command.env_remove(name);
    });
    for (name, value) in environment(&repository.home()) {
        command.env(name, value);
    }
    // A repository around the temporary directory is none of ours.
    command.env("GIT_CEILING_DIRECTORIES", repository.path().parent().unwrap());
    command.current_dir(repository.home());
    let place =
        run.dir.as_ref().map_or_else(|| repository.path().to_owned(), |dir| repository.path().join(dir));
    command.arg("-C").arg(place);
    command.args(args.iter().map(|arg| repository.named(arg)));
    let output = command.timeout(Duration::from_secs(30)).output().unwrap();
    let text = |bytes: &[u8]| {
        let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
        let compact = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
        repository
            .without_place(&String::from_utf8_lossy(bytes))
            .replace(&version, "\"version\": \"[VERSION]\"")
            .replace(&compact, "\"version\":\"[VERSION]\"")
    };
    Answer { exit: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
