//! `onehead schema`.

use schemars::JsonSchema;
use serde::Serialize;

/// The schema that the migrations build, replayed without running them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SchemaDocument {
    /// `onehead/schema/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The commit studied; null for the work tree.
    pub commit: Option<String>,
    /// The revisions upgraded to: that of `--at`, else the heads of all environments.
    pub revision: Vec<String>,
    /// The database that the migrations are read for.
    pub dialect: &'static str,
    /// The environments, sorted by directory and name.
    pub environments: Vec<EnvironmentSchema>,
}

/// One environment's schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EnvironmentSchema {
    /// Name, unique in the document.
    pub name: String,
    /// The script location.
    pub directory: String,
    /// Its tables, sorted by schema and name.
    pub tables: Vec<TableModel>,
    /// Its enum types, sorted by schema and name.
    pub enums: Vec<EnumModel>,
    /// Its views, sorted by schema and name.
    pub views: Vec<ViewModel>,
    /// The extensions that the migrations create, sorted.
    pub extensions: Vec<String>,
    /// Changes that cannot be read, in the order of the upgrade.
    pub opaque: Vec<OpaqueModel>,
    /// How much could be read.
    pub coverage: Coverage,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TableModel {
    /// The database schema.
    pub schema: String,
    /// The name.
    pub name: String,
    /// How much of it is known.
    pub state: TableKnown,
    /// The columns, in order.
    pub columns: Vec<ColumnModel>,
    /// The primary key.
    pub primary_key: Option<KeyModel>,
    /// The foreign keys, sorted by name.
    pub foreign_keys: Vec<ForeignKeyModel>,
    /// The unique constraints, sorted by name.
    pub uniques: Vec<KeyModel>,
    /// The indexes without those of constraints, sorted by name.
    pub indexes: Vec<IndexModel>,
    /// The check and exclusion constraints, sorted by name.
    pub checks: Vec<CheckModel>,
}

/// How much of a table is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TableKnown {
    /// Its creation and every change since.
    Complete,
    /// It was first seen when it was changed.
    Partial,
    /// Something that cannot be read may have made or changed it.
    Opaque,
}

/// How much of a type is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TypeKnown {
    /// All of it.
    Known,
    /// All but a length, a precision or the like.
    Family,
    /// Nothing.
    Unknown,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ColumnModel {
    /// The name.
    pub name: String,
    /// The type as PostgreSQL's `format_type` prints it; as written where it is unknown.
    pub r#type: String,
    /// Whether it takes NULL; null where that is not known.
    pub nullable: Option<bool>,
    /// The default as SQL: `nextval` or `identity` where the column counts up, `generated` where it is computed,
    /// `…` where it is not known; null where there is none.
    pub default: Option<String>,
    /// How much of the type is known.
    pub certainty: TypeKnown,
    /// Why not all of it.
    pub reason: Option<String>,
    /// The file that made it.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
}

/// A primary key or a unique constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyModel {
    /// The name; null where it has none.
    pub name: Option<String>,
    /// The columns, in order.
    pub columns: Vec<String>,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ForeignKeyModel {
    /// The name; null where it has none.
    pub name: Option<String>,
    /// The columns that refer.
    pub columns: Vec<String>,
    /// The schema of the table referred to.
    pub ref_schema: String,
    /// The table referred to.
    pub ref_table: String,
    /// The columns referred to.
    pub ref_columns: Vec<String>,
    /// `ON DELETE`, in capitals.
    pub on_delete: Option<String>,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IndexModel {
    /// The name.
    pub name: String,
    /// Whether it is unique.
    pub unique: bool,
    /// Columns, and expressions as SQL.
    pub columns: Vec<String>,
    /// `USING method`; null for a B-tree.
    pub method: Option<String>,
    /// `WHERE condition`; null for an index over all rows.
    pub condition: Option<String>,
}

/// A check or exclusion constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckModel {
    /// The name; null where it has none.
    pub name: Option<String>,
    /// The condition as SQL; null where it is not known.
    pub sql: Option<String>,
    /// Whether it is an exclusion constraint.
    pub exclusion: bool,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ViewModel {
    /// The database schema.
    pub schema: String,
    /// The name.
    pub name: String,
    /// Whether it is materialized.
    pub materialized: bool,
}

/// An enum type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EnumModel {
    /// The database schema.
    pub schema: String,
    /// The name.
    pub name: String,
    /// The labels in order; null where they are not known.
    pub labels: Option<Vec<String>>,
}

/// A change that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpaqueModel {
    /// The file.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// Why it cannot be read.
    pub reason: String,
    /// What it may touch.
    pub touches: Vec<String>,
}

/// How much could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Coverage {
    /// Revisions replayed.
    pub revisions: usize,
    /// Revisions with changes that cannot be read.
    pub opaque_revisions: usize,
}
