//! One file a command: resolve the options, call the library once, print.

mod audit;
mod branches;
mod check;
mod diff;
mod fix;
mod graph;
mod heads;
mod locate;
mod timeline;

use super::args::{Args, Command};
use super::exit::{Failure, Output, Verdict};

/// Runs the command.
pub(super) fn run(args: &Args, out: &mut Output) -> Result<Verdict, Failure> {
    match &args.command {
        Command::Graph(command) => graph::run(&args.global, command, out),
        Command::Heads(command) => heads::run(&args.global, command, out),
        Command::Timeline(command) => timeline::run(&args.global, command, out),
        Command::Check(command) => check::run(&args.global, command, out),
        Command::Fix(command) => fix::run(&args.global, command, out),
        Command::Audit(command) => audit::run(&args.global, command, out),
        Command::Branches(command) => branches::run(&args.global, command, out),
        Command::Locate(command) => locate::run(&args.global, command, out),
        Command::Diff(command) => diff::run(&args.global, command, out),
    }
}
