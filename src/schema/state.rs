//! Tables, columns, keys and the rest, each with the place that made it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::text::ByteSpan;
use crate::vcs::RepoPath;

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
pub struct Place {
    /// The file.
    pub path: RepoPath,
    /// Line, from 1.
    pub line: u32,
    /// Bytes of the file.
    pub span: ByteSpan,
    /// The revision that was running; `None` in models.
    pub revision: Option<Arc<str>>,
}

/// The name of an object that lives in a database schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
pub struct Name {
    /// The schema, `None` for the default one (`public` in PostgreSQL).
    pub schema: Option<Arc<str>>,
    /// The name, as the database has it.
    pub name: Arc<str>,
}

impl Name {
    /// A name in the default schema.
    pub fn plain(name: impl AsRef<str>) -> Self {
        Self { schema: None, name: Arc::from(name.as_ref()) }
    }

    /// A name in `schema`, `None` being the default one.
    pub fn new(schema: Option<&str>, name: impl AsRef<str>) -> Self {
        Self { schema: schema.map(Arc::from), name: Arc::from(name.as_ref()) }
    }

    /// `name` beside this one, in the same schema.
    pub fn sibling(&self, name: impl AsRef<str>) -> Self {
        Self { schema: self.schema.clone(), name: Arc::from(name.as_ref()) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// How much is known of a type.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Certainty {
    /// All of it.
    Known,
    /// The family only: a `character varying` of unknown length. Enough for a foreign key.
    Family(Arc<str>),
    /// Nothing, with the reason.
    Unknown(Arc<str>),
}

/// A column's type.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ColumnType {
    /// As PostgreSQL's `format_type` prints it; the expression as written where it is unknown.
    pub text: Arc<str>,
    /// How much of it is known.
    pub certainty: Certainty,
    /// The enum type (or that of the array's items) that this is.
    pub enumeration: Option<Name>,
}

impl ColumnType {
    /// A type that is known in full.
    pub fn known(text: impl AsRef<str>) -> Self {
        Self { text: Arc::from(text.as_ref()), certainty: Certainty::Known, enumeration: None }
    }

    /// A type of which the family is known.
    pub fn family(text: impl AsRef<str>, reason: impl AsRef<str>) -> Self {
        let certainty = Certainty::Family(Arc::from(reason.as_ref()));
        Self { text: Arc::from(text.as_ref()), certainty, enumeration: None }
    }

    /// A type that is not known, as written.
    pub fn unknown(text: impl AsRef<str>, reason: impl AsRef<str>) -> Self {
        let certainty = Certainty::Unknown(Arc::from(reason.as_ref()));
        Self { text: Arc::from(text.as_ref()), certainty, enumeration: None }
    }

    /// Whether all of it is known.
    pub fn is_known(&self) -> bool {
        self.certainty == Certainty::Known
    }

    /// Whether anything is known of it.
    pub fn is_unknown(&self) -> bool {
        matches!(self.certainty, Certainty::Unknown(_))
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Column {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: ColumnType,
    /// Whether it takes NULL; `None` where that is not known.
    pub nullable: Option<bool>,
    /// The server's default as SQL, where it has one: a serial or identity column, too.
    pub default: Option<Arc<str>>,
    /// Where it was made.
    pub place: Place,
    /// Where its type was stated last.
    pub type_place: Place,
}

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PrimaryKey {
    /// Its name; `None` in models that give none.
    pub name: Option<Arc<str>>,
    /// Its columns, in order.
    pub columns: Vec<Arc<str>>,
    /// Where it was made.
    pub place: Place,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ForeignKey {
    /// Its name; `None` in models that give none.
    pub name: Option<Arc<str>>,
    /// The columns that refer.
    pub columns: Vec<Arc<str>>,
    /// The table referred to.
    pub ref_table: Name,
    /// The columns referred to.
    pub ref_columns: Vec<Arc<str>>,
    /// `ON DELETE`, in capitals.
    pub on_delete: Option<Arc<str>>,
    /// `ON UPDATE`, in capitals.
    pub on_update: Option<Arc<str>>,
    /// Where it was made.
    pub place: Place,
}

/// A unique constraint.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Unique {
    /// Its name; `None` in models that give none.
    pub name: Option<Arc<str>>,
    /// Its columns, in order.
    pub columns: Vec<Arc<str>>,
    /// Where it was made.
    pub place: Place,
}

/// A check or exclusion constraint.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Check {
    /// Its name.
    pub name: Option<Arc<str>>,
    /// The condition as SQL, where it is known.
    pub sql: Option<Arc<str>>,
    /// Whether it is an exclusion constraint, whose name is an index's, too.
    pub exclusion: bool,
    /// Where it was made.
    pub place: Place,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Index {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is unique.
    pub unique: bool,
    /// Columns, and expressions as SQL, in order.
    pub columns: Vec<Arc<str>>,
    /// The columns that it needs: it goes with them.
    pub needs: BTreeSet<Arc<str>>,
    /// `USING method`, where it is not a B-tree.
    pub method: Option<Arc<str>>,
    /// `WHERE condition`, where it is partial.
    pub condition: Option<Arc<str>>,
    /// Where it was made.
    pub place: Place,
}

/// An enum type.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Enum {
    /// Its name.
    pub name: Name,
    /// Its labels in order; `None` where they are not known.
    pub labels: Option<Vec<Arc<str>>>,
    /// Where it was made.
    pub place: Place,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct View {
    /// Its name.
    pub name: Name,
    /// Whether it is materialized: then it can have indexes.
    pub materialized: bool,
    /// Its indexes.
    pub indexes: Vec<Index>,
    /// Where it was made.
    pub place: Place,
}

/// How much is known of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum TableState {
    /// Its creation was read, and everything since.
    Complete,
    /// It was first seen when it was altered: more columns may be there.
    Partial,
    /// Something that cannot be read may have changed or made it.
    Opaque,
}

/// Whether a table holds rows when all migrations ran on an empty database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Rows {
    /// No.
    None,
    /// Perhaps: something was written that depends on data.
    Perhaps,
    /// Yes: a literal row was inserted.
    Some,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Table {
    /// Its name.
    pub name: Name,
    /// How much is known of it.
    pub state: TableState,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Its primary key.
    pub primary_key: Option<PrimaryKey>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its unique constraints.
    pub uniques: Vec<Unique>,
    /// Its check and exclusion constraints.
    pub checks: Vec<Check>,
    /// Its indexes, without those of constraints.
    pub indexes: Vec<Index>,
    /// The table whose partition it is.
    pub partition_of: Option<Name>,
    /// Whether it holds rows.
    pub rows: Rows,
    /// Where it was made, or first seen.
    pub place: Place,
}

impl Table {
    /// A table without columns.
    pub fn new(name: Name, state: TableState, place: Place) -> Self {
        Self {
            name,
            state,
            columns: Vec::new(),
            primary_key: None,
            foreign_keys: Vec::new(),
            uniques: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            partition_of: None,
            rows: Rows::None,
            place,
        }
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| *column.name == *name)
    }

    /// The column called `name`, to change it.
    pub fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| *column.name == *name)
    }

    /// Whether a primary key, a unique constraint or a full unique index covers exactly `columns`, in any
    /// order: what a foreign key needs of its target.
    pub fn is_unique_over(&self, columns: &[Arc<str>]) -> bool {
        let asked: BTreeSet<&Arc<str>> = columns.iter().collect();
        let covers =
            |of: &[Arc<str>]| of.len() == columns.len() && of.iter().collect::<BTreeSet<_>>() == asked;
        self.primary_key.as_ref().is_some_and(|key| covers(&key.columns))
            || self.uniques.iter().any(|unique| covers(&unique.columns))
            || self
                .indexes
                .iter()
                .any(|index| index.unique && index.condition.is_none() && covers(&index.columns))
    }
}

/// What an effect that cannot be read may touch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub enum Touch {
    /// A table, index, view or sequence of this name.
    Relation(Name),
    /// A type of this name.
    Type(Name),
    /// Anything of this schema (`None`: the default one).
    Schema(Option<Arc<str>>),
    /// Anything.
    Anything,
}

impl fmt::Display for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relation(name) => name.fmt(f),
            Self::Type(name) => write!(f, "type {name}"),
            Self::Schema(Some(schema)) => write!(f, "schema {schema}"),
            Self::Schema(None) => f.write_str("the default schema"),
            Self::Anything => f.write_str("anything"),
        }
    }
}

/// A change of the schema that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Opaque {
    /// Where it is written.
    pub place: Place,
    /// Why it cannot be read, as one sentence without a full stop.
    pub reason: Arc<str>,
    /// What it may touch.
    pub touches: Vec<Touch>,
}

/// The schema of one database.
#[derive(Clone, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Schema {
    /// Tables by name.
    pub tables: BTreeMap<Name, Arc<Table>>,
    /// Enum types by name.
    pub enums: BTreeMap<Name, Arc<Enum>>,
    /// Views by name.
    pub views: BTreeMap<Name, Arc<View>>,
    /// Sequences made on their own.
    pub sequences: BTreeSet<Name>,
    /// Types that are no enums: domains and composites, with their definition where it is known.
    pub types: BTreeMap<Name, Option<Arc<str>>>,
    /// Functions and procedures by name, without their arguments.
    pub functions: BTreeSet<Name>,
    /// Extensions.
    pub extensions: BTreeSet<Arc<str>>,
    /// Schemas that were made.
    pub schemas: BTreeSet<Arc<str>>,
    /// Changes that cannot be read, in the order of the replay.
    pub opaque: Vec<Arc<Opaque>>,
    /// Objects that were dropped or renamed, with the place that did it.
    pub dropped: BTreeMap<Name, Place>,
}

impl Schema {
    /// The table called `name`.
    pub fn table(&self, name: &Name) -> Option<&Table> {
        self.tables.get(name).map(Arc::as_ref)
    }

    /// The table called `name`, to change it.
    pub fn table_mut(&mut self, name: &Name) -> Option<&mut Table> {
        self.tables.get_mut(name).map(Arc::make_mut)
    }

    /// Whether an index has this name, be it a constraint's or a view's.
    pub fn has_index(&self, name: &str) -> bool {
        let of_key = |own: &Option<Arc<str>>| own.as_deref() == Some(name);
        self.tables.values().any(|table| {
            table.indexes.iter().any(|index| *index.name == *name)
                || table.uniques.iter().any(|unique| of_key(&unique.name))
                || table.primary_key.iter().any(|key| of_key(&key.name))
        }) || self.views.values().any(|view| view.indexes.iter().any(|index| *index.name == *name))
    }

    /// Whether something that cannot be read may have made or dropped the relation `name`.
    pub fn may_be_touched(&self, name: &Name) -> bool {
        self.opaque.iter().flat_map(|opaque| &opaque.touches).any(|touch| match touch {
            Touch::Relation(touched) => touched == name,
            Touch::Schema(schema) => *schema == name.schema,
            Touch::Anything => true,
            Touch::Type(_) => false,
        })
    }

    /// Whether something that cannot be read may have made or dropped the type `name`.
    pub fn type_may_be_touched(&self, name: &Name) -> bool {
        self.opaque.iter().flat_map(|opaque| &opaque.touches).any(|touch| match touch {
            Touch::Type(touched) => touched == name,
            Touch::Schema(schema) => *schema == name.schema,
            Touch::Anything => true,
            Touch::Relation(_) => false,
        })
    }
}
