//! Which files may declare tables.

use std::ops::Range;

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
    let locations = environment.version_locations.iter().map(|location| &location.path);
    let mut listing = Listing {
        objects,
        migrations: locations.filter(|path| !path.is_root()).collect(),
        found: Vec::new(),
        listed: Vec::new(),
    };
    listing.directory(root, &RepoPath::root(), 0);
    let Listing { found, listed, .. } = listing;
    // What is not in this copy declares nothing that could be read.
    let may_declare = |objects: &Objects, blob| declares(objects, blob).unwrap_or_default();
    let untested = found.iter().filter_map(|(_, blob)| *blob);
    let mut passed = parsed.test_all(objects, untested, may_declare).into_iter();
    let passes: Vec<bool> =
        found.iter().map(|(_, blob)| blob.is_none() || passed.next() == Some(true)).collect();
    if !objects.lack_any() {
        for Listed { tree, path, height, members } in listed {
            let declaring = members.filter(|at| passes[*at]).map(|at| below(&found[at].0, &path));
            objects.kept().put(Kind::Declaring, &tree, &(height, declaring.collect::<Vec<&[u8]>>()));
        }
    }
    let found = found.into_iter().zip(passes).filter(|(_, passes)| *passes).map(|((path, _), _)| path);
    let mut found: Vec<RepoPath> = found.take(MAX_FILES).collect();
    found.sort();
    found
}

/// `path` without the directory that it is in, or below.
fn below<'p>(path: &'p RepoPath, directory: &RepoPath) -> &'p [u8] {
    let skip = directory.as_bytes().len();
    path.as_bytes().get(skip + usize::from(skip > 0)..).unwrap_or_default()
}

/// The Python files of a tree that may hold models.
struct Listing<'a> {
    objects: &'a Objects,
    /// Directories that hold none.
    migrations: Vec<&'a RepoPath>,
    /// The files; without a blob those that an earlier run knew to declare a table.
    found: Vec<(RepoPath, Option<BlobId>)>,
    listed: Vec<Listed>,
}

/// A directory whose files are the same ones wherever it stands.
struct Listed {
    tree: TreeId,
    path: RepoPath,
    /// How many levels of directories are in it.
    height: usize,
    /// Its files and those below it, by their places among all.
    members: Range<usize>,
}

impl Listing<'_> {
    /// Lists a directory; gives the depth that it reaches.
    fn directory(&mut self, tree: TreeId, path: &RepoPath, depth: usize) -> usize {
        /// Directories above this are kept, unless they reach so deep that they would be cut off elsewhere.
        const KEPT: usize = 8;
        if depth > MAX_DEPTH || self.migrations.contains(&path) {
            return depth;
        }
        let holds_migrations = path.is_root() || self.migrations.iter().any(|place| place.is_within(path));
        let is_kept = depth <= KEPT && !holds_migrations;
        let known: Option<(usize, Vec<Vec<u8>>)> =
            is_kept.then(|| self.objects.kept().get(Kind::Declaring, &tree)).flatten();
        if let Some((height, known)) = known {
            self.found.extend(known.iter().map(|member| (path.join(member), None)));
            return depth + height;
        }
        let first = self.found.len();
        let mut deepest = depth;
        // A tree that is damaged is told where the migrations themselves are read.
        for entry in self.objects.tree(tree).unwrap_or_default() {
            let name: &[u8] = &entry.name;
            match (entry.kind, entry.tree(), entry.blob()) {
                (EntryKind::Tree, Some(tree), _) if !is_aside(name) => {
                    deepest = deepest.max(self.directory(tree, &path.join(name), depth + 1));
                }
                (EntryKind::File, _, Some(blob)) if name.ends_with(b".py") && !aside::is_test(name) => {
                    self.found.push((path.join(name), Some(blob)));
                }
                _ => {}
            }
        }
        let height = deepest - depth;
        if is_kept && height <= MAX_DEPTH - KEPT {
            let members = first..self.found.len();
            self.listed.push(Listed { tree, path: path.clone(), height, members });
        }
        deepest
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
