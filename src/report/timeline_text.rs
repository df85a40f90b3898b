//! `onehead timeline` for people: one state a line.

use std::io;

use super::model::{GraphFacts, TimelineRecord};
use super::style::{
    BAD, DIM, GOOD, HEADING, ID, MARK, UNUSUAL, count, ids, minute, paint, short, shown, some_ids,
};

/// Room for what changed, so that the heads of most lines stand below each other.
const CHANGES: usize = 8;

/// Writes one state: its time, commit, environment if `several` are in the report, what changed
/// (`+` added, `-` removed, `~` edited, `^` re-parented, `>` moved), its heads, and a mark before
/// what is wrong with it: `!` for several heads, `✗` for what is broken.
///
/// # Errors
/// Those of `out`.
pub fn timeline_text(record: &TimelineRecord, several: bool, out: &mut dyn io::Write) -> io::Result<()> {
    write!(out, "{}  {}  ", paint(DIM, minute(&record.time)), paint(ID, short(&record.commit)))?;
    if several {
        write!(out, "{}  ", paint(HEADING, shown(&record.environment)))?;
    }
    writeln!(out, "{}  {}{}", changes(record), heads(record), broken(&record.facts))
}

fn changes(record: &TimelineRecord) -> String {
    let signs = [
        ('+', record.added.len(), GOOD),
        ('-', record.removed.len(), BAD),
        ('~', record.edited.len(), UNUSUAL),
        ('^', record.reparented.len(), UNUSUAL),
        ('>', record.moved.len(), MARK),
    ];
    let (mut text, mut width) = (String::new(), 0);
    for (sign, number, style) in signs {
        if number == 0 {
            continue;
        }
        if width > 0 {
            text.push(' ');
            width += 1;
        }
        let change = format!("{sign}{number}");
        width += change.len();
        text.push_str(&paint(style, change).to_string());
    }
    text.extend(std::iter::repeat_n(' ', CHANGES.saturating_sub(width)));
    text
}

fn heads(record: &TimelineRecord) -> String {
    match record.facts.heads.as_slice() {
        [] if record.n_revisions == 0 => paint(DIM, "no revisions").to_string(),
        [] => paint(BAD, "✗ no head").to_string(),
        [one] => format!("head {}", ids(&[one])),
        many => {
            let named = some_ids(many.iter().map(String::as_str));
            format!("{}: {named}", paint(UNUSUAL, format!("! {} heads", many.len())))
        }
    }
}

/// `; ✗ 1 duplicate id (2b), 1 cycle`; nothing where nothing is.
fn broken(facts: &GraphFacts) -> String {
    let duplicates = facts.duplicates.iter().map(|duplicate| duplicate.revision.as_str()).collect();
    let missing = facts.missing.iter().map(|missing| missing.down_revision.as_str()).collect();
    let missing_depends = facts.missing_depends.iter().map(|missing| missing.depends_on.as_str()).collect();
    let mut faults = vec![
        named(duplicates, "duplicate id", "duplicate ids"),
        named(missing, "missing parent", "missing parents"),
        named(missing_depends, "missing dependency", "missing dependencies"),
    ];
    let counted = [
        (facts.cycles.len() + facts.dependency_cycles.len(), "cycle", "cycles"),
        (facts.duplicate_prefixes.len(), "number used twice", "numbers used twice"),
        (facts.unreadable.len(), "file not read in full", "files not read in full"),
    ];
    faults.extend(counted.map(|(number, one, many)| (number > 0).then(|| count(number, one, many))));
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    if faults.is_empty() {
        return String::new();
    }
    format!("; {} {}", paint(BAD, "✗"), faults.join(", "))
}

fn named(mut ids: Vec<&str>, one: &str, many: &str) -> Option<String> {
    ids.dedup();
    let fault = count(ids.len(), one, many);
    (!ids.is_empty()).then(|| format!("{fault} ({})", some_ids(ids.into_iter())))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::model::{
        DuplicateId, DuplicatePrefix, MissingDependency, MissingParent, UnreadableFile,
    };
    use crate::report::sample::{plain, record, strings};

    fn text(records: &[TimelineRecord], several: bool) -> String {
        plain(|out| records.iter().try_for_each(|record| timeline_text(record, several, out)))
    }

    #[test]
    fn a_history() {
        let mut first = record(&["1a"]);
        first.n_revisions = 1;
        let mut second = record(&["2b", "2c"]);
        second.removed = second.added.clone();
        second.edited = Vec::new();
        let mut last = record(&[]);
        last.n_revisions = 0;
        assert_snapshot!(text(&[first.clone(), second, last], false), @"
        2024-01-31 10:02  0123456789  +1 ~1 >1  head 1a
        2024-01-31 10:02  0123456789  +1 -1 >1  ! 2 heads: 2b, 2c
        2024-01-31 10:02  0123456789  +1 ~1 >1  no revisions
        ");
        assert_snapshot!(text(&[first], true), @"2024-01-31 10:02  0123456789  alembic  +1 ~1 >1  head 1a");
    }

    #[test]
    fn broken_states_are_marked() {
        let mut broken = record(&[]);
        broken.facts.cycles = vec![strings(&["1a", "2b"])];
        broken.facts.duplicates =
            vec![DuplicateId { revision: "1a".to_owned(), paths: strings(&["a", "b"]) }];
        let (revision, path) = ("1a".to_owned(), "a".to_owned());
        broken.facts.missing = vec![
            MissingParent { revision: revision.clone(), path: path.clone(), down_revision: "0".to_owned() },
            MissingParent { revision: revision.clone(), path: path.clone(), down_revision: "00".to_owned() },
        ];
        broken.facts.missing_depends = vec![MissingDependency { revision, path, depends_on: "x".to_owned() }];
        broken.facts.duplicate_prefixes = vec![DuplicatePrefix { prefix: 1, paths: strings(&["1a", "1b"]) }];
        broken.facts.unreadable = vec![UnreadableFile { path: "a".to_owned(), reason: "b".to_owned() }];
        assert_snapshot!(text(&[broken], false), @"2024-01-31 10:02  0123456789  +1 ~1 >1  ✗ no head; ✗ 1 duplicate id (1a), 2 missing parents (0, 00), 1 missing dependency (x), 1 cycle, 1 number used twice, 1 file not read in full");
    }

    #[test]
    fn hostile_texts_are_escaped() {
        let mut hostile = record(&["\u{1b}[2J"]);
        hostile.environment = "\n".to_owned();
        hostile.time = "\u{7}".to_owned();
        let mut heads = record(&["\u{202e}", ""]);
        heads.facts.duplicates = vec![DuplicateId { revision: "\u{9b}".to_owned(), paths: Vec::new() }];
        assert_snapshot!(text(&[hostile, heads], true), @r#"
        \u{7}  0123456789  \u{a}  +1 ~1 >1  head \u{1b}[2J
        2024-01-31 10:02  0123456789  alembic  +1 ~1 >1  ! 2 heads: \u{202e}, ""; ✗ 1 duplicate id (\u{9b})
        "#);
    }
}
