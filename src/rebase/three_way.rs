//! Files that git merges line by line and that mean more than their lines: migrations and the files
//! that keep a head's id.

use std::collections::BTreeSet;

use crate::dialect::Dialect;
use crate::revision::{Header, IdList};
use crate::text::apply_edits;
use crate::vcs::merge_texts;

/// A migration merged from three versions: what `revision` and `down_revision` say by value, the rest
/// line by line. `None` where both sides changed the same, or a version cannot be read.
pub fn merge_script(dialect: &dyn Dialect, base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    let headers = [base, ours, theirs].map(|text| dialect.read(text));
    let [before, our, their] = &headers;
    let id = pick(&stated(before)?, &stated(our)?, &stated(their)?)?;
    let parents = pick(&parents_of(before)?, &parents_of(our)?, &parents_of(their)?)?;
    let say = |at: usize, text: &[u8]| saying(dialect, &headers[at], text, &id, &parents);
    let (base, ours, theirs) = (say(0, base)?, say(1, ours)?, say(2, theirs)?);
    let (merged, is_clean) = merge_texts(&base, &ours, &theirs, ("ours", "theirs"));
    let header = dialect.read(&merged);
    let is_right = stated(&header)? == id && set(&parents_of(&header)?) == set(&parents);
    (is_clean && is_right && header.problem.is_none()).then_some(merged)
}

/// Whether two files are the same migration but for its place in the graph.
pub(super) fn differ_in_parents_only(dialect: &dyn Dialect, one: &[u8], two: &[u8]) -> bool {
    let (header, other) = (dialect.read(one), dialect.read(two));
    let is_equal = || {
        let (id, parents) = (stated(&header)?, parents_of(&header)?);
        let same = stated(&other)? == id;
        let two = saying(dialect, &other, two, &id, &parents)?;
        // The docstring may or may not repeat the parents.
        let one = saying(dialect, &header, one, &id, &parents)?;
        Some(same && lines_but_dates(&one) == lines_but_dates(&two))
    };
    is_equal().unwrap_or(false)
}

fn lines_but_dates(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"Revises:") && !line.starts_with(b"Create Date:"))
        .collect()
}

/// The text with this id and these parents in its header and, where it repeats them, its docstring.
fn saying(
    dialect: &dyn Dialect,
    header: &Header,
    text: &[u8],
    id: &str,
    parents: &[String],
) -> Option<Vec<u8>> {
    let edits = dialect.rename_id(header, text, id, true).ok()?;
    let text = apply_edits(text, &edits).ok()?;
    let header = dialect.read(&text);
    if set(&parents_of(&header)?) == set(parents) {
        return Some(text);
    }
    let edits = dialect.reparent(&header, &text, parents, true).ok()?;
    apply_edits(&text, &edits).ok()
}

fn stated(header: &Header) -> Option<String> {
    header.revision.as_ref().map(|id| id.value.to_string())
}

fn parents_of(header: &Header) -> Option<Vec<String>> {
    header.down_revision.as_ref().map(|list| IdList::values(list).map(ToOwned::to_owned).collect())
}

fn set(ids: &[String]) -> BTreeSet<&str> {
    ids.iter().map(String::as_str).collect()
}

/// What three-way merging a value gives.
fn pick<T: Clone + PartialEq>(base: &T, ours: &T, theirs: &T) -> Option<T> {
    match (base == ours, base == theirs) {
        (_, true) => Some(ours.clone()),
        (true, _) => Some(theirs.clone()),
        _ if ours == theirs => Some(ours.clone()),
        _ => None,
    }
}

/// The one id that a file that keeps a head's id holds; `None` for any other content.
pub fn marked_head(text: &[u8]) -> Option<&str> {
    let id = std::str::from_utf8(text).ok()?.trim();
    let is_id = !id.is_empty() && !id.contains(char::is_whitespace) && !id.contains(['<', '>', '=']);
    is_id.then_some(id)
}
