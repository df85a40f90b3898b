use super::schema_fault::{told, worded};
use super::{DecidedBy, Rule, RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Severity};
use crate::schema::FaultKind;

/// A constraint is created under a name that is taken.
pub(super) struct ConstraintCreatedTwice;

static META: RuleMeta = RuleMeta {
    name: "constraint-created-twice",
    summary: "A constraint is created under a name that is taken",
    severity: Severity::Error,
    explanation: "A revision creates a constraint whose name the table has already, or a second primary key. It stops with \"constraint
already exists\" or \"multiple primary keys are not allowed\". A constraint may carry a name that nobody wrote: the
naming convention of the metadata gives one to `unique=True`, `ForeignKey(…)` and `primary_key=True`.

Drop the later one, or give it another name.",
};

impl Rule for ConstraintCreatedTwice {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Bodies
    }

    fn check_schema(&self, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
        let mine = |kind| matches!(kind, FaultKind::ConstraintExists | FaultKind::SecondPrimaryKey);
        sink.extend(told(cx, mine).map(|fault| worded(&META, fault)));
    }
}
