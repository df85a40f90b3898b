use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A foreign key and its target have types that cannot be compared.
pub(super) struct FkTypeMismatch;

static META: RuleMeta = RuleMeta {
    name: "fk-type-mismatch",
    summary: "A foreign key and its target have types that cannot be compared",
    severity: Severity::Error,
    explanation: "PostgreSQL refuses a foreign key whose column cannot be compared with the key it refers to: an `integer` column and a
`uuid` key, a `varchar` column and an `integer` key. Lengths do not matter, and neither does `as_uuid`; integers of all
sizes go together, and so do text types.

Give both columns the same type.",
};

impl Rule for FkTypeMismatch {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::TypeMismatch);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
