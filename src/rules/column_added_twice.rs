use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A column is added that the table has already.
pub(super) struct ColumnAddedTwice;

static META: RuleMeta = RuleMeta {
    name: "column-added-twice",
    summary: "A column is added that the table has already",
    severity: Severity::Error,
    explanation: "A revision adds a column that an earlier one of the same chain created or added. It stops with \"column already exists\".
Usually two branches added the same column, and git merged them without a conflict, as they are different files.

Additions under an inspector's guard or with `IF NOT EXISTS` are left out. Drop the later one, or guard it.",
};

impl Rule for ColumnAddedTwice {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::ColumnExists);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
