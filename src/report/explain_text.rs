//! `onehead explain` for people.

use std::io;

use anstyle::Style;

use super::check_text::write_finding;
use super::locate_text::locate_text;
use super::model::{ErrorAnswer, ExplainDocument, RulePage, Severity};
use super::style::{BAD, DIM, HEADING, MARK, UNUSUAL, paint, short, table, write_table};
use crate::text::printable;

/// Columns that a line of prose takes.
const WIDTH: usize = 100;

/// The letters of `warning`.
const LONGEST_SEVERITY: usize = 7;

/// Writes one rule's page, the list of rules, or the keys of the configuration.
///
/// # Errors
/// Those of `out`.
pub fn explain_text(doc: &ExplainDocument, out: &mut dyn io::Write) -> io::Result<()> {
    if let Some(answer) = &doc.answer {
        return write_answer(answer, &doc.rules, out);
    }
    for (at, key) in doc.configuration.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}", paint(HEADING, &key.key))?;
        wrapped(&key.description, "  ", out)?;
    }
    match doc.rules.as_slice() {
        [] => Ok(()),
        [page] => write_page(page, out),
        pages => write_list(pages, out),
    }
}

fn write_answer(answer: &ErrorAnswer, rules: &[RulePage], out: &mut dyn io::Write) -> io::Result<()> {
    wrapped(&printable(&answer.meaning), "", out)?;
    if let Some(commit) = &answer.commit {
        writeln!(out, "\n{}", paint(HEADING, format!("here, at {}", short(commit))))?;
    }
    for fact in &answer.facts {
        writeln!(out, "  {} {}", paint(DIM, "-"), printable(fact))?;
    }
    for finding in &answer.findings {
        write_finding(finding, answer.commit.as_deref(), out)?;
    }
    if answer.commit.is_some()
        && answer.facts.is_empty()
        && answer.findings.is_empty()
        && answer.located.is_none()
    {
        writeln!(
            out,
            "  no file has such a fault: another commit was deployed, or the cause is in the database"
        )?;
    }
    if let Some(located) = &answer.located {
        locate_text(located, out)?;
    }
    for statement in &answer.statements {
        writeln!(out, "\n{}:\n  {}", printable(&statement.purpose), printable(&statement.text))?;
    }
    let pages: Vec<String> = rules.iter().map(|page| format!("onehead explain {}", page.name)).collect();
    match pages.is_empty() {
        true => Ok(()),
        false => writeln!(out, "\n{}", paint(DIM, format!("more: {}", pages.join("   ")))),
    }
}

fn write_page(page: &RulePage, out: &mut dyn io::Write) -> io::Result<()> {
    let severity = painted(page.severity);
    writeln!(out, "{} ({severity}): {}\n", paint(HEADING, page.name), page.summary)?;
    for (at, paragraph) in page.explanation.trim().split("\n\n").enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        match paragraph.lines().any(|line| line.starts_with([' ', '-', '|'])) {
            // Lists and examples are set out as they are.
            true => writeln!(out, "{paragraph}")?,
            false => wrapped(paragraph, "", out)?,
        }
    }
    Ok(())
}

fn write_list(pages: &[RulePage], out: &mut dyn io::Write) -> io::Result<()> {
    let mut rows = table();
    for page in pages {
        // The table counts the codes of a style as columns, and those of severities differ in length.
        let blanks = " ".repeat(LONGEST_SEVERITY.saturating_sub(word(page.severity).0.len()));
        let what = format!("{}{blanks}  {}", painted(page.severity), page.summary);
        rows.add_row([paint(MARK, page.name).to_string(), what]);
    }
    write_table(&rows, out)?;
    writeln!(out, "\n{}", paint(DIM, "onehead explain RULE tells more"))
}

fn painted(severity: Severity) -> String {
    let (name, style) = word(severity);
    paint(style, name).to_string()
}

fn word(severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Error => ("error", BAD),
        Severity::Warning => ("warning", UNUSUAL),
        Severity::Info => ("info", MARK),
    }
}

/// Words of `text` in lines that begin with `indent`.
fn wrapped(text: &str, indent: &str, out: &mut dyn io::Write) -> io::Result<()> {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(out, "{indent}{line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{indent}{line}")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::sample::{explain, page, plain};

    #[test]
    fn one_page_and_many() {
        let mut doc = explain();
        doc.rules[0].explanation = "A word, and another.\nMore words that are set anew because they fill more than one hundred columns of a terminal.\n\n- a list\n- stays";
        assert_snapshot!(plain(|out| explain_text(&doc, out)));
        doc.configuration.clear();
        doc.rules = vec![page(), RulePage { name: "a", severity: Severity::Info, ..page() }];
        assert_snapshot!(plain(|out| explain_text(&doc, out)));
    }
}
