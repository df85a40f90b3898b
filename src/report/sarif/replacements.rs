//! A change of one file as the regions that it replaces.

use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::model::{Region, Replacement, Text};
use crate::text::LineIndex;

/// What turns `before` into `after`, each replacement as small as whole characters allow. `None` where one of
/// them is not UTF-8, so that a text cannot say it.
pub(super) fn replacements(before: &[u8], after: &[u8]) -> Option<Vec<Replacement>> {
    let (before, after) = (std::str::from_utf8(before).ok()?, std::str::from_utf8(after).ok()?);
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let (old_ends, new_ends) = (ends(&old), ends(&new));
    let index = LineIndex::new(before.as_bytes());
    let mut found = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
        let (tag, in_old, in_new) = op.as_tag_tuple();
        if tag == DiffTag::Equal {
            continue;
        }
        let (mut gone, mut come) = (bytes(&old_ends, in_old), bytes(&new_ends, in_new));
        trim(before, &mut gone, after, &mut come);
        found.push(Replacement {
            deleted_region: region(&index, before, gone),
            inserted_content: Text { text: after[come].to_owned() },
        });
    }
    Some(found)
}

/// The byte offset before each line, and that after the last.
fn ends(lines: &[&str]) -> Vec<usize> {
    let mut at = 0;
    let mut ends = vec![at];
    ends.extend(lines.iter().map(|line| {
        at += line.len();
        at
    }));
    ends
}

fn bytes(ends: &[usize], lines: Range<usize>) -> Range<usize> {
    ends[lines.start]..ends[lines.end]
}

/// Takes away what both begin and end with.
fn trim(before: &str, gone: &mut Range<usize>, after: &str, come: &mut Range<usize>) {
    let (old, new) = (&before[gone.clone()], &after[come.clone()]);
    let same = |(one, other): &(char, char)| one == other;
    let length = |pair: (char, char)| pair.0.len_utf8();
    let start: usize = old.chars().zip(new.chars()).take_while(same).map(length).sum();
    let (old, new) = (&old[start..], &new[start..]);
    let end: usize = old.chars().rev().zip(new.chars().rev()).take_while(same).map(length).sum();
    *gone = gone.start + start..gone.end - end;
    *come = come.start + start..come.end - end;
}

fn region(index: &LineIndex, text: &str, bytes: Range<usize>) -> Region {
    let place = |offset: usize| index.line_column(text.as_bytes(), offset as u32);
    let (start, end) = (place(bytes.start), place(bytes.end));
    Region {
        start_line: start.line,
        start_column: start.column,
        end_line: Some(end.line),
        end_column: Some(end.column),
        byte_offset: Some(bytes.start),
        byte_length: Some(bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `startLine:startColumn-endLine:endColumn offset+length -> text`.
    fn told(before: &str, after: &str) -> Vec<String> {
        let found = replacements(before.as_bytes(), after.as_bytes()).unwrap();
        let told = found.iter().map(|one| {
            let region = &one.deleted_region;
            format!(
                "{}:{}-{}:{} {}+{} -> {:?}",
                region.start_line,
                region.start_column,
                region.end_line.unwrap(),
                region.end_column.unwrap(),
                region.byte_offset.unwrap(),
                region.byte_length.unwrap(),
                one.inserted_content.text
            )
        });
        let told = told.collect();
        let mut built = before.to_owned();
        for one in found.iter().rev() {
            let start = one.deleted_region.byte_offset.unwrap();
            let end = start + one.deleted_region.byte_length.unwrap();
            built.replace_range(start..end, &one.inserted_content.text);
        }
        assert_eq!(built, after);
        told
    }

    #[test]
    fn a_literal_is_replaced_and_not_its_line() {
        let before =
            "\u{feff}\"\"\"é\r\nRevises: a1\r\n\"\"\"\r\nrevision = 'b2'\r\ndown_revision = 'a1'\r\n";
        assert_eq!(
            told(before, &before.replace("a1", "c3")),
            ["2:10-2:12 19+2 -> \"c3\"", "5:18-5:20 62+2 -> \"c3\""]
        );
    }

    #[test]
    fn lines_come_and_go() {
        assert_eq!(told("a\nb\n", "a\nb\nc"), ["3:1-3:1 4+0 -> \"c\""]);
        assert_eq!(told("a\nb", "a\n"), ["2:1-2:2 2+1 -> \"\""]);
        assert_eq!(told("", "a\n"), ["1:1-1:1 0+0 -> \"a\\n\""]);
        assert_eq!(told("a\nx\nb\n", "a\nb\n"), ["2:1-3:1 2+2 -> \"\""]);
        assert_eq!(told("same\n", "same\n"), Vec::<String>::new());
    }

    #[test]
    fn characters_stay_whole() {
        assert_eq!(told("x = 'é'\n", "x = 'è'\n"), ["1:6-1:7 5+2 -> \"è\""]);
        assert_eq!(replacements(b"\xff", b"a"), None);
    }
}
