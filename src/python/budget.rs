//! How deep a text nests brackets, told in one pass before the parser sees it.
//!
//! The parser takes time and memory by the depth, and Python refuses such texts anyway.

/// `MAXLEVEL` of CPython's tokenizer. The fields of f-strings count as brackets, as there.
pub const MAX_BRACKETS: usize = 200;

/// Brackets are nested deeper than [`MAX_BRACKETS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDeep {
    /// Offset of the first bracket beyond.
    pub at: usize,
}

/// Something opened and not closed yet.
#[derive(Clone, Copy)]
enum Level {
    /// `(`, `[`, `{`; any closing one closes it, as a mismatch is the parser's to tell.
    Bracket,
    /// A string.
    Text(Quotes),
    /// `{…}` of an f-string.
    Field,
    /// The part of a field behind the `:`, text again, with the quotes of the string around it.
    Format(Quotes),
}

#[derive(Clone, Copy)]
struct Quotes {
    mark: u8,
    triple: bool,
    raw: bool,
    /// Whether `{` begins a field.
    fields: bool,
}

/// Bytes that mean something to [`Nesting`] in code.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut rest: &[u8] = b"#\"'([{)]}:\\";
    while let [byte, more @ ..] = rest {
        special[*byte as usize] = true;
        rest = more;
    }
    special
};

/// Follows brackets, strings and comments as Python's tokenizer does.
pub struct Nesting<'a> {
    text: &'a [u8],
    at: usize,
    levels: Vec<Level>,
    brackets: usize,
    /// Whether a backslash was the last that code had on its line.
    continued: bool,
}

impl<'a> Nesting<'a> {
    /// At the beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0, levels: Vec::new(), brackets: 0, continued: false }
    }

    /// Checks a whole text.
    ///
    /// # Errors
    /// Where it nests too deep.
    pub fn check(text: &str) -> Result<(), TooDeep> {
        // Counted in short runs, as small numbers: that is many times as fast.
        let opens =
            |run: &[u8]| run.iter().map(|byte| u8::from(matches!(byte, b'(' | b'[' | b'{'))).sum::<u8>();
        if text.as_bytes().chunks(192).map(|run| usize::from(opens(run))).sum::<usize>() <= MAX_BRACKETS {
            return Ok(());
        }
        Nesting::new(text).advance(text.len())
    }

    /// Goes on to offset `end`, a line's end or the text's.
    ///
    /// # Errors
    /// Where the text nests too deep.
    pub fn advance(&mut self, end: usize) -> Result<(), TooDeep> {
        let end = end.min(self.text.len());
        while self.at < end {
            match self.levels.last() {
                None | Some(Level::Bracket | Level::Field) => self.code(end)?,
                Some(Level::Text(quotes) | Level::Format(quotes)) => {
                    let quotes = *quotes;
                    self.string(quotes)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the statement goes on behind the line that ends here.
    pub fn is_open(&self) -> bool {
        !self.levels.is_empty() || self.continued
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn code(&mut self, end: usize) -> Result<(), TooDeep> {
        let rest = &self.text[self.at..end];
        let plain = rest.iter().position(|byte| SPECIAL[*byte as usize]).unwrap_or(rest.len());
        if plain > 0 {
            self.continued &= rest[..plain].iter().all(|byte| *byte == b'\r');
            self.at += plain;
            return Ok(());
        }
        let Some(byte) = self.byte(0) else { return Ok(()) };
        self.continued = byte == b'\\';
        match byte {
            b'#' => {
                let rest = &self.text[self.at..end];
                self.at += rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
                return Ok(());
            }
            b'"' | b'\'' => {
                self.quote(byte);
                return Ok(());
            }
            b'(' | b'[' | b'{' => self.open(Level::Bracket)?,
            b')' | b']' | b'}' => self.close(),
            b':' if matches!(self.levels.last(), Some(Level::Field)) => {
                if let [.., Level::Text(quotes) | Level::Format(quotes), field] = &mut self.levels[..] {
                    *field = Level::Format(*quotes);
                }
            }
            _ => {}
        }
        self.at += 1;
        Ok(())
    }

    fn open(&mut self, level: Level) -> Result<(), TooDeep> {
        if self.brackets == MAX_BRACKETS {
            return Err(TooDeep { at: self.at });
        }
        self.brackets += 1;
        self.levels.push(level);
        Ok(())
    }

    fn close(&mut self) {
        if let Some(Level::Bracket | Level::Field | Level::Format(_)) = self.levels.last() {
            self.levels.pop();
            self.brackets -= 1;
        }
    }

    /// The string that begins here; its prefix has been passed.
    fn quote(&mut self, mark: u8) {
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_' || !byte.is_ascii();
        let length = self.text[..self.at].iter().rev().take(4).take_while(is_word).count();
        let word = self.text[self.at - length..self.at].trim_ascii();
        let prefix: &[u8] = match word.iter().position(|byte| !byte.is_ascii_digit()) {
            Some(start) if word.len() - start <= 2 => &word[start..],
            _ => b"",
        };
        let holds = |letters: &[u8]| prefix.iter().any(|byte| letters.contains(byte));
        let known = prefix.iter().all(|byte| b"rRfFtTbBuU".contains(byte));
        let triple = self.byte(1) == Some(mark) && self.byte(2) == Some(mark);
        let quotes = Quotes { mark, triple, raw: known && holds(b"rR"), fields: known && holds(b"fFtT") };
        self.at += if triple { 3 } else { 1 };
        self.levels.push(Level::Text(quotes));
    }

    /// One step inside a string or a format specification.
    fn string(&mut self, quotes: Quotes) -> Result<(), TooDeep> {
        let Some(byte) = self.byte(0) else { return Ok(()) };
        let in_format = matches!(self.levels.last(), Some(Level::Format(_)));
        match byte {
            b'\\' => match self.byte(1) {
                Some(b'{' | b'}') if quotes.fields => self.at += 1,
                Some(b'N') if quotes.fields && !quotes.raw && self.byte(2) == Some(b'{') => {
                    // `\N{NAME}` is no field.
                    let rest = &self.text[self.at + 3..];
                    let name =
                        rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b" -".contains(byte));
                    self.at += 3 + name.count();
                    self.at += usize::from(self.byte(0) == Some(b'}'));
                }
                Some(b'\r') if self.byte(2) == Some(b'\n') => self.at += 3,
                _ => self.at += 2,
            },
            b'\n' | b'\r' if !quotes.triple => self.leave(),
            _ if byte == quotes.mark => {
                if !quotes.triple {
                    self.at += 1;
                    self.leave();
                } else if self.byte(1) == Some(byte) && self.byte(2) == Some(byte) {
                    self.at += 3;
                    self.leave();
                } else {
                    self.at += 1;
                }
            }
            b'{' if quotes.fields => {
                if !in_format && self.byte(1) == Some(b'{') {
                    self.at += 2;
                } else {
                    self.open(Level::Field)?;
                    self.at += 1;
                }
            }
            b'}' if in_format => {
                self.close();
                self.at += 1;
            }
            _ => self.at += 1,
        }
        Ok(())
    }

    /// Ends the innermost string, with the fields whose format it breaks off.
    fn leave(&mut self) {
        while let Some(level) = self.levels.pop() {
            match level {
                Level::Text(_) => break,
                Level::Bracket | Level::Field | Level::Format(_) => self.brackets -= 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BRACKETS, Nesting, TooDeep};

    fn deep(open: &str, close: &str, levels: usize) -> String {
        format!("x = {}1{}\n", open.repeat(levels), close.repeat(levels))
    }

    #[test]
    fn brackets_and_fields_deeper_than_python_allows_are_refused() {
        for (open, close) in
            [("(", ")"), ("[", "]"), ("{1:", "}"), ("f(", ")"), ("f\"{", "}\""), ("f'''{a:{", "}}'''")]
        {
            let per_level = open.matches(['(', '[', '{']).count();
            let most = MAX_BRACKETS / per_level;
            assert_eq!(Nesting::check(&deep(open, close, most)), Ok(()), "{open}");
            assert!(Nesting::check(&deep(open, close, most + 1)).is_err(), "{open}");
        }
        let text = format!("# (((\nx = {}", "(".repeat(300));
        assert_eq!(Nesting::check(&text), Err(TooDeep { at: 6 + 4 + 200 }));
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let many = "([{".repeat(300);
        for text in [
            format!("# {many}\n"),
            format!("x = '{many}'\n"),
            format!("x = r'\\'{many}'\n"),
            format!("x = \"\\\"{many}\"\n"),
            format!("x = 'a\\\r\n{many}'\n"),
            format!("'''\n'' {many} \\'''\n{many}'''\n"),
            format!("x = self\"{many}\"\n"),
            format!("x = ur'{many}'\n"),
            format!("x = f'{}'\n", "{{".repeat(300)),
            format!("x = f'{}'\n", "\\N{DASH}".repeat(300)),
            format!("x = f'{}'\n", "{a:'>{b}}{c!r:[}".repeat(300)),
            format!("x = f'{}'\n", "{'['}{\"(\"}".repeat(300)),
            format!("x = rf'{}'\n", "\\{a}\\'".repeat(300)),
            format!("x = f'''{}'''\n", "{a['b']:(}\n''".repeat(300)),
            "x = f({'a': (1, [2])})\n".repeat(300),
            // What is broken off ends with its line.
            "x = '(\ny = f'{a:(\nz = f'(\n".repeat(300),
        ] {
            assert_eq!(Nesting::check(&text), Ok(()), "{text:.60}");
            assert!(Nesting::check(&(text + &"(".repeat(201))).is_err());
        }
    }

    #[test]
    fn a_statement_is_open_until_its_brackets_and_strings_are_closed() {
        let text = "a = (\n'''\n)''')\nb = 1 + \\\r\n2 # \\\n";
        let mut nesting = Nesting::new(text);
        let open: Vec<bool> = text
            .match_indices('\n')
            .map(|(end, _)| {
                nesting.advance(end).unwrap();
                nesting.is_open()
            })
            .collect();
        assert_eq!(open, [true, true, false, true, false]);
    }
}
