//! Bytes and places in them: spans, lines, edits; and times. Knows nothing of git or Python.

mod edit;
mod line_index;
mod span;
pub mod time;

pub use edit::{Edit, EditError, apply_edits};
pub use line_index::{LineColumn, LineIndex, line_of};
pub use span::{ByteSpan, Spanned};

/// `text` with every character that could move a terminal's cursor, hide or reorder what
/// follows (C0/C1 controls, bidirectional overrides, line separators) written as `\u{…}`.
///
/// Everything that comes from a repository passes through here before it is printed for people.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Whether a character moves, hides or reorders text instead of being seen.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn printable_escapes_what_moves_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{202e}x\n\u{9b}é"), "a\\u{1b}[31mred\\u{202e}x\\u{a}\\u{9b}é");
    }

    #[test]
    fn printable_leaves_ordinary_text_alone() {
        assert_eq!(printable("naïve — 日本語 'q' \\"), "naïve — 日本語 'q' \\");
    }
}
