//! What the database would refuse during the replay, as data: rules make findings of it.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::state::Place;

/// Kinds of faults; the rule that reports each is named beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum FaultKind {
    /// `table-created-twice`.
    TableExists,
    /// `column-added-twice`.
    ColumnExists,
    /// `index-created-twice`.
    IndexExists,
    /// `constraint-created-twice`.
    ConstraintExists,
    /// `type-created-twice`, in one run from an empty database.
    TypeExists,
    /// `type-created-twice`: well in one run, refused where the later revision runs on its own.
    TypeExistsLater,
    /// `enum-not-created`.
    TypeMissing,
    /// `alters-missing-object`: a table.
    TableMissing,
    /// A table that no revision creates: other rules tell of incomplete chains.
    TableNeverCreated,
    /// `alters-missing-object`: a column.
    ColumnMissing,
    /// `alters-missing-object`: an index.
    IndexMissing,
    /// `alters-missing-object`: a constraint.
    ConstraintMissing,
    /// `fk-missing-target`: the table referred to.
    TargetTableMissing,
    /// `fk-missing-target`: the column referred to.
    TargetColumnMissing,
    /// `fk-missing-target`: the target has no unique or primary key.
    TargetNotUnique,
    /// `fk-type-mismatch`.
    TypeMismatch,
    /// A column without a type in a migration.
    ColumnWithoutType,
    /// A second primary key.
    SecondPrimaryKey,
    /// `NOT NULL` without a default where rows are.
    NotNullWithoutDefault,
    /// An enum's new value used in the transaction that added it.
    NewValueUsed,
    /// `invalid-sql`.
    InvalidSql,
}

/// How sure the fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Sureness {
    /// Everything that it rests on was read.
    Certain,
    /// Something that cannot be read could still explain it.
    Likely,
}

/// One statement that the database would refuse.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ReplayFault {
    /// Its kind.
    pub kind: FaultKind,
    /// The statement that is refused.
    pub place: Place,
    /// The other side: what made the object first, what dropped it, or what declares the target.
    pub earlier: Option<Place>,
    /// The objects, as `table`, `table.column`, or a name: the refused one first.
    pub objects: Vec<Arc<str>>,
    /// How sure it is.
    pub sureness: Sureness,
    /// What could be otherwise, where it is not certain, as a sentence without a full stop.
    pub doubt: Option<Arc<str>>,
    /// What PostgreSQL would say.
    pub message: String,
    /// Whether an upgrade from an empty database in one run stops here.
    pub stops: bool,
}
