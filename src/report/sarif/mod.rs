//! Findings as SARIF 2.1.0, the format of code scanning services.

mod model;
mod replacements;

use std::collections::{BTreeMap, BTreeSet};

pub use model::Log;
use model::{
    ArtifactChange, ArtifactLocation, AutomationDetails, Configuration, Driver, Fix, Invocation, Location,
    MarkdownText, PhysicalLocation, Region, ReportingDescriptor, RuleProperties, Run, RunProperties,
    SarifResult, Text, Tool,
};

use super::fingerprint::fingerprints;
use super::model::{Finding, Place, RulePage, Severity, VERSION};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Stands for the top of the repository, whatever it is where the log is read.
const TOP: &str = "%SRCROOT%";

/// What a log is made of.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The command that found it: `check`, `audit`.
    pub command: &'a str,
    /// The commit that the findings are compared with; `None` where they are compared with nothing.
    pub base: Option<&'a str>,
    /// The commit studied, where it is one.
    pub head: Option<&'a str>,
    /// The faults.
    pub findings: &'a [Finding],
    /// The pages of their rules; others are left out.
    pub rules: &'a [RulePage],
    /// For each finding whose repair is an edit of files that are there: the edits, by the finding's place in
    /// `findings`.
    pub repairs: &'a BTreeMap<usize, Vec<EditedFile>>,
}

/// A file that a repair edits.
#[derive(Clone, Debug)]
pub struct EditedFile {
    /// Where it is.
    pub path: String,
    /// Its content.
    pub before: Vec<u8>,
    /// Its content after the repair.
    pub after: Vec<u8>,
}

/// The log.
pub fn sarif(input: &Input<'_>) -> Log {
    let found: BTreeSet<&str> = input.findings.iter().map(|finding| finding.rule.as_str()).collect();
    let rules: Vec<&RulePage> = input.rules.iter().filter(|rule| found.contains(rule.name)).collect();
    let results = input.findings.iter().zip(fingerprints(input.findings)).enumerate().map(
        |(at, (finding, fingerprint))| SarifResult {
            rule_id: finding.rule.clone(),
            rule_index: rules.iter().position(|rule| rule.name == finding.rule),
            level: level(finding.severity),
            message: message(&story(finding)),
            locations: vec![location(finding.places.first())],
            related_locations: related(finding),
            partial_fingerprints: BTreeMap::from([("oneheadFinding/v1", fingerprint)]),
            baseline_state: input.base.map(|_| if finding.new { "new" } else { "unchanged" }),
            fixes: fix(finding, input.repairs.get(&at)).into_iter().collect(),
            properties: model::ResultProperties {
                environment: finding.environment.clone(),
                revisions: finding.revisions.clone(),
            },
        },
    );
    let top = ArtifactLocation {
        uri: None,
        uri_base_id: None,
        description: Some(message("The top of the repository.")),
    };
    Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: vec![Run {
            results: results.collect(),
            tool: Tool {
                driver: Driver {
                    name: "onehead",
                    version: VERSION,
                    semantic_version: VERSION,
                    information_uri: env!("CARGO_PKG_REPOSITORY"),
                    rules: rules.into_iter().map(descriptor).collect(),
                },
            },
            automation_details: AutomationDetails { id: format!("onehead/{}/", input.command) },
            invocations: vec![Invocation { execution_successful: true }],
            original_uri_base_ids: BTreeMap::from([(TOP, top)]),
            column_kind: "unicodeCodePoints",
            properties: RunProperties {
                base: input.base.map(str::to_owned),
                head: input.head.map(str::to_owned),
            },
        }],
    }
}

fn descriptor(rule: &RulePage) -> ReportingDescriptor {
    ReportingDescriptor {
        id: rule.name,
        short_description: message(rule.summary),
        full_description: message(&format!("{}.", rule.summary)),
        help: MarkdownText { text: rule.explanation.to_owned(), markdown: rule.explanation.to_owned() },
        default_configuration: Configuration { level: level(rule.severity) },
        properties: RuleProperties {
            tags: ["database", "migrations"],
            problem_severity: match rule.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "recommendation",
            },
        },
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// The message with the facts and the repair, as services show nothing else.
fn story(finding: &Finding) -> String {
    let mut lines = vec![finding.message.clone()];
    lines.extend(finding.evidence.iter().map(|fact| format!("- {fact}")));
    lines.extend(finding.fix.iter().map(|fix| format!("fix: {}", fix.summary)));
    lines.join("\n")
}

/// `text` as a message: what the standard would take for a link or a placeholder is escaped.
fn message(text: &str) -> Text {
    let mut escaped = match text.contains("](") {
        true => text.replace('[', "\\[").replace(']', "\\]"),
        false => text.to_owned(),
    };
    let is_placeholder = |at: usize| {
        let inside = escaped[at + 1..].trim_start_matches(|c: char| c.is_ascii_digit());
        inside.starts_with('}') && !escaped[at + 1..].starts_with('}')
    };
    if escaped.match_indices('{').any(|(at, _)| is_placeholder(at)) {
        escaped = escaped.replace('{', "{{").replace('}', "}}");
    }
    Text { text: escaped }
}

/// A finding without a place is about the repository; services want a place for each.
fn location(place: Option<&Place>) -> Location {
    let physical_location = match place {
        Some(place) => physical(place),
        None => PhysicalLocation { artifact_location: artifact("."), region: None },
    };
    Location { id: None, physical_location, message: None }
}

fn related(finding: &Finding) -> Vec<Location> {
    let more = finding.places.iter().enumerate().skip(1);
    more.map(|(at, place)| Location {
        id: Some(at),
        physical_location: physical(place),
        message: Some(match &place.commit {
            Some(commit) => message(&format!("also here, since {commit}")),
            None => message("also here"),
        }),
    })
    .collect()
}

fn physical(place: &Place) -> PhysicalLocation {
    let region = Region {
        start_line: place.line,
        start_column: place.column,
        end_line: None,
        end_column: None,
        byte_offset: None,
        byte_length: None,
    };
    PhysicalLocation { artifact_location: artifact(&place.path), region: Some(region) }
}

fn artifact(path: &str) -> ArtifactLocation {
    ArtifactLocation { uri: Some(uri(path)), uri_base_id: Some(TOP), description: None }
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The edits as the standard has them; `None` where one of the files is no text.
fn fix(finding: &Finding, files: Option<&Vec<EditedFile>>) -> Option<Fix> {
    let changes = files?.iter().map(|file| {
        let replacements = replacements::replacements(&file.before, &file.after)?;
        Some(ArtifactChange { artifact_location: artifact(&file.path), replacements })
    });
    Some(Fix {
        description: message(finding.fix.as_ref().map_or("", |fix| &fix.summary)),
        artifact_changes: changes.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::sample::{awkward, check, page};

    #[test]
    fn a_log_with_everything() {
        let mut findings = check().findings;
        findings.extend(awkward());
        let edited = EditedFile {
            path: "a b.py".to_owned(),
            before: b"down_revision = 'a1'\n".to_vec(),
            after: b"down_revision = 'b2'\n".to_vec(),
        };
        let input = Input {
            command: "check",
            base: Some("aaaa"),
            head: None,
            findings: &findings,
            rules: &[page()],
            repairs: &BTreeMap::from([(0, vec![edited])]),
        };
        let text = serde_json::to_string_pretty(&sarif(&input)).unwrap();
        assert_snapshot!(text.replace(&format!("\"{VERSION}\""), "\"[VERSION]\""));
    }

    #[test]
    fn messages_are_neither_links_nor_placeholders() {
        let told = |text: &str| message(text).text;
        assert_eq!(told("see [this](https://example.com)"), "see \\[this\\](https://example.com)");
        assert_eq!(told("a[0] of {x}"), "a[0] of {x}");
        assert_eq!(told("f'{0}{x}'"), "f'{{0}}{{x}}'");
        assert_eq!(told("{}"), "{}");
    }

    #[test]
    fn paths_are_references() {
        assert_eq!(uri("a b/c:d%é.py"), "a%20b/c%3Ad%25%C3%A9.py");
    }
}
