use clap::Args as ClapArgs;

use super::Format;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ExplainArgs {
    /// A rule's name, "configuration", or an error message of Alembic or PostgreSQL in quotes [default: the list of rules]
    #[arg(value_name = "RULE|MESSAGE")]
    pub(in crate::cli) topic: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,
}
