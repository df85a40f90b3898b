use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A statement that PostgreSQL does not know.
pub(super) struct InvalidSql;

static META: RuleMeta = RuleMeta {
    name: "invalid-sql",
    summary: "A statement that PostgreSQL does not know",
    severity: Severity::Error,
    explanation: "The text given to `op.execute` has a form that PostgreSQL rejects for certain: `CREATE TYPE IF NOT EXISTS`,
`ADD CONSTRAINT IF NOT EXISTS`. Only forms that are known to be wrong are reported; what the parser merely does not know
is not.

Use a `DO` block that looks first.",
};

impl Rule for InvalidSql {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::InvalidSql);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
