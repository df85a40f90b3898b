use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SchemaCommand>,
    /// Commit to read [default: the work tree if there is one, else HEAD]
    #[arg(value_name = "REV")]
    pub(crate) revision: Option<String>,
    /// The schema after this revision instead of after all (its id, or the beginning of it)
    #[arg(long, value_name = "REVISION")]
    pub(crate) at: Option<String>,
    /// The schema that the SQLAlchemy models declare instead of the one that the migrations build
    #[arg(long, conflicts_with = "at")]
    pub(crate) models: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = SchemaFormat::Text)]
    pub(crate) format: SchemaFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// What differs between the schemas of two commits, or between migrations and models
    Diff(SchemaDiffArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SchemaDiffArgs {
    /// First commit; with --models, the commit studied [default with --models: the work tree, else HEAD]
    #[arg(value_name = "A", required_unless_present = "models")]
    pub(crate) first: Option<String>,
    /// Second commit
    #[arg(value_name = "B", required_unless_present = "models", conflicts_with = "models")]
    pub(crate) second: Option<String>,
    /// Compare what the migrations build with what the models declare
    #[arg(long)]
    pub(crate) models: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = SchemaDiffFormat::Text)]
    pub(crate) format: SchemaDiffFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaDiffFormat {
    /// One line for each difference, with both places
    Text,
    /// onehead/schema-diff/v1
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// Tables with their columns, keys and indexes
    Text,
    /// onehead/schema/v1
    Json,
    /// Statements that make the schema in PostgreSQL
    Sql,
    /// Mermaid entity-relationship diagram
    Mermaid,
}
