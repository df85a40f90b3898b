use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A revision changes a table, column, index or constraint that is not there.
pub(super) struct AltersMissingObject;

static META: RuleMeta = RuleMeta {
    name: "alters-missing-object",
    summary: "A revision changes a table, column, index or constraint that is not there",
    severity: Severity::Error,
    explanation: "At this point of the chain nothing has created the object, or a revision before has dropped or renamed it, and the whole
history of the object was read. The statement stops with \"does not exist\".

Tables that the chain never creates at all are told as `incomplete-baseline`.",
};

impl Rule for AltersMissingObject {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| {
            matches!(
                kind,
                FaultKind::TableMissing
                    | FaultKind::ColumnMissing
                    | FaultKind::IndexMissing
                    | FaultKind::ConstraintMissing
            )
        };
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
