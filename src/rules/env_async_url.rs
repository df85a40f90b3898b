use super::{DecidedBy, ProjectCx, Rule, RuleMeta};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::project::AsyncUrl;

/// env.py makes an engine that its URL or driver cannot work with.
pub(super) struct EnvAsyncUrl;

static META: RuleMeta = RuleMeta {
    name: "env-async-url",
    summary: "env.py makes an engine that its URL or driver cannot work with",
    severity: Severity::Error,
    explanation: "A synchronous engine (`create_engine`, `engine_from_config`) with the URL of an asynchronous driver
(`postgresql+asyncpg://…`) fails at the first connection: \"The asyncio extension requires an async driver to be
used\" or \"MissingGreenlet: greenlet_spawn has not been called\". An asynchronous engine whose connection never gets
`run_sync` cannot run the migrations either.

The URL is taken where the files tell it: in `env.py`, in `alembic.ini` if nothing else touches it, in the default of
a settings class, in `.env` and compose files. URLs that are edited on the way (`.replace(\"+asyncpg\", \"\")`) are not
known, and nothing is said of them.

Use a synchronous driver for migrations, or Alembic's `async` template.",
};

impl Rule for EnvAsyncUrl {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Project
    }

    fn check_project(&self, cx: &ProjectCx<'_>, sink: &mut Vec<Diagnostic>) {
        for file in &cx.project.env_files {
            let diagnostic = match &file.async_url {
                None => continue,
                Some(AsyncUrl::SyncEngine { engine, at, driver, url_at }) => Diagnostic::new(
                    META.name,
                    META.severity,
                    format!(
                        "{engine}() makes a synchronous engine, but its URL names the asynchronous driver {driver}: every alembic command that connects fails with \"MissingGreenlet\""
                    ),
                )
                .at(Place::line(&at.path, at.line))
                .at(Place::line(&url_at.path, url_at.line)),
                Some(AsyncUrl::NoRunSync(at)) => Diagnostic::new(
                    META.name,
                    META.severity,
                    "the engine is asynchronous, and nothing here runs the migrations with `connection.run_sync(…)`: they need a synchronous connection",
                )
                .at(Place::line(&at.path, at.line)),
            };
            let mut diagnostic = diagnostic.about(file.path.to_string());
            diagnostic.environment = Some(file.environment.clone());
            sink.push(diagnostic);
        }
    }
}
