//! Byte edits of one revision file's header and of the docstring lines that repeat it.
//!
//! Only the literals that change are touched: quotes, prefixes, annotations, comments, line
//! endings, encoding and the writer's style of lists stay. Every answer is proven before it is
//! given: the edited bytes are read again and must say what was asked, and otherwise the same.

use std::collections::BTreeSet;

use super::header;
use super::literals::{Collection, Literal, Style};
use crate::dialect::Refused;
use crate::revision::{Header, Id, IdList, ListShape, ProblemKind, Resolved};
use crate::text::{ByteSpan, Edit, apply_edits};

/// Sets `down_revision` to the ids `to`, each once; none makes the revision a base.
///
/// Members that stay keep their places, those that go are replaced one for one by those that come,
/// in the order of `to`; the rest is removed or appended.
///
/// # Errors
/// When `down_revision` is not a literal, or the edit cannot be proven.
pub(super) fn reparent(
    header: &Header,
    text: &[u8],
    to: &[String],
    docstring: bool,
) -> Result<Vec<Edit>, Refused> {
    readable(header)?;
    if to.iter().any(String::is_empty) {
        return Err(Refused::EmptyId);
    }
    let to = distinct(to.iter().map(String::as_str));
    let mut wanted = Wanted::of(header);
    let mut edits = Vec::new();
    let mut parents: Vec<String> = to.clone();
    if header.down_revision.is_none() || header.down_revision.as_ref().is_some_and(|list| !same(list, &to)) {
        let list = field(header, "down_revision", header.down_revision.as_ref())?;
        let change = set_list(header, text, list, "down_revision", &to)?;
        edits.extend(change.edits);
        parents = change.ids;
        wanted.down_revision = Some(to.iter().cloned().collect());
    }
    if docstring {
        let old: Vec<&str> = header.down_revision.iter().flat_map(IdList::values).collect();
        wanted.revises = revises(header, text, &old, &parents, &mut edits);
    }
    wanted.prove(text, edits)
}

/// Sets `revision` to `to`.
///
/// # Errors
/// When `revision` is not a literal, or the edit cannot be proven.
pub(super) fn rename_id(
    header: &Header,
    text: &[u8],
    to: &str,
    docstring: bool,
) -> Result<Vec<Edit>, Refused> {
    readable(header)?;
    if to.is_empty() {
        return Err(Refused::EmptyId);
    }
    let id = field(header, "revision", header.revision.as_ref())?;
    let mut wanted = Wanted::of(header);
    let mut edits = Vec::new();
    if *id.value != *to {
        if !id.literal {
            return Err(Refused::NotStrings { name: "revision" });
        }
        let literal = Literal::at(text, id.span).ok_or(Refused::NotStrings { name: "revision" })?;
        edits.extend(literal.replaced_by(text, &literal.style(text).quoted(to, is_utf8(text))));
        wanted.revision = Some(to.to_owned());
    }
    if docstring {
        wanted.stated_id = revision_line(header, text, Some(&id.value), to, &mut edits);
    }
    wanted.prove(text, edits)
}

/// Replaces the id `from` by `to` wherever `down_revision` and `depends_on` name it; no edits where
/// neither does. A list that already names `to` loses `from`. Labels are never touched.
///
/// # Errors
/// When a field that names `from` is not a literal, or the edit cannot be proven.
pub(super) fn replace_id(
    header: &Header,
    text: &[u8],
    from: &str,
    to: &str,
    docstring: bool,
) -> Result<Vec<Edit>, Refused> {
    readable(header)?;
    if to.is_empty() {
        return Err(Refused::EmptyId);
    }
    let mut wanted = Wanted::of(header);
    let mut edits = Vec::new();
    for (name, list) in [("down_revision", &header.down_revision), ("depends_on", &header.depends_on)] {
        let Some(list) = list.as_ref().filter(|list| list.values().any(|id| id == from)) else {
            if let Some(dynamic) = header.dynamic.iter().find(|dynamic| dynamic.name == name)
                && dynamic.resolved.as_ref().is_some_and(|value| names(value, from))
            {
                return Err(Refused::Dynamic { name, expression: dynamic.expression.clone() });
            }
            continue;
        };
        field(header, name, Some(list))?;
        let ids = distinct(list.values().map(|id| if id == from { to } else { id }));
        let change = set_list(header, text, list, name, &ids)?;
        edits.extend(change.edits);
        let ids: BTreeSet<String> = ids.into_iter().collect();
        if name == "depends_on" {
            wanted.depends_on = Some(ids);
            continue;
        }
        wanted.down_revision = Some(ids);
        if docstring {
            let old: Vec<&str> = list.values().collect();
            wanted.revises = revises(header, text, &old, &change.ids, &mut edits);
        }
    }
    wanted.prove(text, edits)
}

/// Makes the docstring's `Revision ID:` and `Revises:` lines, where present, say `id` and `parents`.
/// Empty where they do already.
///
/// # Errors
/// When the edit cannot be proven.
pub(super) fn mend_docstring(
    header: &Header,
    text: &[u8],
    id: &str,
    parents: &[String],
) -> Result<Vec<Edit>, Refused> {
    readable(header)?;
    let mut wanted = Wanted::of(header);
    let mut edits = Vec::new();
    let parents = distinct(parents.iter().map(String::as_str));
    wanted.stated_id = revision_line(header, text, None, id, &mut edits);
    wanted.revises = revises(header, text, &[], &parents, &mut edits);
    wanted.prove(text, edits)
}

/// What the file must say after the edit.
struct Wanted<'a> {
    before: &'a Header,
    revision: Option<String>,
    down_revision: Option<BTreeSet<String>>,
    depends_on: Option<BTreeSet<String>>,
    /// The text after `Revision ID:`.
    stated_id: Option<String>,
    /// The text after `Revises:`.
    revises: Option<String>,
}

impl<'a> Wanted<'a> {
    fn of(before: &'a Header) -> Self {
        let set = |list: &Option<IdList>| list.as_ref().map(members);
        let stated = &before.docstring;
        Self {
            before,
            revision: before.revision.as_ref().map(|id| id.value.to_string()),
            down_revision: set(&before.down_revision),
            depends_on: set(&before.depends_on),
            stated_id: stated.revision.as_ref().map(|line| line.value.clone()),
            revises: stated.revises.as_ref().map(|line| line.value.clone()),
        }
    }

    fn prove(self, text: &[u8], edits: Vec<Edit>) -> Result<Vec<Edit>, Refused> {
        if edits.is_empty() {
            return Ok(edits);
        }
        let edited = apply_edits(text, &edits).map_err(|_| Refused::Unproven)?;
        let after = header::read(&edited);
        let got = Wanted::of(&after);
        let kind = |header: &Header| header.problem.as_ref().map(|problem| problem.kind);
        let dynamic = |header: &Header| -> Vec<(&'static str, String, Option<Resolved>)> {
            let facts = header.dynamic.iter();
            facts.map(|one| (one.name, one.expression.clone(), one.resolved.clone())).collect()
        };
        let labels = |header: &Header| header.branch_labels.as_ref().map(members);
        let rest = |header: &Header| {
            let stated = &header.docstring;
            let date = stated.create_date.as_ref().map(|date| date.value.clone());
            // The first line is the message, whatever it says.
            let message = stated.message.clone().filter(|line| !line.starts_with("Revis"));
            (kind(header), dynamic(header), labels(header), message, date, header.empty)
        };
        let said = got.revision == self.revision
            && got.down_revision == self.down_revision
            && got.depends_on == self.depends_on
            && got.stated_id == self.stated_id
            && got.revises == self.revises
            && rest(&after) == rest(self.before);
        if said { Ok(edits) } else { Err(Refused::Unproven) }
    }
}

fn members(list: &IdList) -> BTreeSet<String> {
    list.values().map(str::to_owned).collect()
}

fn names(value: &Resolved, id: &str) -> bool {
    match value {
        Resolved::None => false,
        Resolved::Text(text) => text == id,
        Resolved::List(ids) => ids.iter().any(|one| one == id),
    }
}

fn readable(header: &Header) -> Result<(), Refused> {
    match &header.problem {
        Some(problem) if problem.kind == ProblemKind::ConflictMarkers => Err(Refused::ConflictMarkers),
        _ => Ok(()),
    }
}

/// `value` where the field `name` is assigned a literal.
fn field<'a, T>(header: &Header, name: &'static str, value: Option<&'a T>) -> Result<&'a T, Refused> {
    if let Some(dynamic) = header.dynamic.iter().find(|dynamic| dynamic.name == name) {
        return Err(Refused::Dynamic { name, expression: dynamic.expression.clone() });
    }
    let assigned = match name {
        "revision" => header.assigns_revision,
        "down_revision" => header.assigns_down_revision,
        _ => value.is_some(),
    };
    value.ok_or(match assigned {
        true => Refused::NotStrings { name },
        false => Refused::NotAssigned { name },
    })
}

fn distinct<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for id in ids {
        if !out.iter().any(|known| known == id) {
            out.push(id.to_owned());
        }
    }
    out
}

/// Whether `list` names each of `to` once and nothing else.
fn same(list: &IdList, to: &[String]) -> bool {
    list.ids.len() == to.len() && members(list) == to.iter().cloned().collect()
}

fn is_utf8(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok()
}

/// Edits and the ids in the order in which the file names them then.
struct Change {
    edits: Vec<Edit>,
    ids: Vec<String>,
}

fn set_list(
    header: &Header,
    text: &[u8],
    list: &IdList,
    name: &'static str,
    to: &[String],
) -> Result<Change, Refused> {
    let refused = || Refused::NotStrings { name };
    if list.ids.iter().any(|id| !id.literal) {
        return Err(refused());
    }
    let utf8 = is_utf8(text);
    match list.shape {
        ListShape::None => {
            let style = usual_style(header, text);
            let quoted: Vec<Vec<u8>> = to.iter().map(|id| style.quoted(id, utf8)).collect();
            let with = match quoted.as_slice() {
                [] => return Ok(Change { edits: Vec::new(), ids: Vec::new() }),
                [one] => one.clone(),
                many if in_parentheses(text, list.span) => many.join(&b", "[..]),
                many => [&b"("[..], &many.join(&b", "[..]), b")"].concat(),
            };
            Ok(Change { edits: vec![Edit { span: list.span, with }], ids: to.to_vec() })
        }
        ListShape::Scalar => {
            let [id] = list.ids.as_slice() else { return Err(refused()) };
            let literal = Literal::at(text, id.span).ok_or_else(refused)?;
            Ok(Change { edits: set_scalar(text, list, id, &literal, to), ids: to.to_vec() })
        }
        ListShape::Tuple | ListShape::List | ListShape::Set => {
            if to.is_empty() {
                let edit = Edit { span: list.span, with: b"None".to_vec() };
                return Ok(Change { edits: vec![edit], ids: Vec::new() });
            }
            set_members(header, text, list, to).ok_or_else(refused)
        }
    }
}

/// The style of new literals where the field itself has none to follow.
fn usual_style(header: &Header, text: &[u8]) -> Style {
    let id = header.revision.as_ref().filter(|id| id.literal);
    id.and_then(|id| Literal::at(text, id.span))
        .map_or_else(Style::default, |id| id.style(text).on_one_line())
}

/// Whether an expression stands alone in parentheses that are not part of its span.
fn in_parentheses(text: &[u8], span: ByteSpan) -> bool {
    let before = text[..span.range().start].trim_ascii_end();
    let after = text[span.range().end..].trim_ascii_start();
    before.ends_with(b"(") && after.starts_with(b")")
}

fn set_scalar(text: &[u8], list: &IdList, id: &Id, literal: &Literal, to: &[String]) -> Vec<Edit> {
    let style = literal.style(text);
    let utf8 = is_utf8(text);
    match to {
        [] => literal.replaced_by(text, b"None"),
        [one] => literal.replaced_by(text, &style.quoted(one, utf8)),
        many => {
            let at = many.iter().position(|one| **one == *id.value);
            let mut edits = match at {
                Some(_) => Vec::new(),
                None => literal.replaced_by(text, &style.quoted(&many[0], utf8)),
            };
            let at = at.unwrap_or(0);
            let new = style.on_one_line();
            let own = !in_parentheses(text, list.span);
            let mut before = if own { b"(".to_vec() } else { Vec::new() };
            for one in &many[..at] {
                before.extend([new.quoted(one, utf8), b", ".to_vec()].concat());
            }
            let mut after = Vec::new();
            for one in &many[at + 1..] {
                after.extend([b", ".to_vec(), new.quoted(one, utf8)].concat());
            }
            if own {
                after.push(b')');
            }
            join_edits(&mut edits, list.span, before, after);
            edits
        }
    }
}

/// Puts `before` and `after` around `span`, as part of the edits that touch its ends.
fn join_edits(edits: &mut Vec<Edit>, span: ByteSpan, before: Vec<u8>, after: Vec<u8>) {
    edits.sort_by_key(|edit| edit.span);
    match edits.first_mut().filter(|edit| edit.span.start == span.start) {
        Some(edit) => edit.with.splice(0..0, before).for_each(drop),
        None => edits.insert(0, Edit { span: ByteSpan::new(span.start, span.start), with: before }),
    }
    match edits.last_mut().filter(|edit| edit.span.end == span.end) {
        Some(edit) => edit.with.extend(after),
        None => edits.push(Edit { span: ByteSpan::new(span.end, span.end), with: after }),
    }
}

fn set_members(header: &Header, text: &[u8], list: &IdList, to: &[String]) -> Option<Change> {
    let utf8 = is_utf8(text);
    let mut ids: Vec<&Id> = list.ids.iter().collect();
    ids.sort_by_key(|id| id.span);
    let collection = Collection::at(text, list.span)?;
    let tuple = list.shape == ListShape::Tuple;
    let agrees = collection.members.len() == ids.len()
        && collection.members.iter().zip(&ids).all(|(member, id)| member.literal.span() == id.span);
    if !agrees {
        return None;
    }
    let mut kept = BTreeSet::new();
    let stays: Vec<bool> =
        ids.iter().map(|id| to.iter().any(|one| **one == *id.value) && kept.insert(&*id.value)).collect();
    let mut coming = to.iter().filter(|id| !ids.iter().any(|known| *known.value == ***id));
    let mut edits = Vec::new();
    let mut leaving = Vec::new();
    let mut order: Vec<String> = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        if stays[at] {
            order.push(id.value.to_string());
        } else if let Some(new) = coming.next() {
            let literal = &collection.members[at].literal;
            edits.extend(literal.replaced_by(text, &literal.style(text).quoted(new, utf8)));
            order.push(new.clone());
        } else {
            leaving.push(at);
        }
    }
    let coming: Vec<&String> = coming.collect();
    order.extend(coming.iter().map(|id| (*id).clone()));
    if leaving.is_empty() && coming.is_empty() {
        return Some(Change { edits, ids: order });
    }
    // Members that come or go shift commas and lines, each step seen from the result of the last.
    let mut work = Work { text: text.to_vec(), span: list.span, tuple };
    for edit in edits.iter().rev() {
        work.replace(edit.span.range(), &edit.with);
    }
    for at in leaving.into_iter().rev() {
        work.remove(at)?;
    }
    let style = collection.members.last().map(|member| member.literal.style(text).on_one_line());
    let style = style.unwrap_or_else(|| usual_style(header, text));
    for id in coming {
        work.append(&style.quoted(id, utf8))?;
    }
    work.close_single()?;
    let edit = difference(text, list.span, &work.text[work.span.range()]);
    Some(Change { edits: vec![edit], ids: order })
}

/// One edit that turns `span` of `text` into `with`, without the bytes both start and end with.
fn difference(text: &[u8], span: ByteSpan, with: &[u8]) -> Edit {
    let old = &text[span.range()];
    let head = old.iter().zip(with).take_while(|(one, two)| one == two).count();
    let rest = (old.len() - head).min(with.len() - head);
    let tail = old.iter().rev().zip(with.iter().rev()).take(rest).take_while(|(one, two)| one == two).count();
    Edit {
        span: ByteSpan::new(span.start + head as u32, span.end - tail as u32),
        with: with[head..with.len() - tail].to_vec(),
    }
}

/// A list of ids while members come and go.
struct Work {
    text: Vec<u8>,
    span: ByteSpan,
    tuple: bool,
}

impl Work {
    fn replace(&mut self, range: std::ops::Range<usize>, with: &[u8]) {
        let end = self.span.range().end - range.len() + with.len();
        self.text.splice(range, with.iter().copied());
        self.span.end = end as u32;
    }

    fn collection(&self) -> Option<Collection> {
        Collection::at(&self.text, self.span)
    }

    fn is_blank(&self, range: std::ops::Range<usize>) -> bool {
        self.text[range].iter().all(u8::is_ascii_whitespace)
    }

    /// Start of the line that holds `at`.
    fn line_start(&self, at: usize) -> usize {
        self.text[..at].iter().rposition(|byte| is_newline(*byte)).map_or(0, |newline| newline + 1)
    }

    /// Where the line that holds `at` ends, before its line ending.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].iter().position(|byte| is_newline(*byte)).map_or(self.text.len(), |end| at + end)
    }

    /// Whether nothing but a comment follows `at` on its line.
    fn ends_line(&self, at: usize) -> bool {
        let rest = self.text[at..self.line_end(at)].trim_ascii_start();
        rest.is_empty() || rest.starts_with(b"#")
    }

    fn remove(&mut self, at: usize) -> Option<()> {
        let collection = self.collection()?;
        let (count, member) = (collection.members.len(), collection.members.get(at)?);
        let previous_comma = match at {
            0 => None,
            _ => Some(collection.members[at - 1].comma?),
        };
        let (start, end) = (member.start, member.comma.map_or(member.end, |comma| comma + 1));
        let line = self.line_start(start);
        let single = self.tuple && count == 2;
        if collection.open.is_some_and(|open| open < line)
            && self.is_blank(line..start)
            && self.ends_line(end)
        {
            // A member with lines of its own takes them along, and the comment beside it.
            let newline = self.line_end(end);
            let after = newline + usize::from(self.text[newline..].starts_with(b"\r\n")) + 1;
            let no_trailing_comma = member.comma.is_none();
            self.replace(line..after, b"");
            if let Some(comma) = previous_comma
                && no_trailing_comma
                && !single
            {
                self.replace(comma..comma + 1, b"");
            }
            return Some(());
        }
        match collection.members.get(at + 1) {
            Some(next) if self.is_blank(end..next.start) => self.replace(start..next.start, b""),
            Some(_) => self.replace(start..end, b""),
            None => {
                let comma = previous_comma?;
                let from = match self.is_blank(comma + 1..start) {
                    false => start,
                    true if member.comma.is_some() || single => comma + 1,
                    true => comma,
                };
                self.replace(from..end, b"");
            }
        }
        Some(())
    }

    fn append(&mut self, quoted: &[u8]) -> Option<()> {
        let collection = self.collection()?;
        let Some(last) = collection.members.last() else {
            let open = collection.open?;
            let comma = if self.tuple { &b","[..] } else { b"" };
            self.replace(open + 1..open + 1, &[quoted, comma].concat());
            return Some(());
        };
        let line = self.line_start(last.start);
        let own_line = collection.open.is_some_and(|open| open < line) && self.is_blank(line..last.start);
        if own_line {
            let newline = line - 1 - usize::from(self.text[..line].ends_with(b"\r\n"));
            let mut with = self.text[newline..last.start].to_vec();
            with.extend(quoted);
            let after = last.comma.map_or(last.end, |comma| comma + 1);
            let place = if self.ends_line(after) { self.line_end(after) } else { after };
            let (end, comma) = (last.end, last.comma);
            if comma.is_some() {
                with.push(b',');
            }
            self.replace(place..place, &with);
            if comma.is_none() {
                self.replace(end..end, b",");
            }
            return Some(());
        }
        let gap = match collection.members.as_slice() {
            [.., before, last] => self.text[before.comma? + 1..last.start].to_vec(),
            _ => b" ".to_vec(),
        };
        let gap = if gap.iter().all(|byte| matches!(byte, b' ' | b'\t')) { gap } else { b" ".to_vec() };
        let end = last.end;
        // The comma of a one-element tuple is no style, it is what makes the tuple.
        if let (Some(comma), Some(close), true, 1) = (
            last.comma,
            collection.close.or(Some(comma_end(last.comma))),
            self.tuple,
            collection.members.len(),
        ) {
            let blank = self.text[comma + 1..close].iter().all(|byte| matches!(byte, b' ' | b'\t'));
            self.replace(comma..if blank { close } else { comma + 1 }, b"");
        }
        self.replace(end..end, &[&b","[..], &gap, quoted].concat());
        Some(())
    }

    /// A tuple of one needs its comma.
    fn close_single(&mut self) -> Option<()> {
        if let [only] = self.collection()?.members.as_slice()
            && self.tuple
            && only.comma.is_none()
        {
            self.replace(only.end..only.end, b",");
        }
        Some(())
    }
}

fn comma_end(comma: Option<usize>) -> usize {
    comma.map_or(0, |comma| comma + 1)
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Whether a line of the docstring can name `id` so that it is read as the same id.
fn fits_docstring(bytes: &[u8], id: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && c != '\\' && !BETWEEN_IDS.contains(&c);
    id.chars().all(plain) && (id.is_ascii() || is_utf8(bytes))
}

/// Edits the `Revision ID:` line; answers with the line's text afterwards.
fn revision_line(
    header: &Header,
    text: &[u8],
    from: Option<&str>,
    to: &str,
    edits: &mut Vec<Edit>,
) -> Option<String> {
    let line = header.docstring.revision.as_ref()?;
    if line.value == to || !fits_docstring(text, to) {
        return Some(line.value.clone());
    }
    let named = from.map(|from| replace_words(&line.value, &[(from, to)]));
    let said = named.filter(|said| *said != line.value).unwrap_or_else(|| to.to_owned());
    edits.push(line_edit(text, &line.value, line.span, &said));
    Some(said)
}

/// Edits the `Revises:` line; answers with the line's text afterwards.
fn revises(
    header: &Header,
    text: &[u8],
    old: &[&str],
    parents: &[String],
    edits: &mut Vec<Edit>,
) -> Option<String> {
    let line = header.docstring.revises.as_ref()?;
    let whole = parents.join(", ");
    let wanted: BTreeSet<&str> = parents.iter().map(String::as_str).collect();
    if ids_of_line(&line.value) == wanted || !parents.iter().all(|id| fits_docstring(text, id)) {
        return Some(line.value.clone());
    }
    let pairs: Vec<(&str, &str)> = old
        .iter()
        .zip(parents)
        .map(|(old, new)| (*old, new.as_str()))
        .filter(|(old, new)| old != new)
        .collect();
    let replaced = replace_words(&line.value, &pairs);
    let said = if !parents.is_empty() && ids_of_line(&replaced) == wanted { replaced } else { whole };
    if said == line.value {
        return Some(said);
    }
    edits.push(line_edit(text, &line.value, line.span, &said));
    Some(said)
}

const BETWEEN_IDS: [char; 7] = [',', ' ', '\t', '(', ')', '\'', '"'];

/// The ids of a `Revises:` line.
fn ids_of_line(line: &str) -> BTreeSet<&str> {
    line.split(BETWEEN_IDS).filter(|id| !matches!(*id, "" | "None" | "<base>" | "base")).collect()
}

fn replace_words(line: &str, pairs: &[(&str, &str)]) -> String {
    line.split_inclusive(BETWEEN_IDS)
        .map(|piece| {
            let word = piece.trim_end_matches(BETWEEN_IDS);
            let new = pairs.iter().find(|(old, _)| *old == word).map_or(word, |(_, new)| new);
            [new, &piece[word.len()..]].concat()
        })
        .collect()
}

/// The line's text from `value` to `said`; a blank comes after the colon.
fn line_edit(text: &[u8], value: &str, span: ByteSpan, said: &str) -> Edit {
    if !value.is_empty() {
        return Edit { span, with: said.into() };
    }
    let gap = if text[..span.range().start].ends_with(b":") { " " } else { "" };
    Edit { span, with: [gap, said].concat().into() }
}

#[cfg(test)]
mod tests;
