//! What no plan repairs, and what a person does instead.

use crate::diagnostic::{Diagnostic, Severity};
use crate::rules::{self, DecidedBy};

/// What to do by hand about a graph fault that has no one right repair; `None` for faults that are not
/// of the graph, or that a plan repairs.
fn sentence(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "divergent-revision" => {
            "which version is right only their authors know: keep one under the id, and give the other a new id"
        }
        "reused-revision-id" => {
            "databases may stand at the old one: give the new revision an id of its own in 'revision', its file name \
             and what names it"
        }
        "competing-merge-revisions" => {
            "delete the merge revision that has not landed, and re-parent what stands on it onto the other; where both \
             have landed they can stay, accepted in the baseline"
        }
        "merge-conflict" => "merge the two by hand, then run onehead fix on the result",
        "invalid-revision-id" => {
            "choose an id of letters, digits and '_', and write it into 'revision', the file name and what names it"
        }
        "revision-id-too-long" => {
            "choose an id of at most 32 characters, or widen alembic_version.version_num in every database"
        }
        rule if is_of_bodies(rule) => {
            "a plan changes no revision's body: correct the one that has not landed, or add a revision that does"
        }
        _ => return None,
    })
}

/// Whether the fault is one between the bodies of revisions. A plan neither makes nor repairs those: they can be
/// known only once the graph is whole, and were there before.
pub(super) fn is_of_bodies(rule: &str) -> bool {
    rules::by_name(rule).is_some_and(|rule| rule.decided_by() == DecidedBy::Bodies)
}

/// Why the fault is left alone, and what to do, where it is one that `fix` should speak of.
pub(super) fn left(finding: &Diagnostic) -> Option<&'static str> {
    sentence(finding.rule).filter(|_| finding.severity == Severity::Error)
}
