use super::listing;
use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// Revisions are each other's ancestors.
pub(super) struct RevisionCycle;

static META: RuleMeta = RuleMeta {
    name: "revision-cycle",
    summary: "Revisions are each other's ancestors",
    severity: Severity::Error,
    explanation:
        "The `down_revision` (or `depends_on`) of some revisions lead in a circle. Alembic usually stops with
\"Cycle is detected in revisions\". Its own check asks only that every id be below some head and above
some base: a circle that hangs on a chain passes it, `alembic heads` answers, and `alembic upgrade`
and `alembic history` never end.

Where the members include a duplicate id, the circle is a consequence: give the later file a new id
first.",
};

impl Rule for RevisionCycle {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let graph = &cx.state.graph;
        let found = graph.cycles().iter().map(|cycle| (cycle, "down_revision"));
        let with_dependencies =
            graph.dependency_cycles().iter().map(|cycle| (cycle, "down_revision and depends_on"));
        for (cycle, edges) in found.chain(with_dependencies) {
            let message = match cycle.as_slice() {
                [only] => format!("'{only}' is its own parent: Alembic stops with a loop error"),
                _ => format!(
                    "{} lead in a circle over {edges}: Alembic stops with a cycle error, or never ends",
                    listing(cycle)
                ),
            };
            let mut diagnostic =
                Diagnostic::new(META.name, META.severity, message).about(cycle.join(" ")).revisions(cycle);
            for id in cycle {
                for script in cx.state.scripts_of(id) {
                    diagnostic = diagnostic.at(Place::line(&script.path, script.header.line));
                }
            }
            let doubled: Vec<&str> = graph
                .duplicates()
                .iter()
                .map(|duplicate| duplicate.revision.as_str())
                .filter(|id| cycle.iter().any(|member| member == id))
                .collect();
            if !doubled.is_empty() {
                diagnostic = diagnostic.because(format!(
                    "it is a consequence of the duplicate id {}: mend that first",
                    listing(doubled)
                ));
            }
            sink.push(diagnostic);
        }
    }
}
