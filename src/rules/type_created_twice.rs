use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// An enum type is created twice.
pub(super) struct TypeCreatedTwice;

static META: RuleMeta = RuleMeta {
    name: "type-created-twice",
    summary: "An enum type is created twice",
    severity: Severity::Error,
    explanation: "`op.create_table` creates the enum types of its columns by itself. Where the type exists, because an earlier revision made
it or `.create()` was called right before, it stops with `type \"status\" already exists`:

    status = sa.Enum(\"open\", \"closed\", name=\"status\")
    status.create(op.get_bind(), checkfirst=True)
    op.create_table(\"tickets\", sa.Column(\"status\", status))      # creates it again

The same `sa.Enum` in tables of two revisions goes well in one run from an empty database, as Alembic remembers what it
made, and fails where the later revision runs on its own: that is how production runs it. `op.drop_table` keeps the type.

Use `postgresql.ENUM(..., name=\"status\", create_type=False)` in all but the first place.",
};

impl Rule for TypeCreatedTwice {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::TypeExists | FaultKind::TypeExistsLater);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
