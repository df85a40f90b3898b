use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// Two revisions create the same table.
pub(super) struct TableCreatedTwice;

static META: RuleMeta = RuleMeta {
    name: "table-created-twice",
    summary: "Two revisions create the same table",
    severity: Severity::Error,
    explanation: "Two revisions of one chain create a table of the same name, and nothing between them drops or renames it. The second one
stops with `relation \"teams\" already exists`, on an empty database as on every database that ran the first:

    3f1d8c0a  op.create_table(\"teams\", sa.Column(\"id\", sa.Integer()))
    9b27e4d1  op.create_table(\"teams\", sa.Column(\"id\", sa.Integer()), sa.Column(\"name\", sa.Text()))

It happens where two branches generate the same table, and where a migration is generated against a database that lacks
it. Creations under an inspector's guard, with `IF NOT EXISTS`, in `try`, or under a condition that cannot be known are
left out, and so are temporary tables.

Turn the later creation into what it adds (`op.add_column(\"teams\", ...)`), or drop it.",
};

impl Rule for TableCreatedTwice {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::TableExists);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
