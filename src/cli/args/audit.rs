use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(in crate::cli) struct AuditArgs {
    /// The commit whose first-parent line to read [default: the trunk, else HEAD]
    #[arg(value_name = "REV")]
    pub(in crate::cli) revision: Option<String>,
    /// Only what happened at or after this time (2024-01-31, RFC 3339, or "2 weeks"); what stands is told all the same
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<String>,
    /// Write the report to FILE (seen from DIR, with -C), whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    pub(in crate::cli) format: AuditFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum AuditFormat {
    /// For people
    Text,
    /// onehead/audit/v1
    Json,
    /// For a wiki or a pull request
    #[value(alias = "md")]
    Markdown,
    /// One page that stands alone: the graph over time, incidents and changes to sort and filter
    Html,
    /// SARIF 2.1.0, for code scanning: what stands open
    Sarif,
}
