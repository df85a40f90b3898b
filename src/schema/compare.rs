//! What differs between two schemas: those of two commits, or the migrations' and the models'.

use std::collections::BTreeSet;
use std::sync::Arc;

use borsh::BorshSerialize;

use super::state::{Column, ForeignKey, Index, Name, Place, Schema, Table, TableState};

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize)]
pub enum Aspect {
    /// A table that one side lacks.
    Table,
    /// A column that one side lacks.
    Column,
    /// A column's type.
    Type,
    /// Whether a column takes NULL.
    Nullable,
    /// The primary key.
    PrimaryKey,
    /// A foreign key.
    ForeignKey,
    /// A unique constraint or index.
    Unique,
}

impl Aspect {
    /// As people and documents name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Column => "column",
            Self::Type => "type",
            Self::Nullable => "nullable",
            Self::PrimaryKey => "primary-key",
            Self::ForeignKey => "foreign-key",
            Self::Unique => "unique",
        }
    }
}

/// One side of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// What it is there, as SQL says it.
    pub text: String,
    /// Where it is stated.
    pub place: Place,
}

/// One difference. A side is `None` where it has no such thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is about.
    pub aspect: Aspect,
    /// The table.
    pub table: Name,
    /// The column, or the columns of a key; `None` for the table itself.
    pub object: Option<String>,
    /// The first schema's.
    pub first: Option<Side>,
    /// The second schema's.
    pub second: Option<Side>,
}

/// The differences from `first` to `second`, by table. What either side does not know is no difference.
pub fn differences(first: &Schema, second: &Schema) -> Vec<Difference> {
    let names: BTreeSet<&Name> = first.tables.keys().chain(second.tables.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        match (first.table(name), second.table(name)) {
            (Some(one), Some(other)) => tables(one, other, &mut found),
            (Some(one), None) if !second.may_be_touched(name) => found.push(whole(one, true)),
            (None, Some(other)) if !first.may_be_touched(name) => found.push(whole(other, false)),
            _ => {}
        }
    }
    found
}

fn whole(table: &Table, is_first: bool) -> Difference {
    let text = match table.columns.len() {
        1 => "1 column".to_owned(),
        several => format!("{several} columns"),
    };
    let side = Some(Side { text, place: table.place.clone() });
    let (first, second) = if is_first { (side, None) } else { (None, side) };
    Difference { aspect: Aspect::Table, table: table.name.clone(), object: None, first, second }
}

/// The differences of one table.
pub fn tables(first: &Table, second: &Table, found: &mut Vec<Difference>) {
    let name = first.name.clone();
    let mut push = |aspect, object: String, one: Option<Side>, other: Option<Side>| {
        found.push(Difference {
            aspect,
            table: name.clone(),
            object: Some(object),
            first: one,
            second: other,
        });
    };
    let complete = |table: &Table| table.state == TableState::Complete;
    for column in &first.columns {
        match second.column(&column.name) {
            Some(other) => columns(column, other, &mut push),
            None if complete(second) => {
                push(Aspect::Column, column.name.to_string(), Some(side(column)), None)
            }
            None => {}
        }
    }
    for column in &second.columns {
        if first.column(&column.name).is_none() && complete(first) {
            push(Aspect::Column, column.name.to_string(), None, Some(side(column)));
        }
    }
    if !complete(first) || !complete(second) {
        return;
    }
    keys(first, second, &mut push);
}

type Push<'p> = dyn FnMut(Aspect, String, Option<Side>, Option<Side>) + 'p;

fn columns(one: &Column, other: &Column, push: &mut Push<'_>) {
    let known = one.ty.is_known() && other.ty.is_known();
    if known && one.ty.text != other.ty.text {
        let of = |column: &Column| {
            Some(Side { text: column.ty.text.to_string(), place: column.type_place.clone() })
        };
        push(Aspect::Type, one.name.to_string(), of(one), of(other));
    }
    if let (Some(null), Some(other_null)) = (one.nullable, other.nullable)
        && null != other_null
    {
        let of = |column: &Column, null: bool| {
            let text = if null { "NULL" } else { "NOT NULL" };
            Some(Side { text: text.to_owned(), place: column.place.clone() })
        };
        push(Aspect::Nullable, one.name.to_string(), of(one, null), of(other, other_null));
    }
}

fn side(column: &Column) -> Side {
    let null = if column.nullable == Some(false) { " NOT NULL" } else { "" };
    Side { text: format!("{}{null}", column.ty.text), place: column.place.clone() }
}

fn keys(first: &Table, second: &Table, push: &mut Push<'_>) {
    let primary =
        |table: &Table| table.primary_key.as_ref().map(|key| (key.columns.clone(), key.place.clone()));
    let (one, other) = (primary(first), primary(second));
    // The order is that of the columns, and differs with the mixins'.
    let columns = |key: &Option<(Vec<Arc<str>>, Place)>| {
        key.as_ref().map(|(columns, _)| columns.iter().cloned().collect::<BTreeSet<_>>())
    };
    if columns(&one) != columns(&other) {
        let of = |key: Option<(Vec<Arc<str>>, Place)>| {
            key.map(|(columns, place)| Side { text: format!("PRIMARY KEY ({})", columns.join(", ")), place })
        };
        push(Aspect::PrimaryKey, String::new(), of(one), of(other));
    }
    let has_key = |table: &Table, key: &ForeignKey| {
        table.foreign_keys.iter().any(|other| {
            other.columns == key.columns
                && other.ref_table == key.ref_table
                && other.ref_columns == key.ref_columns
        })
    };
    let foreign = |key: &ForeignKey| {
        Some(Side {
            text: format!("REFERENCES {} ({})", key.ref_table, key.ref_columns.join(", ")),
            place: key.place.clone(),
        })
    };
    for key in first.foreign_keys.iter().filter(|key| !has_key(second, key)) {
        push(Aspect::ForeignKey, key.columns.join(", "), foreign(key), None);
    }
    for key in second.foreign_keys.iter().filter(|key| !has_key(first, key)) {
        push(Aspect::ForeignKey, key.columns.join(", "), None, foreign(key));
    }
    for (table, other, is_first) in [(first, second, true), (second, first, false)] {
        for (columns, text, place) in uniques(table) {
            // A column that one side lacks is told already.
            let is_there = columns.iter().all(|column| other.column(column).is_some());
            if !is_there || other.is_unique_over(columns) {
                continue;
            }
            let side = Some(Side { text, place: place.clone() });
            let (one, two) = if is_first { (side, None) } else { (None, side) };
            push(Aspect::Unique, columns.join(", "), one, two);
        }
    }
}

/// What a table holds unique: constraints, and indexes over all rows and plain columns, which do the same whatever they
/// are called. Each set of columns once.
fn uniques(table: &Table) -> Vec<(&[Arc<str>], String, &Place)> {
    let constraints = table.uniques.iter().map(|unique| (unique.columns.as_slice(), "UNIQUE", &unique.place));
    let is_plain = |index: &&Index| {
        index.unique
            && index.condition.is_none()
            && index.columns.iter().all(|column| table.column(column).is_some())
    };
    let indexes = table.indexes.iter().filter(is_plain);
    let all =
        constraints.chain(indexes.map(|index| (index.columns.as_slice(), "UNIQUE INDEX", &index.place)));
    let mut seen = BTreeSet::new();
    all.filter(|(columns, ..)| seen.insert(columns.iter().collect::<BTreeSet<_>>()))
        .map(|(columns, kind, place)| (columns, format!("{kind} ({})", columns.join(", ")), place))
        .collect()
}
