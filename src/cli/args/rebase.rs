use clap::Args as ClapArgs;

use super::{FixStrategy, Format};

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct RebaseArgs {
    /// What to build upon [default: the trunk]
    #[arg(value_name = "UPSTREAM")]
    pub(in crate::cli) upstream: Option<String>,
    /// The branch to move [default: the one HEAD is on]
    #[arg(value_name = "BRANCH")]
    pub(in crate::cli) branch: Option<String>,
    /// Leave the commits as git's rebase makes them, and repair in one commit on top
    #[arg(long)]
    pub(in crate::cli) fixup: bool,
    /// Show the plan and write nothing
    #[arg(short = 'n', long)]
    pub(in crate::cli) dry_run: bool,
    /// Print only the commits made anew, as git gives them to its post-rewrite hook: old id, new id
    #[arg(long, conflicts_with_all = ["dry_run", "format"])]
    pub(in crate::cli) porcelain: bool,
    /// Leave merges inside the branch out, as git's rebase does without --rebase-merges
    #[arg(long)]
    pub(in crate::cli) no_rebase_merges: bool,
    /// How heads are joined
    #[arg(long, value_enum, default_value_t = FixStrategy::Auto)]
    pub(in crate::cli) strategy: FixStrategy,
    /// A revision that a database stands at (repeatable)
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) deployed: Vec<String>,
    /// Take the last rebase or repair back
    #[arg(long, conflicts_with_all = ["upstream", "branch", "fixup", "dry_run", "porcelain"])]
    pub(in crate::cli) undo: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,
}
