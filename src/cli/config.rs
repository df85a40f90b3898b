//! `onehead.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::exit::Failure;
use crate::dialect;
use crate::revision::{Environment, ExpectedHeads, VersionLocation};
use crate::vcs::RepoPath;

/// The name of the configuration file at a repository's top.
pub(super) const FILE_NAME: &str = "onehead.yaml";

/// The configuration as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    /// The branch that counts as published.
    pub(super) trunk: Option<String>,
    /// How many heads each environment is meant to have, or which.
    pub(super) heads: Option<Heads>,
    /// The environments; where given, no others are looked for.
    pub(super) environments: Vec<ConfiguredEnvironment>,
    /// Revisions that databases are known to stand at; what is below them has run there, too.
    pub(super) deployed: Vec<String>,
    /// Severity by rule; `off` silences one.
    pub(super) rules: BTreeMap<String, Level>,
}

/// Intended heads.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Heads {
    /// This many.
    Count(usize),
    /// These ids or branch labels.
    Named(Vec<String>),
}

/// One environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfiguredEnvironment {
    /// Its name; the script location where absent.
    name: Option<String>,
    /// The migration tool.
    #[serde(default)]
    dialect: Option<String>,
    /// Directory with `env.py`, from the repository's top.
    script_location: String,
    /// Directories of revision files, from the repository's top; `versions` below the script location where absent.
    #[serde(default)]
    version_locations: Vec<String>,
    /// Whether sub-directories of the version locations count.
    #[serde(default)]
    recursive_version_locations: bool,
    /// Intended heads of this environment.
    heads: Option<Heads>,
}

/// What becomes of a rule's findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Not reported.
    Off,
    /// Reported.
    Info,
    /// Reported.
    Warning,
    /// Reported, and exit code 1.
    Error,
}

impl Config {
    /// Reads the configuration from the text of `file`.
    ///
    /// # Errors
    /// On anything that is not valid, with line and column.
    pub(super) fn parse(file: &str, text: &[u8]) -> Result<Self, Failure> {
        let wrong = |reason: String| {
            Failure::new(format!("{file}: {reason}"), "onehead explain configuration   (or see the README)")
        };
        let text = std::str::from_utf8(text).map_err(|_| wrong("it is not UTF-8".into()))?;
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        let config: Self = serde_yaml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        for rule in config.rules.keys() {
            if crate::rules::by_name(rule).is_none() {
                return Err(wrong(format!("there is no rule '{rule}'")));
            }
        }
        for environment in &config.environments {
            let name = environment.dialect.as_deref().unwrap_or("alembic");
            if dialect::by_name(name).is_none() {
                return Err(wrong(format!("there is no dialect '{name}'")));
            }
        }
        Ok(config)
    }

    /// The configured environments, or `None` where they are to be found.
    pub(super) fn environments(&self, file: &str) -> Option<Vec<Environment>> {
        if self.environments.is_empty() {
            return None;
        }
        let mut environments: Vec<Environment> = self
            .environments
            .iter()
            .map(|configured| {
                let directory = RepoPath::new(&configured.script_location);
                let location = |path: RepoPath| VersionLocation {
                    path,
                    recursive: configured.recursive_version_locations,
                };
                Environment {
                    name: configured.name.clone().unwrap_or_else(|| directory.to_string()),
                    dialect: dialect::by_name(configured.dialect.as_deref().unwrap_or("alembic"))
                        .map_or("alembic", dialect::Dialect::name),
                    version_locations: match configured.version_locations.is_empty() {
                        true => vec![location(directory.join("versions"))],
                        false => configured
                            .version_locations
                            .iter()
                            .map(|path| location(RepoPath::new(path)))
                            .collect(),
                    },
                    directory,
                    found_by: file.to_owned(),
                    expected_heads: expected(configured.heads.as_ref().or(self.heads.as_ref())),
                    file_template: None,
                }
            })
            .collect();
        environments.sort_by(|one, two| (&one.directory, &one.name).cmp(&(&two.directory, &two.name)));
        Some(environments)
    }

    /// The heads that environments are meant to have where nothing more specific is said.
    pub(super) fn expected_heads(&self) -> ExpectedHeads {
        expected(self.heads.as_ref())
    }
}

fn expected(heads: Option<&Heads>) -> ExpectedHeads {
    match heads {
        None => ExpectedHeads::ByLabel,
        Some(Heads::Count(count)) => ExpectedHeads::Count(*count),
        Some(Heads::Named(names)) => ExpectedHeads::Named(names.iter().cloned().collect()),
    }
}
