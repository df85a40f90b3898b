use std::io::Write as _;

use clap::CommandFactory as _;

use crate::cli::args::{Args, CompletionsArgs};
use crate::cli::exit::{Failure, Output, Verdict};

pub(super) fn run(args: &CompletionsArgs, out: &mut Output) -> Result<Verdict, Failure> {
    // Made in memory: the generator cannot tell that the reader of stdout went away.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "onehead", &mut script);
    out.report.write_all(&script)?;
    Ok(Verdict::Clean)
}
