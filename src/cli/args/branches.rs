use clap::Args as ClapArgs;

use super::Format;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct BranchesArgs {
    /// Only branches whose short name matches, as feature/* or origin/* (repeatable; * matches slashes, too)
    #[arg(long = "match", value_name = "GLOB")]
    pub(in crate::cli) matching: Vec<String>,
    /// Take the refs with these full names, as refs/pull/*, instead of the local and remote branches (repeatable)
    #[arg(long, value_name = "GLOB", conflicts_with = "all_refs")]
    pub(in crate::cli) refs: Vec<String>,
    /// Take every ref but tags, notes and what git and onehead keep for themselves
    #[arg(long)]
    pub(in crate::cli) all_refs: bool,
    /// Only tips made at or after this time (2024-01-31, RFC 3339, or "2 weeks")
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<String>,
    /// Rows shown of each list, newest first; 0 shows all (JSON always has all)
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub(in crate::cli) limit: usize,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,
}
