//! `onehead.yaml`. The documentation of the keys here is what `explain configuration` and the JSON Schema say.

mod append;
mod heads;
mod keys;
mod rules;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use append::{NotAppended, append};
pub(super) use heads::Heads;
pub(super) use keys::keys;
use rules::Rules;
pub(super) use values::{RuleName, Scalar, Texts};

use super::exit::Failure;
use crate::check::Acceptance;
use crate::dialect;
use crate::revision::{Environment, ExpectedHeads, VersionLocation};
use crate::rules::{DecidedBy, RULES, by_name};
use crate::schema::compare::Aspect;
use crate::vcs::RepoPath;

/// The name of the configuration file at a repository's top.
pub(super) const FILE_NAME: &str = "onehead.yaml";

/// Larger files are no configuration.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// The YAML reader takes quadratic time for nested brackets; a configuration needs few.
const MAX_BRACKETS: usize = 4096;

/// The configuration of onehead, `onehead.yaml` at the top of a repository. Every key is optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "onehead.yaml", inline)]
pub(super) struct Config {
    /// The branch that counts as published: anything that `git rev-parse` takes. Default: origin/HEAD, else main, else
    /// master.
    pub(super) trunk: Option<String>,
    /// The heads that every environment is meant to have: a number, or a list of ids and branch labels. Default: one
    /// for each branch label.
    pub(super) heads: Option<Heads>,
    /// The environments. Where given, no others are looked for.
    pub(super) environments: Vec<ConfiguredEnvironment>,
    /// Revisions that databases are known to stand at. What is below them has run there, too, and is not rewritten.
    pub(super) deployed: Vec<String>,
    /// Severity by rule: error, warning, info, or off to silence one. For schema-drift also a map of severity and except,
    /// the list of the kinds of difference that it leaves out: column, type, nullable, primary-key, foreign-key, unique.
    rules: Rules,
    /// Old faults that are accepted. `onehead check --write-baseline` adds those that it finds.
    pub(super) baseline: Vec<BaselineEntry>,
    /// The SQL dialect of the schema that the migrations build: postgresql, mysql or sqlite.
    pub(super) dialect: Option<SqlDialect>,
    /// Values of settings that migrations read and that no file of the repository gives, by name: a text, a number,
    /// true, false or null.
    pub(super) assume: BTreeMap<String, Scalar>,
}

/// One environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct ConfiguredEnvironment {
    /// Its name for --env and reports. Default: its script_location.
    name: Option<String>,
    /// The migration tool. Default, and the only one: alembic.
    #[serde(default, deserialize_with = "values::tool")]
    dialect: Option<String>,
    /// The directory with env.py, from the top of the repository.
    script_location: String,
    /// The directories of revision files, from the top of the repository. Default: versions below the script_location.
    #[serde(default)]
    version_locations: Vec<String>,
    /// Whether sub-directories of the version_locations count. Default: false.
    #[serde(default)]
    recursive_version_locations: bool,
    /// The heads that this environment is meant to have, instead of the heads above.
    heads: Option<Heads>,
}

/// An old fault that is accepted. Conditions that are absent hold for every finding of the rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct BaselineEntry {
    /// The rule.
    rule: RuleName,
    /// The environment's name.
    environment: Option<String>,
    /// A file, or a directory with all it holds, that the fault is in.
    path: Option<String>,
    /// An id or a list of ids: all revisions that the fault concerns must be among them.
    revision: Option<Texts>,
    /// What makes it this fault, as the JSON report has it under `subject`.
    subject: Option<String>,
    /// Why it is accepted. Required.
    #[serde(deserialize_with = "values::reason")]
    reason: String,
    /// The last day on which it is accepted, such as 2025-06-30. Default: it stays accepted.
    #[serde(default, deserialize_with = "values::day")]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    expires: Option<Date>,
}

/// The SQL dialect of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum SqlDialect {
    /// PostgreSQL.
    Postgresql,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

/// What becomes of a rule's findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
    /// What becomes of the findings of `rule`, where that is given.
    pub(super) fn level(&self, rule: &str) -> Option<Level> {
        self.rules.level(rule)
    }

    /// The kinds of difference that `schema-drift` leaves out.
    pub(super) fn undrawn(&self) -> &BTreeSet<Aspect> {
        self.rules.without()
    }

    /// Rules that are silenced.
    pub(super) fn rules_off(&self) -> BTreeSet<String> {
        let off = self.rules.levels().filter(|(_, level)| *level == Level::Off);
        let names = off.map(|(rule, _)| rule.to_owned());
        let unasked = RULES.iter().map(|rule| rule.meta().name).filter(|name| self.is_unasked(name));
        names.chain(unasked.map(str::to_owned)).collect()
    }

    /// Whether a rule that looks at the bodies of revisions, or at models, is not silenced.
    pub(super) fn asks_for_bodies(&self) -> bool {
        let off = self.rules_off();
        let of_bodies = RULES.iter().filter(|rule| rule.decided_by() == DecidedBy::Bodies);
        of_bodies.map(|rule| rule.meta().name).any(|name| !off.contains(name))
    }

    /// Whether the rule is one that is silent unless it has a severity here, and has none.
    pub(super) fn is_unasked(&self, rule: &str) -> bool {
        self.level(rule).is_none() && by_name(rule).is_some_and(|rule| rule.is_opt_in())
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

    /// The faults that are accepted; `text` is what the configuration was read from.
    pub(super) fn acceptances(&self, text: &str) -> Vec<Acceptance> {
        let lines = append::entry_lines(text, self.baseline.len());
        let entry = |(entry, line): (&BaselineEntry, u32)| Acceptance {
            rule: entry.rule.0.clone(),
            environment: entry.environment.clone(),
            path: entry.path.as_deref().map(top_path),
            revisions: entry.revision.as_ref().map(|ids| ids.0.iter().cloned().collect()),
            subject: entry.subject.clone(),
            reason: entry.reason.clone(),
            expires: entry.expires,
            line,
        };
        self.baseline.iter().zip(lines).map(entry).collect()
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
    use super::{Config, Failure, Heads, MAX_BRACKETS, MAX_BYTES, Scalar, SqlDialect};

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

    /// Every key with a value of a wrong type, an unknown key beside it, and what is said of where.
    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let texts = [
            "\ntrunk: [a]\n",
            "trunk: main\ncolour: x\n",
            "environments: x\n",
            "environments:\n  - name: m\n",
            "environments:\n  - script_location: m\n    nmae: x\n",
            "environments:\n  - script_location: 5\n",
            "environments:\n  - script_location: m\n    dialect: django\n",
            "environments:\n  - script_location: m\n    version_locations: v\n",
            "environments:\n  - script_location: m\n    recursive_version_locations: 1\n",
            "deployed: a1\n",
            "deployed: [001]\n",
            "rules: off\n",
            "rules:\n  empty-migration: off\n  no-rule: off\n",
            "rules:\n  empty-migration: loud\n",
            "rules:\n  empty-migration: off\n  empty-migration: info\n",
            "rules:\n  empty-migration: {severity: off}\n",
            "rules:\n  schema-drift: loud\n",
            "rules:\n  schema-drift: [nullable]\n",
            "rules:\n  schema-drift: off\n  schema-drift: {}\n",
            "rules:\n  schema-drift:\n    severity: off\n    excpet: [nullable]\n",
            "rules:\n  schema-drift:\n    severity: loud\n",
            "rules:\n  schema-drift:\n    except: nullable\n",
            "rules:\n  schema-drift:\n    except: [nullable, colour]\n",
            "rules:\n  schema-drift: {except: [table]}\n",
            "baseline: x\n",
            "baseline:\n  - rule: empty-migration\n",
            "baseline:\n  - rule: no-rule\n    reason: r\n",
            "baseline:\n  - rule: empty-migration\n    reason: ' '\n",
            "baseline:\n  - rule: empty-migration\n    reason: r\n    expires: soon\n",
            "baseline:\n  - rule: empty-migration\n    reason: r\n    revision: 5\n",
            "baseline:\n  - rule: empty-migration\n    reason: r\n    revision: []\n",
            "baseline:\n  - rule: empty-migration\n    reason: r\n    path: {}\n",
            "baseline:\n  - rule: empty-migration\n    reason: r\n    environment: []\n",
            "baseline:\n  - rule: empty-migration\n    reason: r\n    subject: 1\n",
            "baseline:\n  - rule: empty-migration\n    reason: r\n    until: 1\n",
            "dialect: oracle\n",
            "dialect: [mysql]\n",
            "assume: x\n",
            "assume:\n  A: 1\n  B: [x]\n",
            "assume:\n  A: 99999999999999999999\n",
        ];
        let told = texts.map(|text| match parse(text) {
            Ok(_) => format!("{text}=> fine\n"),
            Err(message) => format!("{text}=> {message}\n"),
        });
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn every_key_is_read() {
        let text = "dialect: mysql\nassume: {A: 1, B: x, C: null, D: 1.5, E: true, F: -1}\nbaseline:\n- rule: empty-migration\n  path: ./m/a.py\n  revision: a\n  reason: r\n  expires: 2025-06-30\n";
        let config = parse(text).unwrap();
        assert_eq!(config.dialect, Some(SqlDialect::Mysql));
        let assumed: Vec<&Scalar> = config.assume.values().collect();
        let text_of = |text: &str| Scalar::Text(text.to_owned());
        assert_eq!(
            assumed,
            [
                &Scalar::Int(1),
                &text_of("x"),
                &Scalar::Null,
                &Scalar::Float(1.5),
                &Scalar::Bool(true),
                &Scalar::Int(-1)
            ]
        );
        let accepted = config.acceptances(text).remove(0);
        assert_eq!(accepted.path.map(|path| path.to_string()).as_deref(), Some("m/a.py"));
        assert_eq!(
            (accepted.line, accepted.expires.map(|day| day.to_string())),
            (4, Some("2025-06-30".into()))
        );
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
