use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A column gets an enum type that nothing creates.
pub(super) struct EnumNotCreated;

static META: RuleMeta = RuleMeta {
    name: "enum-not-created",
    summary: "A column gets an enum type that nothing creates",
    severity: Severity::Error,
    explanation: "`op.add_column` and `op.alter_column` never create an enum type; only `op.create_table` does. Autogenerate writes such an
addition without a word, and it stops with `type \"status\" does not exist`:

    op.add_column(\"users\", sa.Column(\"status\", sa.Enum(\"open\", \"closed\", name=\"status\")))

Create the type before, and drop it in `downgrade()`:

    status = sa.Enum(\"open\", \"closed\", name=\"status\")
    status.create(op.get_bind(), checkfirst=True)
    op.add_column(\"users\", sa.Column(\"status\", status))

Databases without enum types (MySQL, SQLite) and `native_enum=False` need nothing of that.",
};

impl Rule for EnumNotCreated {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::TypeMissing);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
