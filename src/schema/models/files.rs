//! Which files may declare tables.

use memchr::memmem;

use crate::cache::Kind;
use crate::python::aside;
use crate::revision::Environment;
use crate::schema::evaluate::ParsedFiles;
use crate::vcs::{BlobId, EntryKind, Error, Objects, RepoPath, TreeId};

/// Deeper directories are not looked at.
const MAX_DEPTH: usize = 40;

/// Files that are evaluated at most.
const MAX_FILES: usize = 4_000;

/// Larger files are generated, and declare no models.
const MAX_BYTES: usize = 1 << 20;

/// Python files outside tests, documentation and migrations with a word that models have, sorted.
pub(super) fn candidates(
    objects: &Objects,
    root: TreeId,
    parsed: &ParsedFiles,
    environment: &Environment,
) -> Vec<RepoPath> {
    let mut listed = Vec::new();
    let migrations: Vec<&RepoPath> = environment
        .version_locations
        .iter()
        .map(|location| &location.path)
        .filter(|path| !path.is_root())
        .collect();
    collect(objects, root, &RepoPath::root(), &migrations, 0, &mut listed);
    // What is not in this copy declares nothing that could be read.
    let may_declare = |objects: &Objects, blob| declares(objects, blob).unwrap_or_default();
    let passed = parsed.test_all(objects, listed.iter().map(|(_, blob)| *blob), may_declare);
    let found = listed.into_iter().zip(passed).filter(|(_, passed)| *passed).map(|((path, _), _)| path);
    let mut found: Vec<RepoPath> = found.take(MAX_FILES).collect();
    found.sort();
    found
}

fn collect(
    objects: &Objects,
    tree: TreeId,
    path: &RepoPath,
    migrations: &[&RepoPath],
    depth: usize,
    found: &mut Vec<(RepoPath, BlobId)>,
) {
    if depth > MAX_DEPTH || migrations.contains(&path) {
        return;
    }
    // A tree that is damaged is told where the migrations themselves are read.
    for entry in objects.tree(tree).unwrap_or_default() {
        let name: &[u8] = &entry.name;
        let here = path.join(name);
        match (entry.kind, entry.tree(), entry.blob()) {
            (EntryKind::Tree, Some(tree), _) if !is_aside(name) => {
                collect(objects, tree, &here, migrations, depth + 1, found);
            }
            (EntryKind::File, _, Some(blob)) if name.ends_with(b".py") && !aside::is_test(name) => {
                found.push((here, blob));
            }
            _ => {}
        }
    }
}

/// Whether the file at `path` may declare a table in one of the trees `roots`.
///
/// # Errors
/// When an object is damaged or absent.
pub fn declares_in(objects: &Objects, path: &RepoPath, roots: [TreeId; 2]) -> Result<bool, Error> {
    if path.parent().components().any(|component| is_aside(component.as_ref())) || aside::is_test(path.name())
    {
        return Ok(false);
    }
    for root in roots {
        let blob = objects.entry(root, path)?.and_then(|entry| entry.blob());
        let Some(blob) = blob else { continue };
        if declares(objects, blob)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the file `blob` may declare a table; reads it, unless an earlier run did.
fn declares(objects: &Objects, blob: BlobId) -> Result<bool, Error> {
    objects.kept().or_find(Kind::Declares, &blob, || Ok(may_declare(&objects.needed_blob(blob)?)))
}

/// Whether no model of the application stands below a directory of this name.
fn is_aside(name: &[u8]) -> bool {
    name.starts_with(b".") || aside::is_beside(name) || aside::is_foreign(name)
}

/// Whether a file of this text may declare a table: it has a class or a `Table()`, and a word that every way of declaring
/// one needs.
fn may_declare(text: &[u8]) -> bool {
    let has = |word: &str| memmem::find(text, word.as_bytes()).is_some();
    let words = [
        "__tablename__",
        "table=True",
        "__table__",
        "mapped_column",
        "Mapped[",
        "Column(",
        "__mapper_args__",
    ];
    text.len() <= MAX_BYTES && (has("Table(") || (has("class ") && words.into_iter().any(has)))
}
