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
    explanation: "A revision adds a column that an earlier one of the same chain created, added or renamed to. It stops with
`column \"name\" of relation \"users\" already exists`:

    3f1d8c0a  op.add_column(\"users\", sa.Column(\"name\", sa.Text()))
    9b27e4d1  op.add_column(\"users\", sa.Column(\"name\", sa.String(50)))

Additions that look first are left out: `if \"name\" not in columns`, `ADD COLUMN IF NOT EXISTS`, a `DO` block. So is a
column that a revision in between drops.

Drop the later addition. If it was meant to change the type, write `op.alter_column(\"users\", \"name\", type_=...)`.",
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
