//! What an application does with its database when it starts.

use super::Spot;
use super::files::is_aside;
use super::module::{Argument, Call, Module, last};
use super::modules::{Modules, Origin};
use super::tables::{Candidates, metadata_of};
use super::url::{Variables, async_driver, url_of};
use crate::vcs::{Error, RepoPath};

/// A `create_all()` in code that an application runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateAll {
    /// Where.
    pub at: Spot,
    /// What is created, as written: `Base.metadata`.
    pub object: String,
    /// The function that holds it; `None` at module level.
    pub function: Option<String>,
    /// How the start of the application comes there; `None` where that is not told.
    pub startup: Option<Startup>,
    /// Whether it stands under a condition.
    pub conditional: bool,
    pub(super) metadata: Option<Origin>,
}

/// How the start of an application comes to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Startup {
    /// The file is imported.
    Import,
    /// The function is a start-up handler, a lifespan, or an application factory.
    Handler,
    /// Such a one calls it.
    CalledBy(String, Spot),
}

/// A synchronous engine with the URL of an asynchronous driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEngine {
    /// The call.
    pub at: Spot,
    /// The driver, `asyncpg`.
    pub driver: String,
    /// Where the URL is written.
    pub url_at: Spot,
}

/// Decorators that run a function when the application starts.
const STARTUP_DECORATORS: [&str; 4] =
    ["before_first_request", "before_serving", "on_startup", "before_app_serving"];

/// Decorators of commands that people type.
const COMMAND_DECORATORS: [&str; 4] = ["command", "cli", "task", "fixture"];

/// Functions that run the command line they are given.
const RUNNERS: [&str; 11] = [
    "run",
    "call",
    "check_call",
    "check_output",
    "Popen",
    "system",
    "main",
    "execvp",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "invoke",
];

/// Calls of `create_all()` outside tests, scripts and documentation.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn create_all(modules: &Modules<'_>, candidates: &Candidates) -> Result<Vec<CreateAll>, Error> {
    let mut found = Vec::new();
    for path in &candidates.create_all {
        let Some(module) = modules.module(path)? else { continue };
        for call in &module.calls {
            let Some(object) = created(call) else { continue };
            // Databases that migrations are not written for: `if settings.is_sqlite(): …`.
            if call.for_sqlite {
                continue;
            }
            // With a version row written beside it, databases start at the head: Alembic's own recipe.
            let beside = module.calls.iter().filter(|other| other.function == call.function);
            if beside.filter_map(|other| last(&other.callee)).any(tells_alembic) {
                continue;
            }
            let function = call.function.and_then(|at| module.functions.get(at));
            let is_command = function.is_some_and(|function| {
                function
                    .decorators
                    .iter()
                    .filter_map(|(name, _)| last(name))
                    .any(|name| COMMAND_DECORATORS.contains(&name))
            });
            if is_command {
                continue;
            }
            let mut conditional = call.conditional;
            let startup = match function {
                None if call.in_main => None,
                None => Some(Startup::Import),
                Some(function) if is_startup(&module, &function.name, &function.decorators) => {
                    Some(Startup::Handler)
                }
                Some(function) => match caller(modules, path, &function.name)? {
                    Some((_, by)) if by.for_sqlite => continue,
                    Some((startup, by)) => {
                        conditional |= by.conditional;
                        Some(startup)
                    }
                    None => None,
                },
            };
            let metadata = match modules.origin(path, &object)? {
                Some(origin) => metadata_of(modules, &origin, 12)?,
                None => None,
            };
            found.push(CreateAll {
                at: Spot { path: path.clone(), line: call.line },
                object,
                function: function.map(|function| function.name.clone()),
                startup,
                conditional,
                metadata,
            });
        }
    }
    Ok(found)
}

/// What a call creates: `Base.metadata.create_all(…)`, `connection.run_sync(Base.metadata.create_all)`.
fn created(call: &Call) -> Option<String> {
    let object = match last(&call.callee)? {
        "create_all" => call.callee.strip_suffix(".create_all")?,
        "run_sync" => match call.arguments.first()? {
            Some(Argument::Dotted(argument)) => argument.strip_suffix(".create_all")?,
            _ => return None,
        },
        _ => return None,
    };
    Some(object.to_owned())
}

fn tells_alembic(name: &str) -> bool {
    ["stamp", "upgrade", "migrat", "alembic"].iter().any(|word| name.contains(word))
}

fn is_startup(module: &Module, name: &str, decorators: &[(String, Option<String>)]) -> bool {
    let decorated = decorators.iter().any(|(decorator, argument)| {
        let decorator = last(decorator).unwrap_or_default();
        STARTUP_DECORATORS.contains(&decorator)
            || (decorator == "on_event" && argument.as_deref() == Some("startup"))
            || (decorator == "asynccontextmanager" && name.contains("lifespan"))
    });
    let handed_over = module.calls.iter().any(|call| {
        let is_it = |argument: &Option<Argument>| matches!(argument, Some(Argument::Dotted(dotted)) if dotted == name);
        call.keywords.iter().any(|(key, value)| key == "lifespan" && is_it(value))
            || (last(&call.callee) == Some("add_event_handler")
                && matches!(call.arguments.first(), Some(Some(Argument::Text(event))) if event == "startup")
                && call.arguments.iter().skip(1).any(is_it))
    });
    decorated || handed_over || ["create_app", "make_app", "build_app", "get_app"].contains(&name)
}

/// Who calls the function `name` of `path` when the application starts: one step, in the same file or in one that
/// imports it; with the call. One that is no more than possible counts where there is no other.
fn caller(modules: &Modules<'_>, path: &RepoPath, name: &str) -> Result<Option<(Startup, Call)>, Error> {
    let mut possible = None;
    let target = Origin::Local(path.clone(), name.to_owned());
    for other in modules.that_mention(name)? {
        if is_aside(&other) {
            continue;
        }
        let Some(module) = modules.module(&other)? else { continue };
        for call in module.calls.iter().filter(|call| last(&call.callee) == Some(name) && !call.in_main) {
            let by = match call.function.and_then(|at| module.functions.get(at)) {
                None => "module level".to_owned(),
                Some(function) if is_startup(&module, &function.name, &function.decorators) => {
                    format!("{}()", function.name)
                }
                Some(_) => continue,
            };
            if modules.origin(&other, &call.callee)? == Some(target.clone()) {
                let startup = Startup::CalledBy(by, Spot { path: other.clone(), line: call.line });
                if !call.conditional {
                    return Ok(Some((startup, call.clone())));
                }
                possible = possible.or(Some((startup, call.clone())));
            }
        }
    }
    Ok(possible)
}

/// Synchronous engines whose URL, as far as the repository's defaults tell, has an asynchronous driver.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn sync_engines(
    modules: &Modules<'_>,
    candidates: &Candidates,
    variables: &Variables,
) -> Result<Vec<SyncEngine>, Error> {
    let mut found = Vec::new();
    for path in &candidates.engines {
        if path.name() == "env.py" {
            continue;
        }
        let Some(module) = modules.module(path)? else { continue };
        for call in module.calls.iter().filter(|call| last(&call.callee) == Some("create_engine")) {
            let is_sqlalchemy = matches!(modules.origin(path, &call.callee)?, Some(Origin::Foreign(name)) if name.starts_with("sqlalchemy") || name.starts_with("sqlmodel"));
            let (true, Some(Some(argument))) = (is_sqlalchemy, call.arguments.first()) else { continue };
            let Some((url, url_at)) = url_of(modules, variables, path, argument, call.line)? else {
                continue;
            };
            if let Some(driver) = async_driver(&url) {
                found.push(SyncEngine {
                    at: Spot { path: path.clone(), line: call.line },
                    driver: driver.to_owned(),
                    url_at,
                });
            }
        }
    }
    Ok(found)
}

/// Whether the files of the application migrate by themselves: `command.upgrade(…)`, Flask-Migrate's `upgrade()`, or
/// the command line in a string.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn upgrades(modules: &Modules<'_>, candidates: &Candidates) -> Result<bool, Error> {
    for path in &candidates.upgrades {
        let name: &[u8] = path.name();
        if name.starts_with(b"test_") || name == b"conftest.py" {
            continue;
        }
        let Some(module) = modules.module(path)? else { continue };
        for call in &module.calls {
            // Also under another name: `from flask_migrate import upgrade as migrate_upgrade`.
            let by_api = last(&call.callee).is_some_and(|name| name.contains("upgrade"))
                && matches!(modules.origin(path, &call.callee)?, Some(Origin::Foreign(name)) if name.starts_with("alembic.command.upgrade") || name == "flask_migrate.upgrade");
            let runs = last(&call.callee).is_some_and(|name| RUNNERS.contains(&name));
            if by_api || (runs && call.arguments.iter().flatten().any(is_upgrade_command)) {
                return Ok(true);
            }
        }
        // A command that is run later.
        let mut bound = module.bound.iter().filter_map(|bound| bound.value.as_ref());
        if bound.any(|value| matches!(value, Argument::Texts(_)) && is_upgrade_command(value)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_upgrade_command(argument: &Argument) -> bool {
    match argument {
        Argument::Text(text) => super::deploy::upgrades(text),
        Argument::Texts(texts) => super::deploy::upgrades(&texts.join(" ")),
        _ => false,
    }
}
