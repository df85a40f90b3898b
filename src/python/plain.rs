//! Functions that the parser need not read: whether a text is Python for certain, told in one pass
//! without a syntax tree.
//!
//! Most of a migration is `upgrade()` and `downgrade()`: plain calls with plain arguments. Reading them
//! takes most of the parser's time and tells only that they can be read. What is recognised here is a
//! small part of the grammar; anything else, valid or not, is "not sure", and the parser decides.

/// Open brackets, and columns of indentation, that are followed.
const MAX_DEPTH: usize = 40;
const MAX_INDENT: usize = 80;

/// Keyword arguments of one call whose names are compared: a name given twice is an error.
const MAX_KEYWORDS: usize = 32;

/// A function without parameters at the top level of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainFunction<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether its body certainly does something.
    pub busy: bool,
}

/// The functions that `text` consists of, where it certainly consists of nothing else than those and
/// comments, each a whole statement that Python can read; `None` where that is not sure.
pub(super) fn plain_functions(text: &str) -> Option<Vec<PlainFunction<'_>>> {
    let bytes = text.as_bytes();
    if memchr::memchr3(b'\r', b'\x0c', 0, bytes).is_some() {
        return None;
    }
    let mut reader = Reader { text: bytes, at: 0, depth: 0 };
    let mut functions = Vec::new();
    while let Some(indent) = reader.next_line()? {
        if indent != 0 || !reader.word(b"def") {
            return None;
        }
        let name = std::str::from_utf8(reader.name()?).ok()?;
        reader.open(b'(')?;
        reader.close(b')')?;
        if reader.text[reader.at..].starts_with(b"->") {
            reader.bump(2);
            reader.word(b"None").then_some(())?;
        }
        functions.push(PlainFunction { name, busy: reader.block(0)? });
    }
    Some(functions)
}

/// Stands before a token, or at a line's end. Answers are `None` as soon as something is not sure.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// Brackets that are open: between them lines do not end.
    depth: usize,
}

/// What may follow a statement at the same indentation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Nothing,
    Else,
    ElifOrElse,
}

/// What stands between two operands.
enum Operator {
    /// `and`, `or`: `not` may follow.
    Logic,
    /// Any other.
    Other,
}

impl<'a> Reader<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Goes over a token of so many bytes, and what separates it from the next one.
    fn bump(&mut self, length: usize) {
        self.at += length;
        self.space();
    }

    fn space(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
            match self.byte() {
                Some(b'\n' | b'\t') if self.depth > 0 => self.at += 1,
                Some(b'#') if self.depth > 0 => self.comment(),
                _ => break,
            }
        }
    }

    fn comment(&mut self) {
        if self.byte() == Some(b'#') {
            let rest = &self.text[self.at..];
            self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        }
    }

    /// Goes to the next line that holds a statement and gives its indentation; `Some(None)` at the end.
    fn next_line(&mut self) -> Option<Option<usize>> {
        loop {
            let start = self.at;
            self.space();
            let indent = self.at - start;
            self.comment();
            match self.byte() {
                None => return Some(None),
                Some(b'\n') => self.at += 1,
                Some(b'\t') => return None,
                Some(_) => return Some(Some(indent)),
            }
        }
    }

    fn end_of_line(&mut self) -> Option<()> {
        self.comment();
        match self.byte() {
            None => Some(()),
            Some(b'\n') => {
                self.at += 1;
                Some(())
            }
            Some(_) => None,
        }
    }

    /// The identifier that stands here, keyword or not; empty where there is none.
    fn peek_word(&self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        match rest.first() {
            Some(first) if IS_WORD[*first as usize] && !first.is_ascii_digit() => {
                let length = rest.iter().position(|byte| !IS_WORD[*byte as usize]).unwrap_or(rest.len());
                &rest[..length]
            }
            _ => b"",
        }
    }

    fn word(&mut self, word: &[u8]) -> bool {
        let found = self.byte() == word.first().copied() && self.peek_word() == word;
        if found {
            self.bump(word.len());
        }
        found
    }

    /// A name that is no keyword.
    fn name(&mut self) -> Option<&'a [u8]> {
        let word = self.peek_word();
        self.bump(word.len());
        (!word.is_empty() && !is_keyword(word)).then_some(word)
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.byte() == Some(byte);
        if found {
            self.bump(1);
        }
        found
    }

    fn open(&mut self, bracket: u8) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH && self.accept(bracket)).then_some(())
    }

    fn close(&mut self, bracket: u8) -> Option<()> {
        self.depth -= 1;
        self.accept(bracket).then_some(())
    }

    /// `:` and the statements below a line indented by `outer`; whether one certainly does something.
    fn block(&mut self, outer: usize) -> Option<bool> {
        self.accept(b':').then_some(())?;
        self.end_of_line()?;
        let indent = self.next_line()?.filter(|indent| *indent > outer && *indent <= MAX_INDENT)?;
        let mut busy = false;
        let mut tail = Tail::Nothing;
        loop {
            tail = self.statement(indent, tail, &mut busy)?;
            let start = self.at;
            match self.next_line()? {
                Some(next) if next == indent => {}
                Some(next) if next > indent => return None,
                // Which of the outer blocks goes on is theirs to see: each compares with its own.
                _ => {
                    self.at = start;
                    return Some(busy);
                }
            }
        }
    }

    fn statement(&mut self, indent: usize, after: Tail, busy: &mut bool) -> Option<Tail> {
        let word = self.peek_word();
        match word {
            b"pass" => {
                self.bump(word.len());
                self.end_of_line()?;
            }
            b"return" | b"raise" => {
                self.bump(word.len());
                if word == b"raise" || !matches!(self.byte(), None | Some(b'\n' | b'#')) {
                    self.expression()?;
                }
                self.end_of_line()?;
            }
            b"if" | b"elif" => {
                if word == b"elif" && after != Tail::ElifOrElse {
                    return None;
                }
                self.bump(word.len());
                self.expression()?;
                self.block(indent)?;
                *busy = true;
                return Some(Tail::ElifOrElse);
            }
            b"else" => {
                if after == Tail::Nothing {
                    return None;
                }
                self.bump(word.len());
                self.block(indent)?;
            }
            b"for" => {
                self.bump(word.len());
                self.name()?;
                self.word(b"in").then_some(())?;
                self.expression()?;
                self.block(indent)?;
                *busy = true;
                return Some(Tail::Else);
            }
            b"with" => {
                self.bump(word.len());
                // In brackets the items may have names of their own.
                if self.byte() == Some(b'(') {
                    return None;
                }
                self.expression()?;
                if self.word(b"as") {
                    self.name()?;
                }
                self.block(indent)?;
                *busy = true;
            }
            _ if is_keyword(word) || is_soft_keyword(word) => return None,
            _ => {
                let start = self.at;
                self.bump(word.len());
                let assigns = !word.is_empty() && self.is_assignment();
                let uses = !word.is_empty() && matches!(self.byte(), Some(b'.' | b'('));
                match assigns {
                    true => self.bump(1),
                    false => self.at = start,
                }
                self.expression()?;
                self.end_of_line()?;
                *busy |= assigns || uses;
            }
        }
        Some(Tail::Nothing)
    }

    fn is_assignment(&self) -> bool {
        self.byte() == Some(b'=') && self.text.get(self.at + 1) != Some(&b'=')
    }

    /// Operands with operators between them.
    fn expression(&mut self) -> Option<()> {
        loop {
            while self.word(b"not") {}
            loop {
                self.operand()?;
                match self.operator()? {
                    None => return Some(()),
                    Some(Operator::Other) => {}
                    Some(Operator::Logic) => break,
                }
            }
        }
    }

    /// The operator that stands here, if it takes an operand on both sides.
    fn operator(&mut self) -> Option<Option<Operator>> {
        match &self.text[self.at..] {
            [b'=' | b'!' | b'<' | b'>', b'=', ..] => self.bump(2),
            // Other operators, and assignments with operators.
            [b'<', b'<' | b'>', ..] | [b'>', b'>', ..] | [b'*', b'*', ..] | [b'/', b'/', ..] => return None,
            [b'-', b'>', ..] | [b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b'&', b'=', ..] => return None,
            [b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b'&' | b'<' | b'>', ..] => self.bump(1),
            [b'a' | b'o' | b'i' | b'n', ..] => match self.peek_word() {
                word @ (b"and" | b"or") => {
                    self.bump(word.len());
                    return Some(Some(Operator::Logic));
                }
                b"in" => self.bump(2),
                b"is" => {
                    self.bump(2);
                    self.word(b"not");
                }
                b"not" => {
                    self.bump(3);
                    self.word(b"in").then_some(())?;
                }
                _ => return Some(None),
            },
            _ => return Some(None),
        }
        Some(Some(Operator::Other))
    }

    /// An atom with what is read, called or looked up of it.
    fn operand(&mut self) -> Option<()> {
        while self.accept(b'-') {}
        match self.byte()? {
            b'(' => self.items(b'(', b')')?,
            b'[' => self.items(b'[', b']')?,
            b'{' => self.braces()?,
            b'0'..=b'9' => return self.number(),
            b'"' | b'\'' => self.strings()?,
            _ => {
                let word = self.peek_word();
                if matches!(self.text.get(self.at + word.len()), Some(b'"' | b'\'')) {
                    self.strings()?;
                } else if matches!(word, b"True" | b"False" | b"None") {
                    self.bump(word.len());
                    return Some(());
                } else {
                    self.name()?;
                }
            }
        }
        loop {
            match self.byte() {
                Some(b'.') => {
                    self.bump(1);
                    self.name()?;
                }
                Some(b'(') => self.arguments()?,
                Some(b'[') => {
                    self.open(b'[')?;
                    self.expression()?;
                    self.close(b']')?;
                }
                _ => return Some(()),
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let digits = |rest: &[u8]| rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut length = digits(rest);
        if length > 1 && rest[0] == b'0' {
            return None;
        }
        if rest.get(length) == Some(&b'.') {
            match digits(&rest[length + 1..]) {
                0 => return None,
                fraction => length += 1 + fraction,
            }
        }
        let goes_on = |byte: &u8| IS_WORD[*byte as usize] || *byte == b'.' || !byte.is_ascii();
        if rest.get(length).is_some_and(goes_on) {
            return None;
        }
        self.bump(length);
        Some(())
    }

    /// One string, or several that stand beside each other.
    fn strings(&mut self) -> Option<()> {
        let mut prefix = self.peek_word();
        loop {
            let raw = match prefix {
                b"" | b"u" | b"U" => false,
                b"r" | b"R" => true,
                _ => return None,
            };
            self.at += prefix.len();
            self.string(raw)?;
            prefix = self.peek_word();
            if !matches!(self.text.get(self.at + prefix.len()), Some(b'"' | b'\'')) {
                return Some(());
            }
        }
    }

    fn string(&mut self, raw: bool) -> Option<()> {
        let quote = self.byte()?;
        let triple = self.text[self.at..].starts_with(&[quote; 3]);
        self.at += if triple { 3 } else { 1 };
        loop {
            self.at += memchr::memchr3(quote, b'\\', b'\n', &self.text[self.at..])?;
            match self.byte()? {
                b'\\' => {
                    // Escapes that can be wrong.
                    if !raw && matches!(self.text.get(self.at + 1)?, b'x' | b'u' | b'U' | b'N') {
                        return None;
                    }
                    self.at = self.text.len().min(self.at + 2);
                }
                b'\n' if triple => self.at += 1,
                b'\n' => return None,
                _ if !triple => {
                    self.bump(1);
                    return Some(());
                }
                _ if self.text[self.at..].starts_with(&[quote; 3]) => {
                    self.bump(3);
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }

    /// A tuple, a list, or an expression in brackets.
    fn items(&mut self, opening: u8, closing: u8) -> Option<()> {
        self.open(opening)?;
        while self.byte() != Some(closing) {
            self.expression()?;
            if !self.accept(b',') {
                break;
            }
        }
        self.close(closing)
    }

    /// A dictionary or a set.
    fn braces(&mut self) -> Option<()> {
        self.open(b'{')?;
        let mut is_set = None;
        while self.byte() != Some(b'}') {
            self.expression()?;
            let is_pair = self.accept(b':');
            if is_pair {
                self.expression()?;
            }
            if *is_set.get_or_insert(!is_pair) == is_pair {
                return None;
            }
            if !self.accept(b',') {
                break;
            }
        }
        self.close(b'}')
    }

    fn arguments(&mut self) -> Option<()> {
        self.open(b'(')?;
        let mut names: [&[u8]; MAX_KEYWORDS] = [b""; MAX_KEYWORDS];
        let mut named = 0;
        while self.byte() != Some(b')') {
            let start = self.at;
            let word = self.peek_word();
            self.bump(word.len());
            if !word.is_empty() && self.is_assignment() {
                if is_keyword(word) || named == MAX_KEYWORDS || names[..named].contains(&word) {
                    return None;
                }
                names[named] = word;
                named += 1;
                self.bump(1);
            } else if named > 0 {
                return None;
            } else {
                self.at = start;
            }
            self.expression()?;
            if !self.accept(b',') {
                break;
            }
        }
        self.close(b')')
    }
}

/// Bytes that names of plain functions are made of.
const IS_WORD: [bool; 256] = {
    let mut is_word = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        is_word[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    is_word
};

fn is_keyword(word: &[u8]) -> bool {
    matches!(
        word,
        b"False"
            | b"None"
            | b"True"
            | b"and"
            | b"as"
            | b"assert"
            | b"async"
            | b"await"
            | b"break"
            | b"class"
            | b"continue"
            | b"def"
            | b"del"
            | b"elif"
            | b"else"
            | b"except"
            | b"finally"
            | b"for"
            | b"from"
            | b"global"
            | b"if"
            | b"import"
            | b"in"
            | b"is"
            | b"lambda"
            | b"nonlocal"
            | b"not"
            | b"or"
            | b"pass"
            | b"raise"
            | b"return"
            | b"try"
            | b"while"
            | b"with"
            | b"yield"
    )
}

/// Names that begin statements of their own in some places, or may not be assigned.
fn is_soft_keyword(word: &[u8]) -> bool {
    matches!(word, b"match" | b"case" | b"type" | b"__debug__")
}

#[cfg(test)]
mod tests {
    use super::{PlainFunction, plain_functions};

    fn busy(body: &str) -> Option<bool> {
        let text = format!("def upgrade() -> None:\n    {body}\n");
        let functions = plain_functions(&text)?;
        let [PlainFunction { name: "upgrade", busy }] = functions[..] else { panic!("{functions:?}") };
        Some(busy)
    }

    #[test]
    fn what_a_migration_is_made_of_is_plain() {
        for body in [
            "bind = op.get_bind()",
            "op.f(a, 'b' \"c\", [1, (2.5,), {}], d={'e': -1, 'f': None}, g={1, 2},)[0].h",
            "op.execute(\n\n  # why\n'''\na\n'''  # now\n)",
            "with op.batch(\n'a') as b:\n        b.c()\n\n  # less\n    d = b",
            "if not a and b is not c or d not in e:\n        f()\n    elif g:\n        h()\n    else:\n        pass",
            "for a in b:\n        c()\n    else:\n        d()",
            "e = r'\\d' u'\\'' % (f, g) + h",
        ] {
            assert_eq!(busy(body), Some(true), "{body}");
        }
        for body in ["pass", "'''doc'''", "return", "return a", "raise A(b)", "a", "(a)"] {
            assert_eq!(busy(body), Some(false), "{body}");
        }
        assert_eq!(plain_functions("# nothing\n\n"), Some(vec![]));
    }

    #[test]
    fn what_is_not_certain_is_not_plain() {
        for body in [
            "f(",
            "f(a b)",
            "f(a=1, b)",
            "f(a=1, a=2)",
            "f(**a)",
            "f(*a)",
            "f(a for a in b)",
            "f(,)",
            "f(a,,b)",
            "f(None=1)",
            "a.if",
            "a b",
            "a = = b",
            "a += 1",
            "a: int = 1",
            "None = 1",
            "a; b",
            "a = yield",
            "lambda: 1",
            "x if y else z",
            "a < > b",
            "a <> b",
            "a ** b",
            "1x",
            "01",
            "1.",
            "f''",
            "b''",
            "'",
            "'a\nb'",
            "'\\x1'",
            "{a: 1, b}",
            "{a, b: 1}",
            "{**a}",
            "a[1:2]",
            "a = b,",
            "not",
            "a not b",
            "a = not",
            "a and",
            "match x:\n        pass",
            "print 'a'",
            "else:\n        pass",
            "a\n      b",
            "if a:\n    b",
            "if a:\n        b\n      c",
            "try:\n        a\n    finally:\n        b",
            "a\r",
            "a\\\n",
            "é = 1",
            "with (a as b):\n        c",
            "with a, b:\n        c",
            "def f():\n        pass",
            "\tpass",
            "import a",
            "raise",
            "...",
            "if a: b",
        ] {
            assert_eq!(busy(body), None, "{body}");
        }
        for text in [
            "x = 1\n",
            "def f(a):\n    pass\n",
            "def f():\n",
            "async def f():\n    pass\n",
            " def f():\n  pass",
        ] {
            assert_eq!(plain_functions(text), None, "{text}");
        }
        let deep = |levels| format!("a = {}1{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!((busy(&deep(40)), busy(&deep(41))), (Some(true), None));
        assert_eq!(busy(&deep(100_000)), None);
    }
}
