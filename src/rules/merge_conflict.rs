use super::{DecidedBy, Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// git cannot merge a migration file by itself.
pub(super) struct MergeConflict;

static META: RuleMeta = RuleMeta {
    name: "merge-conflict",
    summary: "git cannot merge a migration file by itself",
    severity: Severity::Error,
    explanation:
        "Both sides changed the same revision file (or one changed and the other deleted it), or the Alembic
configuration. git will stop and ask. What the merged graph looks like depends on the answer: onehead
reads the conflicting file as far as it can, and does not guess.",
};

impl Rule for MergeConflict {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Merge
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(merge) = &cx.merge else { return };
        for conflict in merge.conflicts {
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!("git cannot merge {}: {}", conflict.path, conflict.reason),
                )
                .about(conflict.path.to_string())
                .revisions(cx.state.script_at(&conflict.path).map(|script| &*script.revision))
                .at(Place::line(&conflict.path, 1)),
            );
        }
    }
}
