//! A new revision file as Alembic would write it: the environment's `script.py.mako` rendered,
//! under the name that its `file_template` gives.
//!
//! No Python runs: a small, strict subset of Mako is read here (`${…}` over the names that Alembic
//! passes, `% if`, comments). A template that asks for more is replaced by Alembic's default, with
//! a note. So is one whose result does not say what was asked.

use std::collections::BTreeSet;

use super::file_names::{DEFAULT_FILE_TEMPLATE, slug};
use super::mako::{self, Value, Variables};
use super::{edits, header};
use crate::dialect::{Body, CreateDate, NewFile, NewScript};
use crate::revision::IdList;
use crate::text::apply_edits;
use crate::vcs::RepoPath;

/// Alembic's default for `truncate_slug_length`.
const SLUG_LENGTH: usize = 40;

/// Alembic's default template (`templates/generic/script.py.mako`).
const DEFAULT: &str = r#""""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}

"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

# revision identifiers, used by Alembic.
revision: str = ${repr(up_revision)}
down_revision: Union[str, Sequence[str], None] = ${repr(down_revision)}
branch_labels: Union[str, Sequence[str], None] = ${repr(branch_labels)}
depends_on: Union[str, Sequence[str], None] = ${repr(depends_on)}


def upgrade() -> None:
    """Upgrade schema."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Downgrade schema."""
    ${downgrades if downgrades else "pass"}
"#;

/// The file for `script` in the version location `directory`. `template` holds the bytes of the
/// environment's `script.py.mako`, `file_template` its setting of that name.
pub(super) fn new_file(
    directory: &RepoPath,
    template: Option<&[u8]>,
    file_template: Option<&str>,
    script: &NewScript<'_>,
) -> NewFile {
    let mut notes = Vec::new();
    let text = template.and_then(|template| match own(template, script) {
        Ok((text, note)) => {
            notes.extend(note);
            Some(text)
        }
        Err(why) => {
            notes.push(format!("script.py.mako {why}; the file follows Alembic's default template"));
            None
        }
    });
    let by_default = template.is_some() && text.is_none();
    let text = text.unwrap_or_else(|| default(script));
    let name = file_template.and_then(|template| match file_name(template, script) {
        Ok(name) => Some(name),
        Err(why) => {
            notes.push(format!("file_template {why}; the file is named as by Alembic's default"));
            None
        }
    });
    let name = name.or_else(|| file_name(DEFAULT_FILE_TEMPLATE, script).ok());
    let name = name.unwrap_or_else(|| format!("{}.py", slug(script.id, SLUG_LENGTH)));
    NewFile { path: directory.join(name), text, notes, by_default }
}

/// The rendered template; with a note where its parents had to be mended: older templates write a
/// merge's parents as one text, `"('a', 'b')"`, and Alembic could not read its own file.
fn own(template: &[u8], script: &NewScript<'_>) -> Result<(Vec<u8>, Option<String>), String> {
    // What the template imports for every file is imported once.
    let own = String::from_utf8_lossy(template);
    let imports = |body: &Body| -> String {
        let is_there =
            |line: &&str| !line.starts_with("from ") || !own.lines().any(|own| own == line.trim_end());
        body.imports.split_inclusive('\n').filter(is_there).collect()
    };
    let body = script.body.map(|body| Body { imports: imports(body), ..body.clone() });
    let script = &NewScript { body: body.as_ref(), ..*script };
    let text = mako::render(template, &Names { script, message: None })?.into_bytes();
    if says(&text, script) {
        return Ok((text, None));
    }
    let mended = edits::reparent(&header::read(&text), &text, script.parents, true).ok();
    let mended = mended.and_then(|edits| apply_edits(&text, &edits).ok());
    match mended.filter(|text| says(text, script)) {
        Some(text) => Ok((
            text,
            Some(
                "script.py.mako writes the parents in a way that Alembic cannot read; they are put right"
                    .into(),
            ),
        )),
        None if !does(&text, script.body) => Err("leaves out what the revision does".into()),
        None => Err("gives a file that does not state its ids".into()),
    }
}

fn default(script: &NewScript<'_>) -> Vec<u8> {
    let render = |message: Option<&str>| {
        mako::render(DEFAULT.as_bytes(), &Names { script, message }).unwrap_or_default().into_bytes()
    };
    let text = render(None);
    if says(&text, script) {
        return text;
    }
    // A message that would end the docstring: Alembic writes it as it is, and a broken file with it.
    let message = script.message.unwrap_or_default();
    render(Some(&message.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Whether a file can be read and states the revision.
fn says(text: &[u8], script: &NewScript<'_>) -> bool {
    let header = header::read(text);
    let same = |list: &Option<IdList>, ids: &[String]| {
        let stated: BTreeSet<&str> = list.iter().flat_map(IdList::values).collect();
        stated == ids.iter().map(String::as_str).collect()
    };
    does(text, script.body)
        && header.problem.is_none()
        && header.dynamic.is_empty()
        && header.assigns_down_revision
        && header.revision.is_some_and(|id| *id.value == *script.id)
        && same(&header.down_revision, script.parents)
        && same(&header.depends_on, script.depends_on)
        && same(&header.branch_labels, script.branch_labels)
}

/// Whether the file holds the whole body, and the names that every body rests on.
fn does(text: &[u8], body: Option<&Body>) -> bool {
    let Some(body) = body else { return true };
    let text = String::from_utf8_lossy(text);
    let parts = [&*body.imports, &*body.upgrade, &*body.downgrade];
    let named = ["from alembic import op", "import sqlalchemy as sa"];
    parts.iter().chain(&named).all(|part| text.contains(part))
}

/// What Alembic passes to a template of `alembic revision` or `alembic merge`.
struct Names<'a> {
    script: &'a NewScript<'a>,
    /// In place of the script's own.
    message: Option<&'a str>,
}

impl Variables for Names<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        let texts = |ids: &[String]| ids.iter().cloned().map(Value::Text).collect::<Vec<_>>();
        // `alembic.script.revision.tuple_rev_as_scalar`.
        let scalar = |ids: &[String], many: fn(Vec<Value>) -> Value| match ids {
            [] => Value::None,
            [one] => Value::Text(one.clone()),
            ids => many(texts(ids)),
        };
        let script = self.script;
        Some(match name {
            "message" => Value::Text(self.message.or(script.message).unwrap_or("empty message").to_owned()),
            "up_revision" => Value::Text(script.id.to_owned()),
            "down_revision" => scalar(script.parents, Value::Tuple),
            "depends_on" => scalar(script.depends_on, Value::List),
            "branch_labels" if script.branch_labels.is_empty() => Value::None,
            "branch_labels" => Value::Tuple(texts(script.branch_labels)),
            "create_date" => Value::Date(script.create_date),
            "imports" => Value::Text(script.body?.imports.clone()),
            "upgrades" => Value::Text(script.body?.upgrade.clone()),
            "downgrades" => Value::Text(script.body?.downgrade.clone()),
            _ => return None,
        })
    }
}

/// The name that `file_template` gives, with `.py`. It may hold directories.
fn file_name(template: &str, script: &NewScript<'_>) -> Result<String, String> {
    let name = format!("{}.py", percent_format(template, script)?);
    let odd = |part: &str| matches!(part, "" | "." | "..") || part.contains('\0');
    if name.split('/').any(odd) {
        return Err("gives no usable name".into());
    }
    Ok(name)
}

/// A value for `%`.
enum Field {
    Text(String),
    Number(i64),
}

fn field(name: &str, script: &NewScript<'_>) -> Option<Field> {
    let CreateDate { local, epoch, .. } = script.create_date;
    Some(match name {
        "rev" => Field::Text(script.id.to_owned()),
        "slug" => Field::Text(slug(script.message.unwrap_or_default(), SLUG_LENGTH)),
        "epoch" => Field::Number(epoch),
        "year" => Field::Number(local.year().into()),
        "month" => Field::Number(local.month().into()),
        "day" => Field::Number(local.day().into()),
        "hour" => Field::Number(local.hour().into()),
        "minute" => Field::Number(local.minute().into()),
        "second" => Field::Number(local.second().into()),
        "number" => Field::Number(script.number?.into()),
        _ => return None,
    })
}

/// Python's `template % {…}` as far as file names use it: `%(name)s`, `%(name)d`, with width,
/// precision and the flags `0` and `-`; `%%`.
fn percent_format(template: &str, script: &NewScript<'_>) -> Result<String, String> {
    const WIDEST: usize = 100;
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let odd =
            || format!("holds `%{}`, which is not understood", rest.chars().take(20).collect::<String>());
        let (name, spec) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(odd)?;
        let end = spec.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(odd)?;
        let (format, after) = spec.split_at(end);
        let kind = after.chars().next().ok_or_else(odd)?;
        let flags = format.len() - format.trim_start_matches(['0', '-']).len();
        let (flags, size) = format.split_at(flags);
        let (width, precision) = size.split_once('.').map_or((size, None), |(w, p)| (w, Some(p)));
        let number = |digits: &str| match digits {
            "" => Ok(0),
            digits => digits.parse().ok().filter(|size| *size <= WIDEST).ok_or_else(odd),
        };
        let (width, precision) = (number(width)?, precision.map(number).transpose()?);
        let value = field(name, script).ok_or_else(|| format!("names `{name}`, which is not known"))?;
        let text = match (value, kind) {
            (Field::Text(text), 's') => {
                precision.map_or(text.clone(), |most| text.chars().take(most).collect())
            }
            (Field::Number(value), 's') => {
                let text = value.to_string();
                precision.map_or(text.clone(), |most| text.chars().take(most).collect())
            }
            (Field::Number(value), 'd' | 'i') => {
                let digits = match flags {
                    flags if flags.contains('0') && !flags.contains('-') => precision.unwrap_or(0).max(width),
                    _ => precision.unwrap_or(0),
                };
                format!("{value:0digits$}")
            }
            _ => return Err(odd()),
        };
        out.push_str(&match flags.contains('-') {
            true => format!("{text:<width$}"),
            false => format!("{text:>width$}"),
        });
        rest = &after[kind.len_utf8()..];
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests;
