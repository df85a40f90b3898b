use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// An index is created under a name that is taken.
pub(super) struct IndexCreatedTwice;

static META: RuleMeta = RuleMeta {
    name: "index-created-twice",
    summary: "An index is created under a name that is taken",
    severity: Severity::Error,
    explanation: "Indexes, unique constraints and tables share one namespace in each schema of PostgreSQL, whatever table an index belongs
to. `index=True` and `unique=True` make names of their own (`ix_table_column`, `table_column_key`), so that an explicit
`op.create_index` of such a name comes second. Give the index another name, or drop one of the two.",
};

impl Rule for IndexCreatedTwice {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::IndexExists);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
