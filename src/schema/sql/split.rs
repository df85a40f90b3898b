//! Tokens and statements: enough of SQL's lexical rules to tell words, names, strings and semicolons apart.

use super::name_of;
use crate::schema::state::Name;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind<'t>,
    /// As written.
    pub(super) text: &'t str,
    /// Where it begins.
    pub(super) start: usize,
}

/// Kinds of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind<'t> {
    /// An unquoted word, in capitals.
    Word(String),
    /// A quoted identifier.
    Quoted(String),
    /// A string literal.
    Text(String),
    /// The inside of `$tag$…$tag$`.
    Dollar(&'t str),
    /// A number.
    Number,
    /// Any other character.
    Symbol(char),
}

impl Token<'_> {
    /// The word in capitals, where this is an unquoted one.
    pub(super) fn word(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether this is the character `symbol`.
    pub(super) fn is(&self, symbol: char) -> bool {
        self.kind == TokenKind::Symbol(symbol)
    }

    /// Where it ends.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The tokens of `text`, comments left out.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let byte = bytes[at];
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        if rest.starts_with("/*") {
            at += comment(rest);
            continue;
        }
        let (kind, length) = token(rest);
        tokens.push(Token { kind, text: &text[at..at + length], start: at });
        at += length;
    }
    tokens
}

/// The length of the comment that `text` begins with; comments nest.
fn comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0usize, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn token(rest: &str) -> (TokenKind<'_>, usize) {
    let bytes = rest.as_bytes();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    match bytes[0] {
        b'\'' => string(rest, 0, false),
        b'e' | b'E' if bytes.get(1) == Some(&b'\'') => string(rest, 1, true),
        b'"' => quoted(rest, b'"'),
        b'`' => quoted(rest, b'`'),
        b'$' => match dollar(rest) {
            Some(found) => found,
            None => (TokenKind::Symbol('$'), 1),
        },
        first if first.is_ascii_digit() => {
            let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len());
            (TokenKind::Number, length)
        }
        _ => {
            let first = rest.chars().next().unwrap_or(' ');
            if first.is_alphabetic() || first == '_' {
                let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                (TokenKind::Word(rest[..length].to_uppercase()), length)
            } else {
                (TokenKind::Symbol(first), first.len_utf8())
            }
        }
    }
}

fn string(rest: &str, prefix: usize, escapes: bool) -> (TokenKind<'_>, usize) {
    let bytes = rest.as_bytes();
    let mut value = String::new();
    let mut at = prefix + 1;
    let mut from = at;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => {
                value.push_str(rest.get(from..=at).unwrap_or_default());
                at += 2;
                from = at;
            }
            b'\'' => {
                value.push_str(rest.get(from..at).unwrap_or_default());
                return (TokenKind::Text(value), at + 1);
            }
            _ => at += 1,
        }
    }
    value.push_str(rest.get(from..).unwrap_or_default());
    (TokenKind::Text(value), rest.len())
}

fn quoted(rest: &str, mark: u8) -> (TokenKind<'_>, usize) {
    let bytes = rest.as_bytes();
    let mut value = String::new();
    let mut at = 1;
    let mut from = 1;
    while at < bytes.len() {
        if bytes[at] == mark {
            if bytes.get(at + 1) == Some(&mark) {
                value.push_str(&rest[from..=at]);
                at += 2;
                from = at;
                continue;
            }
            value.push_str(&rest[from..at]);
            return (TokenKind::Quoted(value), at + 1);
        }
        at += 1;
    }
    value.push_str(&rest[from..]);
    (TokenKind::Quoted(value), rest.len())
}

fn dollar(rest: &str) -> Option<(TokenKind<'_>, usize)> {
    let tag_end = rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_'))? + 1;
    if !rest[tag_end..].starts_with('$') || rest[1..tag_end].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let tag = &rest[..=tag_end];
    let body = &rest[tag.len()..];
    match body.find(tag) {
        Some(end) => Some((TokenKind::Dollar(&body[..end]), tag.len() * 2 + end)),
        None => Some((TokenKind::Dollar(body), rest.len())),
    }
}

/// The statements of `text`, without semicolons and empty ones.
pub(super) fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for token in tokens(text) {
        // The body of a function in SQL's own syntax ends with END.
        if token.is(';') {
            found.push(&text[start..token.start]);
            start = token.end();
        }
    }
    found.push(&text[start..]);
    found.retain(|statement| !tokens(statement).is_empty());
    found.into_iter().map(str::trim).collect()
}

/// The (dotted) name at token `at`, and the place of the token after it.
pub(super) fn name_at(tokens: &[Token<'_>], at: usize) -> Option<(Name, usize)> {
    let mut parts = Vec::new();
    let mut at = at;
    loop {
        match &tokens.get(at)?.kind {
            TokenKind::Word(_) => parts.push((tokens[at].text.to_owned(), false)),
            TokenKind::Quoted(name) => parts.push((name.clone(), true)),
            _ => return None,
        }
        at += 1;
        if !tokens.get(at).is_some_and(|token| token.is('.')) {
            break;
        }
        at += 1;
    }
    Some((name_of(&parts)?, at))
}
