//! How an environment names its revisions and their files, and names for new ones in its own style.
//!
//! Nothing here reads a clock or rolls dice: the same revisions and the same seed give the same names.

use std::collections::BTreeMap;
use std::sync::Arc;

use bstr::ByteSlice as _;
use jiff::ToSpan as _;
use jiff::civil::DateTime;

use crate::revision::{Script, number_prefix};
use crate::vcs::RepoPath;

/// `alembic_version.version_num` is VARCHAR(32).
const MAX_ID: usize = 32;

/// Alembic's own ids are the last 12 digits of a UUID.
const ALEMBIC_HEX: usize = 12;

/// The file name template that Alembic uses where none is configured.
pub const DEFAULT_FILE_TEMPLATE: &str = "%(rev)s_%(slug)s";

/// What revision ids look like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdStyle {
    /// Hexadecimal digits, as Alembic generates them.
    Hex {
        /// How many.
        length: usize,
    },
    /// `3`, `0042`, `v7`, `main_0005`.
    Number {
        /// What stands before the number.
        prefix: String,
        /// Digits to which the number is padded with zeros; 1 if it is not.
        width: usize,
    },
    /// `003_org_and_comments`.
    NumberSlug {
        /// What stands before the number.
        prefix: String,
        /// Digits to which the number is padded with zeros; 1 if it is not.
        width: usize,
        /// What stands after the number.
        separator: char,
    },
    /// `20240131`, `202401311200`, `2024_01_31_add_users`.
    Date,
    /// Anything else.
    Other,
}

impl IdStyle {
    /// The style of one id.
    pub fn of(id: &str) -> Self {
        let digits = id.bytes().all(|byte| byte.is_ascii_digit());
        if date_layout(id.as_bytes()).is_some_and(|date| {
            date.length == id.len() && date.separated
                || date.length == id.len() && matches!(id.len(), 8 | 12 | 14)
                || matches!(id.as_bytes().get(date.length), Some(b'_' | b'-' | b'.'))
        }) {
            return Self::Date;
        }
        let hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let words = id.bytes().all(|byte| byte.is_ascii_alphabetic());
        let least = if digits || words { 10 } else { 4 };
        if (least..=MAX_ID).contains(&id.len()) && id.bytes().all(hex) {
            return Self::Hex { length: id.len() };
        }
        match Numbered::of(id) {
            Some(Numbered { prefix, digits, rest: "" }) => {
                Self::Number { prefix: prefix.to_owned(), width: padding(digits) }
            }
            Some(Numbered { prefix, digits, rest }) => Self::NumberSlug {
                prefix: prefix.to_owned(),
                width: padding(digits),
                separator: rest.chars().next().unwrap_or('_'),
            },
            None => Self::Other,
        }
    }

    /// Its kind alone, without lengths and widths.
    fn kind(&self) -> usize {
        match self {
            Self::Hex { .. } => 0,
            Self::Number { .. } => 1,
            Self::NumberSlug { .. } => 2,
            Self::Date => 3,
            Self::Other => 4,
        }
    }
}

/// A text that starts with a number.
struct Numbered<'a> {
    prefix: &'a str,
    digits: &'a str,
    /// From the separator on.
    rest: &'a str,
}

impl<'a> Numbered<'a> {
    /// `12`, `v12`, `003_users`; after a longer prefix only a padded number counts (`main_0005`).
    fn of(text: &'a str) -> Option<Self> {
        let start = text.find(|c: char| c.is_ascii_digit())?;
        let (prefix, tail) = text.split_at(start);
        let end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (digits, rest) = tail.split_at(end);
        let plain = matches!(prefix, "" | "v" | "V");
        let labelled = digits.len() >= 3
            && digits.starts_with('0')
            && prefix.ends_with(['_', '-'])
            && prefix.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'));
        let ends = rest.is_empty() || rest.starts_with(['_', '-', '.']) && rest.len() > 1;
        // `1.2.3` is a version.
        let version = rest.starts_with('.') && rest[1..].starts_with(|c: char| c.is_ascii_digit());
        (digits.len() <= 5 && (plain || labelled) && ends && !version).then_some(Self {
            prefix,
            digits,
            rest,
        })
    }
}

fn padding(digits: &str) -> usize {
    if digits.starts_with('0') { digits.len() } else { 1 }
}

/// The styles of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The style that two thirds of the ids share; `None` where none does. Widths are the largest
    /// in use, the hex length is the commonest.
    pub ids: Option<IdStyle>,
    /// Whether two thirds of the file names start with a number, the id's or their own.
    pub numbered_files: bool,
    /// The `file_template` that two thirds of the file names follow; it may hold `%(number)…`.
    pub file_template: Option<String>,
}

impl Naming {
    /// Looks at all scripts of one environment.
    pub fn of(scripts: &[Arc<Script>]) -> Self {
        let files = scripts.iter().map(|script| (script.path.name(), &*script.revision));
        Self::of_names(files.map(|(name, id)| (name.as_bytes(), id)))
    }

    /// Looks at file names (without directories) and the ids in the files.
    pub fn of_names<'a>(files: impl IntoIterator<Item = (&'a [u8], &'a str)>) -> Self {
        let mut styles: Vec<IdStyle> = Vec::new();
        let mut templates: BTreeMap<String, usize> = BTreeMap::new();
        let mut width = 1;
        let (mut count, mut numbered) = (0usize, 0usize);
        for (name, id) in files {
            count += 1;
            styles.push(IdStyle::of(id));
            numbered += usize::from(own_number(name).is_some());
            let stem = name.strip_suffix(b".py").unwrap_or(name);
            if let Some(digits) = leading_number(stem) {
                width = width.max(padding(digits));
            }
            if let Some(template) = template_of(stem, id) {
                *templates.entry(template).or_default() += 1;
            }
        }
        let most = |part: usize| part > 0 && part * 3 >= count * 2;
        // Without a slug a name follows the template with one as well.
        let bare: Vec<String> = templates.keys().filter(|key| !key.contains("slug")).cloned().collect();
        for template in bare {
            let longer = format!("{template}_%(slug)s");
            if let (true, Some(alone)) = (templates.contains_key(&longer), templates.get(&template).copied())
            {
                *templates.entry(longer).or_default() += alone;
            }
        }
        let template = templates.iter().max_by_key(|(_, uses)| **uses).filter(|(_, uses)| most(**uses));
        let template = template.map(|(text, _)| text.replace(NUMBER, &format!("%(number).{width}d")));
        Self { ids: common_style(&styles, most), numbered_files: most(numbered), file_template: template }
    }
}

fn common_style(styles: &[IdStyle], most: impl Fn(usize) -> bool) -> Option<IdStyle> {
    let kind = (0..4).find(|kind| most(styles.iter().filter(|style| style.kind() == *kind).count()))?;
    let mut uses: BTreeMap<&IdStyle, usize> = BTreeMap::new();
    for style in styles.iter().filter(|style| style.kind() == kind) {
        *uses.entry(style).or_default() += 1;
    }
    let mut commonest = (*uses.iter().max_by_key(|(_, count)| **count)?.0).clone();
    for style in uses.keys() {
        match (&mut commonest, style) {
            (IdStyle::Number { width, .. }, IdStyle::Number { width: other, .. })
            | (IdStyle::NumberSlug { width, .. }, IdStyle::NumberSlug { width: other, .. }) => {
                *width = (*width).max(*other);
            }
            _ => {}
        }
    }
    Some(commonest)
}

/// The number that a name starts with; the first part of a version (`v1.3.0.a`) is none.
fn own_number(name: &[u8]) -> Option<u32> {
    let number = number_prefix(name)?;
    let rest = name.strip_prefix(b"v").or_else(|| name.strip_prefix(b"V")).unwrap_or(name);
    let rest = &rest[rest.iter().take_while(|byte| byte.is_ascii_digit()).count()..];
    let version = rest.starts_with(b".") && rest.get(1).is_some_and(u8::is_ascii_digit);
    (!version).then_some(number)
}

/// Stands for the number of a file name until its width is known.
const NUMBER: &str = "%(number)s";

/// The digits of a name's leading number.
fn leading_number(stem: &[u8]) -> Option<&str> {
    own_number(&[stem, b"."].concat())?;
    let stem = stem.strip_prefix(b"v").or_else(|| stem.strip_prefix(b"V")).unwrap_or(stem);
    let end = stem.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(stem.len());
    std::str::from_utf8(&stem[..end]).ok()
}

/// The template by which Alembic would have named `stem` for `id`; `None` for names without order.
fn template_of(stem: &[u8], id: &str) -> Option<String> {
    let mut rest = std::str::from_utf8(stem).ok()?;
    let mut out = String::new();
    let mut named = false;
    let separator = |rest: &mut &str, out: &mut String| {
        if let Some(next) = rest.chars().next().filter(|c| matches!(c, '_' | '-' | '.')) {
            out.push(next);
            *rest = &rest[1..];
        }
    };
    if !starts_with_word(rest.as_bytes(), id.as_bytes()) {
        if let Some(date) = date_layout(rest.as_bytes()) {
            out.push_str(&date.template);
            rest = &rest[date.length..];
            separator(&mut rest, &mut out);
            named = true;
        } else if let Some(digits) = leading_number(stem) {
            let prefix = rest.len() - rest.trim_start_matches(['v', 'V']).len();
            out.push_str(&rest[..prefix]);
            out.push_str(NUMBER);
            rest = &rest[prefix + digits.len()..];
            separator(&mut rest, &mut out);
            named = true;
        }
    }
    if starts_with_word(rest.as_bytes(), id.as_bytes()) {
        out.push_str("%(rev)s");
        rest = &rest[id.len()..];
        separator(&mut rest, &mut out);
        named = true;
    }
    match (named, rest) {
        (false, _) => None,
        (true, "") => Some(out.trim_end_matches(['_', '-', '.']).to_owned()),
        (true, _) => Some(out + "%(slug)s"),
    }
}

fn starts_with_word(text: &[u8], word: &[u8]) -> bool {
    !word.is_empty()
        && text.strip_prefix(word).is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
}

/// A date at the start of a name.
struct DateLayout {
    length: usize,
    /// Whether something stands between year and month.
    separated: bool,
    template: String,
}

/// `2024-01-31`, `20240131`, `2024_01_31_1200`, `20240131_120059`, … at the start of `text`.
fn date_layout(text: &[u8]) -> Option<DateLayout> {
    let number = |at: usize, length: usize| -> Option<u32> {
        let digits = text.get(at..at + length)?;
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
    };
    let gap = |at: usize| {
        text.get(at).filter(|byte| matches!(byte, b'-' | b'_' | b'.')).map(|byte| char::from(*byte))
    };
    number(0, 4).filter(|year| (1990..2100).contains(year))?;
    let mut at = 4;
    let mut template = "%(year)d".to_owned();
    let first = gap(at);
    for (name, range) in [("month", 1..=12), ("day", 1..=31)] {
        if let Some(between) = first {
            gap(at).filter(|c| *c == between)?;
            template.push(between);
            at += 1;
        }
        number(at, 2).filter(|value| range.contains(value))?;
        template.push_str(&format!("%({name}).2d"));
        at += 2;
    }
    // The time of day, as far as it goes; digits of something else are left alone.
    let mut whole = (at, template.clone());
    for (name, most) in [("hour", 23), ("minute", 59), ("second", 59)] {
        if let Some(between) = gap(at).filter(|_| name == "hour" || gap(at) == first && first.is_some()) {
            template.push(between);
            at += 1;
        }
        if number(at, 2).is_none_or(|value| value > most) {
            break;
        }
        template.push_str(&format!("%({name}).2d"));
        at += 2;
        if name != "hour" && !text.get(at).is_some_and(u8::is_ascii_alphanumeric) {
            whole = (at, template.clone());
        }
    }
    let (length, template) = whole;
    let ends = !text.get(length).is_some_and(u8::is_ascii_digit);
    ends.then_some(DateLayout { length, separated: first.is_some(), template })
}

/// The number after all that are claimed, over every branch that the caller looked at; 1 for the first.
pub fn next_number(claimed: impl IntoIterator<Item = u32>) -> u32 {
    claimed.into_iter().max().map_or(1, |most| most.saturating_add(1))
}

/// The number that an id claims, or that its file's name does.
pub fn claimed_number(path: &RepoPath, id: &str) -> Option<u32> {
    own_number(path.name()).or_else(|| {
        let numbered = Numbered::of(id)?;
        matches!(IdStyle::of(id), IdStyle::Number { .. } | IdStyle::NumberSlug { .. })
            .then(|| numbered.digits.parse().ok())?
    })
}

/// `path` with the number `new` instead of `old` at the start of its name; prefix, padding and slug
/// stay. `None` where the name does not start with `old`.
pub fn renumber(path: &RepoPath, old: u32, new: u32) -> Option<RepoPath> {
    let name = path.name();
    if own_number(name) != Some(old) {
        return None;
    }
    let prefix = usize::from(name.starts_with(b"v") || name.starts_with(b"V"));
    let end = prefix + name[prefix..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = name[prefix..end].to_str().ok()?;
    let new = padded(digits, new);
    Some(path.parent().join([&name[..prefix], new.as_bytes(), &name[end..]].concat()))
}

/// `id` with the number `new`; `None` where it is not numbered. A slug that no longer fits the
/// version table's 32 characters loses its last words.
pub fn renumber_id(id: &str, new: u32) -> Option<String> {
    if !matches!(IdStyle::of(id), IdStyle::Number { .. } | IdStyle::NumberSlug { .. }) {
        return None;
    }
    let Numbered { prefix, digits, rest } = Numbered::of(id)?;
    let head = format!("{prefix}{}", padded(digits, new));
    let mut id = format!("{head}{rest}");
    while id.len() > MAX_ID {
        id.truncate(id.rfind(['_', '-', '.']).filter(|at| *at > head.len())?);
    }
    Some(id)
}

/// `number` as wide as `digits` are.
fn padded(digits: &str, number: u32) -> String {
    format!("{number:0width$}", width = digits.len())
}

/// `path` with the id `new` where its name carries `old` as a whole word; `None` where it does not.
pub fn rename_for_id(path: &RepoPath, old: &str, new: &str) -> Option<RepoPath> {
    let name = path.name();
    let stem = name.strip_suffix(b".py").unwrap_or(name);
    if old.is_empty() || new.contains('/') {
        return None;
    }
    let word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let at = stem
        .find_iter(old)
        .find(|at| !word(at.checked_sub(1).and_then(|at| stem.get(at))) && !word(stem.get(at + old.len())))?;
    Some(path.parent().join([&name[..at], new.as_bytes(), &name[at + old.len()..]].concat()))
}

/// A new id in the style of the environment.
///
/// `old` is the id that it replaces and `number` the next free one. A hexadecimal id is derived
/// from `seed`, which the caller makes of what the new revision is (its path, its commit).
pub fn new_id(
    style: Option<&IdStyle>,
    old: &str,
    number: u32,
    seed: &str,
    taken: impl Fn(&str) -> bool,
) -> String {
    let own = IdStyle::of(old);
    let style = style.unwrap_or(&own);
    let candidate = match style {
        IdStyle::Hex { length } => return hex_id(seed, *length, &taken),
        IdStyle::Number { prefix, width } => format!("{prefix}{number:0width$}"),
        IdStyle::NumberSlug { prefix, width, separator } => match renumber_id(old, number) {
            Some(id) if own.kind() == style.kind() => id,
            _ => {
                let slug = slug(old, MAX_ID - prefix.len().min(20) - width.max(&5) - 1);
                format!("{prefix}{number:0width$}{separator}{}", slug.trim_matches('_'))
            }
        },
        IdStyle::Date | IdStyle::Other => old.to_owned(),
    };
    untaken(candidate, seed, taken)
}

/// An id for the moment `now` as `example` has one: its layout, and `slug` where it goes on after
/// the date.
pub fn dated_id(example: &str, now: DateTime, slug: &str, taken: impl Fn(&str) -> bool) -> String {
    let Some(layout) = date_layout(example.as_bytes()) else { return hex_id(slug, ALEMBIC_HEX, taken) };
    let mut id = now.strftime(&strftime_format(&layout)).to_string();
    if let Some(separator) = example.get(layout.length..).and_then(|rest| rest.chars().next()) {
        id.push(separator);
        id.push_str(slug);
    }
    untaken(id, slug, taken)
}

/// `candidate`, or what is most like it and not taken.
fn untaken(candidate: String, seed: &str, taken: impl Fn(&str) -> bool) -> String {
    if !candidate.is_empty() && !taken(&candidate) {
        return candidate;
    }
    if let Some(id) = later(&candidate, &taken) {
        return id;
    }
    // A day or a name says something: it is kept, and counted.
    for count in 2..1000 {
        let tail = format!("_{count}");
        let mut base: String = candidate.chars().take(MAX_ID - tail.len()).collect();
        base.truncate(base.trim_end_matches(['_', '-', '.']).len());
        let id = base + &tail;
        if !taken(&id) {
            return id;
        }
    }
    hex_id(seed, ALEMBIC_HEX, &taken)
}

fn strftime_format(layout: &DateLayout) -> String {
    let codes = [
        ("%(year)d", "%Y"),
        ("%(month).2d", "%m"),
        ("%(day).2d", "%d"),
        ("%(hour).2d", "%H"),
        ("%(minute).2d", "%M"),
        ("%(second).2d", "%S"),
    ];
    codes.into_iter().fold(layout.template.clone(), |text, (name, code)| text.replace(name, code))
}

/// The next moment after a date with a time of day that is not taken, in the same layout; `None`
/// for anything else.
fn later(id: &str, taken: impl Fn(&str) -> bool) -> Option<String> {
    const MOST_STEPS: i64 = 1440;
    let layout = date_layout(id.as_bytes())?;
    let (date, rest) = id.split_at_checked(layout.length)?;
    let seconds = layout.template.contains("second");
    let format = strftime_format(&layout);
    let start =
        layout.template.contains("minute").then(|| DateTime::strptime(&format, date).ok()).flatten()?;
    (1..=MOST_STEPS)
        .map_while(|steps| {
            let step = if seconds { steps.seconds() } else { steps.minutes() };
            Some(format!("{}{rest}", start.checked_add(step).ok()?.strftime(&format)))
        })
        .find(|id| !taken(id))
}

/// A hexadecimal id of `length` digits (4 to 32) derived from `seed`: the first in its sequence that
/// is not taken and cannot be read as a number.
pub fn hex_id(seed: &str, length: usize, taken: impl Fn(&str) -> bool) -> String {
    let length = length.clamp(4, MAX_ID);
    let mut id = String::new();
    for count in 0..10_000u32 {
        let one = scramble(seed, u64::from(count) << 1);
        let two = scramble(seed, u64::from(count) << 1 | 1);
        id = format!("{one:016x}{two:016x}");
        id.truncate(length);
        // `12e5` is a float where YAML or a spreadsheet reads it.
        let letters = id.bytes().filter(|byte| matches!(byte, b'a'..=b'd' | b'f')).count();
        if letters > 0 && !taken(&id) {
            break;
        }
    }
    id
}

/// FNV-1a over the seed, finished by SplitMix64: even, and the same on every machine.
fn scramble(seed: &str, count: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.bytes().chain(count.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// A message as Alembic makes a slug of it: its words in lower case, at most `length` characters,
/// cut after a whole word (`truncate_slug_length`, 40 by default).
pub fn slug(message: &str, length: usize) -> String {
    // Python's `\w`: letters, numbers and the underscore, no combining marks.
    let is_word = |c: char| c == '_' || c.is_alphanumeric() && !is_mark(c);
    let words: Vec<&str> = message.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
    let slug = words.join("_").to_lowercase();
    let Some((end, _)) = slug.char_indices().nth(length) else { return slug };
    let cut = &slug[..end];
    cut.rsplit_once('_').map_or(cut, |(head, _)| head).to_owned() + "_"
}

/// Marks that Rust counts as alphabetic and Python does not count as letters.
fn is_mark(c: char) -> bool {
    use std::sync::LazyLock;
    static MARK: LazyLock<Option<regex::Regex>> =
        LazyLock::new(|| regex::Regex::new(r"^[\p{M}\p{So}]$").ok());
    !c.is_ascii() && MARK.as_ref().is_some_and(|mark| mark.is_match(c.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(prefix: &str, width: usize) -> IdStyle {
        IdStyle::Number { prefix: prefix.into(), width }
    }

    fn number_slug(prefix: &str, width: usize) -> IdStyle {
        IdStyle::NumberSlug { prefix: prefix.into(), width, separator: '_' }
    }

    #[test]
    fn id_styles() {
        let cases = [
            ("1a2b3c4d5e6f", IdStyle::Hex { length: 12 }),
            ("8369118943a", IdStyle::Hex { length: 11 }),
            ("149695270251", IdStyle::Hex { length: 12 }),
            ("3", number("", 1)),
            ("0042", number("", 4)),
            ("v7", number("v", 1)),
            ("main_0005", number("main_", 4)),
            ("003_org_and_comments", number_slug("", 3)),
            ("12_users", number_slug("", 1)),
            ("main_0005_initial", number_slug("main_", 4)),
            ("20240131", IdStyle::Date),
            ("202401311200", IdStyle::Date),
            ("20240131_add_users", IdStyle::Date),
            ("2024-01-31-users", IdStyle::Date),
            ("v1.3.0.a", IdStyle::Other),
            ("1.2", IdStyle::Other),
            ("add_2fa", IdStyle::Other),
            ("add_2_columns", IdStyle::Other),
            ("initial", IdStyle::Other),
            ("added", IdStyle::Other),
            ("123456", IdStyle::Other),
            ("", IdStyle::Other),
        ];
        for (id, style) in cases {
            assert_eq!(IdStyle::of(id), style, "{id}");
        }
    }

    fn naming(files: &[(&str, &str)]) -> Naming {
        Naming::of_names(files.iter().map(|(name, id)| (name.as_bytes(), *id)))
    }

    fn template(files: &[(&str, &str)]) -> Option<String> {
        naming(files).file_template
    }

    #[test]
    fn environments_have_a_style() {
        let alembic =
            naming(&[("1a2b3c4d5e6f_add_users.py", "1a2b3c4d5e6f"), ("2b3c4d5e6f7a_.py", "2b3c4d5e6f7a")]);
        let expected = Naming {
            ids: Some(IdStyle::Hex { length: 12 }),
            numbered_files: false,
            file_template: Some("%(rev)s_%(slug)s".into()),
        };
        assert_eq!(alembic, expected);
        let numbered =
            naming(&[("001_a.py", "001"), ("002_b.py", "002"), ("3c4d5e_c.py", "3c4d5e"), ("9_d.py", "9")]);
        let expected = Naming {
            ids: Some(number("", 3)),
            numbered_files: true,
            file_template: Some("%(rev)s_%(slug)s".into()),
        };
        assert_eq!(numbered, expected);
        let slugs = naming(&[("001_a.py", "001_a"), ("002_b.py", "002_b")]);
        let expected = Naming {
            ids: Some(number_slug("", 3)),
            numbered_files: true,
            file_template: Some("%(rev)s".into()),
        };
        assert_eq!(slugs, expected);
        let mixed = naming(&[("a.py", "1a2b3c4d5e6f"), ("002_b.py", "002_b"), ("c.py", "20240131")]);
        assert_eq!(mixed, Naming { ids: None, numbered_files: false, file_template: None });
        assert_eq!(naming(&[]), Naming { ids: None, numbered_files: false, file_template: None });
    }

    #[test]
    fn file_names_have_a_template() {
        let id = "103676e0a497";
        let cases = [
            ("001_103676e0a497_create_tables.py", "%(number).3d_%(rev)s_%(slug)s"),
            ("v12-103676e0a497.py", "v%(number).1d-%(rev)s"),
            ("0042_create_tables.py", "%(number).4d_%(slug)s"),
            ("2021-07-22_103676e0a497.py", "%(year)d-%(month).2d-%(day).2d_%(rev)s"),
            (
                "2022_02_13_125213_103676e0a497_block_data.py",
                "%(year)d_%(month).2d_%(day).2d_%(hour).2d%(minute).2d%(second).2d_%(rev)s_%(slug)s",
            ),
            (
                "20170905_1521_103676e0a497_add_acls.py",
                "%(year)d%(month).2d%(day).2d_%(hour).2d%(minute).2d_%(rev)s_%(slug)s",
            ),
            ("20240131-10_users.py", "%(year)d%(month).2d%(day).2d-%(slug)s"),
            ("103676e0a497.py", "%(rev)s"),
        ];
        for (name, expected) in cases {
            assert_eq!(template(&[(name, id)]).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(template(&[("create_tables.py", id)]), None);
        assert_eq!(template(&[("103676e0a4970_x.py", id)]), None, "another id");
    }

    #[test]
    fn numbers() {
        assert_eq!(next_number([]), 1);
        assert_eq!(next_number([3, 12, 7]), 13);
        let renumbered =
            |path: &str, old, new| renumber(&RepoPath::new(path), old, new).map(|path| path.to_string());
        assert_eq!(renumbered("a/versions/003_users.py", 3, 12).as_deref(), Some("a/versions/012_users.py"));
        assert_eq!(renumbered("999_users.py", 999, 1000).as_deref(), Some("1000_users.py"));
        assert_eq!(renumbered("9-users.py", 9, 10).as_deref(), Some("10-users.py"));
        assert_eq!(renumbered("V007_x.py", 7, 8).as_deref(), Some("V008_x.py"));
        assert_eq!(renumbered("003_users.py", 4, 5), None);
        assert_eq!(renumbered("v1.3.0.a.py", 1, 5), None, "a version");
        assert_eq!(renumbered("2024_01_31_users.py", 2024, 5), None);
        assert_eq!(renumber_id("003_org_and_comments", 4).as_deref(), Some("004_org_and_comments"));
        assert_eq!(renumber_id("0042", 43).as_deref(), Some("0043"));
        assert_eq!(renumber_id("main_0005_x", 12).as_deref(), Some("main_0012_x"));
        assert_eq!(renumber_id("1a2b3c4d5e6f", 4), None);
        assert_eq!(renumber_id("v1.3.0.a", 4), None);
        let long = "99_a_slug_that_fits_the_table_ok";
        assert_eq!((long.len(), renumber_id(long, 100)), (32, Some("100_a_slug_that_fits_the_table".into())));
        let claimed = |path, id| claimed_number(&RepoPath::new(path), id);
        assert_eq!(claimed("v/003_x.py", "1a2b3c4d5e6f"), Some(3));
        assert_eq!(claimed("v/x.py", "main_0005"), Some(5));
        assert_eq!(claimed("v/1a2b3c4d5e6f_x.py", "1a2b3c4d5e6f"), None);
        assert_eq!(claimed("v/v1.3.0.a.py", "v1.3.0.a"), None);
    }

    #[test]
    fn files_follow_their_id() {
        let renamed =
            |path: &str, old, new| rename_for_id(&RepoPath::new(path), old, new).map(|path| path.to_string());
        assert_eq!(renamed("v/1a2b_users.py", "1a2b", "9f").as_deref(), Some("v/9f_users.py"));
        assert_eq!(renamed("v/2024-1a2b-users.py", "1a2b", "9f").as_deref(), Some("v/2024-9f-users.py"));
        assert_eq!(renamed("v/003_users.py", "003_users", "004_users").as_deref(), Some("v/004_users.py"));
        assert_eq!(renamed("v/003_users.py", "003", "004").as_deref(), Some("v/004_users.py"));
        assert_eq!(renamed("v/31a2b_users.py", "1a2b", "9f"), None);
        assert_eq!(renamed("v/users.py", "1a2b", "9f"), None);
        assert_eq!(renamed("v/py.py", "py", "x").as_deref(), Some("v/x.py"));
    }

    #[test]
    fn new_ids_keep_the_style() {
        let taken = |ids: &'static [&'static str]| move |id: &str| ids.contains(&id);
        let none = taken(&[]);
        let hex = new_id(Some(&IdStyle::Hex { length: 12 }), "1a2b3c4d5e6f", 9, "seed", none);
        assert_eq!(hex, "25fb915586a1");
        assert_eq!(IdStyle::of(&hex), IdStyle::Hex { length: 12 });
        assert_eq!(new_id(None, "1a2b3c4d5e", 9, "seed", taken(&[])), &hex[..10]);
        let other = new_id(None, "1a2b3c4d5e6f", 9, "seed", |id| id == hex);
        assert!(other != hex && other.len() == 12, "{other}");
        assert_eq!(new_id(Some(&number("", 3)), "003", 9, "", taken(&[])), "009");
        assert_eq!(new_id(Some(&number("v", 1)), "v3", 9, "", taken(&[])), "v9");
        assert_eq!(new_id(Some(&number_slug("", 3)), "003_users", 9, "", taken(&[])), "009_users");
        assert_eq!(new_id(Some(&number_slug("", 3)), "Add users!", 9, "", taken(&[])), "009_add_users");
        assert_eq!(new_id(None, "20240131", 9, "", taken(&["20240131"])), "20240131_2");
        let dated =
            |id, taken: &'static [&'static str]| new_id(None, id, 9, "", |id: &str| taken.contains(&id));
        assert_eq!(dated("20240131_2359", &["20240131_2359", "20240201_0000"]), "20240201_0001");
        assert_eq!(dated("20241231235959", &["20241231235959"]), "20250101000000");
        assert_eq!(dated("2024_01_31_1200_users", &["2024_01_31_1200_users"]), "2024_01_31_1201_users");
        let now = jiff::civil::date(2024, 2, 1).at(12, 30, 5, 0);
        let at = |example, taken: &'static [&'static str]| {
            dated_id(example, now, "merge_heads", |id: &str| taken.contains(&id))
        };
        assert_eq!(at("20240131_1200", &[]), "20240201_1230");
        assert_eq!(at("20240131_1200", &["20240201_1230"]), "20240201_1231");
        assert_eq!(at("2024-01-31-users", &[]), "2024-02-01-merge_heads");
        assert_eq!(at("20240131", &["20240201"]), "20240201_2");
        assert_eq!(dated("20240131_users", &["20240131_users"]), "20240131_users_2", "a day is kept");
        assert_eq!(new_id(None, "add_users", 9, "", taken(&["add_users", "add_users_2"])), "add_users_3");
        let long = "a_name_of_exactly_32_characters_";
        assert_eq!(new_id(None, long, 9, "", |id| id == long), "a_name_of_exactly_32_character_2");
    }

    #[test]
    fn slugs_are_alembics() {
        assert_eq!(slug("Add Users' table, finally", 40), "add_users_table_finally");
        assert_eq!(slug("", 40), "");
        assert_eq!(slug("merge 1a2b and 3c4d", 40), "merge_1a2b_and_3c4d");
        assert_eq!(
            slug("a very long message that goes on and on and on", 40),
            "a_very_long_message_that_goes_on_and_on_"
        );
        assert_eq!(slug(&"x".repeat(50), 40), "x".repeat(40) + "_");
        assert_eq!(slug("Ärger-Überschuß 日本", 40), "ärger_überschuß_日本");
    }
}
