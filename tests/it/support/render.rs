//! Files as bytes: migration files in Alembic's manner, environments, and the encodings that break them.

use super::history::{Content, Encoding, Ids, Revision, Template};

/// What stands in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File(Vec<u8>),
    /// An executable file.
    Executable(Vec<u8>),
    /// A symbolic link.
    Symlink(String),
    /// A submodule at a commit.
    Submodule(String),
}

/// The bytes of a `files` entry.
pub fn content(content: &Content) -> Entry {
    match content {
        Content::Text(text) => Entry::File(text.clone().into_bytes()),
        Content::Special(special) => {
            if let Some(digits) = &special.hex {
                Entry::File(bytes_of_hex(digits))
            } else if let Some(target) = &special.symlink {
                Entry::Symlink(target.clone())
            } else if let Some(commit) = &special.submodule {
                Entry::Submodule(commit.clone())
            } else if let Some(text) = &special.executable {
                Entry::Executable(text.clone().into_bytes())
            } else if let Some(text) = &special.repeat {
                Entry::File(text.repeat(special.times.expect("`repeat` needs `times`")).into_bytes())
            } else {
                panic!("empty content: {special:?}")
            }
        }
    }
}

fn bytes_of_hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of hexadecimal digits");
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The files that `alembic init DIRECTORY` writes, as far as anything here reads them.
pub fn environment(directory: &str) -> Vec<(String, Entry)> {
    let ini = format!(
        "[alembic]\nscript_location = {directory}\nprepend_sys_path = .\nsqlalchemy.url = driver://user:pass@localhost/dbname\n"
    );
    let env = "from alembic import context\n\ntarget_metadata = None\n\n\ndef run_migrations_online() -> None:\n    \
               context.configure(target_metadata=target_metadata)\n    with context.begin_transaction():\n        \
               context.run_migrations()\n\n\nrun_migrations_online()\n";
    let mako = "\"\"\"${message}\n\nRevision ID: ${up_revision}\nRevises: ${down_revision | comma,n}\nCreate Date: \
                ${create_date}\n\n\"\"\"\nrevision: str = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n";
    vec![
        ("alembic.ini".to_owned(), Entry::File(ini.into_bytes())),
        (format!("{directory}/env.py"), Entry::File(env.as_bytes().to_vec())),
        (format!("{directory}/script.py.mako"), Entry::File(mako.as_bytes().to_vec())),
    ]
}

/// The file name and the bytes of a migration created at `minute` of the fixed clock.
pub fn revision(revision: &Revision, minute: usize) -> (String, Entry) {
    let message = revision.message.as_deref().unwrap_or("change");
    let file = revision.file.clone().unwrap_or_else(|| format!("{}_{}.py", revision.revision, slug(message)));
    (file, Entry::File(encode(&text(revision, message, minute), revision.encoding)))
}

fn text(revision: &Revision, message: &str, minute: usize) -> String {
    let id = &revision.revision;
    let revises = match &revision.down_revision {
        Ids::None => String::new(),
        Ids::One(id) => id.clone(),
        Ids::Many(ids) => ids.join(", "),
    };
    let date = format!("2024-01-01 {:02}:{:02}:00.000000", minute / 60, minute % 60);
    let merge = matches!(&revision.down_revision, Ids::Many(ids) if ids.len() > 1);
    let upgrade = revision.body.clone().unwrap_or_else(|| match merge {
        true => "pass".to_owned(),
        false => format!("op.create_table('t_{id}', sa.Column('id', sa.Integer(), primary_key=True))"),
    });
    let downgrade = revision.downgrade.clone().unwrap_or_else(|| match merge || revision.body.is_some() {
        true => "pass".to_owned(),
        false => format!("op.drop_table('t_{id}')"),
    });
    let (typing, string, ids, nothing) = match revision.template {
        Template::Annotated => (
            "from typing import Sequence, Union\n\n",
            ": str",
            ": Union[str, Sequence[str], None]",
            " -> None",
        ),
        Template::Plain => ("", "", "", ""),
    };
    format!(
        "\"\"\"{message}\n\nRevision ID: {id}\nRevises: {revises}\nCreate Date: {date}\n\n\"\"\"\n{typing}from alembic \
         import op\nimport sqlalchemy as sa\n\n\n# revision identifiers, used by Alembic.\nrevision{string} = \
         {revision_literal}\ndown_revision{ids} = {down_revision}\nbranch_labels{ids} = {branch_labels}\ndepends_on{ids} = \
         {depends_on}\n\n\ndef upgrade(){nothing}:\n{upgrade}\n\n\ndef downgrade(){nothing}:\n{downgrade}\n",
        revision_literal = quoted(id),
        down_revision = literal(&revision.down_revision),
        branch_labels = literal(&revision.branch_labels),
        depends_on = literal(&revision.depends_on),
        upgrade = indented(&upgrade),
        downgrade = indented(&downgrade),
    )
}

fn indented(statements: &str) -> String {
    statements
        .trim_end()
        .lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("    {line}") })
        .collect::<Vec<_>>()
        .join("\n")
}

fn literal(ids: &Ids) -> String {
    match ids {
        Ids::None => "None".to_owned(),
        Ids::One(id) => quoted(id),
        Ids::Many(ids) if ids.len() == 1 => format!("({},)", quoted(&ids[0])),
        Ids::Many(ids) => format!("({})", ids.iter().map(|id| quoted(id)).collect::<Vec<_>>().join(", ")),
    }
}

/// A Python string literal as `repr` writes it.
fn quoted(text: &str) -> String {
    let mut literal = String::from("'");
    for character in text.chars() {
        match character {
            '\'' | '\\' => literal.extend(['\\', character]),
            control if control.is_control() => literal.push_str(&format!("\\x{:02x}", control as u32)),
            other => literal.push(other),
        }
    }
    literal + "'"
}

/// The slug that Alembic makes of a message: words of letters, digits and `_`, cut to 40 characters.
fn slug(message: &str) -> String {
    let words: Vec<String> = message
        .split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let slug = words.join("_");
    match slug.get(..40).and_then(|cut| cut.rfind('_')) {
        Some(end) => slug[..end].to_owned(),
        None => slug,
    }
}

fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Crlf => text.replace('\n', "\r\n").into_bytes(),
        Encoding::Bom => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        Encoding::Latin1 => text
            .chars()
            .map(|character| u8::try_from(u32::from(character)).expect("a character that Latin-1 lacks"))
            .collect(),
        Encoding::Utf16 => {
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        }
    }
}
