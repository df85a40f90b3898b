use super::{DecidedBy, ProjectCx, Rule, RuleMeta};
use crate::diagnostic::{Diagnostic, Place, Severity};

/// A synchronous engine gets the URL of an asynchronous driver.
pub(super) struct SyncEngineAsyncUrl;

static META: RuleMeta = RuleMeta {
    name: "sync-engine-async-url",
    summary: "A synchronous engine gets the URL of an asynchronous driver",
    severity: Severity::Warning,
    explanation: "The application calls SQLAlchemy's `create_engine` with a URL that, by the defaults in compose files, `.env` files or
a settings class, names an asynchronous driver such as asyncpg. The first connection fails. It is a warning because
the URL may be another one where the application runs.",
};

impl Rule for SyncEngineAsyncUrl {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Project
    }

    fn check_project(&self, cx: &ProjectCx<'_>, sink: &mut Vec<Diagnostic>) {
        for engine in &cx.project.sync_engines {
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!(
                        "create_engine() is synchronous, but the URL that it gets by default names the asynchronous driver {}",
                        engine.driver
                    ),
                )
                .about(engine.at.path.to_string())
                .at(Place::line(&engine.at.path, engine.at.line))
                .at(Place::line(&engine.url_at.path, engine.url_at.line)),
            );
        }
    }
}
