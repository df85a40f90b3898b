use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// A revision id does not fit into the version table.
pub(super) struct RevisionIdTooLong;

static META: RuleMeta = RuleMeta {
    name: "revision-id-too-long",
    summary: "A revision id does not fit into the version table",
    severity: Severity::Error,
    explanation: "Alembic creates `alembic_version.version_num` as VARCHAR(32). On PostgreSQL and MySQL an id of more than
32 characters fails when it is stamped: the migration has run, its transaction is rolled back or the
database is left without a version.

Where older ids of the same environment are as long, the table has evidently been widened, and a new
one is only a warning.",
};

impl Rule for RevisionIdTooLong {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        const MOST: usize = 32;
        let is_long = |id: &str| id.chars().count() > MOST;
        let widened = cx.merge.as_ref().is_some_and(|merge| merge.base.graph.ids().any(is_long));
        let severity = if widened { Severity::Warning } else { META.severity };
        for script in cx.state.scripts.iter().filter(|script| is_long(&script.revision)) {
            sink.push(
                Diagnostic::new(
                    META.name,
                    severity,
                    format!(
                        "id '{}' has {} characters; alembic_version.version_num holds {MOST}",
                        script.revision,
                        script.revision.chars().count()
                    ),
                )
                .about(&*script.revision)
                .revisions([&*script.revision])
                .at(Place::line(&script.path, script.header.line)),
            );
        }
    }
}
