//! What the whole run shows about the claims made on the way: some rest on more than was read.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::machine::Machine;
use crate::schema::fault::{FaultKind, ReplayFault, Sureness};
use crate::schema::types::Database;

/// What is known of the world around the migrations.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    /// Whether the database is this one for sure.
    pub(super) database_known: bool,
    /// Whether the naming convention of the metadata could be read.
    pub(super) naming_known: bool,
}

const OTHER_DATABASE: &str = "the project speaks of more than one database, and not all would refuse this";
const NAMING: &str =
    "env.py's target_metadata could not be read, and its naming convention may give other names";
const OUTSIDE: &str =
    "the migrations rest on tables that they never create, so something else creates tables, too";
const OTHER_SCHEMA: &str = "the migrations create nothing in that schema: something else does";

/// Takes back the certainty of what could be otherwise.
pub(super) fn grade(machine: &mut Machine, world: World) {
    let created: BTreeSet<Arc<str>> =
        machine.created().iter().map(|name| Arc::from(name.to_string())).collect();
    let never = |fault: &ReplayFault| fault.objects.first().is_some_and(|object| !created.contains(object));
    // What is altered and never created is created elsewhere: then that may create anything.
    let is_open = machine.faults.iter().any(|fault| fault.kind == FaultKind::TableMissing && never(fault));
    let schemas: BTreeSet<Option<&str>> = created.iter().map(|name| schema_of(name)).collect();
    let database = machine.settings().database;
    for fault in &mut machine.faults {
        let doubt = match fault.kind {
            FaultKind::TableMissing if never(fault) => {
                fault.kind = FaultKind::TableNeverCreated;
                None
            }
            // What is outside may have made it before, and a revision dropped it under another name.
            FaultKind::TableMissing | FaultKind::TargetTableMissing if is_open && fault.earlier.is_none() => {
                Some(OUTSIDE)
            }
            FaultKind::TargetTableMissing if never(fault) => {
                let schema = fault.objects.first().and_then(|name| schema_of(name));
                (!schemas.contains(&schema)).then_some(OTHER_SCHEMA)
            }
            FaultKind::IndexMissing | FaultKind::ConstraintMissing | FaultKind::TypeMissing if is_open => {
                Some(OUTSIDE)
            }
            kind if !world.database_known && is_of_one_database(kind) => Some(OTHER_DATABASE),
            _ if database == Database::Sqlite => Some(OTHER_DATABASE),
            kind if database != Database::PostgreSql && is_of_one_database(kind) => Some(OTHER_DATABASE),
            kind if !world.naming_known && is_of_names(kind) => Some(NAMING),
            _ => None,
        };
        if let Some(doubt) = doubt
            && fault.sureness == Sureness::Certain
        {
            fault.sureness = Sureness::Likely;
            fault.doubt = Some(Arc::from(doubt));
        }
    }
}

fn schema_of(name: &str) -> Option<&str> {
    name.split_once('.').map(|(schema, _)| schema)
}

/// Faults that other databases do not know: enum types, one namespace for all indexes, strict keys.
fn is_of_one_database(kind: FaultKind) -> bool {
    !matches!(
        kind,
        FaultKind::TableExists
            | FaultKind::ColumnExists
            | FaultKind::TableMissing
            | FaultKind::TableNeverCreated
            | FaultKind::ColumnMissing
            | FaultKind::ColumnWithoutType
    )
}

/// Faults that hang on names which a naming convention gives.
fn is_of_names(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::ConstraintMissing
            | FaultKind::ConstraintExists
            | FaultKind::IndexMissing
            | FaultKind::IndexExists
    )
}
