//! `alembic.ini` as Alembic reads it: Python's `configparser`, strict, with basic interpolation.
//!
//! Alembic builds `ConfigParser({"here": DIRECTORY})` and reads the file as text. What that means,
//! by the code of `configparser` in Python 3.11 to 3.13:
//!
//! - Lines end at `\n`, `\r\n` or `\r`. *White space* is Python's: Unicode's and U+001C to U+001F.
//! - A line whose first visible character is `#` or `;` is a comment, inside a value too. There
//!   are no other comments: `a = 1 # b` has the value `1 # b`.
//! - A line indented deeper than the line its option began on continues the value, whatever it
//!   holds; blank lines belong to the value when more of it follows.
//! - `[name]` begins a section, up to the last `]` of the line; what follows that is dropped.
//! - `name = value` and `name: value` split at the first `=` or `:`. Names ignore case.
//! - A section or an option given twice is an error (`[DEFAULT]` may be opened again), and so is
//!   a line of any other shape. Every section inherits what `[DEFAULT]` has.
//! - `%(name)s` stands for an option of the section, of `[DEFAULT]`, or `here`, and `%%` for `%`;
//!   any other `%` is an error, but only when the value is asked for.
//! - A byte order mark is an ordinary character, so a file that begins with one has no section
//!   header on its first line and cannot be read.
//!
//! `scripts/compare-ini-with-python` keeps the test cases true to Python.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use crate::text::printable;

/// The section every other one inherits from; `configparser.DEFAULTSECT`.
const DEFAULT: &str = "DEFAULT";

/// Where [`DEFAULT`] stands among [`Ini::sections`].
const DEFAULT_INDEX: usize = 0;

/// `configparser.MAX_INTERPOLATION_DEPTH`.
const MAX_DEPTH: usize = 10;

/// Bytes of raw values one [`Ini::get`] may read through references. Python has no such limit and
/// would run for years on ten options that each name the next one a thousand times.
const MAX_EXPANSION: usize = 1 << 20;

/// Characters of a file's own text an error message repeats.
const MAX_QUOTED: usize = 60;

/// A parsed file.
#[derive(Debug, Clone)]
pub(super) struct Ini {
    /// In file order, after the always present [`DEFAULT`].
    sections: Vec<Section>,
    /// Section name to its place in `sections`.
    index: HashMap<String, usize>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Default)]
struct Section {
    name: String,
    /// Lower-case option name to its place in [`Ini::entries`].
    options: HashMap<String, usize>,
}

#[derive(Debug, Clone)]
struct Entry {
    raw: String,
    line: u32,
}

/// Why Python would refuse the file, or one value of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub(super) struct IniError {
    /// 1-based line of the file.
    pub line: u32,
    /// What is wrong, without the line; safe to print.
    pub message: String,
}

impl Ini {
    /// Reads a whole file.
    ///
    /// # Errors
    /// Text that is not UTF-8, and everything [`Ini::parse`] refuses.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Ini, IniError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let up_to = String::from_utf8_lossy(good) + "\u{fffd}";
            IniError::new(line_number(lines(&up_to).count()), "not UTF-8 text")
        })?;
        Ini::parse(text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// The error Python raises: the first repeated section or option, or line before any section
    /// header; failing those, the first line that is no section header, option or continuation.
    pub(super) fn parse(text: &str) -> Result<Ini, IniError> {
        let mut ini = Ini {
            sections: vec![Section { name: DEFAULT.to_owned(), ..Section::default() }],
            index: HashMap::from([(DEFAULT.to_owned(), DEFAULT_INDEX)]),
            entries: Vec::new(),
        };
        let mut section: Option<usize> = None;
        // The value that deeper indented lines continue.
        let mut open: Option<usize> = None;
        let mut indent = 0;
        // Python reports these only when the whole file has been read.
        let mut first_malformed: Option<IniError> = None;

        for (index, line) in lines(text).enumerate() {
            let number = line_number(index + 1);
            let content = line.trim_matches(is_space);
            if content.starts_with(['#', ';']) {
                continue;
            }
            let continued = open.and_then(|entry| ini.entries.get_mut(entry));
            if content.is_empty() {
                if let Some(entry) = continued {
                    entry.raw.push('\n');
                }
                continue;
            }
            let line_indent = line.chars().take_while(|c| is_space(*c)).count();
            if line_indent > indent
                && let Some(entry) = continued
            {
                entry.raw.push('\n');
                entry.raw.push_str(content);
                continue;
            }
            indent = line_indent;
            if let Some(name) = section_header(content) {
                section = Some(ini.open_section(name, number)?);
                open = None;
                continue;
            }
            let Some(section) = section else {
                let message = if content.starts_with('\u{feff}') {
                    "a byte order mark before the first section header".to_owned()
                } else {
                    format!("{} before the first section header", quoted(content))
                };
                return Err(IniError::new(number, message));
            };
            let Some((name, value)) = content.split_once(['=', ':']) else {
                first_malformed.get_or_insert_with(|| {
                    let content = quoted(content);
                    IniError::new(number, format!("{content} is neither `[section]` nor `option = value`"))
                });
                continue;
            };
            let name = name.trim_end_matches(is_space).to_lowercase();
            // Without a name it still counts (a second one is a repetition) but is not continued.
            let named = !name.is_empty();
            let entry = Entry { raw: value.trim_matches(is_space).to_owned(), line: number };
            open = Some(ini.add_option(section, name, entry)?).filter(|_| named);
            if !named {
                first_malformed.get_or_insert(IniError::new(number, "a value without an option name"));
            }
        }

        for entry in &mut ini.entries {
            let length = entry.raw.trim_end_matches(is_space).len();
            entry.raw.truncate(length);
        }
        first_malformed.map_or(Ok(ini), Err)
    }

    /// Section names in file order, without `DEFAULT`.
    pub(super) fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().skip(DEFAULT_INDEX + 1).map(|section| section.name.as_str())
    }

    /// The value of `option` in `section` or, inherited, in `DEFAULT`, with references replaced;
    /// `None` if the section or the option is absent. `here` is the directory of the file, as
    /// Alembic gives it (absolute, `/` between names); the file may override it, and a `%` in it
    /// is interpreted as Python does.
    ///
    /// # Errors
    /// A `%` that is neither `%%` nor `%(name)s`, a reference to an option that does not exist,
    /// and references nested more than ten deep or (unlike Python) expanding beyond 1 MiB. The
    /// line is that of the option asked for.
    pub(super) fn get(&self, section: &str, option: &str, here: &str) -> Result<Option<String>, IniError> {
        let Some(raw) = self.value(section, option, here) else {
            return Ok(None);
        };
        let mut expansion = Expansion { ini: self, section, here, left: MAX_EXPANSION, out: String::new() };
        expansion.expand(raw, 1).map_err(|problem| {
            let message = format!("option {} in section {}: {problem}", quoted(option), quoted(section));
            // `here` itself has no line.
            IniError::new(self.line(section, option).unwrap_or(1), message)
        })?;
        Ok(Some(expansion.out))
    }

    /// The value as the file has it, own or inherited, lines joined by `\n`, references in place.
    pub(super) fn raw(&self, section: &str, option: &str) -> Option<&str> {
        self.entry(section, option).map(|entry| entry.raw.as_str())
    }

    /// 1-based line on which the option, own or inherited, begins.
    pub(super) fn line(&self, section: &str, option: &str) -> Option<u32> {
        self.entry(section, option).map(|entry| entry.line)
    }

    /// Whether the option stands in the section itself.
    pub(super) fn has_own(&self, section: &str, option: &str) -> bool {
        let own = self.index.get(section).and_then(|place| self.sections.get(*place));
        own.is_some_and(|own| own.options.contains_key(&option.to_lowercase()))
    }

    fn entry(&self, section: &str, option: &str) -> Option<&Entry> {
        let own = *self.index.get(section)?;
        let name = option.to_lowercase();
        let in_section = |place: usize| self.sections.get(place)?.options.get(&name);
        self.entries.get(*in_section(own).or_else(|| in_section(DEFAULT_INDEX))?)
    }

    fn value<'a>(&'a self, section: &str, option: &str, here: &'a str) -> Option<&'a str> {
        self.raw(section, option)
            .or_else(|| (self.index.contains_key(section) && option.to_lowercase() == "here").then_some(here))
    }

    fn open_section(&mut self, name: &str, line: u32) -> Result<usize, IniError> {
        match self.index.entry(name.to_owned()) {
            Slot::Occupied(slot) if *slot.get() == DEFAULT_INDEX => Ok(DEFAULT_INDEX),
            Slot::Occupied(_) => Err(IniError::new(line, format!("section {} appears twice", quoted(name)))),
            Slot::Vacant(slot) => {
                let place = *slot.insert(self.sections.len());
                self.sections.push(Section { name: name.to_owned(), ..Section::default() });
                Ok(place)
            }
        }
    }

    fn add_option(&mut self, section: usize, name: String, entry: Entry) -> Result<usize, IniError> {
        let place = self.entries.len();
        if let Some(section) = self.sections.get_mut(section) {
            match section.options.entry(name) {
                Slot::Vacant(slot) => slot.insert(place),
                Slot::Occupied(slot) => {
                    let (option, section) = (quoted(slot.key()), quoted(&section.name));
                    let message = format!("option {option} appears twice in section {section}");
                    return Err(IniError::new(entry.line, message));
                }
            };
        }
        self.entries.push(entry);
        Ok(place)
    }
}

impl IniError {
    fn new(line: u32, message: impl Into<String>) -> IniError {
        IniError { line, message: message.into() }
    }
}

/// One run of `BasicInterpolation._interpolate_some`.
struct Expansion<'a> {
    ini: &'a Ini,
    section: &'a str,
    here: &'a str,
    /// What remains of [`MAX_EXPANSION`].
    left: usize,
    out: String,
}

impl Expansion<'_> {
    fn expand(&mut self, mut rest: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("references nested more than {MAX_DEPTH} deep"));
        }
        while let Some((literal, after)) = rest.split_once('%') {
            self.out.push_str(literal);
            if let Some(tail) = after.strip_prefix('%') {
                self.out.push('%');
                rest = tail;
                continue;
            }
            let Some((name, tail)) = reference(after) else {
                let rest = quoted(&rest[literal.len()..]);
                return Err(format!("`%` in {rest} is neither `%%` nor `%(option)s`"));
            };
            let Some(value) = self.ini.value(self.section, name, self.here) else {
                return Err(format!("no option {} to refer to", quoted(name)));
            };
            self.left = (self.left.checked_sub(value.len() + 1))
                .ok_or_else(|| format!("references expand beyond {MAX_EXPANSION} bytes"))?;
            if value.contains('%') {
                self.expand(value, depth + 1)?;
            } else {
                self.out.push_str(value);
            }
            rest = tail;
        }
        self.out.push_str(rest);
        Ok(())
    }
}

/// `(name)s` and what follows it. The name may hold anything but `)`, line ends too.
fn reference(after_percent: &str) -> Option<(&str, &str)> {
    let (name, tail) = after_percent.strip_prefix('(')?.split_once(')')?;
    let tail = tail.strip_prefix('s')?;
    (!name.is_empty()).then_some((name, tail))
}

fn section_header(content: &str) -> Option<&str> {
    let (name, _) = content.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

/// Lines as Python's text mode splits them, possibly followed by an empty one.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn line_number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Python's `str.isspace`.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// The start of `text` in quotes, safe to print.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("'{}…'", printable(&text[..end])),
        None => format!("'{}'", printable(text)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const CASES: &str = include_str!("../../../fixtures/config/ini-cases.json");

    fn error(line: u32, message: &str) -> IniError {
        IniError { line, message: message.to_owned() }
    }

    fn get(text: &str, option: &str) -> Result<Option<String>, IniError> {
        Ini::parse(text).unwrap().get("alembic", option, "/srv/app")
    }

    fn found(value: &str) -> Result<Option<String>, IniError> {
        Ok(Some(value.to_owned()))
    }

    /// What the parser makes of a file, in the fixture's words; a value's error kind is Python's.
    fn answer(text: &str, here: &str) -> Value {
        let ini = match Ini::parse(text) {
            Ok(ini) => ini,
            Err(error) => return json!({"line": error.line}),
        };
        let sections = ini.sections.iter().map(|section| {
            let own = section.options.keys();
            let names = own.chain(ini.sections[DEFAULT_INDEX].options.keys()).map(String::as_str);
            let options: BTreeMap<&str, Value> = names
                .chain(["here"])
                .map(|option| match ini.get(&section.name, option, here) {
                    Ok(value) => (option, json!(value)),
                    Err(error) if error.message.contains("nested more than") => {
                        (option, json!({"error": "InterpolationDepthError"}))
                    }
                    Err(error) if error.message.contains("no option") => {
                        (option, json!({"error": "InterpolationMissingOptionError"}))
                    }
                    Err(error) if error.message.contains("is neither") => {
                        (option, json!({"error": "InterpolationSyntaxError"}))
                    }
                    Err(error) => (option, json!({"error": error.message})),
                })
                .collect();
            json!([section.name, options])
        });
        json!({"sections": sections.collect::<Vec<_>>()})
    }

    #[test]
    fn every_case_is_read_as_python_reads_it() {
        let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
        let mut differing = Vec::new();
        for case in &cases {
            let (text, here) = (case["text"].as_str().unwrap(), case["here"].as_str().unwrap());
            let expected = match case.get("line") {
                Some(line) => json!({"line": line}),
                None => json!({"sections": case["sections"]}),
            };
            let actual = answer(text, here);
            if actual != expected {
                differing.push(format!("{text:?} here {here:?}\n  python {expected}\n  ini.rs {actual}"));
            }
        }
        assert!(cases.len() > 400, "the fixture has only {} cases", cases.len());
        assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
    }

    #[test]
    fn a_usual_file() {
        let text = "# configuration\n\n[alembic]\n# where\nscript_location = %(here)s/migrations\n\
                    version_locations =\n    %(script_location)s/a\n    # not yet: b\n    %(script_location)s/c\n\n\
                    file_template = %%(rev)s_%%(slug)s ; kept\nSQLAlchemy.url: x://u:p%%40@h\n\n[loggers]\nkeys=root\n";
        let ini = Ini::from_bytes(text.as_bytes()).unwrap();
        let get = |option| ini.get("alembic", option, "/srv/app");
        assert_eq!(ini.sections().collect::<Vec<_>>(), ["alembic", "loggers"]);
        assert_eq!(get("script_location"), found("/srv/app/migrations"));
        assert_eq!(get("version_locations"), found("\n/srv/app/migrations/a\n/srv/app/migrations/c"));
        assert_eq!(get("file_template"), found("%(rev)s_%(slug)s ; kept"));
        assert_eq!(get("sqlalchemy.URL"), found("x://u:p%40@h"));
        assert_eq!(get("here"), found("/srv/app"));
        assert_eq!(get("keys"), Ok(None));
        assert_eq!(ini.get("absent", "here", "/srv/app"), Ok(None));
        assert_eq!(ini.raw("alembic", "script_location"), Some("%(here)s/migrations"));
        assert_eq!(ini.raw("alembic", "here"), None);
        assert_eq!(ini.line("alembic", "version_locations"), Some(6));
        assert_eq!(ini.line("alembic", "SQLALCHEMY.url"), Some(12));
        assert_eq!(ini.line("loggers", "script_location"), None);
    }

    #[test]
    fn default_is_inherited_with_its_line() {
        let ini = Ini::parse("[DEFAULT]\na = %(b)s\n[alembic]\nb = 1\n[other]\n").unwrap();
        assert_eq!(ini.sections().collect::<Vec<_>>(), ["alembic", "other"]);
        assert_eq!(ini.get("alembic", "a", "/"), found("1"));
        assert_eq!(ini.line("alembic", "a"), Some(2));
        assert!(ini.has_own("alembic", "B") && ini.has_own("DEFAULT", "a"));
        assert!(!ini.has_own("alembic", "a") && !ini.has_own("absent", "a"));
        assert_eq!(
            ini.get("other", "a", "/"),
            Err(error(2, "option 'a' in section 'other': no option 'b' to refer to"))
        );
    }

    #[test]
    fn refusals_name_line_and_reason() {
        let refused = |text: &str| Ini::parse(text).unwrap_err();
        assert_eq!(refused("\n a = 1\n"), error(2, "'a = 1' before the first section header"));
        assert_eq!(
            refused("\u{feff}[alembic]\n"),
            error(1, "a byte order mark before the first section header")
        );
        assert_eq!(refused("[a]\n[b]\n[a]\n"), error(3, "section 'a' appears twice"));
        assert_eq!(refused("[a]\nx=1\nX : 2\n"), error(3, "option 'x' appears twice in section 'a'"));
        assert_eq!(refused("[a]\nx=1\ny\nz\n"), error(3, "'y' is neither `[section]` nor `option = value`"));
        assert_eq!(refused("[a]\n= 1\n"), error(2, "a value without an option name"));
        assert_eq!(refused("[a]\ny\nx=1\nx=1\n").line, 4, "a repetition outweighs an earlier odd line");
        assert_eq!(refused("[a]\n\u{1b}[2J\n").to_string().matches('\u{1b}').count(), 0);
        assert!(refused(&format!("[a]\n{}", "x".repeat(9999))).message.len() < 200);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_where_they_stand() {
        let refused = |bytes: &[u8]| Ini::from_bytes(bytes).unwrap_err();
        assert_eq!(refused(b"\xff"), error(1, "not UTF-8 text"));
        assert_eq!(refused(b"[a]\nx=1\r\n# caf\xe9\n"), error(3, "not UTF-8 text"));
        assert_eq!(refused(b"[a]\r\xc3"), error(2, "not UTF-8 text"));
        assert_eq!(refused("\u{feff}[a]\n".as_bytes()).line, 1);
        assert!(Ini::from_bytes("[a]\n# café\n".as_bytes()).is_ok());
    }

    #[test]
    fn ten_references_deep_is_allowed_and_eleven_is_not() {
        let chain = |links: usize| {
            let mut text = "[alembic]\n".to_owned();
            for link in 0..links {
                text += &format!("a{link} = %(a{})s\n", link + 1);
            }
            text + &format!("a{links} = %%\n")
        };
        assert_eq!(get(&chain(9), "a0"), found("%"));
        assert_eq!(
            get(&chain(10), "a0"),
            Err(error(2, "option 'a0' in section 'alembic': references nested more than 10 deep"))
        );
    }

    #[test]
    fn references_that_would_fill_memory_or_time_are_refused() {
        let bomb = |leaf: &str| {
            let mut text = "[alembic]\n".to_owned();
            for link in 0..9 {
                text += &format!("a{link} = {}\n", format!("%(a{})s", link + 1).repeat(500));
            }
            text + "a9 = " + leaf + "\n"
        };
        let refusal = error(2, "option 'a0' in section 'alembic': references expand beyond 1048576 bytes");
        assert_eq!(get(&bomb("x"), "a0"), Err(refusal.clone()));
        assert_eq!(get(&bomb(""), "a0"), Err(refusal.clone()));
        let long_name =
            format!("[alembic]\na0 = {}\na1 = %({1})s\n{1} =\n", "%(a1)s".repeat(999), "n".repeat(9999));
        assert_eq!(get(&long_name, "a0"), Err(refusal));
        let long_value = "x".repeat(2 << 20);
        assert_eq!(get(&format!("[alembic]\na = {long_value}\n"), "a"), found(&long_value));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Ini::from_bytes(&bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text in "([\\[\\]=:#;%()s\r\n\t aA\u{feff}\u{1c}\u{85}İΣé]|%\\(a\\)s|\n\\[s\\]\n|\na=){0,60}") {
            let _ = answer(&format!("[s]\n{text}"), &text);
            let _ = answer(&text, "/%(a)s");
        }
    }
}
