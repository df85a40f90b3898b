use super::{DecidedBy, Rule, RuleCx, RuleMeta};
use crate::diagnostic::{Diagnostic, Severity};
use std::collections::BTreeSet;

use super::{listing, new_ids};
use crate::diagnostic::Place;

/// A new revision was put under a published one.
pub(super) struct InsertedBelowHead;

static META: RuleMeta = RuleMeta {
    name: "inserted-below-head",
    summary: "A new revision was put under a published one",
    severity: Severity::Error,
    explanation:
        "The merge brings a revision that is an ancestor of one that is published already. A database that has
run the published one counts everything below it as done: `alembic upgrade head` never runs the new
revision there, while an empty database does. The two schemas differ from then on.

Put the new revision on top of the published head instead. Restoring a parent that was missing, with what
is below it, is no insertion.",
};

impl Rule for InsertedBelowHead {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Merge
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(merge) = &cx.merge else { return };
        let graph = &cx.state.graph;
        let was_missing: BTreeSet<&str> =
            merge.base.graph.missing().iter().map(|missing| missing.missing.as_str()).collect();
        for id in new_ids(cx) {
            if was_missing.contains(id) {
                continue;
            }
            let descendants = graph.descendants(id);
            // Only the published revisions right above the new one tell the story. What stands below a parent that was
            // missing comes back with it.
            let leads_down = |parent: &&str| {
                !merge.base.graph.contains(parent)
                    && !was_missing.contains(parent)
                    && (*parent == id || descendants.contains(parent))
            };
            let above: Vec<&str> = descendants
                .iter()
                .copied()
                .filter(|above| *above != id && merge.base.graph.contains(above))
                .filter(|above| graph.parents(above).iter().any(leads_down))
                .collect();
            if above.is_empty() {
                continue;
            }
            let mut diagnostic = Diagnostic::new(
                META.name,
                META.severity,
                format!(
                    "new revision '{id}' is below the published {}: databases past it never run '{id}'",
                    listing(&above)
                ),
            )
            .about(id)
            .revisions([id]);
            for script in cx.state.scripts_of(id) {
                diagnostic = diagnostic.at(Place::line(&script.path, script.header.line));
            }
            sink.push(diagnostic);
        }
    }
}
