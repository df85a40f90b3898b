use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::model_fault::{place, spot};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx, listing};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::fault::Sureness;
use crate::schema::models::ModelTable;
use crate::schema::{FaultKind, ReplayFault, TableState};

/// The chain uses tables that it never creates.
pub(super) struct IncompleteBaseline;

static META: RuleMeta = RuleMeta {
    name: "incomplete-baseline",
    summary: "The migrations change tables that no revision creates",
    severity: Severity::Warning,
    explanation: "The first revision of the chain changes a table, and none creates it: the chain starts in the middle.

    002_add_email.py    down_revision = None
        op.add_column(\"users\", ...)          # who created users?
    ERROR: relation \"users\" does not exist

Such a chain works where the tables were made by hand, by `create_all()` or from a dump, and fails on every empty
database: in tests, for a new colleague, after a disaster. The tables are listed with their first use, and what else may
create them: code, SQL, scripts, dumps. Nothing is said where a revision that cannot be read may create them.

It is an error where nothing in the repository creates a table that a model declares: no `create_all()` outside of
tests, no SQL, no other environment, no submodule. It stays a warning where something might, where no model that can be
read tells that the table is the application's own, and where `env.py` leaves tables to others (`include_object`).

What is missing is a base revision that creates these tables as they were before the chain changed them.
`onehead fix --baseline-revision` proposes one: written from the models, with what the later revisions add, drop, rename
and alter taken back, and replayed until the chain runs through. Read it before use: what cannot be known is marked in
the file. Databases that have run any revision of the chain have the tables and never run the new one; no stamp changes.
Nothing is proposed where no model that can be read declares the tables.",
};

impl Rule for IncompleteBaseline {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mut missing: BTreeMap<&Arc<str>, &ReplayFault> = BTreeMap::new();
        for fault in cx.faults.iter().filter(|fault| fault.kind == FaultKind::TableNeverCreated) {
            if let Some(table) = fault.objects.first() {
                missing.entry(table).or_insert(fault);
            }
        }
        if missing.is_empty() {
            return;
        }
        let names: Vec<&Arc<str>> = missing.keys().copied().collect();
        let noun = if names.len() == 1 { "the table" } else { "the tables" };
        let message = format!("no revision creates {noun} {}, which the chain needs", listing(&names));
        let orphans: Vec<&ReplayFault> =
            missing.values().copied().filter(|fault| is_created_by_nothing(cx, fault)).collect();
        let severity = if orphans.is_empty() { META.severity } else { Severity::Error };
        let mut finding = Diagnostic::new(META.name, severity, message)
            .about(names.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" "))
            .extent(names.len());
        let mut revisions = Vec::new();
        for (table, fault) in &missing {
            finding = finding
                .at(place(&fault.place))
                .because(format!("{table} is used first at {}", spot(&fault.place)));
            revisions.extend(fault.place.revision.as_deref());
            if let Some(model) = model(cx, table) {
                finding =
                    finding.because(format!("{} declares {table} at {}", model.class, spot(&model.place)));
            }
        }
        for creator in cx.creators.unwrap_or_default() {
            finding = finding.because(format!(
                "may create them: {} at {}:{}",
                creator.what, creator.at.path, creator.at.line
            ));
        }
        if let Some(first) = cx.faults.iter().find(|fault| orphans.iter().any(|orphan| orphan == fault)) {
            finding = finding.because(format!(
                "nothing else in the repository creates them: an upgrade from an empty database stops at {}: {}",
                spot(&first.place),
                first.message
            ));
        }
        sink.push(finding.revisions(revisions));
    }
}

/// Whether all tables that one finding names are named by another one.
pub(super) fn is_part(finding: &Diagnostic, old: &Diagnostic) -> bool {
    if finding.rule != META.name {
        return false;
    }
    let known: BTreeSet<&str> = old.subject.split(' ').collect();
    finding.subject.split(' ').all(|table| known.contains(table))
}

fn model<'a>(cx: &SchemaCx<'a>, table: &str) -> Option<&'a ModelTable> {
    cx.models?.declared.iter().find(|model| model.name.to_string() == table)
}

/// Whether the table is the application's own, and nothing could make it before the revision that needs it.
fn is_created_by_nothing(cx: &SchemaCx<'_>, fault: &ReplayFault) -> bool {
    let (Some(models), Some([])) = (cx.models, cx.creators) else { return false };
    let is_read = cx.state.unreadable.is_empty() && cx.state.unscanned.is_empty();
    let is_own = fault.objects.first().and_then(|table| model(cx, table)).is_some_and(|model| {
        let has_neighbours = || {
            cx.schema
                .tables
                .values()
                .any(|table| table.name.schema == model.name.schema && table.state == TableState::Complete)
        };
        model.targeted && model.unconditional && (model.name.schema.is_none() || has_neighbours())
    });
    is_read
        && is_own
        && models.doubt.is_none()
        && !models.filtered
        && fault.stops
        && fault.sureness == Sureness::Certain
}
