use super::{DecidedBy, ProjectCx, Rule, RuleMeta};
use crate::diagnostic::{Diagnostic, Place, Severity};

/// Alembic is a dependency, and there is no env.py.
pub(super) struct AlembicWithoutEnvironment;

static META: RuleMeta = RuleMeta {
    name: "alembic-without-environment",
    summary: "Alembic is a dependency, and there is no env.py",
    severity: Severity::Warning,
    explanation: "The project lists Alembic (or Flask-Migrate) among its dependencies and declares tables or holds revisions, but no
`env.py` exists anywhere: `alembic upgrade head` cannot run, and something else, or nothing, makes the tables.

Run `alembic init`, or remove the dependency.",
};

impl Rule for AlembicWithoutEnvironment {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Project
    }

    fn check_project(&self, cx: &ProjectCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(dependency) = &cx.project.alembic_dependency else { return };
        let has_revisions = cx.states.iter().any(|state| !state.scripts.is_empty());
        if cx.project.has_env_file || !(has_revisions || cx.project.tables > 0) {
            return;
        }
        let what = match has_revisions {
            true => "revisions but no env.py".to_owned(),
            false => format!("{} tables but neither revisions nor an env.py", cx.project.tables),
        };
        sink.push(
            Diagnostic::new(
                META.name,
                META.severity,
                format!(
                    "Alembic is a dependency, and the repository has {what}: no alembic command can run here"
                ),
            )
            .at(Place::line(&dependency.path, dependency.line)),
        );
    }
}
