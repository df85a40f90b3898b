//! The one door to the Python parser. Nothing else names its crates' entry points.

pub mod aside;
mod budget;
mod comments;
mod constants;
pub mod grade;
mod plain;
mod text;
pub mod tree;

use std::sync::LazyLock;

use memchr::memmem::Finder;
use ruff_python_ast::{ModModule, PySourceType};
use ruff_python_parser::{Parsed, parse_unchecked_source};

pub use budget::{MAX_BRACKETS, Nesting, TooDeep};
pub use comments::{Comment, comments, plain_comments};
pub use constants::{Binding, Const, Constants, span};
pub use plain::PlainFunction;
pub use text::{Source, decode};

/// Larger files are not parsed: the largest real migrations hold some 100 KiB.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;

/// Stack that one byte of source may cost: every byte can open a nesting level, and dropping or
/// visiting a level takes a stack frame.
const STACK_PER_BYTE: usize = 2048;
const STACK_AT_LEAST: usize = 1 << 20;

/// Parses `text` and hands the (possibly partial) syntax tree to `read`, on a stack that is large
/// enough for the deepest nesting that a text of this length can hold. The tree does not leave.
///
/// `text` must be no longer than [`MAX_SOURCE_BYTES`].
///
/// # Errors
/// Where the text nests brackets deeper than Python allows; it is not parsed then.
pub fn with_module<R>(text: &str, read: impl FnOnce(&Parsed<ModModule>) -> R) -> Result<R, TooDeep> {
    Nesting::check(text)?;
    Ok(with_stack_for(text.len(), || {
        let parsed = parse_unchecked_source(text, PySourceType::Python);
        read(&parsed)
    }))
}

/// Parses only what stands before the functions of `text`, and hands it with those to `read`: where
/// the rest consists of plain functions, which can be read for certain, the syntax tree of the whole
/// would have no more to say. `None` where that is not so, or where what stands before has an error.
pub fn with_head<R>(
    text: &str,
    read: impl FnOnce(&Parsed<ModModule>, &[PlainFunction<'_>]) -> R,
) -> Option<R> {
    static FUNCTION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\ndef "));
    let (head, functions) = text.split_at(FUNCTION.find(text.as_bytes())? + 1);
    // A line that goes on would swallow the first function.
    if head.trim_end_matches(['\r', '\n']).ends_with('\\') {
        return None;
    }
    let functions = plain::plain_functions(functions)?;
    let read = |head: &Parsed<ModModule>| head.errors().is_empty().then(|| read(head, &functions));
    with_module(head, read).ok().flatten()
}

/// Runs `work` on a stack that is large enough for syntax trees of texts of this many bytes.
fn with_stack_for<R>(bytes: usize, work: impl FnOnce() -> R) -> R {
    let stack = STACK_AT_LEAST + bytes * STACK_PER_BYTE;
    stacker::maybe_grow(stack, stack + STACK_AT_LEAST, work)
}

/// How far the change from one file's bytes to the other's reaches; see [`grade`].
pub fn grade_texts(before: &[u8], after: &[u8]) -> grade::Grade {
    if before.len().max(after.len()) > MAX_SOURCE_BYTES {
        return grade::Grade::Upgrade;
    }
    // Bytes that are no UTF-8 all look alike once decoded.
    let is_text = |bytes| std::str::from_utf8(bytes).is_ok();
    if before != after && !(is_text(before) && is_text(after)) {
        return grade::Grade::Upgrade;
    }
    let (before, after) = (decode(before), decode(after));
    // Both trees are visited at once, so the larger decides, whichever is parsed last.
    let graded = with_stack_for(before.text.len().max(after.text.len()), || {
        with_module(&before.text, |old| {
            with_module(&after.text, |new| {
                grade::grade_files(
                    grade::File { text: &before.text, parsed: old },
                    grade::File { text: &after.text, parsed: new },
                )
            })
        })
    });
    // What cannot be parsed may differ in anything.
    graded.flatten().unwrap_or(grade::Grade::Upgrade)
}

#[cfg(test)]
mod tests {
    use super::grade::Grade;
    use super::grade_texts;

    #[test]
    fn a_text_nested_too_deep_is_graded_without_the_parser() {
        let deep = format!("x = {}", "[".repeat(1 << 19));
        assert_eq!(grade_texts(deep.as_bytes(), b"x = 1\n"), Grade::Upgrade);
        assert_eq!(grade_texts(b"x = 1\n", deep.as_bytes()), Grade::Upgrade);
        assert_eq!(grade_texts(b"x = (1)\n", b"x = 1\n"), Grade::Cosmetic);
    }
}
