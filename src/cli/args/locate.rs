use clap::Args as ClapArgs;

use super::Format;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct LocateArgs {
    /// The revision's id, or the beginning of one
    #[arg(value_name = "ID")]
    pub(in crate::cli) id: String,
    /// The commit that should have it [default: the work tree if there is one, else HEAD]
    #[arg(value_name = "REV")]
    pub(in crate::cli) revision: Option<String>,
    /// Look through commits that nothing leads to, too (slow on a large repository)
    #[arg(long)]
    pub(in crate::cli) lost: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,
}
