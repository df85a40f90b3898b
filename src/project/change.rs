//! Whether a change of one file may change what is known of the project.
//!
//! Most pull requests touch Python and none of what the rules look at; reading the whole application to say so would
//! cost a hook more than all the rest.

use std::rc::Rc;

use super::Gatherer;
use super::files::{Kind, is_aside, kind};
use super::module::{Argument, Bound, Call, Import, Module, Table, last};
use super::modules::module;
use super::tables::flags;
use crate::vcs::{Error, Objects, RepoPath, TreeId};

/// Classes on one of these hold no metadata.
const PLAIN_BASES: [&str; 9] =
    ["Enum", "StrEnum", "IntEnum", "BaseModel", "NamedTuple", "TypedDict", "Protocol", "Exception", "ABC"];

/// Whether what the file at `path` says differs between two trees in a way that a fact may rest on.
///
/// # Errors
/// When a blob is damaged or absent.
pub(super) fn matters(
    objects: &Objects,
    path: &RepoPath,
    roots: [TreeId; 2],
    known: &Gatherer,
) -> Result<bool, Error> {
    if kind(path.name()) != Some(Kind::Python) || path.name() == "env.py" {
        return Ok(true);
    }
    let mut blobs = [None, None];
    let mut models = false;
    for (root, blob) in roots.into_iter().zip(&mut blobs) {
        *blob = objects.entry(root, path)?.and_then(|entry| entry.blob());
        let Some(blob) = *blob else { continue };
        let flags = flags(objects, blob, &known.flags)?;
        if (flags.create_all || flags.engines) && !is_aside(path) || flags.upgrades {
            return Ok(true);
        }
        models |= flags.models || flags.metadata;
    }
    if is_aside(path) {
        return Ok(false);
    }
    let mut modules = Vec::with_capacity(2);
    for blob in blobs {
        modules.push(match blob {
            Some(blob) => module(objects, blob, &known.cache)?,
            None => Rc::new(Module { readable: true, ..Module::default() }),
        });
    }
    let [before, after] = modules.as_slice() else { return Ok(true) };
    if before.readable != after.readable || before.imports_dynamically() != after.imports_dynamically() {
        return Ok(true);
    }
    // Without tables of its own, a file matters by the repository's modules that it leads to.
    if models && outline(before) != outline(after) {
        return Ok(true);
    }
    for (root, these, those) in
        [(roots[0], &before.imports, &after.imports), (roots[1], &after.imports, &before.imports)]
    {
        let has = |place: &RepoPath| known.directories.has(objects, root, place);
        for import in these.iter().filter(|import| !those.contains(import)) {
            let same_module =
                those.iter().any(|other| (other.level, &other.module) == (import.level, &import.module));
            if leads_elsewhere(&has, path, import, same_module)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What the rules read of a file that declares tables, without lines.
type Outline<'m> = (
    Vec<(&'m str, Option<&'m str>, &'m [String], bool)>,
    Vec<(&'m str, Option<&'m Argument>, Option<&'m str>, &'m [String])>,
    Vec<(&'m str, &'m [(String, Option<Argument>)])>,
);

fn outline(module: &Module) -> Outline<'_> {
    let is_plain = |table: &&Table| {
        !table.declared
            && table.bases.iter().any(|base| last(base).is_some_and(|name| PLAIN_BASES.contains(&name)))
    };
    let tables = module.tables.iter().filter(|table| !is_plain(table));
    // Of a class's attributes, the metadata and what a settings class says of URLs.
    let is_seen = |bound: &&Bound| {
        let is_url = match &bound.value {
            Some(Argument::Text(text)) => text.contains("://"),
            Some(Argument::Variable(..)) => true,
            _ => false,
        };
        !bound.name.contains('.') || bound.name.ends_with(".metadata") || is_url
    };
    let bound = module.bound.iter().filter(is_seen);
    let makes_base = |call: &&Call| {
        matches!(last(&call.callee), Some("declarative_base" | "automap_base" | "MetaData" | "SQLAlchemy"))
    };
    let makers = module.calls.iter().filter(makes_base);
    (
        tables
            .map(|table| (&*table.name, table.table.as_deref(), table.bases.as_slice(), table.declared))
            .collect(),
        bound
            .map(|bound| {
                (&*bound.name, bound.value.as_ref(), bound.made_by.as_deref(), bound.members.as_slice())
            })
            .collect(),
        makers.map(|call| (&*call.callee, call.keywords.as_slice())).collect(),
    )
}

/// Whether an import that only one side has leads to a file that the other side does not lead to. With `same_module`,
/// the other side imports from that module, too, so that only a module below it is news.
fn leads_elsewhere(
    has: &dyn Fn(&RepoPath) -> Result<bool, Error>,
    from: &RepoPath,
    import: &Import,
    same_module: bool,
) -> Result<bool, Error> {
    let mut place = import.module.replace('.', "/");
    if same_module {
        match import.name.as_deref() {
            None => return Ok(false),
            Some("*") => return Ok(true),
            Some(name) if place.is_empty() => place.push_str(name),
            Some(name) => {
                place.push('/');
                place.push_str(name);
            }
        }
    } else if import.level > 0 {
        return Ok(true);
    } else {
        // The top of it tells whether it is the repository's own.
        place.truncate(place.find('/').unwrap_or(place.len()));
    }
    is_here(has, from, import.level, &place)
}

/// Whether the module or package at `place` may be the repository's own, seen from the file `from`: it lies beside the
/// file or one of the directories above it, there also in `src` and `lib`; with `level` dots, in one directory.
fn is_here(
    has: &dyn Fn(&RepoPath) -> Result<bool, Error>,
    from: &RepoPath,
    level: u32,
    place: &str,
) -> Result<bool, Error> {
    let module = format!("{place}.py");
    let is_in = |directory: &RepoPath| -> Result<bool, Error> {
        Ok(has(&directory.join(place))? || has(&directory.join(&module))?)
    };
    let mut directory = from.parent();
    for _ in 1..level {
        directory = directory.parent();
    }
    loop {
        if is_in(&directory)? {
            return Ok(true);
        }
        if level > 0 {
            return Ok(false);
        }
        if is_in(&directory.join("src"))? || is_in(&directory.join("lib"))? {
            return Ok(true);
        }
        if directory.is_root() {
            return Ok(false);
        }
        directory = directory.parent();
    }
}

#[cfg(test)]
mod tests {
    use super::{Module, outline};

    const MODELS: &str = "
from app.db import Base

class User(Base):
    __tablename__ = 'users'
    id = Column(Integer, primary_key=True)
";

    fn is_same(after: &str) -> bool {
        outline(&Module::read(MODELS.as_bytes())) == outline(&Module::read(after.as_bytes()))
    }

    #[test]
    fn columns_comments_and_plain_classes_are_no_news() {
        assert!(is_same(MODELS));
        assert!(is_same(&MODELS.replace("    id", "    # the key\n\n    id")));
        assert!(is_same(&format!("{MODELS}    email = Column(String, ForeignKey('a.b'))\n")));
        assert!(is_same(&format!("{MODELS}\nclass Color(enum.Enum):\n    RED = 'red'\n")));
        assert!(is_same(&format!("{MODELS}\ndef latest():\n    return query(User)\n")));
    }

    #[test]
    fn tables_bases_and_urls_are_news() {
        assert!(!is_same(&MODELS.replace("'users'", "'people'")));
        assert!(!is_same(&MODELS.replace("User(Base)", "User(Other)")));
        assert!(!is_same(&format!("{MODELS}    metadata = other\n")));
        assert!(!is_same(&format!("{MODELS}\nclass Order(Base):\n    __tablename__ = 'orders'\n")));
        assert!(!is_same(&format!("{MODELS}\nOwn = declarative_base()\n")));
        assert!(!is_same(&format!("{MODELS}\nclass Settings:\n    URL = 'postgresql+asyncpg://db'\n")));
    }
}
