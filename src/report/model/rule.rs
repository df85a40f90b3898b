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
