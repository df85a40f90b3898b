use std::collections::{BTreeMap, BTreeSet};

use super::model_fault::{place, spot};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::compare::{self, Aspect, Difference};
use crate::schema::types::Database;
use crate::schema::{FaultKind, Name, ReplayFault, TableState, Touch};

/// Models and migrations disagree on a table.
pub(super) struct SchemaDrift;

/// The rule's name.
pub const SCHEMA_DRIFT: &str = META.name;

/// The kinds of difference that it tells.
pub const DRIFT_KINDS: &[Aspect] =
    &[Aspect::Column, Aspect::Type, Aspect::Nullable, Aspect::PrimaryKey, Aspect::ForeignKey, Aspect::Unique];

static META: RuleMeta = RuleMeta {
    name: "schema-drift",
    summary: "A model and the migrations disagree on a table",
    severity: Severity::Warning,
    explanation: "The table that the migrations build is not the one that the model declares:

    class User(Base):                                  op.create_table(\"users\",
        email = mapped_column(String(50))                  sa.Column(\"email\", sa.Text()))

The application then writes what the database refuses, or reads a column that is not there. Columns, their types, whether
they take NULL, the primary key, the foreign keys and what is unique are compared, for tables of which both sides were
read in full. A unique constraint and a unique index over the same columns do the same, whatever their names. Types and
constraints that cannot be read are left out, and so are partial indexes and those over expressions; what is unique is
compared for PostgreSQL alone.

Each kind of difference can be left out by itself: column, type, nullable, primary-key, foreign-key, unique.

    rules:
      schema-drift:
        severity: warning
        except: [nullable, unique]

Run `alembic revision --autogenerate`, and read what it writes; or change the model.",
};

impl Rule for SchemaDrift {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(models) = cx.models.filter(|models| models.doubt.is_none()) else { return };
        let mut tables: BTreeMap<&Name, Vec<Difference>> = BTreeMap::new();
        // Elsewhere constraints have other names, and which of them was dropped is not known.
        let names_known = cx.database == Database::PostgreSql;
        let refused: Vec<&ReplayFault> = cx.faults.iter().filter(|fault| is_of_names(fault)).collect();
        for (name, model) in &models.schema.tables {
            let Some(built) = cx.schema.table(name) else { continue };
            let read = built.state == TableState::Complete && model.state == TableState::Complete;
            let doubtful = models
                .schema
                .opaque
                .iter()
                .any(|opaque| opaque.touches.contains(&Touch::Relation(name.clone())));
            if !read || cx.schema.may_be_touched(name) || doubtful {
                continue;
            }
            let mut found = Vec::new();
            compare::tables(built, model, &mut found);
            found.retain(|difference| match difference.aspect {
                aspect if cx.uncompared.contains(&aspect) => false,
                Aspect::Table => false,
                Aspect::Unique => {
                    names_known
                        && !models.unread_uniques.contains(name)
                        && !refused.iter().any(|fault| may_be_of(name, fault))
                }
                Aspect::ForeignKey => !models.unread_keys.contains(name),
                _ => true,
            });
            if !found.is_empty() {
                tables.insert(name, found);
            }
        }
        for (name, found) in tables {
            let mut finding = finding(name, &found);
            // What only one side has leads to the table of the other one.
            for (whose, schema) in [("migrations", cx.schema), ("model", &models.schema)] {
                let Some(table) = schema.table(name) else { continue };
                if finding.places.iter().all(|known| known.path != table.place.path) {
                    finding = finding
                        .at(place(&table.place))
                        .because(format!("{name} in the {whose}: {}", spot(&table.place)));
                }
            }
            sink.push(finding);
        }
    }
}

/// Whether something was refused because of a name that is not there or taken: what a table has is not known then.
fn is_of_names(fault: &ReplayFault) -> bool {
    use FaultKind::{ConstraintExists, ConstraintMissing, IndexExists, IndexMissing};
    matches!(fault.kind, ConstraintExists | ConstraintMissing | IndexExists | IndexMissing)
}

/// Whether a fault of a name may be about `table`; that of an index is about any.
fn may_be_of(table: &Name, fault: &ReplayFault) -> bool {
    match fault.objects.get(1) {
        Some(owner) => **owner == *table.to_string(),
        None => true,
    }
}

/// Whether all that one drift tells of a table is told by another one.
pub(super) fn is_part(finding: &Diagnostic, old: &Diagnostic) -> bool {
    let (Some((table, parts)), Some((other, known))) =
        (finding.subject.split_once(' '), old.subject.split_once(' '))
    else {
        return false;
    };
    if finding.rule != META.name || table != other {
        return false;
    }
    let known: BTreeSet<&str> = known.split(", ").collect();
    parts.split(", ").all(|part| known.contains(part))
}

fn finding(name: &Name, found: &[Difference]) -> Diagnostic {
    let told: Vec<String> = found.iter().take(4).map(worded).collect();
    let more = match found.len().saturating_sub(4) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let message = format!("{name} differs between migrations and model: {}{more}", told.join("; "));
    let subject: Vec<String> = found
        .iter()
        .map(|difference| {
            format!("{} {}", difference.aspect.name(), difference.object.as_deref().unwrap_or(""))
        })
        .collect();
    let mut diagnostic = Diagnostic::new(META.name, META.severity, message)
        .about(format!("{name} {}", subject.join(", ")))
        .extent(found.len());
    for difference in found.iter().take(20) {
        for (whose, side) in [("migrations", &difference.first), ("model", &difference.second)] {
            let Some(side) = side else { continue };
            if !diagnostic.places.contains(&place(&side.place)) {
                diagnostic = diagnostic.at(place(&side.place));
            }
            let object = difference.object.as_deref().unwrap_or("");
            let fact = format!("{object} in the {whose}: {} at {}", side.text, spot(&side.place));
            diagnostic = diagnostic.because(fact.trim_start().to_owned());
        }
    }
    let revisions =
        found.iter().filter_map(|difference| difference.first.as_ref()?.place.revision.as_deref());
    diagnostic.revisions(revisions)
}

fn worded(difference: &Difference) -> String {
    let object = difference.object.as_deref().unwrap_or("");
    match (difference.aspect, &difference.first, &difference.second) {
        (Aspect::Column, Some(_), _) => format!("the column {object} is only in the migrations"),
        (Aspect::Column, None, _) => format!("the column {object} is only in the model"),
        (Aspect::ForeignKey, Some(key), _) => {
            format!("the foreign key {object} {} is only in the migrations", key.text)
        }
        (Aspect::ForeignKey, None, Some(key)) => {
            format!("the foreign key {object} {} is only in the model", key.text)
        }
        (Aspect::Unique, Some(unique), _) => format!("{} is only in the migrations", unique.text),
        (Aspect::Unique, None, Some(unique)) => format!("{} is only in the model", unique.text),
        (Aspect::PrimaryKey, one, other) => {
            let text = |side: &Option<compare::Side>| {
                side.as_ref().map_or_else(|| "no primary key".to_owned(), |side| side.text.clone())
            };
            format!("{} in the migrations, {} in the model", text(one), text(other))
        }
        (_, Some(one), Some(other)) => {
            format!("{object} is {} in the migrations, {} in the model", one.text, other.text)
        }
        (aspect, ..) => format!("{} {object}", aspect.name()),
    }
}
