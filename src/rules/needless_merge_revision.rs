use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::{Diagnostic, Severity};
use std::collections::BTreeSet;

use crate::diagnostic::Place;

/// A merge revision merges a revision with its own ancestor.
pub(super) struct NeedlessMergeRevision;

static META: RuleMeta = RuleMeta {
    name: "needless-merge-revision",
    summary: "A merge revision merges a revision with its own ancestor",
    severity: Severity::Warning,
    explanation:
        "One parent of the merge revision is already below another one: there was nothing to merge. Alembic
accepts it, but `alembic downgrade` and stamps then meet \"Requested revision … overlaps with other
requested revisions\". Name only the newest parent.",
};

impl Rule for NeedlessMergeRevision {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let graph = &cx.state.graph;
        // Inside a circle everything is above everything.
        let circling = |id: &String| graph.cycles().iter().any(|cycle| cycle.contains(id));
        for id in graph.merge_points().iter().filter(|id| !circling(id)) {
            for script in cx.state.scripts_of(id) {
                let parents: BTreeSet<&str> = script.down_revisions().collect();
                let covered = parents.iter().find_map(|parent| {
                    let above = parents.iter().find(|other| {
                        *other != parent
                            && graph.ancestors(other).contains(parent)
                            && !graph.ancestors(parent).contains(*other)
                    });
                    above.map(|above| (*parent, *above))
                });
                let Some((parent, above)) = covered else { continue };
                sink.push(
                    Diagnostic::new(
                        META.name,
                        META.severity,
                        format!("'{id}' merges '{parent}' with '{above}', which is already above it"),
                    )
                    .about(format!("{id} {parent}"))
                    .revisions([id.as_str()])
                    .at(Place::line(&script.path, script.header.line)),
                );
            }
        }
    }
}
