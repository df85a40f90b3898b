//! Findings as GitLab's code quality report.

use serde::Serialize;

use super::fingerprint::fingerprints;
use super::model::{Finding, Severity};

/// One finding.
#[derive(Debug, Serialize)]
pub struct CodeQuality {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Debug, Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct Lines {
    begin: u32,
}

/// The report. GitLab wants a place for each finding: one that has none is put at the top of the repository.
pub fn check_gitlab(findings: &[Finding]) -> Vec<CodeQuality> {
    findings
        .iter()
        .zip(fingerprints(findings))
        .map(|(finding, fingerprint)| CodeQuality {
            description: match &finding.environment {
                Some(environment) => format!("{environment}: {}", finding.message),
                None => finding.message.clone(),
            },
            check_name: finding.rule.clone(),
            fingerprint,
            severity: match finding.severity {
                Severity::Error => "critical",
                Severity::Warning => "minor",
                Severity::Info => "info",
            },
            location: Location {
                path: finding.places.first().map_or_else(|| ".".to_owned(), |place| place.path.clone()),
                lines: Lines { begin: finding.places.first().map_or(1, |place| place.line) },
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_json_snapshot;

    use super::*;
    use crate::report::sample::{awkward, check};

    #[test]
    fn every_finding_has_a_place_and_a_name() {
        let mut findings = check().findings;
        findings.extend(awkward());
        assert_json_snapshot!(check_gitlab(&findings));
    }
}
