//! What a tree holds that may speak of Alembic, found in one pass over its directories.
//!
//! A directory's answer depends on its object id alone, so trees of one history share nearly all work.

use std::sync::{Arc, LazyLock};

use borsh::{BorshDeserialize, BorshSerialize};
use bstr::{BString, ByteSlice as _};
use memchr::memmem::Finder;
use rustc_hash::FxHashMap;

use crate::cache::Kind;
use crate::parallel::map_chunks;
use crate::vcs::{BlobId, Entry, EntryKind, Error, Objects, RepoPath, TreeId};

/// Something that a directory holds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) enum Mark {
    /// `alembic.ini`.
    Ini(BlobId),
    /// A `pyproject.toml` that mentions Alembic.
    Pyproject(BlobId),
    /// `env.py` beside `script.py.mako` or `versions/`.
    ScriptDirectory,
    /// Files that assign `revision` and `down_revision`.
    Migrations,
    /// A Python file that is a symbolic link, and where it leads.
    Link(BlobId),
    /// `versions` beside `env.py` that is a symbolic link, and where it leads.
    VersionsLink(BlobId),
}

type Marks = Arc<Vec<(RepoPath, Mark)>>;

/// Remembers directories between trees.
#[derive(Default)]
pub(super) struct Scanner {
    directories: FxHashMap<(TreeId, bool), Marks>,
    blobs: FxHashMap<BlobId, Facts>,
    naming: FxHashMap<TreeId, Arc<Vec<RepoPath>>>,
    buffer: Vec<u8>,
}

/// What matters of a file's text.
#[derive(Clone, Copy, Default)]
struct Facts {
    migration: bool,
    names_version_locations: bool,
    mentions_alembic: bool,
}

/// Deeper directories are not looked at.
const MAX_DEPTH: usize = 40;

/// Levels of directories that are looked through for work to spread.
const MAX_SPREAD: usize = 4;

/// Copies of installed packages hold Alembic's own templates.
const FOREIGN: [&[u8]; 4] = [b"site-packages", b"node_modules", b"dist-packages", b"__pycache__"];

impl Scanner {
    /// The marks of the tree `root` with their directories, sorted by directory.
    pub(super) fn scan(&mut self, objects: &Objects, root: TreeId) -> Result<Marks, Error> {
        if self.directories.is_empty() {
            self.scan_on_all_cores(objects, root)?;
        }
        self.directory(objects, root, false, 0)
    }

    /// Scans the directories below `root` that are not too few to be worth threads.
    fn scan_on_all_cores(&mut self, objects: &Objects, root: TreeId) -> Result<(), Error> {
        const ENOUGH: usize = 24;
        let factory = objects.factory();
        let mut directories = vec![(root, false)];
        for depth in 0..MAX_SPREAD {
            // What is below a directory that an earlier run looked through need not be.
            directories.retain(|directory| !objects.kept().has(Kind::Marks, directory));
            if directories.len() >= ENOUGH {
                let scan = |(scanner, objects): &mut (Self, Objects), chunk: &[(TreeId, bool)]| {
                    for (tree, telling) in chunk {
                        scanner.directory(objects, *tree, *telling, depth)?;
                    }
                    Ok((std::mem::take(&mut scanner.directories), std::mem::take(&mut scanner.blobs)))
                };
                let start = || (Self::default(), factory.objects());
                for part in map_chunks(&directories, 2, start, scan) {
                    let (directories, blobs) = part?;
                    self.directories.extend(directories);
                    self.blobs.extend(blobs);
                }
                break;
            }
            let mut below = Vec::new();
            for (tree, telling) in directories {
                let entries = objects.tree(tree)?;
                below.extend(entries.iter().filter_map(|entry| below_entry(entry, telling)));
            }
            directories = below;
        }
        Ok(())
    }

    /// `telling`: a parent directory's name suggests migrations, so every file is worth a look.
    fn directory(
        &mut self,
        objects: &Objects,
        tree: TreeId,
        telling: bool,
        depth: usize,
    ) -> Result<Marks, Error> {
        if depth > MAX_DEPTH {
            return Ok(Marks::default());
        }
        if let Some(marks) = self.directories.get(&(tree, telling)) {
            return Ok(Arc::clone(marks));
        }
        if let Some(kept) = objects.kept().get(Kind::Marks, &(tree, telling)) {
            let marks: Marks = Arc::new(kept);
            self.directories.insert((tree, telling), Arc::clone(&marks));
            return Ok(marks);
        }
        let entries = objects.tree(tree)?;
        let here = RepoPath::root();
        let mut marks = Vec::new();
        let has = |name: &[u8], kind| entries.iter().any(|entry| entry.name == name && entry.kind == kind);
        for entry in &entries {
            match (entry.name.as_slice(), entry.blob()) {
                (name, Some(blob)) if entry.kind == EntryKind::Symlink && name.ends_with(b".py") => {
                    marks.push((here.clone(), Mark::Link(blob)));
                }
                (b"alembic.ini", Some(blob)) => marks.push((here.clone(), Mark::Ini(blob))),
                (b"pyproject.toml", Some(blob)) if self.facts(objects, blob)?.mentions_alembic => {
                    marks.push((here.clone(), Mark::Pyproject(blob)));
                }
                _ => {}
            }
        }
        if has(b"env.py", EntryKind::File)
            && (has(b"script.py.mako", EntryKind::File)
                || has(b"versions", EntryKind::Tree)
                || has(b"versions", EntryKind::Symlink))
        {
            marks.push((here.clone(), Mark::ScriptDirectory));
            let versions = entries.iter().find(|entry| entry.name == "versions");
            let link = versions.filter(|entry| entry.kind == EntryKind::Symlink).and_then(Entry::blob);
            marks.extend(link.map(|target| (here.clone(), Mark::VersionsLink(target))));
        }
        if self.holds_migrations(objects, &entries, telling)? {
            marks.push((here, Mark::Migrations));
        }
        for entry in &entries {
            let Some((subtree, telling)) = below_entry(entry, telling) else { continue };
            let inner = self.directory(objects, subtree, telling, depth + 1)?;
            let base = RepoPath::new(entry.name.as_slice());
            marks.extend(inner.iter().map(|(path, mark)| (base.join(path.as_bytes()), mark.clone())));
        }
        objects.kept().put(Kind::Marks, &(tree, telling), &marks);
        let marks: Marks = Arc::new(marks);
        self.directories.insert((tree, telling), Arc::clone(&marks));
        Ok(marks)
    }

    fn holds_migrations(
        &mut self,
        objects: &Objects,
        entries: &[Entry],
        telling: bool,
    ) -> Result<bool, Error> {
        let python: Vec<&Entry> = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::File && entry.name.ends_with(b".py"))
            .filter(|entry| !entry.name.starts_with(b"__init__") && !entry.name.starts_with(b".#"))
            .collect();
        // Migrations are named by id, number or date. Where neither a directory's nor the file's name
        // hints at them, one file speaks for the rest: reading every source of a large repository
        // would cost more than the whole check.
        let speaker = match telling {
            true => None,
            false => speaker(objects, &python)?,
        };
        let worth_reading =
            |entry: &&&Entry| telling || Some(&entry.name) == speaker || is_numbered(&entry.name);
        for entry in python.iter().filter(worth_reading) {
            if let Some(blob) = entry.blob()
                && self.facts(objects, blob)?.migration
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many files directly in `directory` are migrations.
    pub(super) fn count_migrations(
        &mut self,
        objects: &Objects,
        root: TreeId,
        directory: &RepoPath,
    ) -> Result<usize, Error> {
        let mut count = 0;
        for entry in objects.list(root, directory)? {
            if entry.kind == EntryKind::File
                && entry.name.ends_with(b".py")
                && let Some(blob) = entry.blob()
                && self.facts(objects, blob)?.migration
            {
                count += 1;
            }
        }
        Ok(count)
    }

    /// The Python files below `tree` that name `version_locations`, relative to it.
    pub(super) fn naming_version_locations(
        &mut self,
        objects: &Objects,
        tree: TreeId,
    ) -> Result<Arc<Vec<RepoPath>>, Error> {
        self.naming_below(objects, tree, 0)
    }

    fn naming_below(
        &mut self,
        objects: &Objects,
        tree: TreeId,
        depth: usize,
    ) -> Result<Arc<Vec<RepoPath>>, Error> {
        if let Some(known) = self.naming.get(&tree) {
            return Ok(Arc::clone(known));
        }
        let find = || self.find_naming(objects, tree, depth);
        let found = Arc::new(objects.kept().or_find(Kind::Locations, &tree, find)?);
        self.naming.insert(tree, Arc::clone(&found));
        Ok(found)
    }

    fn find_naming(&mut self, objects: &Objects, tree: TreeId, depth: usize) -> Result<Vec<RepoPath>, Error> {
        let mut found = Vec::new();
        for entry in objects.tree(tree)? {
            let name = entry.name.as_slice();
            let here = RepoPath::new(name);
            match (entry.kind, entry.blob(), entry.tree()) {
                (EntryKind::File, Some(blob), _)
                    if name.ends_with(b".py") && self.facts(objects, blob)?.names_version_locations =>
                {
                    found.push(here);
                }
                (_, _, Some(tree))
                    if depth < MAX_DEPTH && !name.starts_with(b".") && !FOREIGN.contains(&name) =>
                {
                    let inner = self.naming_below(objects, tree, depth + 1)?;
                    found.extend(inner.iter().map(|path| here.join(path.as_bytes())));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Whether the Python file `blob` names `version_locations`.
    pub(super) fn blob_names_version_locations(
        &mut self,
        objects: &Objects,
        blob: BlobId,
    ) -> Result<bool, Error> {
        Ok(self.facts(objects, blob)?.names_version_locations)
    }

    /// Whether a directory below `tree`, itself left out, holds migrations.
    pub(super) fn nests_migrations(&mut self, objects: &Objects, tree: TreeId) -> Result<bool, Error> {
        let marks = self.directory(objects, tree, true, 0)?;
        Ok(marks.iter().any(|(directory, mark)| *mark == Mark::Migrations && !directory.is_root()))
    }

    fn facts(&mut self, objects: &Objects, blob: BlobId) -> Result<Facts, Error> {
        if let Some(facts) = self.blobs.get(&blob) {
            return Ok(*facts);
        }
        if !objects.blob_into(blob, &mut self.buffer)? {
            return Err(Error::Absent { id: blob.to_string() });
        }
        let text = self.buffer.as_slice();
        let facts = Facts {
            migration: assigns(text, &DOWN_REVISION) && assigns(text, &REVISION),
            names_version_locations: VERSION_LOCATIONS.find_iter(text).any(|at| {
                // A setting (`set_main_option("version_locations", …)`), not a word in a comment.
                let line = text[..at].rfind_byte(b'\n').map_or(0, |newline| newline + 1);
                !text[line..at].trim_start().starts_with(b"#")
            }),
            mentions_alembic: TOOL_ALEMBIC.find(text).is_some(),
        };
        self.blobs.insert(blob, facts);
        Ok(facts)
    }
}

/// The sub-directory that `entry` is, if it counts, and whether names on its way tell of migrations.
fn below_entry(entry: &Entry, telling: bool) -> Option<(TreeId, bool)> {
    let name = entry.name.as_slice();
    let counts = !name.starts_with(b".") && !FOREIGN.contains(&name);
    entry.tree().filter(|_| counts).map(|tree| (tree, telling || is_telling(name)))
}

/// The name of the file that is read to know what the files of a directory are: the first that is as
/// small as migrations are, else the smallest of the first few.
fn speaker<'e>(objects: &Objects, files: &[&'e Entry]) -> Result<Option<&'e BString>, Error> {
    const SMALL: u64 = 8 << 10;
    const TRIED: usize = 4;
    let mut least = None;
    for file in files.iter().take(TRIED) {
        let Some(blob) = file.blob() else { continue };
        // What is not there counts as small, so that reading it tells.
        let size = objects.blob_size(blob)?.unwrap_or(0);
        if least.is_none_or(|(known, _)| size < known) {
            least = Some((size, &file.name));
        }
        if size <= SMALL {
            break;
        }
    }
    Ok(least.map(|(_, name)| name))
}

static REVISION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("revision"));
static DOWN_REVISION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("down_revision"));
static VERSION_LOCATIONS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("version_locations"));
static TOOL_ALEMBIC: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("tool.alembic"));

/// Whether a line assigns `name` in the first column.
fn assigns(text: &[u8], name: &Finder<'_>) -> bool {
    let length = name.needle().len();
    name.find_iter(text).any(|at| {
        let starts_line = at == 0 || matches!(text[at - 1], b'\n' | b'\r') || text[..at] == *b"\xef\xbb\xbf";
        let rest = text[at + length..].trim_start_with(|c| c == ' ' || c == '\t');
        starts_line && (rest.starts_with(b":") || (rest.starts_with(b"=") && !rest.starts_with(b"==")))
    })
}

fn is_telling(directory: &[u8]) -> bool {
    const WORDS: [&[u8]; 5] = [b"migrat", b"alembic", b"version", b"revision", b"upgrade"];
    let tells = |word: &[u8]| directory.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    WORDS.into_iter().any(tells)
}

/// `1a2b3c4d_…`, `0042_…`, `20240131_…`, `v3_…`.
fn is_numbered(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"v").or_else(|| name.strip_prefix(b"V")).unwrap_or(name);
    let hex = name.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits >= 1 || hex >= 6) && matches!(name.get(hex.max(digits)), Some(b'_' | b'-' | b'.'))
}
