//! Comments of a file, with what they stand beside.

use ruff_python_ast::Stmt;
use ruff_python_ast::token::TokenKind;
use ruff_text_size::Ranged as _;

use super::with_module;
use crate::text::LineIndex;

/// A comment that holds what was searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The text behind `#`.
    pub text: String,
    /// Line, from 1.
    pub line: u32,
    /// Whether nothing else stands on its line.
    pub alone: bool,
    /// Whether it stands before the first function or class of the file.
    pub at_the_top: bool,
}

/// The comments of a Python file that hold `needle`. What only looks like a comment inside a string is none. A
/// file that is not parsed (see [`with_module`]) is read line by line.
pub fn comments(text: &str, needle: &str) -> Vec<Comment> {
    if !text.contains(needle) {
        return Vec::new();
    }
    let lines = LineIndex::new(text.as_bytes());
    let read = with_module(text, |module| {
        let definition = |statement: &&Stmt| matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_));
        let first = module.suite().iter().find(definition).map(|statement| statement.start().to_usize());
        let tokens = module.tokens().iter().filter(|token| token.kind() == TokenKind::Comment);
        let starts: Vec<usize> = tokens.map(|token| token.start().to_usize()).collect();
        (first.unwrap_or(usize::MAX), starts)
    });
    let found = |start: usize, first: usize| -> Option<Comment> {
        let comment = text[start..].lines().next()?.split('\r').next()?;
        comment.contains(needle).then(|| Comment {
            text: comment.trim_start_matches('#').to_owned(),
            line: lines.line(start as u32),
            alone: text[..start].rsplit(['\n', '\r']).next().is_none_or(|before| before.trim().is_empty()),
            at_the_top: start < first,
        })
    };
    match read {
        Ok((first, starts)) => starts.into_iter().filter_map(|start| found(start, first)).collect(),
        Err(_) => plain_comments(text, needle),
    }
}

/// The comments that hold `needle` in a file where `#` always begins one.
pub fn plain_comments(text: &str, needle: &str) -> Vec<Comment> {
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        if let Some((before, comment)) = content.split_once('#')
            && comment.contains(needle)
        {
            let text = comment.trim_start_matches('#').to_owned();
            found.push(Comment { text, line, alone: before.trim().is_empty(), at_the_top: true });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(u32, bool, bool, String)> {
        let tell = |comment: Comment| (comment.line, comment.alone, comment.at_the_top, comment.text);
        comments(text, "mark").into_iter().map(tell).collect()
    }

    #[test]
    fn comments_know_what_they_stand_beside() {
        let text = "\"\"\"# mark, no comment\"\"\"\n# mark one\r\nx = '# mark'  # mark two\n# other\n@decorated\ndef f():\n    # mark three\n    pass\n## mark four";
        assert_eq!(
            told(text),
            [
                (2, true, true, " mark one".to_owned()),
                (3, false, true, " mark two".to_owned()),
                (7, true, false, " mark three".to_owned()),
                (9, true, false, " mark four".to_owned()),
            ]
        );
    }

    #[test]
    fn broken_files_have_comments_too() {
        assert_eq!(told("print 'x'  # mark\n"), [(1, false, true, " mark".to_owned())]);
        let deep = format!("# mark\nx = {}\n", "[".repeat(400));
        assert_eq!(told(&deep), [(1, true, true, " mark".to_owned())]);
    }
}
