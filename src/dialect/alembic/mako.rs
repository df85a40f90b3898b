//! A small, strict subset of the Mako template language, enough for real `script.py.mako` files.
//!
//! Where Mako's own reader has a rule (what ends a line, what a comment swallows, which first line
//! is an encoding comment), it is kept to the byte. What is outside the subset is an error that
//! says what it is; nothing is guessed.

use std::collections::HashSet;

use crate::dialect::CreateDate;

/// Longer templates, expressions and nestings are refused.
const MAX_TEMPLATE: usize = 1 << 18;
const MAX_TOKENS: usize = 500;
const MAX_DEPTH: usize = 30;

/// A Python value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A name that nobody passed: false, and an error where it is written.
    Undefined,
    None,
    Bool(bool),
    Number(i64),
    Text(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    /// A `datetime`.
    Date(CreateDate),
}

/// The names that a template can use.
pub(super) trait Variables {
    /// The value of `name`.
    fn get(&self, name: &str) -> Option<Value>;
}

/// The template's text with everything filled in.
///
/// # Errors
/// What the template asks for that is not in the subset, as the end of a sentence.
pub(super) fn render(template: &[u8], variables: &dyn Variables) -> Result<String, String> {
    if template.len() > MAX_TEMPLATE {
        return Err("is too long".into());
    }
    let bytes = template.strip_prefix(b"\xef\xbb\xbf").unwrap_or(template);
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let mut renderer = Renderer {
        text,
        at: encoding_comment(text)?,
        out: String::new(),
        variables,
        frames: Vec::new(),
        opaque: HashSet::new(),
    };
    renderer.run()?;
    Ok(renderer.out)
}

/// Length of a first line such as `# -*- coding: utf-8 -*-`, which Mako keeps for itself.
fn encoding_comment(text: &str) -> Result<usize, String> {
    let Some(end) = text.find('\n').filter(|_| text.starts_with('#')) else { return Ok(0) };
    let line = &text[..end];
    let name = ["coding:", "coding="].iter().filter_map(|key| line.rfind(key).map(|at| at + key.len())).max();
    let Some(at) = name else { return Ok(0) };
    let name: String =
        line[at..].trim_start().chars().take_while(|c| c.is_alphanumeric() || "-_.".contains(*c)).collect();
    match name.to_ascii_lowercase().replace('_', "-").as_str() {
        "" => Ok(0),
        "utf-8" | "utf8" => Ok(end + 1),
        _ if text.is_ascii() => Ok(end + 1),
        _ => Err(format!("is in the encoding {name}")),
    }
}

/// One `% if`, or a `% for` that is not reached.
struct Frame {
    /// Whether what surrounds it is written.
    outer: bool,
    /// Whether a branch was taken.
    taken: bool,
    /// Whether the present branch is written.
    active: bool,
    /// `if` or `for`.
    word: &'static str,
}

struct Renderer<'a> {
    text: &'a str,
    at: usize,
    out: String,
    variables: &'a dyn Variables,
    frames: Vec<Frame>,
    /// Names that the template's own Python binds: no longer what Alembic passes.
    opaque: HashSet<String>,
}

impl Renderer<'_> {
    fn active(&self) -> bool {
        self.frames.last().is_none_or(|frame| frame.active)
    }

    fn write(&mut self, text: &str) {
        if self.active() {
            self.out.push_str(text);
        }
    }

    fn run(&mut self) -> Result<(), String> {
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            if rest.starts_with("${") {
                self.expression()?;
            } else if self.starts_line() && self.line()? {
            } else if rest.starts_with("<%") || rest.starts_with("</%") {
                self.tag()?;
            } else if let Some(after) = rest.strip_prefix('\\').and_then(newline) {
                self.at += 1 + after;
            } else {
                let length = rest.chars().next().map_or(1, char::len_utf8);
                self.write(&self.text[self.at..self.at + length]);
                self.at += length;
            }
        }
        if self.frames.is_empty() { Ok(()) } else { Err("has a `% if` without end".into()) }
    }

    fn starts_line(&self) -> bool {
        self.at == 0 || self.text.as_bytes()[self.at - 1] == b'\n'
    }

    /// A line of control or comment, or the `%%` that stands for `%`; false if it is a line of text.
    fn line(&mut self) -> Result<bool, String> {
        let rest = &self.text[self.at..];
        let code = rest.trim_start_matches([' ', '\t']);
        if code.starts_with("%%") {
            let signs = code.len() - code.trim_start_matches('%').len();
            let blank = rest.len() - code.len();
            let (blanks, percent) = (&rest[..blank], &code[1..signs]);
            self.write(&[blanks, percent].concat());
            self.at += blank + signs;
            return Ok(true);
        }
        let (comment, body) = match (code.strip_prefix("##"), code.strip_prefix('%')) {
            (Some(body), _) => (true, body),
            (None, Some(body)) => (false, body),
            (None, None) => return Ok(false),
        };
        let mut end = 0;
        while let Some(next) = body[end..].chars().next() {
            match (next, newline(&body[end..])) {
                (_, Some(_)) => break,
                ('\\', _) if newline(&body[end + 1..]).is_some() => {
                    end += 1 + newline(&body[end + 1..]).unwrap_or(0);
                }
                ('\r', None) => return Err("holds a lone carriage return".into()),
                (next, None) => end += next.len_utf8(),
            }
        }
        let statement = body[..end].trim();
        let after = newline(&body[end..]).unwrap_or(0);
        self.at = self.text.len() - body.len() + end + after;
        if !comment {
            self.control(statement)?;
        }
        Ok(true)
    }

    fn control(&mut self, statement: &str) -> Result<(), String> {
        let odd = || format!("holds `% {}`, which is not understood", shorten(statement));
        let end = statement.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(statement.len());
        let (word, rest) = statement.split_at(end);
        let condition = rest.trim().strip_suffix(':').map(str::trim);
        match (word, condition) {
            ("if", Some(condition)) => {
                let outer = self.active();
                let active = outer && truth(&self.evaluate(condition)?);
                self.frames.push(Frame { outer, taken: active, active, word: "if" });
            }
            ("elif", Some(condition)) => {
                let open = self.frames.last().is_some_and(|frame| frame.outer && !frame.taken);
                let active = open && truth(&self.evaluate(condition)?);
                let frame = self.frames.last_mut().filter(|frame| frame.word == "if").ok_or_else(odd)?;
                frame.active = active;
                frame.taken |= active;
            }
            ("else", Some("")) => {
                let frame = self.frames.last_mut().filter(|frame| frame.word == "if").ok_or_else(odd)?;
                frame.active = frame.outer && !frame.taken;
                frame.taken = true;
            }
            ("endif" | "endfor", None) if rest.trim().is_empty() => {
                self.frames.pop().filter(|frame| word.ends_with(frame.word)).ok_or_else(odd)?;
            }
            // A loop that is not reached needs no understanding; one that is, would.
            ("for", Some(_)) if !self.active() => {
                self.frames.push(Frame { outer: false, taken: true, active: false, word: "for" });
            }
            _ => return Err(odd()),
        }
        if self.frames.len() > MAX_DEPTH { Err("is nested too deeply".into()) } else { Ok(()) }
    }

    fn expression(&mut self) -> Result<(), String> {
        let start = self.at + 2;
        let (end, stop) = expression_end(self.text, start, true)?;
        let (filters, end) = match stop {
            b'|' => {
                let (close, _) = expression_end(self.text, end + 1, false)?;
                (&self.text[end + 1..close], (end, close))
            }
            _ => ("", (end, end)),
        };
        let source = &self.text[start..end.0];
        self.at = end.1 + 1;
        if !self.active() {
            return Ok(());
        }
        let mut value = self.evaluate(source)?;
        let filters: Vec<&str> = filters.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if !filters.contains(&"n") {
            value = Value::Text(python_str(&value)?);
        }
        for filter in filters.into_iter().filter(|name| *name != "n") {
            value = Value::Text(match filter {
                "str" | "unicode" => python_str(&value)?,
                "repr" => python_repr(&value)?,
                "comma" => comma(&value)?,
                "trim" => match &value {
                    Value::Text(text) => text.trim().to_owned(),
                    _ => return Err("trims what is no text".into()),
                },
                other => {
                    return Err(format!("uses the filter `{}`, which is not understood", shorten(other)));
                }
            });
        }
        let Value::Text(text) = value else {
            return Err(format!("writes `{}`, which is no text", shorten(source)));
        };
        self.out.push_str(&text);
        Ok(())
    }

    fn tag(&mut self) -> Result<(), String> {
        let rest = &self.text[self.at..];
        if let Some(body) = rest.strip_prefix("<%doc>") {
            let end = body.find("</%doc>").ok_or("has a `<%doc>` without end")?;
            self.at += "<%doc>".len() + end + "</%doc>".len();
            return Ok(());
        }
        if let Some(body) = rest.strip_prefix("<%text>") {
            let end = body.find("</%text>").ok_or("has a `<%text>` without end")?;
            self.at += "<%text>".len() + end + "</%text>".len();
            let text = &body[..end];
            self.write(text);
            return Ok(());
        }
        let odd = || format!("holds `{}`, which is not understood", shorten(rest));
        let body = rest.strip_prefix("<%").ok_or_else(odd)?;
        let (module, body) = match body.strip_prefix('!') {
            Some(body) => (true, body),
            None => (false, body),
        };
        let end = body.find("%>").ok_or_else(odd)?;
        if !body.starts_with([' ', '\t', '\r', '\n', '#']) {
            return Err(odd());
        }
        for line in body[..end].lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') || line == "pass" {
                continue;
            }
            let bound = imported(line).or_else(|| compared(line).filter(|_| !module));
            let bound = bound.ok_or_else(|| format!("runs Python of its own (`{}`)", shorten(line)))?;
            self.opaque.extend(bound);
        }
        self.at = self.text.len() - body.len() + end + "%>".len();
        Ok(())
    }

    fn evaluate(&self, source: &str) -> Result<Value, String> {
        let odd = || format!("computes `{}`, which is not understood", shorten(source));
        let tokens = tokens(source).filter(|tokens| tokens.len() <= MAX_TOKENS).ok_or_else(odd)?;
        let scope = Scope { variables: self.variables, opaque: &self.opaque };
        scope.conditional(&tokens, 0).ok_or_else(odd)
    }
}

/// The words of an import: those that it binds are among them.
fn imported(line: &str) -> Option<Vec<String>> {
    let import = line.starts_with("import ") || line.starts_with("from ");
    let plain = line.chars().all(|c| c.is_alphanumeric() || "_., ".contains(c));
    let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
    (import && plain).then(|| words.map(str::to_owned).collect())
}

/// What `name = other == "text"` binds: it cannot fail and does nothing else.
fn compared(line: &str) -> Option<Vec<String>> {
    let [Token::Name(name), Token::Sign('='), rest @ ..] = &tokens(line)?[..] else { return None };
    let operand = |token: &Token| !matches!(token, Token::Sign(_));
    let sides = match rest {
        [left] => operand(left),
        [left, Token::Sign('=' | '!'), Token::Sign('='), right] => operand(left) && operand(right),
        _ => false,
    };
    sides.then(|| vec![name.clone()])
}

/// Length of the line ending that `text` starts with.
fn newline(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

fn shorten(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Where the expression that starts at `start` ends: at `}`, or at `|` where that may start filters.
fn expression_end(text: &str, start: usize, filters: bool) -> Result<(usize, u8), String> {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut depth = 0usize;
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'\'' | b'"' => {
                at = string_end(text, at).ok_or("has a string without end")?;
                continue;
            }
            b'#' => return Err("has a comment in an expression".into()),
            b'}' if depth == 0 => return Ok((at, byte)),
            b'|' if depth == 0 && filters => return Ok((at, byte)),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Err("has a `${` without end".into())
}

/// Where the string that starts at `at` ends.
fn string_end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(at)?;
    let mark = if bytes[at..].starts_with(&[quote; 3]) { 3 } else { 1 };
    let mut end = at + mark;
    loop {
        match bytes.get(end)? {
            b'\\' => end += 2,
            byte if *byte == quote && (mark == 1 || bytes[end..].starts_with(&[quote; 3])) => {
                return Some(end + mark);
            }
            _ => end += 1,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(i64),
    Sign(char),
}

fn tokens(source: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        let run = |test: fn(char) -> bool| {
            source[at..].find(|c: char| !test(c)).map_or(source.len(), |length| at + length)
        };
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c.is_alphabetic() || c == '_' {
            let end = run(|c| c.is_alphanumeric() || c == '_');
            out.push(Token::Name(source[at..end].to_owned()));
            at = end;
        } else if c.is_ascii_digit() {
            let end = run(|c| c.is_alphanumeric() || c == '_');
            out.push(Token::Number(source[at..end].parse().ok()?));
            at = end;
        } else if c == '\'' || c == '"' {
            // A prefix (`r''`) would have been read as a name just before it.
            if matches!(out.last(), Some(Token::Name(name)) if name.len() <= 2 && source[..at].ends_with(name.as_str()))
            {
                return None;
            }
            let end = string_end(source, at)?;
            out.push(Token::Text(unescape(&source[at..end])?));
            at = end;
        } else {
            out.push(Token::Sign(c));
            at += c.len_utf8();
        }
    }
    Some(out)
}

fn unescape(literal: &str) -> Option<String> {
    let mark = if literal.len() >= 6 && (literal.starts_with("'''") || literal.starts_with("\"\"\"")) {
        3
    } else {
        1
    };
    let mut out = String::new();
    let mut characters = literal.get(mark..literal.len() - mark)?.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.push(match characters.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                same @ ('\\' | '\'' | '"') => same,
                _ => return None,
            }),
            c => out.push(c),
        }
    }
    Some(out)
}

/// Evaluates Python expressions. `None`: not in the subset.
struct Scope<'a> {
    variables: &'a dyn Variables,
    opaque: &'a HashSet<String>,
}

impl Scope<'_> {
    /// `x if y else z`. The branch that is not taken is not looked at, as in Python.
    fn conditional(&self, tokens: &[Token], depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        let Some(at) = find(tokens, &["if"]) else { return self.any(tokens, depth) };
        let rest = &tokens[at + 1..];
        let otherwise = find(rest, &["else"])?;
        match truth(&self.any(&rest[..otherwise], depth)?) {
            true => self.any(&tokens[..at], depth),
            false => self.conditional(&rest[otherwise + 1..], depth + 1),
        }
    }

    /// `x or y`.
    fn any(&self, tokens: &[Token], depth: usize) -> Option<Value> {
        let mut rest = tokens;
        while let Some(at) = find(rest, &["or"]) {
            let value = self.all(&rest[..at], depth)?;
            if truth(&value) {
                return Some(value);
            }
            rest = &rest[at + 1..];
        }
        self.all(rest, depth)
    }

    /// `x and y`.
    fn all(&self, tokens: &[Token], depth: usize) -> Option<Value> {
        let mut rest = tokens;
        while let Some(at) = find(rest, &["and"]) {
            let value = self.not(&rest[..at], depth)?;
            if !truth(&value) {
                return Some(value);
            }
            rest = &rest[at + 1..];
        }
        self.not(rest, depth)
    }

    fn not(&self, tokens: &[Token], depth: usize) -> Option<Value> {
        let negations = tokens.iter().take_while(|token| **token == Token::Name("not".into())).count();
        let value = self.comparison(&tokens[negations..], depth)?;
        Some(match negations {
            0 => value,
            count => Value::Bool(truth(&value) != (count % 2 == 1)),
        })
    }

    /// `x is None`, `x is not None`.
    fn comparison(&self, tokens: &[Token], depth: usize) -> Option<Value> {
        let Some(at) = find(tokens, &["is"]) else { return self.sum(tokens, depth) };
        let left = self.sum(&tokens[..at], depth)?;
        let name = |text: &str| Token::Name(text.into());
        let negated = match &tokens[at + 1..] {
            right if right == [name("None")] => false,
            right if right == [name("not"), name("None")] => true,
            _ => return None,
        };
        Some(Value::Bool((left == Value::None) != negated))
    }

    /// `'a' + b`.
    fn sum(&self, tokens: &[Token], depth: usize) -> Option<Value> {
        let Some(at) = position(tokens, |token| *token == Token::Sign('+')) else {
            return self.primary(tokens, depth);
        };
        match (self.primary(&tokens[..at], depth)?, self.sum(&tokens[at + 1..], depth)?) {
            (Value::Text(left), Value::Text(right)) => Some(Value::Text(left + &right)),
            _ => None,
        }
    }

    fn primary(&self, tokens: &[Token], depth: usize) -> Option<Value> {
        let whole = |inner: &[Token]| position(inner, |token| *token == Token::Sign(')')).is_none();
        match tokens {
            [Token::Number(number)] => Some(Value::Number(*number)),
            [Token::Name(name)] => self.name(name),
            [Token::Sign('('), inner @ .., Token::Sign(')')] if whole(inner) && balanced(inner) => {
                self.conditional(inner, depth + 1)
            }
            [Token::Name(function), Token::Sign('('), inner @ .., Token::Sign(')')]
                if whole(inner) && balanced(inner) && !self.opaque.contains(function) =>
            {
                let value = self.conditional(inner, depth + 1)?;
                let text = match function.as_str() {
                    "repr" => python_repr(&value),
                    "str" => python_str(&value),
                    "comma" => comma(&value),
                    _ => return None,
                };
                text.ok().map(Value::Text)
            }
            [
                Token::Text(glue),
                Token::Sign('.'),
                Token::Name(join),
                Token::Sign('('),
                inner @ ..,
                Token::Sign(')'),
            ] if join == "join" && whole(inner) && balanced(inner) => {
                let (Value::Tuple(items) | Value::List(items)) = self.conditional(inner, depth + 1)? else {
                    return None;
                };
                let texts: Option<Vec<String>> = items
                    .into_iter()
                    .map(|item| if let Value::Text(text) = item { Some(text) } else { None })
                    .collect();
                Some(Value::Text(texts?.join(glue)))
            }
            [Token::Name(name), Token::Sign('.'), Token::Name(attribute)] => {
                let Value::Date(date) = self.name(name)? else { return None };
                Some(Value::Number(match attribute.as_str() {
                    "year" => date.local.year().into(),
                    "month" => date.local.month().into(),
                    "day" => date.local.day().into(),
                    "hour" => date.local.hour().into(),
                    "minute" => date.local.minute().into(),
                    "second" => date.local.second().into(),
                    _ => return None,
                }))
            }
            [
                Token::Name(name),
                Token::Sign('.'),
                Token::Name(method),
                Token::Sign('('),
                Token::Text(format),
                Token::Sign(')'),
            ] if method == "strftime" => {
                let Value::Date(date) = self.name(name)? else { return None };
                strftime(&date, format).map(Value::Text)
            }
            [
                Token::Name(name),
                Token::Sign('.'),
                Token::Name(method),
                Token::Sign('('),
                Token::Sign(')'),
            ] if method == "isoformat" => {
                let Value::Date(date) = self.name(name)? else { return None };
                Some(Value::Text(date_text(&date, 'T')))
            }
            [] => None,
            texts => {
                let text =
                    |token: &Token| if let Token::Text(text) = token { Some(text.clone()) } else { None };
                texts.iter().map(text).collect::<Option<String>>().map(Value::Text)
            }
        }
    }

    fn name(&self, name: &str) -> Option<Value> {
        if self.opaque.contains(name) {
            return None;
        }
        match name {
            "None" => return Some(Value::None),
            "True" => return Some(Value::Bool(true)),
            "False" => return Some(Value::Bool(false)),
            _ => {}
        }
        if let Some(value) = self.variables.get(name) {
            return Some(value);
        }
        (!KNOWN_TO_PYTHON.contains(&name)).then_some(Value::Undefined)
    }
}

/// Names with a value that is not known here: Alembic's and Mako's, Python's functions and keywords.
const KNOWN_TO_PYTHON: &[&str] = &[
    "config",
    "comma",
    "context",
    "capture",
    "caller",
    "local",
    "loop",
    "next",
    "pageargs",
    "parent",
    "self",
    "UNDEFINED",
    "STOP_RENDERING",
    "lambda",
    "for",
    "in",
    "is",
    "not",
    "and",
    "or",
    "if",
    "else",
    "await",
    "yield",
    "abs",
    "aiter",
    "all",
    "anext",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "copyright",
    "credits",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "license",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "quit",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
    "Exception",
    "Ellipsis",
    "NotImplemented",
    "__name__",
    "__doc__",
    "__import__",
    "__debug__",
    "__build_class__",
    "__loader__",
    "__package__",
    "__spec__",
];

/// The first token outside brackets that `test` accepts.
fn position(tokens: &[Token], test: impl Fn(&Token) -> bool) -> Option<usize> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        if depth == 0 && test(token) {
            return Some(at);
        }
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn find(tokens: &[Token], words: &[&str]) -> Option<usize> {
    position(tokens, |token| matches!(token, Token::Name(name) if words.contains(&name.as_str())))
}

fn balanced(tokens: &[Token]) -> bool {
    let mut depth = 0i32;
    for token in tokens {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Undefined | Value::None => false,
        Value::Bool(value) => *value,
        Value::Number(number) => *number != 0,
        Value::Text(text) => !text.is_empty(),
        Value::Tuple(items) | Value::List(items) => !items.is_empty(),
        Value::Date(_) => true,
    }
}

fn python_str(value: &Value) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        Value::Date(date) => Ok(date_text(date, ' ')),
        Value::Undefined => Err("writes a name that Alembic does not pass".into()),
        other => python_repr(other),
    }
}

fn python_repr(value: &Value) -> Result<String, String> {
    let all = |items: &[Value]| {
        items.iter().map(python_repr).collect::<Result<Vec<_>, _>>().map(|all| all.join(", "))
    };
    Ok(match value {
        Value::None => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text_repr(text),
        Value::Tuple(items) if items.len() == 1 => format!("({},)", all(items)?),
        Value::Tuple(items) => format!("({})", all(items)?),
        Value::List(items) => format!("[{}]", all(items)?),
        Value::Date(_) => return Err("writes a date as Python code".into()),
        Value::Undefined => return Err("writes a name that Alembic does not pass".into()),
    })
}

/// Python's `repr` of a string.
fn text_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// `alembic.util.format_as_comma`.
fn comma(value: &Value) -> Result<String, String> {
    match value {
        Value::None => Ok(String::new()),
        Value::Text(text) => Ok(text.clone()),
        Value::Tuple(items) | Value::List(items) => {
            items.iter().map(python_str).collect::<Result<Vec<_>, _>>().map(|all| all.join(", "))
        }
        _ => Err("lists what is no list".into()),
    }
}

/// Python's `str` and `isoformat` of a `datetime`.
fn date_text(date: &CreateDate, between: char) -> String {
    let local = date.local;
    let mut out = format!(
        "{:04}-{:02}-{:02}{between}{:02}:{:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second()
    );
    let micro = local.subsec_nanosecond() / 1000;
    if micro != 0 {
        out.push_str(&format!(".{micro:06}"));
    }
    if let Some(offset) = date.offset {
        let sign = if offset < 0 { '-' } else { '+' };
        let offset = offset.unsigned_abs();
        out.push_str(&format!("{sign}{:02}:{:02}", offset / 3600, offset / 60 % 60));
        if offset % 60 != 0 {
            out.push_str(&format!(":{:02}", offset % 60));
        }
    }
    out
}

fn strftime(date: &CreateDate, format: &str) -> Option<String> {
    let local = date.local;
    let mut out = String::new();
    let mut characters = format.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match characters.next()? {
            'Y' => out.push_str(&format!("{}", local.year())),
            'm' => out.push_str(&format!("{:02}", local.month())),
            'd' => out.push_str(&format!("{:02}", local.day())),
            'H' => out.push_str(&format!("{:02}", local.hour())),
            'M' => out.push_str(&format!("{:02}", local.minute())),
            'S' => out.push_str(&format!("{:02}", local.second())),
            'f' => out.push_str(&format!("{:06}", local.subsec_nanosecond() / 1000)),
            '%' => out.push('%'),
            _ => return None,
        }
    }
    Some(out)
}
