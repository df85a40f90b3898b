//! Database URLs, as far as the repository's own defaults tell them.

use std::collections::BTreeMap;

use super::Spot;
use super::files::{Files, Kind};
use super::module::Argument;
use super::modules::{Modules, Origin};
use crate::vcs::{Error, Objects, RepoPath};

/// Drivers that only work with `create_async_engine`.
const ASYNC_DRIVERS: [&str; 7] =
    ["asyncpg", "aiosqlite", "aiomysql", "asyncmy", "psycopg_async", "aioodbc", "oracledb_async"];

/// The asynchronous driver that `url` names.
pub(super) fn async_driver(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once("://")?;
    let (_, driver) = scheme.split_once('+')?;
    ASYNC_DRIVERS.contains(&driver).then_some(driver)
}

/// Environment variables that compose and `.env` files set.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: BTreeMap<String, (String, Spot)>,
}

impl Variables {
    /// Reads `.env` files and the `environment:` of compose files; the first in path order wins.
    ///
    /// # Errors
    /// When a blob is damaged or absent.
    pub(super) fn read(objects: &Objects, files: &Files) -> Result<Self, Error> {
        let mut this = Self::default();
        for (path, blob) in files.of(Kind::Dotenv).chain(files.of(Kind::Compose)) {
            let bytes = objects.needed_blob(blob)?;
            let text = String::from_utf8_lossy(&bytes);
            for (at, line) in text.lines().enumerate() {
                // `NAME=value`, `- NAME=value`, `NAME: value`: all that matters here is a name and a URL.
                let line =
                    line.trim().trim_start_matches("- ").trim_start_matches("export ").trim_matches('"');
                let Some((name, value)) = line.split_once(['=', ':']) else { continue };
                let value = value.trim().trim_matches(['"', '\'']);
                let value = default_of(value);
                let is_name =
                    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                if is_name && value.contains("://") {
                    let spot = Spot { path: path.clone(), line: u32::try_from(at + 1).unwrap_or(u32::MAX) };
                    this.values.entry(name.to_owned()).or_insert((value.to_owned(), spot));
                }
            }
        }
        Ok(this)
    }
}

/// The default of `${NAME:-default}`, else the value.
fn default_of(value: &str) -> &str {
    let inner = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.and_then(|inner| inner.split_once(":-")).map_or(value, |(_, default)| default)
}

/// The URL that `argument`, used at `line` of `path`, stands for, and where it is written.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn url_of(
    modules: &Modules<'_>,
    variables: &Variables,
    path: &RepoPath,
    argument: &Argument,
    line: u32,
) -> Result<Option<(String, Spot)>, Error> {
    let name = match argument {
        Argument::Text(url) => return Ok(Some((url.clone(), Spot { path: path.clone(), line }))),
        Argument::Variable(name, default) => {
            let here = default.clone().map(|url| (url, Spot { path: path.clone(), line }));
            return Ok(variables.values.get(name).cloned().or(here));
        }
        Argument::Dotted(name) => name,
        Argument::Texts(_) | Argument::None => return Ok(None),
    };
    let Some(Origin::Local(file, name)) = modules.origin(path, name)? else { return Ok(None) };
    let Some(module) = modules.module(&file)? else { return Ok(None) };
    // `settings.DATABASE_URL`, where `settings = Settings()` and the class gives a default.
    let (bound, attribute) = match name.split_once('.') {
        None => (module.bound(&name), None),
        Some((object, attribute)) => match module.bound(object).and_then(|bound| bound.made_by.as_deref()) {
            None => (module.bound(&name), Some(attribute)),
            Some(class) => {
                let Some(Origin::Local(home, class)) = modules.origin(&file, class)? else { return Ok(None) };
                let Some(module) = modules.module(&home)? else { return Ok(None) };
                let bound = module.bound(&format!("{class}.{attribute}")).cloned();
                return Ok(value(variables, &home, bound.as_ref(), Some(attribute)));
            }
        },
    };
    Ok(value(variables, &file, bound, attribute))
}

/// What `bound` holds; a settings class takes the variable of the attribute's name first.
fn value(
    variables: &Variables,
    path: &RepoPath,
    bound: Option<&super::module::Bound>,
    attribute: Option<&str>,
) -> Option<(String, Spot)> {
    let bound = bound?;
    let set = |name: &str| variables.values.get(name).cloned();
    let here = |url: &str| (url.to_owned(), Spot { path: path.clone(), line: bound.line });
    match &bound.value {
        Some(Argument::Text(url)) => {
            attribute.and_then(|name| set(&name.to_uppercase())).or_else(|| Some(here(url)))
        }
        Some(Argument::Variable(name, default)) => set(name).or_else(|| default.as_deref().map(here)),
        _ => None,
    }
}
