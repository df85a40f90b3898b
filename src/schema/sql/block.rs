//! `DO` blocks: the part of PL/pgSQL that migrations use for guards.

use std::sync::Arc;

use super::split::{Token, TokenKind, tokens};
use super::{Action, opaque, statement_actions};
use crate::schema::state::Touch;

/// Blocks nested deeper are not read.
const MAX_DEPTH: usize = 40;

/// What the block `body` does.
pub(super) fn read(body: &str, hole: Option<&Arc<str>>) -> Vec<Action> {
    let tokens = tokens(body);
    let mut reader = Reader { body, tokens: &tokens, at: 0, hole, depth: 0 };
    reader.skip_declarations();
    let mut actions = Vec::new();
    while reader.at < tokens.len() {
        let before = reader.at;
        actions.extend(reader.statements());
        // A word that ends nothing.
        if reader.at == before {
            reader.at += 1;
        }
    }
    actions
}

struct Reader<'t> {
    body: &'t str,
    tokens: &'t [Token<'t>],
    at: usize,
    hole: Option<&'t Arc<str>>,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn word(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).and_then(Token::word).unwrap_or("")
    }

    fn skip_declarations(&mut self) {
        if self.word(0) != "DECLARE" {
            return;
        }
        while self.at < self.tokens.len() && self.word(0) != "BEGIN" {
            self.at += 1;
        }
    }

    /// Statements up to a word that ends a part.
    fn statements(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        while self.at < self.tokens.len() {
            if matches!(self.word(0), "END" | "ELSE" | "ELSIF" | "ELSEIF" | "EXCEPTION" | "WHEN") {
                break;
            }
            self.statement(&mut actions);
        }
        actions
    }

    fn statement(&mut self, actions: &mut Vec<Action>) {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.at = self.tokens.len();
            actions.push(opaque("its block is nested too deep", vec![Touch::Anything]));
        } else {
            self.statement_inside(actions);
        }
        self.depth -= 1;
    }

    fn statement_inside(&mut self, actions: &mut Vec<Action>) {
        match self.word(0) {
            "DECLARE" => self.skip_declarations(),
            "BEGIN" => {
                self.at += 1;
                let inside = self.statements();
                let mut handled = Vec::new();
                let guarded = self.word(0) == "EXCEPTION";
                if guarded {
                    self.at += 1;
                    while self.word(0) == "WHEN" {
                        self.upto("THEN");
                        handled = self.statements();
                    }
                }
                self.close();
                // What the handler does depends on a failure.
                let _ = handled;
                match guarded {
                    true => actions.push(Action::Guarded(inside)),
                    false => actions.extend(inside),
                }
            }
            "IF" => {
                let mut branches = Vec::new();
                let mut otherwise = Vec::new();
                loop {
                    match self.word(0) {
                        "IF" | "ELSIF" | "ELSEIF" => {
                            self.at += 1;
                            let condition = self.upto("THEN");
                            branches.push((Arc::from(condition), self.statements()));
                        }
                        "ELSE" => {
                            self.at += 1;
                            otherwise = self.statements();
                        }
                        _ => break,
                    }
                }
                self.close();
                actions.push(Action::If(branches, otherwise));
            }
            "FOR" | "FOREACH" => {
                self.upto("IN");
                let source = self.upto("LOOP");
                let inside = self.statements();
                self.close();
                actions.push(Action::ForEach(Arc::from(source), inside));
            }
            "WHILE" => {
                let source = self.upto("LOOP");
                let inside = self.statements();
                self.close();
                actions.push(Action::ForEach(Arc::from(source), inside));
            }
            "LOOP" => {
                self.at += 1;
                let inside = self.statements();
                self.close();
                actions.push(Action::ForEach(Arc::from(""), inside));
            }
            "EXECUTE" => self.execute(actions),
            _ => {
                let text = self.upto_semicolon();
                let text = text.trim();
                if !text.is_empty() {
                    statement_actions(text, self.hole, actions);
                }
            }
        }
    }

    /// `EXECUTE 'text'`, `EXECUTE format('…')`.
    fn execute(&mut self, actions: &mut Vec<Action>) {
        self.at += 1;
        let start = self.at;
        self.upto_semicolon();
        let part = &self.tokens[start..self.at.min(self.tokens.len())];
        let part: Vec<&Token<'_>> = part.iter().filter(|token| !token.is(';')).collect();
        let texts: Vec<&String> = part
            .iter()
            .filter_map(|token| match &token.kind {
                TokenKind::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        match (part.as_slice(), texts.as_slice()) {
            ([_], [text]) => statement_actions(text, self.hole, actions),
            // Pieces that are put together: `'CREATE … ' || quote_ident(x)`.
            (_, [first, ..]) => {
                let reason: Arc<str> = Arc::from("it executes SQL that is put together while it runs");
                let text: String = match part.first().and_then(|token| token.word()) {
                    Some("FORMAT") => {
                        first.replace("%I", super::HOLE).replace("%L", "''").replace("%s", super::HOLE)
                    }
                    _ => texts.iter().map(|text| text.as_str()).collect::<Vec<_>>().join(super::HOLE),
                };
                statement_actions(&text, Some(&reason), actions);
            }
            _ => actions
                .push(opaque("it executes SQL that is put together while it runs", vec![Touch::Anything])),
        }
    }

    /// The text up to `word`, which is passed.
    fn upto(&mut self, word: &str) -> &'t str {
        let start = self.tokens.get(self.at).map_or(self.body.len(), |token| token.start);
        let mut depth = 0usize;
        while let Some(token) = self.tokens.get(self.at) {
            match token.kind {
                TokenKind::Symbol('(') => depth += 1,
                TokenKind::Symbol(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && token.word() == Some(word) {
                let text = &self.body[start..token.start];
                self.at += 1;
                return text;
            }
            self.at += 1;
        }
        &self.body[start..]
    }

    fn upto_semicolon(&mut self) -> &'t str {
        let start = self.tokens.get(self.at).map_or(self.body.len(), |token| token.start);
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            if token.is(';') {
                return &self.body[start..token.start];
            }
        }
        &self.body[start..]
    }

    /// Passes `END IF;`, `END LOOP;`, `END;`.
    fn close(&mut self) {
        if self.word(0) != "END" {
            return;
        }
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            if token.is(';') {
                return;
            }
        }
    }
}
