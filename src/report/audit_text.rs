//! `onehead audit` for people: short tables, newest first, and what was not looked at.

use std::io;

use anstyle::Style;
use comfy_table::Table;

use super::audit_words::{self as words, Group};
use super::model::{AuditDocument, EnvironmentAudit, Incident, PostLandingChange, Severity};
use super::style::{
    BAD, DIM, GOOD, HEADING, MARK, UNUSUAL, count, day, directory, paint, short, shown, table, write_table,
};
use crate::text::printable;

/// Rows of one table.
const ROWS: usize = 15;
/// Of rows that call for no attention.
const PLAIN: Style = Style::new();
/// Characters of one author or subject.
const WIDE: usize = 40;

/// Writes the audit.
///
/// # Errors
/// Those of `out`.
pub fn audit_text(doc: &AuditDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let line = shown(&doc.line);
    let commits = count(doc.commits, "commit", "commits");
    let since = doc.since.as_deref().map(|since| format!(", since {}", day(since))).unwrap_or_default();
    writeln!(out, "{commits} of the first-parent line of {line}, up to {}{since}", short(&doc.commit))?;
    if doc.environments.is_empty() {
        writeln!(out, "No migrations were found.")?;
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
        let shown = incidents.iter().take(ROWS);
        shown.clone().for_each(|incident| _ = rows.add_row(incident_row(incident)));
        let styles: Vec<Style> = shown.map(|it| if it.closed.is_none() { BAD } else { PLAIN }).collect();
        write_rows(&rows, &styles, incidents.len(), out)?;
    }
    let summary = words::change_summary(environment);
    writeln!(out, "\n  {}: {summary}", paint(HEADING, "Changed after landing"))?;
    let all = words::changes(environment);
    let serious: Vec<&PostLandingChange> =
        all.into_iter().filter(|change| words::is_serious(change)).collect();
    let groups = words::grouped(&serious);
    if !groups.is_empty() {
        let mut rows = heading(&["when", "", "by", "revision", "what", "released in"]);
        groups.iter().take(ROWS).for_each(|group| _ = rows.add_row(change_row(group)));
        let styles = vec![PLAIN; groups.len().min(ROWS)];
        write_rows(&rows, &styles, groups.len(), out)?;
    }
    writeln!(out, "\n  {}", paint(HEADING, "Numbers"))?;
    let mut rows = table();
    for (name, text) in words::numbers(&environment.statistics) {
        rows.add_row([format!("  {name}"), printable(&text)]);
    }
    write_table(&rows, out)
}

fn heading(names: &[&str]) -> Table {
    let mut table = table();
    table.set_header(names.iter().enumerate().map(|(at, name)| indented(at, name)).collect::<Vec<_>>());
    table
}

/// The first cell of a row stands to the right of the section's heading.
fn indented(at: usize, cell: &str) -> String {
    if at == 0 { format!("  {cell}") } else { cell.to_owned() }
}

/// Writes a table whose rows have `styles`, and how many of `all` rows are left out. Cells hold no styles: the
/// table would count them as text.
fn write_rows(rows: &Table, styles: &[Style], all: usize, out: &mut dyn io::Write) -> io::Result<()> {
    for (line, style) in rows.lines().zip(std::iter::once(&DIM).chain(styles)) {
        writeln!(out, " {}", paint(*style, line.trim_end()))?;
    }
    match all.saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(out, "    {}", paint(DIM, format!("… and {more} older; --format json has all"))),
    }
}

fn incident_row(incident: &Incident) -> Vec<String> {
    let (closed, commit) = match &incident.closed {
        Some(deed) => (day(&deed.time), short(&deed.commit)),
        None => ("open".to_owned(), String::new()),
    };
    let lasted = words::duration(incident.seconds_open);
    let lasted = format!("{lasted}, {}", count(incident.commits_open, "commit", "commits"));
    let before = if incident.opened_earlier { "before " } else { "" };
    vec![
        format!("  {before}{}", day(&incident.opened.time)),
        short(&incident.opened.commit),
        cut(&words::doer(&incident.opened)),
        shown(&words::incident(incident)),
        closed,
        commit,
        words::ending(incident.closed_how).to_owned(),
        lasted,
    ]
}

fn change_row(group: &Group<'_>) -> Vec<String> {
    let change = group.change;
    vec![
        format!("  {}", day(&change.time)),
        short(&change.commit),
        cut(&change.author),
        shown(&words::some(&group.revisions)),
        shown(&group.what),
        shown(group.released()),
    ]
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
            let before = if standing.since_earlier { "before " } else { "" };
            let text = format!(
                "since {before}{} {} by {}",
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

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::sample::{audit, plain, strings};

    fn text(doc: &AuditDocument) -> String {
        plain(|out| audit_text(doc, out))
    }

    #[test]
    fn everything_at_once() {
        assert_snapshot!(text(&audit()));
    }

    #[test]
    fn nothing_at_all() {
        let mut doc = audit();
        doc.environments.clear();
        doc.findings.clear();
        doc.not_looked_at.clear();
        doc.since = None;
        assert_snapshot!(text(&doc));
    }

    #[test]
    fn long_tables_are_cut_and_changes_of_one_commit_share_a_row() {
        let mut doc = audit();
        let environment = &mut doc.environments[0];
        environment.incidents = vec![environment.incidents[0].clone(); 17];
        let change = environment.post_landing_changes[0].clone();
        environment.post_landing_changes = ["1a", "2b", "3c", "4d", "5e"]
            .map(|id| PostLandingChange { revision: id.to_owned(), ..change.clone() })
            .to_vec();
        let edited = PostLandingChange { change: "edited", from: None, to: None, ..change.clone() };
        environment
            .post_landing_changes
            .push(PostLandingChange { grade: Some("downgrade"), ..edited.clone() });
        environment.post_landing_changes.push(PostLandingChange { released: None, shipped: None, ..edited });
        assert_snapshot!(text(&doc));
    }

    #[test]
    fn hostile_texts_are_escaped() {
        let mut doc = audit();
        let bad = "\u{1b}[2J\u{202e}";
        doc.line = bad.to_owned();
        doc.not_looked_at = strings(&[bad]);
        let environment = &mut doc.environments[0];
        environment.name = bad.to_owned();
        environment.directory = bad.to_owned();
        environment.statistics.authors[0].author = bad.to_owned();
        for incident in &mut environment.incidents {
            incident.revisions = strings(&[bad]);
            incident.about = Some(bad.to_owned());
            incident.opened.author = bad.repeat(40);
        }
        let change = &mut environment.post_landing_changes[0];
        (change.revision, change.author, change.from) =
            (bad.to_owned(), bad.to_owned(), Some(bad.to_owned()));
        change.released = Some(bad.to_owned());
        doc.findings[0].finding.message = bad.to_owned();
        doc.findings[0].finding.environment = Some(bad.to_owned());
        let text = text(&doc);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}
