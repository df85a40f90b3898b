//! `onehead explain`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Finding, LocateDocument, Severity};

/// A rule's page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RulePage {
    /// Its name in reports, configuration and `explain`.
    pub name: &'static str,
    /// Severity where nothing lowers or raises it.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// What it means and what to do, as Markdown.
    pub explanation: &'static str,
}

/// `onehead explain`: one rule, or all of them, the keys of the configuration, or an answer to an error message.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExplainDocument {
    /// `onehead/explain/v1`.
    pub schema: &'static str,
    /// onehead's version.
    pub version: &'static str,
    /// The rules asked for, sorted by name.
    pub rules: Vec<RulePage>,
    /// The keys of the configuration, where those were asked for.
    pub configuration: Vec<ConfigurationKey>,
    /// The answer, where an error message was asked about.
    pub answer: Option<ErrorAnswer>,
}

/// What a repository says of an error message.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ErrorAnswer {
    /// What the message means.
    pub meaning: String,
    /// The commit whose files were looked at; `null` outside of a repository.
    pub commit: Option<String>,
    /// The faults of those files that explain it.
    pub findings: Vec<Finding>,
    /// What the files say of what the message names.
    pub facts: Vec<String>,
    /// Where the id is that the message misses.
    pub located: Option<LocateDocument>,
    /// What to type, where neither a finding nor `located` says it.
    pub statements: Vec<Statement>,
}

/// Something to type.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Statement {
    /// What for.
    pub purpose: String,
    /// The command or SQL statement.
    pub text: String,
}

/// A key of `onehead.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConfigurationKey {
    /// Its name; `[]` stands for the entries of a list.
    pub key: String,
    /// What it means.
    pub description: String,
}
