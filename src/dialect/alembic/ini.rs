//! `alembic.ini` as Python's `configparser.ConfigParser` reads it (strict, basic interpolation, no
//! inline comments): no crate has these semantics.

/// A file's sections in its order.
#[derive(Debug, Default)]
pub(super) struct Ini {
    sections: Vec<Section>,
}

#[derive(Debug, Default)]
struct Section {
    name: String,
    options: Vec<(String, String)>,
}

/// Why Python's parser would refuse the file or the value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub(super) struct IniError {
    line: u32,
    message: String,
}

const DEFAULT: &str = "DEFAULT";

/// `configparser.MAX_INTERPOLATION_DEPTH`.
const MAX_DEPTH: usize = 10;

impl Ini {
    /// Parses a file's text.
    ///
    /// # Errors
    /// Where Python raises: a line outside a section, a duplicate section or option, a line that is
    /// neither an option nor the continuation of one.
    pub(super) fn parse(text: &str) -> Result<Self, IniError> {
        let mut ini = Self::default();
        let mut current: Option<usize> = None;
        let mut indent = 0;
        // Whether an option is open that a deeper line would continue.
        let mut open = false;
        for (line, raw) in (1..).zip(lines(text)) {
            let error = |message: String| IniError { line, message };
            let value = raw.trim();
            let is_comment = value.starts_with(['#', ';']);
            if value.is_empty() || is_comment {
                if let (false, true, Some(section)) = (is_comment, open, current) {
                    ini.continue_option(section, "");
                }
                continue;
            }
            let depth = raw.chars().take_while(|c| c.is_whitespace()).count();
            if let (true, Some(section)) = (open && depth > indent, current) {
                ini.continue_option(section, value);
                continue;
            }
            indent = depth;
            if let Some(name) = section_header(value) {
                let known = ini.sections.iter().position(|section| section.name == name);
                current = Some(match known {
                    Some(at) if name == DEFAULT => at,
                    Some(_) => return Err(error(format!("section [{name}] stands twice"))),
                    None => {
                        ini.sections.push(Section { name: name.to_owned(), ..Section::default() });
                        ini.sections.len() - 1
                    }
                });
                open = false;
                continue;
            }
            let Some(section) = current else {
                return Err(error("this line stands before the first [section]".into()));
            };
            let Some(at) = value.find(['=', ':']) else {
                return Err(error(format!("'{value}' is no 'name = value'")));
            };
            let name = value[..at].trim_end().to_lowercase();
            if name.is_empty() {
                return Err(error("the name before '=' is missing".into()));
            }
            let options = &mut ini.sections[section].options;
            if options.iter().any(|(known, _)| *known == name) {
                return Err(error(format!("option '{name}' stands twice in its section")));
            }
            options.push((name, value[at + 1..].trim().to_owned()));
            open = true;
        }
        for section in &mut ini.sections {
            for (_, value) in &mut section.options {
                value.truncate(value.trim_end().len());
            }
        }
        Ok(ini)
    }

    fn continue_option(&mut self, section: usize, line: &str) {
        if let Some((_, value)) = self.sections[section].options.last_mut() {
            value.push('\n');
            value.push_str(line);
        }
    }

    /// The sections' names without `DEFAULT`.
    pub(super) fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|section| section.name.as_str()).filter(|name| *name != DEFAULT)
    }

    fn options(&self, section: &str) -> Option<&[(String, String)]> {
        let found = self.sections.iter().find(|known| known.name == section)?;
        Some(&found.options)
    }

    /// The value that `section` itself states, not interpolated.
    pub(super) fn raw(&self, section: &str, option: &str) -> Option<&str> {
        let (_, value) = self.options(section)?.iter().find(|(name, _)| name == option)?;
        Some(value)
    }

    fn lookup(&self, section: &str, option: &str, here: &str) -> Option<String> {
        let own = self.raw(section, option).or_else(|| self.raw(DEFAULT, option));
        match own {
            Some(value) => Some(value.to_owned()),
            None if option == "here" => Some(here.replace('%', "%%")),
            None => None,
        }
    }

    /// The interpolated value of `option` in `section`, `DEFAULT` and `here` (the file's directory)
    /// included; `None` where there is none.
    ///
    /// # Errors
    /// When the value refers to an absent option, to itself, or holds a stray `%`.
    pub(super) fn get(&self, section: &str, option: &str, here: &str) -> Result<Option<String>, IniError> {
        if self.options(section).is_none() {
            return Ok(None);
        }
        let Some(value) = self.lookup(section, option, here) else { return Ok(None) };
        let mut out = String::new();
        self.interpolate(section, &value, here, 1, &mut out)?;
        Ok(Some(out))
    }

    fn interpolate(
        &self,
        section: &str,
        value: &str,
        here: &str,
        depth: usize,
        out: &mut String,
    ) -> Result<(), IniError> {
        let error = |message: String| IniError { line: 0, message };
        if depth > MAX_DEPTH {
            return Err(error(format!("'{value}' refers to itself")));
        }
        let mut rest = value;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(after) = after.strip_prefix('%') {
                out.push('%');
                rest = after;
                continue;
            }
            let name = after.strip_prefix('(').and_then(|after| after.split_once(")s"));
            let Some((name, after)) = name.filter(|(name, _)| !name.is_empty() && !name.contains(')')) else {
                return Err(error(format!("'%' must be followed by '%' or '(name)s': '{value}'")));
            };
            let Some(inner) = self.lookup(section, &name.to_lowercase(), here) else {
                return Err(error(format!("there is no option '{name}' to put into '{value}'")));
            };
            match inner.contains('%') {
                true => self.interpolate(section, &inner, here, depth + 1, out)?,
                false => out.push_str(&inner),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(())
    }
}

/// Lines as Python's text mode gives them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match text.find(['\n', '\r']) {
            Some(at) => {
                let width = if text[at..].starts_with("\r\n") { 2 } else { 1 };
                rest = Some(&text[at + width..]);
                Some(&text[..at])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

/// `[name]`, whatever follows the last bracket.
fn section_header(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('[')?;
    let end = inner.rfind(']')?;
    (end > 0).then(|| &inner[..end])
}
