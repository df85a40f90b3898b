use super::schema_fault::{told, worded};
use super::{Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A column is added that the table has already.
pub(super) struct ColumnAddedTwice;

static META: RuleMeta = RuleMeta {
    name: "column-added-twice",
    summary: "A column is added that the table has already",
    severity: Severity::Error,
    explanation: "A revision adds a column that an earlier one of the same chain created or added. It stops with \"column already exists\".
Guarded additions are left out. Drop the later one, or guard it.",
};

impl Rule for ColumnAddedTwice {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::ColumnExists);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
