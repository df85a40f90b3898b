use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct MergeDriverArgs {
    /// The common ancestor's version: %O
    #[arg(value_name = "BASE", required_unless_present = "install")]
    pub(in crate::cli) base: Option<PathBuf>,
    /// Our version, which becomes the merged one: %A
    #[arg(value_name = "OURS", required_unless_present = "install")]
    pub(in crate::cli) ours: Option<PathBuf>,
    /// Their version: %B
    #[arg(value_name = "THEIRS", required_unless_present = "install")]
    pub(in crate::cli) theirs: Option<PathBuf>,
    /// The file's path in the repository: %P
    #[arg(value_name = "PATH", required_unless_present = "install")]
    pub(in crate::cli) path: Option<String>,
    /// Set this repository up to use the driver for its migrations
    #[arg(long, conflicts_with_all = ["base", "ours", "theirs", "path"])]
    pub(in crate::cli) install: bool,
}
