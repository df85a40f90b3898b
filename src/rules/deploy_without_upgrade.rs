use super::{DecidedBy, ProjectCx, Rule, RuleMeta};
use crate::diagnostic::{Diagnostic, Place, Severity};

/// The container starts the application and never upgrades its database.
pub(super) struct DeployWithoutUpgrade;

static META: RuleMeta = RuleMeta {
    name: "deploy-without-upgrade",
    summary: "The container starts the application and never upgrades its database",
    severity: Severity::Warning,
    explanation: "A Dockerfile starts a Python server, and neither its ENTRYPOINT and CMD, nor the scripts they name, nor a compose or
platform file, nor the application itself ever runs `alembic upgrade`. A new revision then reaches production as a
file, and the first query for its column fails.

Comments do not count, nor do functions of a shell script that nobody calls. Continuous integration is not looked
at: where a pipeline upgrades the database before it deploys, switch the rule off in onehead.yaml.",
};

impl Rule for DeployWithoutUpgrade {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Project
    }

    fn check_project(&self, cx: &ProjectCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(deployment) = &cx.project.deployment else { return };
        if deployment.upgrades || cx.project.env_files.is_empty() {
            return;
        }
        for start in &deployment.starts {
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!(
                        "the container starts with `{}`, and nothing that it starts runs `alembic upgrade head`: revisions are shipped and never applied",
                        start.command
                    ),
                )
                .about(start.at.path.to_string())
                .at(Place::line(&start.at.path, start.at.line)),
            );
        }
    }
}
