use super::{DecidedBy, ProjectCx, Rule, RuleMeta};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::project::Startup;

/// The application creates tables beside Alembic.
pub(super) struct CreateAllInApplication;

static META: RuleMeta = RuleMeta {
    name: "create-all-in-application",
    summary: "The application creates tables beside Alembic",
    severity: Severity::Warning,
    explanation: "`metadata.create_all()` makes the tables that are missing and writes no version row. In front of a database that it
filled, `alembic upgrade head` starts at the first revision and fails with \"relation already exists\"; columns that a
later revision adds to an existing table are never made by it.

It is an error where the start of the application runs it for certain and the environment has revisions, and a
warning where it stands under a condition or is called in another way. Tests, scripts, documentation, commands that
people type, and code that stamps or upgrades beside it are left out.

Replace it by `alembic upgrade head` before the application starts.",
};

impl Rule for CreateAllInApplication {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Project
    }

    fn check_project(&self, cx: &ProjectCx<'_>, sink: &mut Vec<Diagnostic>) {
        if cx.project.env_files.is_empty() {
            return;
        }
        let has_revisions = cx.states.iter().any(|state| !state.graph.heads().is_empty());
        for call in &cx.project.create_all {
            let (severity, how) = match &call.startup {
                Some(_) if call.conditional || !has_revisions => (Severity::Warning, None),
                Some(startup) => (Severity::Error, Some(startup)),
                None => continue,
            };
            let mut diagnostic = Diagnostic::new(
                META.name,
                severity,
                format!(
                    "{}.create_all() makes tables without a version row when the application starts: on such a database `alembic upgrade head` fails, as the tables exist already",
                    call.object
                ),
            )
            .about(format!("{} {}", call.at.path, call.object))
            .at(Place::line(&call.at.path, call.at.line));
            diagnostic = match how {
                Some(Startup::Import) => {
                    diagnostic.because("it stands at module level: importing the file runs it")
                }
                Some(Startup::Handler) => diagnostic.because(format!(
                    "{}() runs when the application starts",
                    call.function.as_deref().unwrap_or_default()
                )),
                Some(Startup::CalledBy(by, spot)) => diagnostic
                    .because(format!(
                        "{by} of {} calls {}()",
                        spot.path,
                        call.function.as_deref().unwrap_or_default()
                    ))
                    .at(Place::line(&spot.path, spot.line)),
                None => diagnostic,
            };
            let first = cx.states.iter().find_map(|state| {
                let base = state.graph.bases().first()?;
                state.scripts.iter().find(|script| *script.revision == **base)
            });
            if let Some(first) = first {
                diagnostic = diagnostic.because(format!(
                    "the migrations begin with {}: PostgreSQL says 'relation \"...\" already exists' at the first table that create_all() made",
                    first.path
                ));
            }
            sink.push(diagnostic);
        }
    }
}
