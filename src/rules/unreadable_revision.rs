use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};
use crate::vcs::RepoPath;

/// A file in a version location is no readable revision.
pub(super) struct UnreadableRevision;

static META: RuleMeta = RuleMeta {
    name: "unreadable-revision",
    summary: "A file in a version location is no readable revision",
    severity: Severity::Warning,
    explanation:
        "Alembic imports every Python file of a version location. One that has a syntax error, committed
conflict markers, only Python 2 syntax, no `revision` or no `down_revision` stops every command, or
the Python that runs today cannot read it. The graph of the other files is still reported; what this
file would add to it is taken as far as it can be read.",
};

impl Rule for UnreadableRevision {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        // A file that the merge leaves in conflict is told as that; its markers are git's.
        let in_conflict = |path: &RepoPath| {
            cx.merge
                .as_ref()
                .is_some_and(|merge| merge.conflicts.iter().any(|conflict| conflict.path == *path))
        };
        for file in cx.state.unreadable.iter().filter(|file| !in_conflict(&file.path)) {
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!("{} cannot be loaded: {}", file.path, file.reason),
                )
                .about(file.path.to_string())
                .at(Place::line(&file.path, file.line)),
            );
        }
    }
}
