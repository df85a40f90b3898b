//! One file a command: resolve the options, call the library once, print.

mod audit;
mod baseline;
mod branches;
mod check;
mod completions;
mod diff;
mod explain;
mod fix;
mod graph;
mod heads;
mod hook;
mod hook_install;
mod init;
mod locate;
mod man;
mod merge_driver;
mod middle;
mod rebase;
mod schema;
mod schema_diff;
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
        Command::MergeDriver(command) => merge_driver::run(&args.global, command, out),
        Command::Rebase(command) => rebase::run(&args.global, command, out),
        Command::Hook(command) => hook::run(&args.global, command, out),
        Command::Audit(command) => audit::run(&args.global, command, out),
        Command::Branches(command) => branches::run(&args.global, command, out),
        Command::Locate(command) => locate::run(&args.global, command, out),
        Command::Schema(command) => schema::run(&args.global, command, out),
        Command::Diff(command) => diff::run(&args.global, command, out),
        Command::Explain(command) => explain::run(&args.global, command, out),
        Command::Init(command) => init::run(&args.global, command, out),
        Command::Completions(command) => completions::run(command, out),
        Command::Man(command) => man::run(&args.global, command, out),
    }
}
