//! Arguments in, reports out. The only place that reads argv, the environment and the clock, and
//! the only one that writes to stdout and stderr.

mod args;
mod commands;
mod config;
mod exit;
mod output_file;
mod pages;
mod progress;
mod replay;
mod session;
mod shell;
mod time;

use std::process::ExitCode;

use clap::Parser as _;

pub use exit::{Failure, Verdict};

use crate::parallel::STACK;

/// Parses the command line, runs the command, reports.
pub fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let is_driver = std::env::args_os().any(|arg| arg == "merge-driver");
            return match error.print() {
                Ok(()) if !error.use_stderr() => ExitCode::SUCCESS,
                _ if is_driver => ExitCode::from(exit::DRIVER_COULD_NOT_RUN),
                _ => ExitCode::from(exit::COULD_NOT_RUN),
            };
        }
    };
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let mut out = exit::Output::new(&args);
        let result = commands::run(&args, &mut out);
        exit::report(result, &mut out)
    });
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        _ => ExitCode::from(exit::COULD_NOT_RUN),
    }
}
