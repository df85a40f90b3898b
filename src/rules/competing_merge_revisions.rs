use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::{Diagnostic, Severity};
use std::collections::{BTreeMap, BTreeSet};

use super::listing;
use crate::diagnostic::Place;

/// Two merge revisions merge the same heads.
pub(super) struct CompetingMergeRevisions;

static META: RuleMeta = RuleMeta {
    name: "competing-merge-revisions",
    summary: "Two merge revisions merge the same heads",
    severity: Severity::Error,
    explanation:
        "Two people saw the same two heads and both ran `alembic merge`. Each merge revision was right alone;
together they are two heads again, and a third merge revision on top would only hide that one of them
is superfluous. Remove the one that has not landed, and re-parent what stands on it.",
};

impl Rule for CompetingMergeRevisions {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mut by_parents: BTreeMap<BTreeSet<&str>, BTreeSet<&str>> = BTreeMap::new();
        for id in cx.state.graph.merge_points() {
            for script in cx.state.scripts_of(id) {
                by_parents.entry(script.down_revisions().collect()).or_default().insert(id);
            }
        }
        for (parents, merges) in by_parents {
            if parents.len() < 2 || merges.len() < 2 {
                continue;
            }
            let mut diagnostic = Diagnostic::new(
                META.name,
                META.severity,
                format!("{} both merge {}: one of them is superfluous", listing(&merges), listing(&parents)),
            )
            .about(parents.iter().copied().collect::<Vec<_>>().join(" "))
            .extent(merges.len())
            .revisions(merges.iter().copied());
            for id in merges {
                for script in cx.state.scripts_of(id) {
                    diagnostic = diagnostic.at(Place::line(&script.path, script.header.line));
                }
            }
            sink.push(diagnostic);
        }
    }
}
