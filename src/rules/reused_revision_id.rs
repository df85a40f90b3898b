use super::{DecidedBy, Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// A new revision takes an id that another one had.
pub(super) struct ReusedRevisionId;

static META: RuleMeta = RuleMeta {
    name: "reused-revision-id",
    summary: "A new revision takes an id that another one had",
    severity: Severity::Error,
    explanation:
        "The id stood for another migration earlier in this repository's history. A database that ran the old
one is stamped with the id and takes the new one for done. Give the new revision an id of its own.

`check` looks for this where ids are typed in or numbered; an id drawn at random does not come twice,
and `audit` compares them all.",
};

impl Rule for ReusedRevisionId {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Merge
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for (id, seen) in &cx.history.reused {
            let mut diagnostic = Diagnostic::new(
                META.name,
                META.severity,
                format!(
                    "id '{id}' stood for another migration: databases that ran that one never run this one"
                ),
            )
            .about(id)
            .revisions([id])
            .because(format!("it was {seen}"));
            for script in cx.state.scripts_of(id) {
                diagnostic = diagnostic.at(Place::line(&script.path, script.header.line));
            }
            sink.push(diagnostic);
        }
    }
}
