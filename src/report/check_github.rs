//! Findings as workflow commands: GitHub shows each beside the line it is about.

use std::io;

use super::model::{Finding, Severity};
use crate::text::{is_hidden, printable};

/// Writes one workflow command for each finding, at its first place.
///
/// # Errors
/// Those of `out`.
pub fn check_github(findings: &[Finding], out: &mut dyn io::Write) -> io::Result<()> {
    for finding in findings {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let title = match &finding.environment {
            Some(environment) => format!("{} in {environment}", finding.rule),
            None => finding.rule.clone(),
        };
        let mut properties = Vec::new();
        if let Some(place) = finding.places.first() {
            properties.push(format!("file={}", property(&place.path)));
            properties.push(format!("line={}", place.line));
            properties.push(format!("col={}", place.column));
        }
        properties.push(format!("title={}", property(&title)));
        writeln!(out, "::{command} {}::{}", properties.join(","), data(&story(finding)))?;
    }
    Ok(())
}

/// The message, and what a reader of the pull request needs besides: the other places, the facts, the repair.
fn story(finding: &Finding) -> String {
    let mut lines = vec![finding.message.clone()];
    lines.extend(finding.places.iter().skip(1).map(|place| format!("also {}:{}", place.path, place.line)));
    lines.extend(finding.evidence.iter().map(|fact| format!("- {fact}")));
    lines.extend(finding.fix.iter().map(|fix| format!("fix: {}", fix.summary)));
    lines.join("\n")
}

/// What follows `::`: one line, which the runner unfolds again.
fn data(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            hidden if is_hidden(hidden) => out.extend(hidden.escape_unicode()),
            other => out.push(other),
        }
    }
    out
}

/// What stands between `=` and `,`.
fn property(text: &str) -> String {
    data(&printable(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::sample::{awkward, check, plain};

    #[test]
    fn every_finding_is_one_line() {
        let mut findings = check().findings;
        findings.extend(awkward());
        assert_snapshot!(plain(|out| check_github(&findings, out)));
    }

    /// As the runner does it: the command ends at the second `::`, and `%25` is unfolded last.
    #[test]
    fn the_runner_unfolds_what_was_said() {
        let mut finding = check().findings.remove(0);
        finding.fix = None;
        for message in ["50%", "%0A%25", "a::b", "::error::c", "one\ntwo\r\nthree", "%3A,%2C=::"] {
            finding.message = message.to_owned();
            finding.environment = Some(message.replace(['\r', '\n'], ""));
            let text = plain(|out| check_github(std::slice::from_ref(&finding), out));
            let line = text.strip_suffix('\n').unwrap();
            assert!(!line.contains(['\r', '\n']), "{line}");
            let (command, data) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
            let data = data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%");
            assert_eq!(data, format!("{message}\n- A fact."));
            let title = command.split(',').find_map(|property| property.strip_prefix("title=")).unwrap();
            let title = title.replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
            assert_eq!(title, format!("multiple-heads in {}", finding.environment.as_deref().unwrap()));
        }
    }
}
