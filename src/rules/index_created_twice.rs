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
to. `index=True` makes a name of its own (`ix_<table>_<column>`), so that an explicit index of that name comes second and
stops with `relation \"ix_posts_slug\" already exists`:

    op.create_table(\"posts\", sa.Column(\"slug\", sa.String(), index=True))
    op.create_index(\"ix_posts_slug\", \"posts\", [\"slug\"])

Drop one of the two, or give the second one another name. Names that hang on a naming convention which cannot be read
are not reported as certain.",
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
