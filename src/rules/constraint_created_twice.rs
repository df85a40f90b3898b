use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A constraint is created under a name that is taken.
pub(super) struct ConstraintCreatedTwice;

static META: RuleMeta = RuleMeta {
    name: "constraint-created-twice",
    summary: "A constraint is created under a name that is taken",
    severity: Severity::Error,
    explanation: "A revision creates a constraint whose name the table has already, a unique constraint or primary key whose name an index
of the schema has, or a second primary key. PostgreSQL stops with `relation \"uq_n\" already exists`, or with `multiple
primary keys for table \"users\" are not allowed`:

    op.create_table(\"a\", sa.Column(\"n\", sa.Integer()), sa.UniqueConstraint(\"n\", name=\"uq_n\"))
    op.create_table(\"b\", sa.Column(\"n\", sa.Integer()), sa.UniqueConstraint(\"n\", name=\"uq_n\"))

Unique constraints are indexes, and their names must differ across tables; those of checks and foreign keys only within
one. Equal keys of one `CREATE TABLE` are merged by PostgreSQL and not reported.

Give the later one another name, or drop it; replace a primary key with `op.drop_constraint(..., type_=\"primary\")` first.",
};

impl Rule for ConstraintCreatedTwice {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::ConstraintExists | FaultKind::SecondPrimaryKey);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
