use super::{DecidedBy, Rule, RuleMeta};
use crate::diagnostic::{Diagnostic, Place, Severity};

/// The rule's name.
pub const UNUSED_SUPPRESSION: &str = META.name;

/// Something accepts a fault that is not there. Found by `check`, which sorts the findings of all other rules.
pub(super) struct UnusedSuppression;

static META: RuleMeta = RuleMeta {
    name: "unused-suppression",
    summary: "A comment or a baseline entry accepts a fault that is not there",
    severity: Severity::Warning,
    explanation: "An old fault is accepted by `# onehead: ignore[rule] reason` in its file or by an entry of `baseline:` in
onehead.yaml. Once the fault is mended, what accepted it would hide the next fault of that kind: remove it.
The same is told of an entry whose `expires:` date is past, of a comment that names no rule of onehead, and of
one that gives no reason, which therefore accepts nothing.

Nothing is said where it cannot be known: of rules that look at what a merge changes, and of environments that
`--env` leaves out. `check` tells what the merge brings: an entry that was of no use before is told with
`--all-findings`.",
};

impl Rule for UnusedSuppression {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Merge
    }
}

/// A comment or an entry at `place` that is of no use.
pub fn unused_suppression(message: String, place: Place, subject: String) -> Diagnostic {
    Diagnostic::new(META.name, META.severity, message).about(subject).at(place)
}
