//! `DO` blocks: the part of PL/pgSQL that migrations use for guards.

use std::sync::Arc;

use super::split::{Token, TokenKind, tokens};
use super::{Action, Fragment, begins_harmlessly, opaque, statement_actions};
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
                let variable = self.tokens.get(self.at + 1).map_or("", |token| token.text).to_lowercase();
                self.upto("IN");
                let source = self.upto("LOOP").trim();
                let source = source.strip_prefix('(').and_then(|s| s.strip_suffix(')')).unwrap_or(source);
                let inside = self.statements();
                self.close();
                actions.push(Action::ForEach(Arc::from(source), Arc::from(variable), inside));
            }
            "WHILE" => {
                let source = self.upto("LOOP");
                let inside = self.statements();
                self.close();
                actions.push(Action::ForEach(Arc::from(source), Arc::from(""), inside));
            }
            "LOOP" => {
                self.at += 1;
                let inside = self.statements();
                self.close();
                actions.push(Action::ForEach(Arc::from(""), Arc::from(""), inside));
            }
            "SELECT" | "WITH" => {
                let text = self.upto_semicolon().trim();
                match select_into(text) {
                    Some((query, variables)) => actions.push(Action::Assign(Arc::from(query), variables)),
                    None => statement_actions(text, self.hole, actions),
                }
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

    /// `EXECUTE 'text'`, `EXECUTE format('…', x)`, `EXECUTE 'a' || quote_ident(x)`.
    fn execute(&mut self, actions: &mut Vec<Action>) {
        self.at += 1;
        let start = self.at;
        self.upto_semicolon();
        let part: Vec<&Token<'_>> = self.tokens[start..self.at.min(self.tokens.len())]
            .iter()
            .filter(|token| !token.is(';'))
            .take_while(|token| !matches!(token.word(), Some("USING" | "INTO")))
            .collect();
        let fragments = match part.first().and_then(|token| token.word()) {
            Some("FORMAT") => formatted(&part),
            _ => concatenated(&part),
        };
        match fragments {
            Some(fragments) => actions.push(Action::Execute(fragments)),
            // `EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I …', current_user)`.
            None if part.iter().find_map(|token| literal(token)).is_some_and(begins_harmlessly) => {}
            None => actions
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

/// `SELECT a INTO x FROM t` as the query `SELECT a FROM t` and the variables.
fn select_into(text: &str) -> Option<(String, Vec<Arc<str>>)> {
    let tokens = tokens(text);
    let mut depth = 0usize;
    let at = tokens.iter().position(|token| {
        match token.kind {
            TokenKind::Symbol('(') => depth += 1,
            TokenKind::Symbol(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.word() == Some("INTO")
    })?;
    let mut variables = Vec::new();
    let mut next = at + 1;
    if tokens.get(next).and_then(Token::word) == Some("STRICT") {
        next += 1;
    }
    while let Some(token) = tokens.get(next).filter(|token| token.word().is_some()) {
        variables.push(Arc::from(token.text.to_lowercase()));
        next += 1;
        if !tokens.get(next).is_some_and(|token| token.is(',')) {
            break;
        }
        next += 1;
    }
    let rest = tokens.get(next).map_or("", |token| &text[token.start..]);
    Some((format!("{} {rest}", &text[..tokens[at].start]), variables))
}

/// A variable, a record's column, or what `quote_ident(…)`, `quote_literal(…)` and casts have inside.
fn variable(tokens: &[&Token<'_>]) -> Option<Fragment> {
    let wrapped =
        matches!(tokens.first().and_then(|t| t.word()), Some("QUOTE_IDENT" | "QUOTE_LITERAL" | "COALESCE"));
    let tokens = if wrapped { tokens.get(2..tokens.len().checked_sub(1)?)? } else { tokens };
    match tokens {
        [token] if matches!(token.kind, TokenKind::Text(_)) => match &token.kind {
            TokenKind::Text(text) => Some(Fragment::Text(Arc::from(text.as_str()))),
            _ => None,
        },
        [name, ..] if name.word().is_some() => {
            let mut text = String::new();
            for token in tokens {
                // `r.oid::regclass`
                if token.is(':') {
                    break;
                }
                text.push_str(&token.text.to_lowercase());
            }
            Some(Fragment::Variable(Arc::from(text)))
        }
        _ => None,
    }
}

/// The parts of `tokens` between the symbols for which `cuts` holds, outside of brackets.
fn parts<'s, 't>(tokens: &'s [&'t Token<'t>], cuts: impl Fn(&Token<'_>) -> bool) -> Vec<&'s [&'t Token<'t>]> {
    let (mut depth, mut start) = (0usize, 0);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Symbol('(') => depth += 1,
            TokenKind::Symbol(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && cuts(token) {
            found.push(&tokens[start..at]);
            start = at + 1;
        }
    }
    found.push(&tokens[start..]);
    found.retain(|part| !part.is_empty());
    found
}

fn concatenated(tokens: &[&Token<'_>]) -> Option<Vec<Fragment>> {
    parts(tokens, |token| token.is('|')).into_iter().map(variable).collect()
}

fn formatted(tokens: &[&Token<'_>]) -> Option<Vec<Fragment>> {
    let inside = tokens.get(2..tokens.len().checked_sub(1)?)?;
    let mut arguments = parts(inside, |token| token.is(',')).into_iter();
    let template = match arguments.next()? {
        [token] => match &token.kind {
            TokenKind::Text(text) => text.clone(),
            TokenKind::Dollar(text) => (*text).to_owned(),
            _ => return None,
        },
        _ => return None,
    };
    let mut fragments = Vec::new();
    let mut rest = template.as_str();
    while let Some(at) = rest.find('%') {
        fragments.push(Fragment::Text(Arc::from(&rest[..at])));
        let letter = rest[at + 1..].chars().next()?;
        rest = &rest[at + 1 + letter.len_utf8()..];
        match letter {
            '%' => fragments.push(Fragment::Text(Arc::from("%"))),
            'I' | 's' => fragments.push(variable(arguments.next()?)?),
            'L' => {
                arguments.next();
                fragments.push(Fragment::Text(Arc::from("''")));
            }
            _ => return None,
        }
    }
    fragments.push(Fragment::Text(Arc::from(rest)));
    Some(fragments)
}

/// The text of a string literal.
fn literal<'t>(token: &'t Token<'_>) -> Option<&'t str> {
    match &token.kind {
        TokenKind::Text(text) => Some(text),
        _ => None,
    }
}
