//! `onehead explain` for people.

use std::io;

use super::model::{ExplainDocument, RulePage, Severity};
use super::style::{BAD, DIM, HEADING, MARK, UNUSUAL, paint, table, write_table};

/// Columns that a line of prose takes.
const WIDTH: usize = 100;

/// Writes one rule's page, the list of rules, or the keys of the configuration.
///
/// # Errors
/// Those of `out`.
pub fn explain_text(doc: &ExplainDocument, out: &mut dyn io::Write) -> io::Result<()> {
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
        rows.add_row([paint(MARK, page.name).to_string(), painted(page.severity), page.summary.to_owned()]);
    }
    write_table(&rows, out)?;
    writeln!(out, "\n{}", paint(DIM, "onehead explain RULE tells more"))
}

fn painted(severity: Severity) -> String {
    let (name, style) = match severity {
        Severity::Error => ("error", BAD),
        Severity::Warning => ("warning", UNUSUAL),
        Severity::Info => ("info", MARK),
    };
    paint(style, name).to_string()
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
