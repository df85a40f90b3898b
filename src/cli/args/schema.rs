use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Commit to read [default: the work tree if there is one, else HEAD]
    #[arg(value_name = "REV")]
    pub(crate) revision: Option<String>,
    /// The schema after this revision instead of after all (its id, or the beginning of it)
    #[arg(long, value_name = "REVISION")]
    pub(crate) at: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = SchemaFormat::Text)]
    pub(crate) format: SchemaFormat,
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
