//! Arguments of the commands that have few.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap_complete::Shell;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct InitArgs {
    /// Print it instead
    #[arg(long)]
    pub(in crate::cli) print: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(in crate::cli) shell: Shell,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ManArgs {
    /// Write a page for each command to DIR (seen from DIR, with -C) instead of printing the main one
    #[arg(long = "dir", value_name = "DIR")]
    pub(in crate::cli) target: Option<PathBuf>,
}
