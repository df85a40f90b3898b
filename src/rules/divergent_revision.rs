use super::{DecidedBy, Rule, RuleCx, RuleMeta};
use crate::diagnostic::{Diagnostic, Severity};
use std::collections::BTreeSet;

use crate::diagnostic::Place;
use crate::revision::Script;

/// One id means different things on two branches.
pub(super) struct DivergentRevision;

static META: RuleMeta = RuleMeta {
    name: "divergent-revision",
    summary: "One id means different things on two branches",
    severity: Severity::Error,
    explanation:
        "Both sides hold a revision with this id, neither got it from the other, and they differ in parents or
in what `upgrade()` does. A database that ran one side's version is stamped with the id and never runs
the other's. It happens when a migration is copied or cherry-picked and then edited.",
};

impl Rule for DivergentRevision {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Merge
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(merge) = &cx.merge else { return };
        for id in merge.head.graph.ids() {
            if merge.ancestor.graph.contains(id) {
                continue;
            }
            let (Some(ours), Some(theirs)) = (merge.base.script(id), merge.head.script(id)) else { continue };
            if ours.blob == theirs.blob {
                continue;
            }
            let parents =
                |script: &Script| script.down_revisions().map(str::to_owned).collect::<BTreeSet<_>>();
            let reparented = parents(ours) != parents(theirs);
            let edited = merge.divergent.contains(id);
            if !reparented && !edited {
                continue;
            }
            let what = match (reparented, edited) {
                (true, true) => "parents and in what it does",
                (true, false) => "parents",
                _ => "what it does",
            };
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!("'{id}' was added on both sides and differs in {what}: a database that ran one never runs the other"),
                )
                .about(id)
                .revisions([id])
                .at(Place::line(&theirs.path, theirs.header.line))
                .because(format!("base has it as {}, head as {}", ours.path, theirs.path)),
            );
        }
    }
}
