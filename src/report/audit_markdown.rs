//! `onehead audit` as Markdown, for a wiki or a pull request: tables as GitHub and GitLab read them.

use std::io;

use super::audit_words::{self as words, Group};
use super::model::{AuditDocument, Deed, EnvironmentAudit, Incident, Severity};
use super::style::{count, day, short};
use crate::text::printable;

/// Rows of one table: sites cut larger pages.
const ROWS: usize = 200;
/// Revisions that one row names.
const NAMED: usize = 12;

/// Writes the audit.
///
/// # Errors
/// Those of `out`.
pub fn audit_markdown(doc: &AuditDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let since = doc.since.as_deref().map(|since| format!(", since {}", day(since))).unwrap_or_default();
    writeln!(out, "# Migration audit\n")?;
    writeln!(
        out,
        "{} of the first-parent line of {}, up to {} of {}{since}.",
        count(doc.commits, "commit", "commits"),
        code(&doc.line),
        code(&short(&doc.commit)),
        day(&doc.time),
    )?;
    if doc.environments.is_empty() {
        writeln!(out, "\nNo migrations were found.")?;
    }
    for environment in &doc.environments {
        write_environment(environment, doc.commits, out)?;
    }
    writeln!(out, "\n## Open findings\n\n{}.", text(&words::finding_summary(doc)))?;
    let listed = words::listed(doc);
    if !listed.is_empty() {
        header(out, &["severity", "rule", "environment", "what", "since"])?;
        for standing in listed.iter().take(ROWS) {
            let finding = &standing.finding;
            let severity = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "info",
            };
            let before = if standing.since_earlier { "before " } else { "" };
            let since = standing.since.as_ref().map(|since| format!("{before}{}", commit(since)));
            let environment = finding.environment.as_deref().map(text).unwrap_or_default();
            row(
                out,
                &[
                    severity.into(),
                    code(&finding.rule),
                    environment,
                    text(&finding.message),
                    since.unwrap_or_default(),
                ],
            )?;
        }
        left_out(listed.len(), out)?;
    }
    if !doc.not_looked_at.is_empty() {
        writeln!(out, "\n## Not looked at\n")?;
        for line in &doc.not_looked_at {
            writeln!(out, "- {}", text(line))?;
        }
    }
    Ok(())
}

fn write_environment(
    environment: &EnvironmentAudit,
    commits: usize,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let gone = if environment.exists { "" } else { " (gone)" };
    let place = if environment.directory.is_empty() { "." } else { &environment.directory };
    writeln!(out, "\n## {} in {}{gone}\n", text(&environment.name), code(place))?;
    writeln!(out, "{}.", text(&words::story(environment)))?;
    writeln!(out, "\n### Incidents\n\n{}.", text(&words::incident_summary(environment, commits)))?;
    let incidents = words::incidents(environment);
    if !incidents.is_empty() {
        header(out, &["opened", "by", "what", "closed", "how", "lasted"])?;
        for incident in incidents.iter().take(ROWS) {
            row(out, &incident_cells(incident))?;
        }
        left_out(incidents.len(), out)?;
    }
    writeln!(out, "\n### Changed after landing\n\n{}.", text(&words::change_summary(environment)))?;
    let changes = words::changes(environment);
    if !changes.is_empty() {
        header(out, &["when", "by", "revision", "what", "released in"])?;
        let groups = words::grouped(&changes);
        for group in groups.iter().take(ROWS) {
            row(out, &change_cells(group))?;
        }
        left_out(groups.len(), out)?;
    }
    writeln!(out, "\n### Numbers\n")?;
    for (name, line) in words::numbers(&environment.statistics) {
        writeln!(out, "- {name}: {}", text(&line))?;
    }
    Ok(())
}

fn incident_cells(incident: &Incident) -> Vec<String> {
    let before = if incident.opened_earlier { "before " } else { "" };
    let commits = count(incident.commits_open, "commit", "commits");
    vec![
        format!("{before}{}", commit(&incident.opened)),
        text(&words::doer(&incident.opened)),
        text(&words::incident(incident)),
        incident.closed.as_ref().map_or_else(|| "**open**".to_owned(), commit),
        words::ending(incident.closed_how).to_owned(),
        format!("{}, {commits}", words::duration(incident.seconds_open)),
    ]
}

fn change_cells(group: &Group<'_>) -> Vec<String> {
    let change = group.change;
    let revisions: Vec<String> = group.revisions.iter().take(NAMED).map(|id| code(id)).collect();
    let more = group.revisions.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    vec![
        format!("{} {}", day(&change.time), code(&short(&change.commit))),
        text(&change.author),
        revisions.join(", ") + &more,
        text(&group.what),
        text(group.released()),
    ]
}

fn commit(deed: &Deed) -> String {
    format!("{} {}", day(&deed.time), code(&short(&deed.commit)))
}

fn header(out: &mut dyn io::Write, names: &[&str]) -> io::Result<()> {
    writeln!(out, "\n| {} |", names.join(" | "))?;
    writeln!(out, "|{}", "---|".repeat(names.len()))
}

fn row(out: &mut dyn io::Write, cells: &[String]) -> io::Result<()> {
    writeln!(out, "| {} |", cells.join(" | "))
}

fn left_out(all: usize, out: &mut dyn io::Write) -> io::Result<()> {
    match all.saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(out, "\n… and {more} more; `--format json` has all."),
    }
}

/// A text of the repository that stays text: no markup, no HTML, no mention, no end of a cell.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => out.extend(['\\', character]),
            other => out.push(other),
        }
    }
    out
}

/// A text in a code span, which must not hold the end of one or of a cell.
fn code(text: &str) -> String {
    let safe = printable(text);
    match safe.is_empty() || safe.contains(['`', '|', '\\']) || safe.trim() != safe {
        true => self::text(&safe),
        false => format!("`{safe}`"),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::sample::{audit, plain};

    #[test]
    fn everything_at_once() {
        assert_snapshot!(plain(|out| audit_markdown(&audit(), out)));
    }

    #[test]
    fn texts_stay_texts() {
        assert_eq!(
            text("<b>@all | [x](y) *z* `c` \\ a_b"),
            "&lt;b&gt;&#64;all \\| \\[x\\](y) \\*z\\* \\`c\\` \\\\ a\\_b"
        );
        assert_eq!(code("a1b2"), "`a1b2`");
        assert_eq!(code("a`|b"), "a\\`\\|b");
        assert_eq!(code(" "), " ");
    }
}
