//! How text for people looks: a few styles, and the words that all renderers share.

use std::fmt::{self, Display};
use std::io;

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};

use crate::text::printable;

/// Headings.
pub(super) const HEADING: Style = Style::new().bold();
/// Ids of revisions.
pub(super) const ID: Style = AnsiColor::Yellow.on_default();
/// All is well; things added.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Breaks a deployment; things removed.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Deserves a look.
pub(super) const UNUSUAL: Style = AnsiColor::Magenta.on_default();
/// Heads, places to go on from.
pub(super) const MARK: Style = AnsiColor::Cyan.on_default();
/// Paths, times, and what else stays in the background.
pub(super) const DIM: Style = Style::new().dimmed();

/// The longest id, label or message that is shown whole, in characters.
const LIMIT: usize = 160;
/// How many ids a line names that stands for many.
const NAMED: usize = 8;

/// `text` between a style's codes.
pub(super) struct Painted<T>(Style, T);

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.0, self.1, self.0.render_reset())
    }
}

/// Paints what is safe to print already.
pub(super) fn paint<T: Display>(style: Style, text: T) -> Painted<T> {
    Painted(style, text)
}

/// A text of the repository, escaped and cut to a length that a line can bear.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => printable(&text[..end]) + "…",
        None => printable(text),
    }
}

/// An id; the empty one as two quotes.
pub(super) fn plain_id(id: &str) -> String {
    if id.is_empty() { "\"\"".to_owned() } else { shown(id) }
}

/// An id in its colour.
pub(super) fn id(id: &str) -> Painted<String> {
    paint(ID, plain_id(id))
}

/// The first few ids of many, in no colour.
pub(super) fn some_ids<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = ids.len().saturating_sub(NAMED);
    let named = ids.take(NAMED).map(plain_id).collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

/// Ids with commas between; `none` for none.
pub(super) fn ids<S: AsRef<str>>(all: &[S]) -> String {
    if all.is_empty() {
        return "none".to_owned();
    }
    all.iter().map(|one| id(one.as_ref()).to_string()).collect::<Vec<_>>().join(", ")
}

/// A directory; the top one has no name of its own.
pub(super) fn directory(path: &str) -> String {
    if path.is_empty() { ".".to_owned() } else { printable(path) }
}

/// The first ten characters of a commit's id.
pub(super) fn short(commit: &str) -> String {
    printable(commit.get(..10).unwrap_or(commit))
}

/// RFC 3339 as `2024-01-31 10:02`, in UTC; anything else as it is.
pub(super) fn minute(time: &str) -> String {
    let parsed = time.parse::<jiff::Timestamp>();
    parsed.map_or_else(|_| printable(time), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

/// RFC 3339 as `2024-01-31`, in UTC; anything else as it is.
pub(super) fn day(time: &str) -> String {
    let parsed = time.parse::<jiff::Timestamp>();
    parsed.map_or_else(|_| printable(time), |time| time.strftime("%Y-%m-%d").to_string())
}

/// `1 head`, `2 heads`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// An empty table, columns set apart by space alone.
pub(super) fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Writes a table's lines without the blanks at their ends.
pub(super) fn write_table(table: &Table, out: &mut dyn io::Write) -> io::Result<()> {
    table.lines().try_for_each(|line| writeln!(out, " {}", line.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people_are_utc() {
        assert_eq!(minute("2024-01-31T12:02:59+02:00"), "2024-01-31 10:02");
        assert_eq!(day("2024-01-31T00:02:59+02:00"), "2024-01-30");
        assert_eq!(minute("yester\u{1b}day"), "yester\\u{1b}day");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shown(&"é".repeat(160)), "é".repeat(160));
        assert_eq!(shown(&"é".repeat(161)), "é".repeat(160) + "…");
    }

    #[test]
    fn short_commits_never_split_a_character() {
        assert_eq!(short("0123456789abcdef"), "0123456789");
        assert_eq!(short("012345678é"), "012345678é");
    }
}
