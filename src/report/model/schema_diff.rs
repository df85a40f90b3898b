//! `onehead schema diff`.

use schemars::JsonSchema;
use serde::Serialize;

/// What differs between two schemas.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SchemaDiffDocument {
    /// `onehead/schema-diff/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// What the first schema is: a commit, or `migrations`.
    pub first: String,
    /// What the second schema is: a commit, or `models`.
    pub second: String,
    /// The environments, sorted by directory and name.
    pub environments: Vec<EnvironmentSchemaDiff>,
}

/// What differs in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EnvironmentSchemaDiff {
    /// Name, unique in the document.
    pub name: String,
    /// The script location.
    pub directory: String,
    /// The differences, by table.
    pub differences: Vec<DifferenceModel>,
    /// Why the answer is not complete; null where everything was read.
    pub doubt: Option<String>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DifferenceModel {
    /// `added` (only in the second), `removed` (only in the first), `changed`.
    pub change: &'static str,
    /// `table`, `column`, `type`, `nullable`, `primary-key`, `foreign-key`, `unique`.
    pub aspect: &'static str,
    /// The table, with its schema where that is not the default one.
    pub table: String,
    /// The column, or the columns of a key; null for the table itself.
    pub object: Option<String>,
    /// The first schema's; null where it has no such thing.
    pub first: Option<SideModel>,
    /// The second schema's; null where it has no such thing.
    pub second: Option<SideModel>,
}

/// One side of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SideModel {
    /// What it is there.
    pub text: String,
    /// The file that states it.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// The revision that states it; null in models.
    pub revision: Option<String>,
}
