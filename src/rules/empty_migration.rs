use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// A revision does nothing.
pub(super) struct EmptyMigration;

static META: RuleMeta = RuleMeta {
    name: "empty-migration",
    summary: "A revision does nothing",
    severity: Severity::Info,
    explanation:
        "Neither `upgrade()` nor `downgrade()` does anything, and the revision merges nothing. Usually
`alembic revision` was run without `--autogenerate`, or autogenerate saw no difference because env.py
does not import the models.",
};

impl Rule for EmptyMigration {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for script in &cx.state.scripts {
            let merges = script.down_revisions().count() > 1;
            let is_base = script.down_revisions().next().is_none();
            // What is not read in full may do something.
            let is_read = script.header.problem.is_none();
            if script.header.empty
                && is_read
                && !merges
                && !is_base
                && script.branch_labels().next().is_none()
            {
                sink.push(
                    Diagnostic::new(
                        META.name,
                        META.severity,
                        format!("'{}' does nothing: upgrade() and downgrade() are empty", script.revision),
                    )
                    .about(script.path.to_string())
                    .revisions([&*script.revision])
                    .at(Place::line(&script.path, script.header.line)),
                );
            }
        }
    }
}
