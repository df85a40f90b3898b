use super::listing;
use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// Two files state the same revision id.
pub(super) struct DuplicateRevision;

static META: RuleMeta = RuleMeta {
    name: "duplicate-revision",
    summary: "Two files state the same revision id",
    severity: Severity::Error,
    explanation:
        "Alembic keeps one file per id. Of two files with the same id it loads one and silently drops the
other, with no more than the warning \"Revision … is present more than once\": which of them runs
depends on the order of file names, and the tables of the other are never made.

A merge revision is the wrong cure, as both files still share the id. The later one needs a new id,
and whatever names it as a parent must follow.",
};

impl Rule for DuplicateRevision {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for duplicate in cx.state.graph.duplicates() {
            let files = listing(duplicate.paths.iter().map(ToString::to_string));
            let mut diagnostic = Diagnostic::new(
                META.name,
                META.severity,
                format!(
                    "revision id '{}' stands in {files}: Alembic loads one of them and silently drops the other",
                    duplicate.revision
                ),
            )
            .about(&duplicate.revision)
            .extent(duplicate.paths.len())
            .revisions([&duplicate.revision]);
            for script in cx.state.scripts_of(&duplicate.revision) {
                diagnostic = diagnostic.at(Place::line(&script.path, script.header.line));
            }
            sink.push(diagnostic);
        }
    }
}
