use super::{DecidedBy, Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// The file of a published revision moved.
pub(super) struct RenamedAfterLanding;

static META: RuleMeta = RuleMeta {
    name: "renamed-after-landing",
    summary: "The file of a published revision moved",
    severity: Severity::Info,
    explanation:
        "Only the id counts for Alembic, so a renamed file is harmless by itself. It is worth knowing when a
number or a date in the name suggests another order than the revisions run in, and when other
branches still have the file under its old name: their merges then hold it twice.",
};

impl Rule for RenamedAfterLanding {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Merge
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(merge) = &cx.merge else { return };
        // A directory that moved as a whole is one event, and not this one.
        if cx.state.environment.directory != merge.base.environment.directory {
            return;
        }
        for moved in &merge.published_changes.moved {
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!(
                        "'{}' is published, and its file moves from {} to {}",
                        moved.revision, moved.from, moved.to
                    ),
                )
                .about(&moved.revision)
                .revisions([&moved.revision])
                .at(Place::line(&moved.to, 1)),
            );
        }
    }
}
