use std::io::Write as _;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::args::{Args, Global, ManArgs};
use crate::cli::exit::{Failure, Output, Verdict};
use crate::cli::output_file;

pub(super) fn run(global: &Global, args: &ManArgs, out: &mut Output) -> Result<Verdict, Failure> {
    let mut command = Args::command();
    command.build();
    let Some(target) = &args.target else {
        out.report.write_all(&page(&command)?)?;
        return Ok(Verdict::Clean);
    };
    let target = global.directory.as_deref().unwrap_or(Path::new("")).join(target);
    if !target.is_dir() {
        return Err(Failure::new(
            format!("there is no directory {}", target.display()),
            format!("mkdir -p {}", target.display()),
        ));
    }
    for (name, text) in pages(&command)? {
        output_file::write(&target.join(&name), &text)?;
        writeln!(out.report, "{name}")?;
    }
    Ok(Verdict::Clean)
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    Ok(text)
}

/// The page of a command and those of its sub-commands, with their files' names.
fn pages(command: &Command) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let mut all = vec![(format!("{name}.1"), page(command)?)];
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        all.extend(pages(&sub.clone().display_name(format!("{name}-{}", sub.get_name())))?);
    }
    Ok(all)
}
