//! String literals and lists of them as bytes: where their parts, commas and brackets stand.
//!
//! What is handed in is a span that the parser has read as a literal, so this needs to know no
//! more of Python than strings, comments and brackets. What it does not know it does not answer.

use std::ops::Range;

use crate::text::{ByteSpan, Edit};

/// How a string literal is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Style {
    prefix: Vec<u8>,
    quote: u8,
    triple: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { prefix: Vec::new(), quote: b'\'', triple: false }
    }
}

impl Style {
    /// The same without triple quotes, for a literal beside others.
    pub(super) fn on_one_line(mut self) -> Self {
        self.triple = false;
        self
    }

    /// `value` as a literal in this style; `utf8`: whether the file's bytes are.
    pub(super) fn quoted(&self, value: &str, utf8: bool) -> Vec<u8> {
        let mut body = String::new();
        for character in value.chars() {
            match character {
                '\\' => body.push_str("\\\\"),
                '\n' => body.push_str("\\n"),
                c if c == char::from(self.quote) => body.extend(['\\', c]),
                c if c.is_ascii() && !c.is_control() => body.push(c),
                c if !c.is_ascii() && utf8 && !c.is_control() => body.push(c),
                c if u32::from(c) <= 0xff => body.push_str(&format!("\\x{:02x}", u32::from(c))),
                c if u32::from(c) <= 0xffff => body.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => body.push_str(&format!("\\U{:08x}", u32::from(c))),
            }
        }
        let raw = |byte: &u8| byte.eq_ignore_ascii_case(&b'r');
        let prefix: Vec<u8> = match body.contains('\\') {
            true => self.prefix.iter().copied().filter(|byte| !raw(byte)).collect(),
            false => self.prefix.clone(),
        };
        let quotes = vec![self.quote; if self.triple { 3 } else { 1 }];
        [&prefix, &quotes, body.as_bytes(), &quotes].concat()
    }
}

/// One string, written as one or several adjacent literals.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    parts: Vec<Range<usize>>,
}

impl Literal {
    /// The literal that `span` holds; `None` if it holds anything else.
    pub(super) fn at(text: &[u8], span: ByteSpan) -> Option<Self> {
        let tokens = tokens(text, span.range())?;
        let mut parts = Vec::new();
        for token in tokens {
            match token.kind {
                Kind::Text => parts.push(token.range),
                Kind::Comment => {}
                _ => return None,
            }
        }
        (!parts.is_empty()).then_some(Self { parts })
    }

    /// From the first part to the last.
    pub(super) fn span(&self) -> ByteSpan {
        let end = self.parts.last().map_or(0, |part| part.end);
        ByteSpan::new(self.parts[0].start as u32, end as u32)
    }

    /// How its first part is written.
    pub(super) fn style(&self, text: &[u8]) -> Style {
        let part = &text[self.parts[0].clone()];
        let prefix: Vec<u8> = part.iter().copied().take_while(u8::is_ascii_alphabetic).collect();
        let body = &part[prefix.len()..];
        let quote = body.first().copied().unwrap_or(b'\'');
        let triple = body.len() >= 6 && body.starts_with(&[quote; 3]);
        Style { prefix, quote, triple }
    }

    /// Edits that put `with` in its place. Comments between its parts stay.
    pub(super) fn replaced_by(&self, text: &[u8], with: &[u8]) -> Vec<Edit> {
        let span = self.span();
        let gaps = self.parts.windows(2).map(|pair| &text[pair[0].end..pair[1].start]);
        if !gaps.into_iter().any(|gap| gap.contains(&b'#')) {
            return vec![Edit { span, with: with.to_vec() }];
        }
        let edit = |(at, part): (usize, &Range<usize>)| Edit {
            span: ByteSpan::new(part.start as u32, part.end as u32),
            with: if at == 0 { with.to_vec() } else { Vec::new() },
        };
        self.parts.iter().enumerate().map(edit).collect()
    }
}

/// A member of a list.
#[derive(Debug)]
pub(super) struct Member {
    /// Its first byte, that of a parenthesis around it included.
    pub(super) start: usize,
    /// After its last byte.
    pub(super) end: usize,
    /// The string.
    pub(super) literal: Literal,
    /// The comma that follows it.
    pub(super) comma: Option<usize>,
}

/// A tuple, list or set of strings.
#[derive(Debug)]
pub(super) struct Collection {
    /// The opening bracket; a tuple may have none.
    pub(super) open: Option<usize>,
    /// The closing bracket.
    pub(super) close: Option<usize>,
    /// In the order of the file.
    pub(super) members: Vec<Member>,
}

impl Collection {
    /// The collection that `span` holds; `None` if it holds anything but strings.
    pub(super) fn at(text: &[u8], span: ByteSpan) -> Option<Self> {
        let mut tokens = tokens(text, span.range())?;
        let (mut open, mut close) = (None, None);
        if encloses(&tokens) {
            close = tokens.pop().map(|token| token.range.start);
            open = Some(tokens.remove(0).range.start);
        }
        let mut members = Vec::new();
        let mut depth = 0usize;
        let mut bounds: Option<Range<usize>> = None;
        let mut parts = Vec::new();
        for token in tokens {
            match token.kind {
                Kind::Comment => continue,
                Kind::Comma if depth > 0 => return None,
                Kind::Comma => {
                    let bounds = bounds.take()?;
                    members.push(member(bounds, &mut parts, Some(token.range.start))?);
                    continue;
                }
                Kind::Text => parts.push(token.range.clone()),
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.checked_sub(1)?,
            }
            match &mut bounds {
                Some(bounds) => bounds.end = token.range.end,
                None => bounds = Some(token.range),
            }
        }
        if let Some(bounds) = bounds {
            members.push(member(bounds, &mut parts, None)?);
        }
        Some(Self { open, close, members })
    }
}

fn member(bounds: Range<usize>, parts: &mut Vec<Range<usize>>, comma: Option<usize>) -> Option<Member> {
    let parts = std::mem::take(parts);
    let (start, end) = (bounds.start, bounds.end);
    (!parts.is_empty()).then_some(Member { start, end, literal: Literal { parts }, comma })
}

/// Whether the first token opens a bracket that the last one closes.
fn encloses(tokens: &[Token]) -> bool {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1 == tokens.len() && matches!(token.kind, Kind::Close);
        }
    }
    false
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Comment,
    Comma,
    Open,
    Close,
}

#[derive(Debug)]
struct Token {
    kind: Kind,
    range: Range<usize>,
}

/// The tokens of `range`; `None` where something else than strings, comments, commas and brackets stands.
fn tokens(text: &[u8], range: Range<usize>) -> Option<Vec<Token>> {
    let code = text.get(..range.end)?;
    let mut out = Vec::new();
    let mut at = range.start;
    while let Some(byte) = code.get(at).copied() {
        let start = at;
        let kind = match byte {
            byte if byte.is_ascii_whitespace() || byte == 0x0b || byte == b'\\' => {
                at += 1;
                continue;
            }
            b'#' => {
                at =
                    code[at..].iter().position(|b| matches!(b, b'\n' | b'\r')).map_or(code.len(), |n| at + n);
                Kind::Comment
            }
            b',' => {
                at += 1;
                Kind::Comma
            }
            b'(' | b'[' | b'{' => {
                at += 1;
                Kind::Open
            }
            b')' | b']' | b'}' => {
                at += 1;
                Kind::Close
            }
            _ => {
                at = string_end(code, at)?;
                Kind::Text
            }
        };
        out.push(Token { kind, range: start..at });
    }
    Some(out)
}

/// Where the string literal that starts at `at` ends.
fn string_end(code: &[u8], at: usize) -> Option<usize> {
    let prefix = code[at..].iter().take_while(|byte| matches!(byte, b'u' | b'U' | b'r' | b'R')).count();
    let mut at = at + prefix;
    let quote = *code.get(at).filter(|byte| prefix <= 2 && matches!(byte, b'\'' | b'"'))?;
    let triple = code[at..].starts_with(&[quote; 3]);
    at += if triple { 3 } else { 1 };
    loop {
        match code.get(at)? {
            b'\\' => at += 2,
            byte if *byte == quote && !triple => return Some(at + 1),
            byte if *byte == quote && code[at..].starts_with(&[quote; 3]) => return Some(at + 3),
            _ => at += 1,
        }
    }
}
