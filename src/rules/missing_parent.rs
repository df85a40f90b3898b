use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// A revision names a parent that no file states.
pub(super) struct MissingParent;

static META: RuleMeta = RuleMeta {
    name: "missing-parent",
    summary: "A revision names a parent that no file states",
    severity: Severity::Error,
    explanation:
        "`down_revision` names an id that no file of the environment has. Alembic stops with \"KeyError\" or
\"Can't locate revision identified by '…'\" at every command, whatever the database.

It happens when the parent is on another branch that was not merged, when the parent was deleted,
squashed or renamed, or when a branch was rebased without its first revision. `down_revision = \"\"`
counts as well: Alembic up to 1.12 took it for a base, since then it is a KeyError.",
};

impl Rule for MissingParent {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for missing in cx.state.graph.missing() {
            let script = cx.state.scripts_of(&missing.revision).find(|script| script.path == missing.path);
            let message = match missing.missing.as_str() {
                "" => format!(
                    "'{}' has the parent \"\": Alembic since 1.13 stops with a KeyError (write None for a base)",
                    missing.revision
                ),
                parent => format!(
                    "'{}' names the parent '{parent}', which no file states: every Alembic command stops with a KeyError",
                    missing.revision
                ),
            };
            let mut diagnostic = Diagnostic::new(META.name, META.severity, message)
                .about(format!("{} {}", missing.revision, missing.missing))
                .revisions([&missing.revision])
                .at(Place::line(&missing.path, script.map_or(1, |script| script.header.line)));
            diagnostic = match cx.history.seen.get(&missing.missing) {
                Some(seen) => diagnostic.because(format!("'{}' was {seen}", missing.missing)),
                None if cx.history.searched && !missing.missing.is_empty() => diagnostic
                    .because(format!("'{}' is nowhere in the history of this repository", missing.missing)),
                None => diagnostic,
            };
            let stem = cx.state.scripts.iter().find(|script| {
                let name = script.path.name().to_string();
                !missing.missing.is_empty() && name.strip_suffix(".py") == Some(&missing.missing)
            });
            if let Some(script) = stem {
                diagnostic = diagnostic.because(format!(
                    "{} is a file of that name; its revision id is '{}'",
                    script.path, script.revision
                ));
            }
            sink.push(diagnostic);
        }
    }
}
