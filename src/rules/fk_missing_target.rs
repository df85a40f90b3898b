use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A foreign key refers to a table or column that is not there.
pub(super) struct FkMissingTarget;

static META: RuleMeta = RuleMeta {
    name: "fk-missing-target",
    summary: "A foreign key refers to a table or column that is not there",
    severity: Severity::Error,
    explanation: "The table or column that a foreign key refers to does not exist at this point of the chain, or has neither a primary key nor
a unique constraint on it. PostgreSQL refuses the statement. Nothing is said where something that cannot be read may
have created the target.

Create the target first, or mend the name.",
};

impl Rule for FkMissingTarget {
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
                FaultKind::TargetTableMissing | FaultKind::TargetColumnMissing | FaultKind::TargetNotUnique
            )
        };
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
