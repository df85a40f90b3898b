//! Entries added to `baseline:`, every other byte of the file as it was.

use super::{BaselineEntry, Config, MAX_BYTES, RuleName, Texts};
use crate::cli::exit::json_printable;

/// The file is not written in a way that entries can be added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct NotAppended;

/// The text of a configuration with `entries` added. An empty text makes a new file.
///
/// # Errors
/// Where the list is written in brackets, or anything else would change its meaning.
pub(in crate::cli) fn append(text: &str, entries: &[BaselineEntry]) -> Result<String, NotAppended> {
    let end_of_line = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let list = List::find(text);
    let (at, indent, mut added) = match &list {
        Some(list) if !list.items.is_empty() => (list.end, list.indent, String::new()),
        Some(_) => return Err(NotAppended),
        None if text.is_empty() => (0, 2, format!("# onehead explain configuration{end_of_line}")),
        None => (text.len(), 2, String::new()),
    };
    if !text[..at].is_empty() && !text[..at].ends_with('\n') {
        added.push_str(end_of_line);
    }
    if list.is_none() {
        added.push_str("baseline:");
        added.push_str(end_of_line);
    }
    for entry in entries {
        for (line, (key, value)) in written(entry).iter().enumerate() {
            let dash = if line == 0 { "- " } else { "  " };
            added.push_str(&format!("{:indent$}{dash}{key}: {value}{end_of_line}", ""));
        }
    }
    let extended = format!("{}{added}{}", &text[..at], &text[at..]);
    match is_extended(text, &extended, entries) {
        true => Ok(extended),
        false => Err(NotAppended),
    }
}

/// Whether the new text says what the old one said, and the entries besides.
fn is_extended(text: &str, extended: &str, entries: &[BaselineEntry]) -> bool {
    let parse = |text: &str| Config::parse("", text.as_bytes()).ok().filter(|_| text.len() <= MAX_BYTES);
    let (Some(mut old), Some(new)) = (parse(text), parse(extended)) else { return false };
    old.baseline.extend_from_slice(entries);
    old == new
}

impl BaselineEntry {
    /// An entry for these revisions of a rule, or for a path where there are none.
    pub(in crate::cli) fn new(rule: &str, environment: Option<&str>, reason: &str) -> Self {
        Self {
            rule: RuleName(rule.to_owned()),
            environment: environment.map(str::to_owned),
            path: None,
            revision: None,
            subject: None,
            reason: reason.to_owned(),
            expires: None,
        }
    }

    /// Whether the other one accepts the same, whatever the reason.
    pub(in crate::cli) fn is_like(&self, other: &Self) -> bool {
        let conditions = |entry: &Self| Self { reason: String::new(), expires: None, ..entry.clone() };
        conditions(self) == conditions(other)
    }

    /// Limits it to faults that concern no other revisions.
    pub(in crate::cli) fn with_revisions(mut self, ids: &[String]) -> Self {
        self.revision = (!ids.is_empty()).then(|| Texts(ids.to_vec()));
        self
    }

    /// Limits it to a file.
    pub(in crate::cli) fn with_path(mut self, path: Option<&str>) -> Self {
        self.path = path.map(str::to_owned);
        self
    }

    /// Limits it to one fault.
    pub(in crate::cli) fn with_subject(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }
}

/// An entry's keys and values as YAML.
fn written(entry: &BaselineEntry) -> Vec<(&'static str, String)> {
    let text = |key, value: &Option<String>| value.as_deref().map(|value| (key, scalar(value)));
    let ids = entry.revision.as_ref().map(|Texts(ids)| match ids.as_slice() {
        [one] => scalar(one),
        several => format!("[{}]", several.iter().map(|id| scalar(id)).collect::<Vec<_>>().join(", ")),
    });
    let optional = [
        text("environment", &entry.environment),
        text("path", &entry.path),
        ids.map(|ids| ("revision", ids)),
        text("subject", &entry.subject),
    ];
    let mut lines = vec![("rule", scalar(&entry.rule.0))];
    lines.extend(optional.into_iter().flatten());
    lines.push(("reason", scalar(&entry.reason)));
    lines.extend(entry.expires.map(|day| ("expires", day.to_string())));
    lines
}

/// A text as YAML: plain where nothing else could be meant, else in double quotes as in JSON.
fn scalar(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let could_mean_something = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    let words = text.split(' ').all(|word| !word.is_empty() && word.chars().all(is_word));
    if words && text.starts_with(|c: char| c.is_ascii_alphabetic()) && !could_mean_something {
        return text.to_owned();
    }
    let json = serde_json::Value::from(text).to_string();
    json_printable(&json).into_owned()
}

/// The line of each of `count` entries, from 1; where they cannot be told apart, that of the key.
pub(super) fn entry_lines(text: &str, count: usize) -> Vec<u32> {
    match List::find(text) {
        Some(list) if list.items.len() == count => list.items,
        Some(list) => vec![list.key; count],
        None => vec![1; count],
    }
}

/// Where `baseline:` stands in a text.
struct List {
    /// Line of the key, from 1.
    key: u32,
    /// Lines of the entries; none where they are not written as lines that begin with `-`.
    items: Vec<u32>,
    /// Spaces before an entry's `-`.
    indent: usize,
    /// The offset after the last line of the last entry.
    end: usize,
}

impl List {
    fn find(text: &str) -> Option<Self> {
        let mut list: Option<Self> = None;
        let mut offset = 0;
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            offset += line.len();
            let content = line.trim_end();
            let trimmed = content.trim_start();
            let Some(list) = &mut list else {
                if content.starts_with("baseline:") {
                    list = Some(Self { key: number, items: Vec::new(), indent: 0, end: offset });
                }
                continue;
            };
            let indent = content.len() - trimmed.len();
            let is_entry = trimmed == "-" || trimmed.starts_with("- ");
            match trimmed.chars().next() {
                None | Some('#') => continue,
                Some(_) if indent == 0 && !is_entry => break,
                Some(_) if is_entry && list.items.is_empty() => list.indent = indent,
                Some(_) => {}
            }
            if is_entry && indent == list.indent {
                list.items.push(number);
            }
            list.end = offset;
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> BaselineEntry {
        let ids = ["c27f03a8d915".to_owned(), "001".to_owned()];
        BaselineEntry::new("multiple-heads", Some("shop: 1"), "known, 50% \"old\"\n").with_revisions(&ids)
    }

    const WRITTEN: &str = "  - rule: multiple-heads\n    environment: \"shop: 1\"\n    revision: [c27f03a8d915, \"001\"]\n    reason: \"known, 50% \\\"old\\\"\\n\"\n";

    #[test]
    fn a_new_file_and_a_new_key() {
        assert_eq!(
            append("", &[entry()]).unwrap(),
            format!("# onehead explain configuration\nbaseline:\n{WRITTEN}")
        );
        assert_eq!(
            append("trunk: main  # published", &[entry()]).unwrap(),
            format!("trunk: main  # published\nbaseline:\n{WRITTEN}")
        );
        let crlf = append("trunk: main\r\n", &[entry()]).unwrap();
        assert_eq!(crlf, format!("trunk: main\nbaseline:\n{WRITTEN}").replace('\n', "\r\n"));
    }

    #[test]
    fn entries_follow_the_last_one() {
        let head = "# ours\nbaseline: # old\n# first\n- rule: empty-migration\n  reason: |\n    - a marker\n\n  # that was it\n";
        let tail = "\n# severities\nrules:\n  stale-docstring: off\n";
        let last = head.find("\n\n").unwrap() + 1;
        let unindented: String = WRITTEN.lines().map(|line| format!("{}\n", &line[2..])).collect();
        assert_eq!(
            append(&format!("{head}{tail}"), &[entry()]).unwrap(),
            format!("{}{unindented}{}{tail}", &head[..last], &head[last..])
        );
        let twice = append(&append("trunk: main\n", &[entry()]).unwrap(), &[entry()]).unwrap();
        assert_eq!(twice, format!("trunk: main\nbaseline:\n{WRITTEN}{WRITTEN}"));
    }

    #[test]
    fn what_is_written_otherwise_is_left_alone() {
        for text in [
            "baseline: [{rule: empty-migration, reason: r}]\n",
            "baseline: []\n",
            "{trunk: main}\n",
            "trunk: main\n...\n",
            "trunk: |\n  text\n --- no\n",
            "\"baseline\":\n  - {rule: empty-migration, reason: r}\n",
        ] {
            assert_eq!(append(text, &[entry()]), Err(NotAppended), "{text}");
        }
    }

    #[test]
    fn every_text_is_read_back() {
        for text in ["a b", "1e3", "no", "~", "a: b", "a #b", "-", "é\u{202e}\u{7f}\t\u{1b}", "", "'", "a\\b"]
        {
            let yaml = format!("{{\"k\": {}}}", scalar(text));
            let read: std::collections::BTreeMap<String, String> = serde_yaml::from_str(&yaml).unwrap();
            assert_eq!(read["k"], text, "{yaml}");
            assert!(!yaml.chars().any(crate::text::is_hidden), "{yaml:?}");
        }
    }

    #[test]
    fn entries_have_lines() {
        let text = "trunk: main\nbaseline:\n  - rule: a\n    reason: b\n\n  -\n    rule: c\nrules: {}\n";
        assert_eq!(entry_lines(text, 2), [3, 6]);
        assert_eq!(entry_lines(text, 1), [2]);
        assert_eq!(entry_lines("baseline: [{}, {}]\n", 2), [1, 1]);
    }
}
