use super::listing;
use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// There is more than one base without a label.
pub(super) struct MultipleBases;

static META: RuleMeta = RuleMeta {
    name: "multiple-bases",
    summary: "There is more than one base without a label",
    severity: Severity::Warning,
    explanation:
        "Several revisions have no parent. An empty database can be brought up to date, as Alembic runs every
base, but the order between them is nobody's decision, and one of them is often a file whose
`down_revision` was lost.

Bases whose branch carries a label are intended and not reported.",
};

impl Rule for MultipleBases {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let graph = &cx.state.graph;
        let unlabelled: Vec<&str> = graph
            .bases()
            .iter()
            .map(String::as_str)
            .filter(|base| {
                graph.descendants(base).into_iter().all(|id| graph.own_labels(id).next().is_none())
            })
            .collect();
        if graph.bases().len() < 2 || unlabelled.len() < 2 {
            return;
        }
        let mut diagnostic = Diagnostic::new(
            META.name,
            META.severity,
            format!(
                "{} have no parent: the history starts in {} places",
                listing(&unlabelled),
                unlabelled.len()
            ),
        )
        .extent(unlabelled.len())
        .revisions(unlabelled.iter().copied());
        for id in unlabelled {
            for script in cx.state.scripts_of(id) {
                diagnostic = diagnostic.at(Place::line(&script.path, script.header.line));
            }
        }
        sink.push(diagnostic);
    }
}
