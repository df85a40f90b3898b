//! The rules' pages as documents have them.

use crate::report::convert;
use crate::report::model::RulePage;
use crate::rules::{RULES, Rule, RuleMeta};

/// Every rule's page, sorted by name.
pub(super) fn rule_pages() -> Vec<RulePage> {
    RULES.iter().map(|rule| rule_page(*rule)).collect()
}

/// One rule's page.
pub(super) fn rule_page(rule: &dyn Rule) -> RulePage {
    let RuleMeta { name, summary, severity, explanation } = rule.meta();
    RulePage { name, severity: convert::severity(*severity), summary, explanation }
}
