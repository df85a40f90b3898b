use borsh::{BorshDeserialize, BorshSerialize};

use crate::python::{Comment, comments, plain_comments};

/// What such a comment holds.
const MARK: &str = "onehead: ignore[";

/// `# onehead: ignore[rule] reason`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Ignore {
    /// The rule's name.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// Line, from 1.
    pub line: u32,
    /// What it is about.
    pub scope: Scope,
}

/// What an [`Ignore`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Scope {
    /// The whole file: it stands before the first function or class.
    File,
    /// Its own line.
    Line,
    /// Its own line and the next: it stands alone.
    NextLine,
}

impl Ignore {
    /// What a Python file asks to ignore.
    pub fn in_python(text: &str) -> Vec<Self> {
        comments(text, MARK).iter().flat_map(Self::read).collect()
    }

    /// What a file asks to ignore in whose language `#` begins a comment and there are no functions.
    pub fn in_lines(text: &str) -> Vec<Self> {
        plain_comments(text, MARK).iter().flat_map(Self::read).collect()
    }

    fn read(comment: &Comment) -> Vec<Self> {
        let Some((rules, reason)) =
            comment.text.trim_start().strip_prefix(MARK).and_then(|rest| rest.split_once(']'))
        else {
            return Vec::new();
        };
        let scope = match (comment.at_the_top, comment.alone) {
            (true, _) => Scope::File,
            (false, true) => Scope::NextLine,
            (false, false) => Scope::Line,
        };
        let rules = rules.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        let ignore = |rule: &str| Self {
            rule: rule.to_owned(),
            reason: reason.trim().to_owned(),
            line: comment.line,
            scope,
        };
        rules.map(ignore).collect()
    }

    /// Whether it is about this line.
    pub fn covers(&self, line: u32) -> bool {
        match self.scope {
            Scope::File => true,
            Scope::Line => line == self.line,
            Scope::NextLine => line == self.line || line == self.line + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ignore, Scope};

    #[test]
    fn a_comment_names_rules_and_a_reason() {
        let ignores = Ignore::in_python(
            "# onehead: ignore[one, two] it is meant\nx = 1  # onehead: ignore[] nothing\n# see onehead: ignore[no]\ndef f():\n    # onehead: ignore[three]\n    x()  # onehead: ignore[four] so\n",
        );
        let told: Vec<_> = ignores
            .iter()
            .map(|ignore| (ignore.rule.as_str(), ignore.reason.as_str(), ignore.line, ignore.scope))
            .collect();
        assert_eq!(
            told,
            [
                ("one", "it is meant", 1, Scope::File),
                ("two", "it is meant", 1, Scope::File),
                ("three", "", 5, Scope::NextLine),
                ("four", "so", 6, Scope::Line),
            ]
        );
        let covered = |at: usize| (1..9).filter(|line| ignores[at].covers(*line)).collect::<Vec<_>>();
        assert_eq!((covered(2), covered(3)), (vec![5, 6], vec![6]));
    }

    #[test]
    fn other_files_are_read_by_line() {
        let ignores =
            Ignore::in_lines("FROM python\nRUN x # onehead: ignore[deploy-without-upgrade] a job does it\n");
        assert_eq!((ignores.len(), ignores[0].scope, ignores[0].line), (1, Scope::File, 2));
    }
}
