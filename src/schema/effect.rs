//! What one `upgrade()` does to the schema, as data that depends on no state.
//!
//! The evaluator writes these from `op.*` calls and from SQL text; the replay applies them in graph order.

use std::collections::BTreeSet;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::state::{ColumnType, Name, Place, Touch};

/// One change, where it is written, and under which conditions it happens.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Effect {
    /// The change.
    pub change: Change,
    /// Where it is written.
    pub place: Place,
    /// The test that cannot be known on which it depends.
    pub condition: Option<Arc<str>>,
    /// Whether a failure is caught: in `try`, or in a `DO` block with an exception handler.
    pub guarded: bool,
    /// Whether it runs outside of the revision's transaction.
    pub autocommit: bool,
}

/// A name as a migration gives it.
#[derive(Clone, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub enum Given {
    /// No name: the naming convention's, or the database's own.
    #[default]
    None,
    /// A name.
    Name(Arc<str>),
    /// A name by `op.f`: conventions do not touch it.
    Final(Arc<str>),
    /// A name that is not known, with the reason.
    Unknown(Arc<str>),
}

/// A type as a migration states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TypeSpec {
    /// The column's type.
    pub ty: ColumnType,
    /// The enum type that it, or an array's item, is.
    pub enumeration: Option<EnumSpec>,
    /// A type that makes an integer key count up by itself.
    pub serial: bool,
}

/// An enum type as a migration states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EnumSpec {
    /// Its name.
    pub name: Name,
    /// Its labels, where they are known.
    pub labels: Option<Vec<Arc<str>>>,
    /// Whether `create_table` makes it.
    pub created: EnumCreation,
}

/// Who makes an enum type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum EnumCreation {
    /// `create_table`, once a process.
    WithTable,
    /// `create_table`, unless SQLAlchemy is 2.1 or later: `sa.Enum(…, create_type=False)`.
    WithTableBefore21,
    /// Nobody on its own: `create_type=False`, or it belongs to a `MetaData`.
    Explicitly,
}

/// A column as a migration states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ColumnSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Its type; `None` where none is given.
    pub ty: Option<TypeSpec>,
    /// `nullable=`, where it is given; `Err` where it is not known.
    pub nullable: Result<Option<bool>, Arc<str>>,
    /// Whether it belongs to the primary key.
    pub primary_key: bool,
    /// `unique=True`.
    pub unique: bool,
    /// `index=True`.
    pub index: bool,
    /// The server's default as SQL.
    pub default: Option<Arc<str>>,
    /// `autoincrement=False`.
    pub counts_up: Option<bool>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKeySpec>,
    /// Its check constraints.
    pub checks: Vec<CheckSpec>,
    /// Where it is written.
    pub place: Place,
}

/// A foreign key as a migration states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ForeignKeySpec {
    /// Its name.
    pub name: Given,
    /// The columns that refer.
    pub columns: Vec<Arc<str>>,
    /// The table referred to.
    pub ref_table: Name,
    /// The columns referred to; empty: the target's primary key.
    pub ref_columns: Vec<Arc<str>>,
    /// `ON DELETE`.
    pub on_delete: Option<Arc<str>>,
    /// `ON UPDATE`.
    pub on_update: Option<Arc<str>>,
    /// Made by a later `ALTER TABLE` that `create_table` leaves out.
    pub use_alter: bool,
    /// Where it is written.
    pub place: Place,
}

/// A check or exclusion constraint as a migration states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CheckSpec {
    /// Its name.
    pub name: Given,
    /// The condition as SQL, where it is known.
    pub sql: Option<Arc<str>>,
    /// The columns that the condition names, where it could be read.
    pub columns: Vec<Arc<str>>,
    /// Whether it excludes.
    pub exclusion: bool,
    /// Where it is written.
    pub place: Place,
}

/// A key over columns as a migration states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct KeySpec {
    /// Its name.
    pub name: Given,
    /// Its columns.
    pub columns: Vec<Arc<str>>,
    /// The index that becomes the constraint: `ADD CONSTRAINT … USING INDEX`.
    pub using_index: Option<Arc<str>>,
    /// Where it is written.
    pub place: Place,
}

/// A constraint as a migration states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ConstraintSpec {
    /// `PRIMARY KEY`.
    PrimaryKey(KeySpec),
    /// `UNIQUE`.
    Unique(KeySpec),
    /// `FOREIGN KEY`.
    ForeignKey(ForeignKeySpec),
    /// `CHECK`, `EXCLUDE`.
    Check(CheckSpec),
}

/// An index as a migration states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct IndexSpec {
    /// Its name.
    pub name: Given,
    /// Whether it is unique.
    pub unique: bool,
    /// Columns, and expressions as SQL.
    pub columns: Vec<Arc<str>>,
    /// The columns that it needs.
    pub needs: BTreeSet<Arc<str>>,
    /// `USING method`.
    pub method: Option<Arc<str>>,
    /// `WHERE condition`.
    pub condition: Option<Arc<str>>,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Where it is written.
    pub place: Place,
}

/// A table as a migration states it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TableSpec {
    /// Its name.
    pub name: Name,
    /// Its columns.
    pub columns: Vec<ColumnSpec>,
    /// Its constraints.
    pub constraints: Vec<ConstraintSpec>,
    /// Indexes that are made with it.
    pub indexes: Vec<IndexSpec>,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// The tables whose columns it copies: `LIKE`, `INHERITS`, `PARTITION OF`.
    pub copies: Vec<Name>,
    /// The table whose partition it is.
    pub partition_of: Option<Name>,
    /// Written in SQL: enum types are not made along with it.
    pub from_sql: bool,
    /// Something of it that cannot be read, with the reason: more columns may be there.
    pub incomplete: Option<Arc<str>>,
}

impl TableSpec {
    /// A table with nothing in it.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            if_not_exists: false,
            copies: Vec::new(),
            partition_of: None,
            from_sql: false,
            incomplete: None,
        }
    }
}

/// `ALTER COLUMN`, each part where it is stated.
#[derive(Clone, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct ColumnChange {
    /// A new name.
    pub rename: Option<Arc<str>>,
    /// A new type.
    pub ty: Option<TypeSpec>,
    /// Whether it takes NULL; `Err` where that is not known.
    pub nullable: Option<Result<bool, Arc<str>>>,
    /// A new default, or none.
    pub default: Option<Option<Arc<str>>>,
    /// The type before, where the migration states it.
    pub existing: Option<TypeSpec>,
}

/// The kinds of constraints that `drop_constraint` tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ConstraintKind {
    /// Not stated.
    Any,
    /// `unique`.
    Unique,
    /// `foreignkey`.
    ForeignKey,
    /// `primary`.
    Primary,
    /// `check`.
    Check,
}

/// How an object is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Dropping {
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// `CASCADE`.
    pub cascade: bool,
}

/// One change of the schema.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Change {
    /// `CREATE TABLE`.
    CreateTable(Box<TableSpec>),
    /// `CREATE TEMPORARY TABLE`.
    CreateTemporary(Name),
    /// `DROP TABLE`.
    DropTable(Name, Dropping),
    /// `ALTER TABLE … RENAME TO`, also of views, sequences and indexes by this statement.
    RenameTable(Name, Arc<str>),
    /// `ALTER TABLE … SET SCHEMA`.
    MoveTable(Name, Option<Arc<str>>),
    /// `ADD COLUMN`; whether `IF NOT EXISTS`.
    AddColumn(Name, Box<ColumnSpec>, bool),
    /// `DROP COLUMN`.
    DropColumn(Name, Arc<str>, Dropping),
    /// `ALTER COLUMN`.
    AlterColumn(Name, Arc<str>, Box<ColumnChange>),
    /// `ADD CONSTRAINT`.
    AddConstraint(Name, Box<ConstraintSpec>),
    /// `DROP CONSTRAINT`.
    DropConstraint(Name, Given, ConstraintKind, Dropping),
    /// `RENAME CONSTRAINT`.
    RenameConstraint(Name, Arc<str>, Arc<str>),
    /// `CREATE INDEX`.
    CreateIndex(Name, Box<IndexSpec>),
    /// `DROP INDEX`; the schema is that of the name.
    DropIndex(Name, Dropping),
    /// `ALTER INDEX … RENAME TO`; whether `IF EXISTS`.
    RenameIndex(Name, Arc<str>, bool),
    /// `CREATE TYPE … AS ENUM`; whether it is left alone where it exists.
    CreateEnum(EnumSpec, bool),
    /// `CREATE TYPE … AS (…)`, `CREATE DOMAIN`, with the base type's text.
    CreateType(Name, Option<Arc<str>>),
    /// `DROP TYPE`, `DROP DOMAIN`.
    DropType(Name, Dropping),
    /// `ALTER TYPE … RENAME TO`.
    RenameType(Name, Arc<str>),
    /// `ALTER TYPE … ADD VALUE`.
    AddEnumValue {
        /// The type.
        name: Name,
        /// The label.
        label: Arc<str>,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// `BEFORE` (`true`) or `AFTER` this label.
        at: Option<(bool, Arc<str>)>,
    },
    /// `ALTER TYPE … RENAME VALUE`.
    RenameEnumValue(Name, Arc<str>, Arc<str>),
    /// `CREATE VIEW`; whether it is materialized, whether it is left alone or replaced where it exists.
    CreateView(Name, bool, bool),
    /// `DROP VIEW`, `DROP MATERIALIZED VIEW`.
    DropView(Name, Dropping),
    /// `CREATE SEQUENCE`; whether `IF NOT EXISTS`.
    CreateSequence(Name, bool),
    /// `DROP SEQUENCE`.
    DropSequence(Name, Dropping),
    /// `CREATE FUNCTION`, `CREATE PROCEDURE`.
    CreateFunction(Name),
    /// `DROP FUNCTION`, `DROP PROCEDURE`.
    DropFunction(Name),
    /// `CREATE EXTENSION`.
    CreateExtension(Arc<str>),
    /// `DROP EXTENSION`.
    DropExtension(Arc<str>),
    /// `CREATE SCHEMA`.
    CreateSchema(Arc<str>),
    /// `DROP SCHEMA`.
    DropSchema(Arc<str>, Dropping),
    /// `ATTACH PARTITION`: parent and child.
    AttachPartition(Name, Name),
    /// `DETACH PARTITION`: parent and child.
    DetachPartition(Name, Name),
    /// Rows are written to a table: certainly, or depending on what is there; the texts among the values.
    Write(Name, bool, Vec<Arc<str>>),
    /// A column without a type is compiled: the statement fails before the database sees it.
    ColumnWithoutType(Name, Arc<str>),
    /// The transaction is committed in between.
    Commit,
    /// SQL that the database refuses whatever the schema is, with what it says.
    InvalidSql(Arc<str>),
    /// Something that cannot be read: the reason, and what it may touch.
    Opaque(Arc<str>, Vec<Touch>),
}
