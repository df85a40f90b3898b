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
    explanation: "The table or column that a foreign key refers to does not exist at this point of the chain, or has neither a primary key
nor a unique constraint on it. Migrations know no forward references, and PostgreSQL stops with
`relation \"organizations\" does not exist`:

    op.create_table(\"teams\", sa.Column(\"org_id\", sa.Integer(), sa.ForeignKey(\"organizations.id\")))
    op.create_table(\"organizations\", sa.Column(\"id\", sa.Integer(), primary_key=True))

A name that is nearly right (`user.id` for `users.id`) and a model that was commented out look the same. Nothing is
certain where something that cannot be read may have created the target, or where other software makes the schema.

Create the target first, mend the name, or add the key later with `op.create_foreign_key`.",
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
        super::model_fault::missing_targets(&META, cx, sink);
    }
}
