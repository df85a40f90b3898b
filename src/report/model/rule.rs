//! `onehead explain`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Severity;

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

/// `onehead explain`: one rule, or all of them.
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
}

/// A key of `onehead.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConfigurationKey {
    /// Its name; `[]` stands for the entries of a list.
    pub key: String,
    /// What it means.
    pub description: String,
}
