//! `onehead.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::exit::Failure;
use crate::dialect;
use crate::revision::{Environment, ExpectedHeads, VersionLocation};
use crate::vcs::RepoPath;

/// The name of the configuration file at a repository's top.
pub(super) const FILE_NAME: &str = "onehead.yaml";

/// Larger files are no configuration.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// The YAML reader takes quadratic time for nested brackets; a configuration needs few.
const MAX_BRACKETS: usize = 4096;

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
    /// Values of settings that migrations read and that no file of the repository gives, by name.
    pub(super) assume: BTreeMap<String, Scalar>,
    /// Severity by rule; `off` silences one.
    pub(super) rules: BTreeMap<String, Level>,
}

/// A value of `assume:`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

/// Intended heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heads {
    /// This many.
    Count(usize),
    /// These ids or branch labels.
    Named(Vec<String>),
}

impl<'de> Deserialize<'de> for Heads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadsVisitor)
    }
}

struct HeadsVisitor;

impl HeadsVisitor {
    fn refuse<T, E: de::Error>() -> Result<T, E> {
        Err(E::custom(
            "heads must be a number from 1 or a list of ids or labels (in quotes where they look like numbers)",
        ))
    }
}

impl<'de> Visitor<'de> for HeadsVisitor {
    type Value = Heads;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 1 or a list of ids or labels")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Heads, E> {
        match usize::try_from(count) {
            Ok(count) if count > 0 => Ok(Heads::Count(count)),
            _ => Self::refuse(),
        }
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Heads, E> {
        u64::try_from(count).map_or_else(|_| Self::refuse(), |count| self.visit_u64(count))
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Heads, E> {
        Self::refuse()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Heads, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = items.next_element().or_else(|_| Self::refuse())? {
            names.push(name);
        }
        Ok(Heads::Named(names))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Heads, A::Error> {
        Self::refuse()
    }
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
    /// Rules that are silenced.
    pub(super) fn rules_off(&self) -> BTreeSet<String> {
        let off = self.rules.iter().filter(|(_, level)| **level == Level::Off);
        off.map(|(rule, _)| rule.clone()).collect()
    }

    /// Reads the configuration from the text of `file`.
    ///
    /// # Errors
    /// On anything that is not valid, with line and column where they are known.
    pub(super) fn parse(file: &str, text: &[u8]) -> Result<Self, Failure> {
        let wrong = |reason: String| {
            Failure::new(format!("{file}: {reason}"), "onehead explain configuration   (or see the README)")
        };
        if text.len() > MAX_BYTES {
            return Err(wrong(format!("it is larger than {} KiB", MAX_BYTES >> 10)));
        }
        if text.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > MAX_BRACKETS {
            return Err(wrong(format!("it holds more than {MAX_BRACKETS} brackets")));
        }
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
        let mut names = BTreeSet::new();
        for environment in config.environments(file).iter().flatten() {
            if !names.insert(environment.name.clone()) {
                return Err(wrong(format!("two environments are named '{}'", environment.name)));
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
                let directory = top_path(&configured.script_location);
                let location = |path: RepoPath| VersionLocation {
                    path,
                    recursive: configured.recursive_version_locations,
                };
                Environment {
                    name: configured.name.clone().unwrap_or_else(|| match directory.is_root() {
                        true => ".".into(),
                        false => directory.to_string(),
                    }),
                    dialect: dialect::by_name(configured.dialect.as_deref().unwrap_or("alembic"))
                        .map_or("alembic", dialect::Dialect::name),
                    version_locations: match configured.version_locations.is_empty() {
                        true => vec![location(directory.join("versions"))],
                        false => {
                            configured.version_locations.iter().map(|path| location(top_path(path))).collect()
                        }
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

/// A path from the repository's top, `.` and `..` applied; one that leads out stays as it is and
/// names nothing.
fn top_path(path: &str) -> RepoPath {
    RepoPath::root().resolve(path.as_bytes()).unwrap_or_else(|| RepoPath::new(path))
}

fn expected(heads: Option<&Heads>) -> ExpectedHeads {
    match heads {
        None => ExpectedHeads::ByLabel,
        Some(Heads::Count(count)) => ExpectedHeads::Count(*count),
        Some(Heads::Named(names)) => ExpectedHeads::Named(names.iter().cloned().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Failure, Heads, MAX_BRACKETS, MAX_BYTES};

    fn heads(value: &str) -> Result<Heads, String> {
        parse(&format!("heads: {value}\n")).map(|config| config.heads.unwrap())
    }

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse("onehead.yaml", text.as_bytes()).map_err(|failure| match failure {
            Failure::Told { message, .. } => message,
            _ => String::new(),
        })
    }

    #[test]
    fn heads_are_a_number_or_a_list() {
        assert_eq!(heads("2"), Ok(Heads::Count(2)));
        assert_eq!(heads("[a1, '001']"), Ok(Heads::Named(vec!["a1".into(), "001".into()])));
        for wrong in [
            "-1",
            "0",
            "1.5",
            "true",
            "a1",
            "{a: 1}",
            "[{a: 1}]",
            "99999999999999999999",
            "-99999999999999999999",
        ] {
            let message = heads(wrong).unwrap_err();
            let sentence = "heads must be a number from 1 or a list of ids or labels";
            assert!(
                message.starts_with("onehead.yaml: ") && message.contains(sentence),
                "{wrong}: {message}"
            );
        }
        let message = parse("environments:\n  - script_location: m\n    heads: -1\n").unwrap_err();
        assert!(message.contains("environments[0].heads") && message.contains("line 3"), "{message}");
    }

    #[test]
    fn names_of_environments_differ() {
        let named = |one: &str, two: &str| {
            parse(&format!(
                "environments:\n  - {{{one}script_location: m}}\n  - {{{two}script_location: m}}\n"
            ))
        };
        assert!(named("name: a, ", "name: b, ").is_ok());
        let message = "onehead.yaml: two environments are named";
        assert_eq!(named("name: a, ", "name: a, ").unwrap_err(), format!("{message} 'a'"));
        assert_eq!(named("", "name: m, ").unwrap_err(), format!("{message} 'm'"));
    }

    #[test]
    fn dots_in_paths_are_applied() {
        let place = |path: &str| {
            let config = parse(&format!("environments: [{{script_location: '{path}'}}]\n")).unwrap();
            let environment = config.environments("onehead.yaml").unwrap().remove(0);
            (environment.name, environment.version_locations[0].path.to_string())
        };
        assert_eq!(place("./a/../db/"), ("db".into(), "db/versions".into()));
        assert_eq!(place("."), (".".into(), "versions".into()));
        assert_eq!(place("../db"), ("../db".into(), "../db/versions".into()));
    }

    #[test]
    fn what_is_no_configuration_is_not_parsed() {
        let comment = |bytes| format!("#{}", "x".repeat(bytes - 1));
        assert!(parse(&comment(MAX_BYTES)).is_ok());
        assert_eq!(parse(&comment(MAX_BYTES + 1)).unwrap_err(), "onehead.yaml: it is larger than 1024 KiB");
        assert_eq!(
            parse(&format!("trunk: {}", "{a: ".repeat(50_000))).unwrap_err(),
            "onehead.yaml: it holds more than 4096 brackets"
        );
        assert!(parse(&"{a: ".repeat(MAX_BRACKETS)).is_err());
        assert!(parse(&"- ".repeat(MAX_BYTES / 2)).is_err());
        assert!(parse(&"? ".repeat(MAX_BYTES / 2)).is_err());
        assert!(parse(&format!("heads: [{}]", "a, ".repeat(300_000))).is_ok());
    }
}
