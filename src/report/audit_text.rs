//! `onehead audit` for people: short tables, newest first, and what was not looked at.

use std::io;

use anstyle::Style;
use comfy_table::Table;

use super::audit_words as words;
use super::model::{AuditDocument, Deed, EnvironmentAudit, Incident, PostLandingChange, Severity};
use super::style::{
    BAD, DIM, GOOD, HEADING, ID, MARK, UNUSUAL, count, day, directory, paint, short, shown, table,
    write_table,
};
use crate::text::printable;

/// Rows of one table.
const ROWS: usize = 15;
/// Characters of one author or subject.
const WIDE: usize = 40;

/// Writes the audit.
///
/// # Errors
/// Those of `out`.
pub fn audit_text(doc: &AuditDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let trunk = doc.trunk.as_deref().map(|trunk| format!(" of {}", shown(trunk))).unwrap_or_default();
    let commits = count(doc.commits, "commit", "commits");
    let since = doc.since.as_deref().map(|since| format!(", since {}", day(since))).unwrap_or_default();
    writeln!(out, "{commits} of the first-parent line{trunk} up to {}{since}", short(&doc.commit))?;
    if doc.environments.is_empty() {
        writeln!(out, "No migrations were ever there.")?;
    }
    for environment in &doc.environments {
        writeln!(out)?;
        write_environment(environment, doc.commits, out)?;
    }
    writeln!(out, "\n{}: {}", paint(HEADING, "Open findings"), words::finding_summary(doc))?;
    write_findings(doc, out)?;
    if !doc.not_looked_at.is_empty() {
        writeln!(out, "\n{}", paint(HEADING, "Not looked at"))?;
        for text in &doc.not_looked_at {
            writeln!(out, "  - {}", printable(text))?;
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
    let place = directory(&environment.directory);
    writeln!(out, "{} in {place}{gone}", paint(HEADING, shown(&environment.name)))?;
    writeln!(out, "  {}", paint(DIM, printable(&words::story(environment))))?;
    let summary = words::incident_summary(environment, commits);
    writeln!(out, "\n  {}: {summary}", paint(HEADING, "Incidents"))?;
    let incidents = words::incidents(environment);
    if !incidents.is_empty() {
        let mut rows = heading(&["opened", "", "by", "what", "closed", "", "how", "lasted"]);
        for incident in incidents.iter().take(ROWS) {
            rows.add_row(incident_row(incident));
        }
        write_rows(&rows, incidents.len(), out)?;
    }
    let summary = words::change_summary(environment);
    writeln!(out, "\n  {}: {summary}", paint(HEADING, "Changed after landing"))?;
    let all = words::changes(environment);
    let serious: Vec<&&PostLandingChange> = all.iter().filter(|change| words::is_serious(change)).collect();
    if !serious.is_empty() {
        let mut rows = heading(&["when", "", "by", "revision", "what", "released in"]);
        for change in serious.iter().take(ROWS) {
            rows.add_row(change_row(change));
        }
        write_rows(&rows, serious.len(), out)?;
    }
    writeln!(out, "\n  {}", paint(HEADING, "Numbers"))?;
    let mut rows = table();
    for (name, text) in words::numbers(&environment.statistics) {
        rows.add_row([format!("  {}", paint(DIM, name)), printable(&text)]);
    }
    write_table(&rows, out)
}

fn heading(names: &[&str]) -> Table {
    let mut table = table();
    let first = |at: usize| if at == 0 { "  " } else { "" };
    let cells = names.iter().enumerate().map(|(at, name)| format!("{}{}", first(at), paint(DIM, name)));
    table.set_header(cells.collect::<Vec<_>>());
    table
}

/// Writes rows of `all`, and how many are left out.
fn write_rows(rows: &Table, all: usize, out: &mut dyn io::Write) -> io::Result<()> {
    write_table(rows, out)?;
    match all.saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(out, "   {}", paint(DIM, format!("… and {more} older; --format json has all"))),
    }
}

fn incident_row(incident: &Incident) -> Vec<String> {
    let (closed, commit) = match &incident.closed {
        Some(deed) => (day(&deed.time), short(&deed.commit)),
        None => (paint(BAD, "open").to_string(), String::new()),
    };
    let lasted = words::duration(incident.seconds_open);
    let lasted = format!("{lasted}, {}", count(incident.commits_open, "commit", "commits"));
    let before = if incident.opened_earlier { "before " } else { "" };
    vec![
        format!("  {before}{}", day(&incident.opened.time)),
        paint(ID, short(&incident.opened.commit)).to_string(),
        cut(&doer(&incident.opened)),
        shown(&words::incident(incident)),
        closed,
        paint(ID, commit).to_string(),
        words::ending(incident.closed_how).to_owned(),
        lasted,
    ]
}

fn change_row(change: &PostLandingChange) -> Vec<String> {
    vec![
        format!("  {}", day(&change.time)),
        paint(ID, short(&change.commit)).to_string(),
        cut(&change.author),
        paint(MARK, shown(&change.revision)).to_string(),
        shown(&words::change(change)),
        shown(&words::release(change)),
    ]
}

fn doer(deed: &Deed) -> String {
    words::doer(deed)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDE) {
        Some((end, _)) => printable(&text[..end]) + "…",
        None => printable(text),
    }
}

fn write_findings(doc: &AuditDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let listed = words::listed(doc);
    for standing in listed.iter().take(ROWS) {
        let finding = &standing.finding;
        let (name, style): (&str, Style) = match finding.severity {
            Severity::Error => ("error", BAD),
            Severity::Warning => ("warning", UNUSUAL),
            Severity::Info => ("info", MARK),
        };
        let environment =
            finding.environment.as_deref().map(|name| format!(" {}", shown(name))).unwrap_or_default();
        let rule = paint(style, format!("{name}[{}]", printable(&finding.rule)));
        writeln!(out, "  {rule}{environment}\n    {}", printable(&finding.message))?;
        if let Some(since) = &standing.since {
            let text = format!(
                "since {} {} by {}",
                day(&since.time),
                short(&since.commit),
                cut(&words::doer(since))
            );
            writeln!(out, "    {}", paint(DIM, text))?;
        }
    }
    if let Some(more @ 1..) = listed.len().checked_sub(ROWS) {
        writeln!(out, "  {}", paint(DIM, format!("… and {more} more; --format json has all")))?;
    }
    if doc.findings.is_empty() {
        writeln!(out, "  {}", paint(GOOD, "Nothing is wrong here."))?;
    }
    Ok(())
}
