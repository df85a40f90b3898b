use super::{DecidedBy, Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};
use crate::python::grade::Grade;

/// A published revision was changed.
pub(super) struct EditedAfterLanding;

static META: RuleMeta = RuleMeta {
    name: "edited-after-landing",
    summary: "A published revision was changed",
    severity: Severity::Error,
    explanation:
        "Databases that have run a revision never run it again. An edit of its `upgrade()` reaches new
databases only: schemas drift apart without any error. Put the change into a new revision.

Edits are graded on the syntax tree. Whitespace, comments, docstrings, quotes, import order and
annotations are never reported; a change of `downgrade()` or of `depends_on` and labels is a warning;
a change of what `upgrade()` does is an error.",
};

impl Rule for EditedAfterLanding {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Merge
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(merge) = &cx.merge else { return };
        for edit in &merge.published_changes.edited {
            let reparented = merge.published_changes.reparented.iter().any(|r| r.revision == edit.revision);
            let (severity, what) = match edit.grade {
                Grade::Cosmetic => continue,
                // Told by reparented-after-landing.
                Grade::Header if reparented => continue,
                Grade::Header => (Severity::Warning, "its header changes"),
                Grade::Downgrade => (Severity::Warning, "its downgrade() changes"),
                Grade::Upgrade => {
                    (META.severity, "what its upgrade() does changes: databases that ran it never see that")
                }
            };
            let line = cx.state.script(&edit.revision).map_or(1, |script| script.header.line);
            sink.push(
                Diagnostic::new(META.name, severity, format!("'{}' is published, and {what}", edit.revision))
                    .about(&edit.revision)
                    .revisions([&edit.revision])
                    .at(Place::line(&edit.path, line)),
            );
        }
    }
}
