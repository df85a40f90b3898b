//! What beside an environment's revisions may create the tables of its database.
//!
//! The answer is meant to err on one side: that nothing is found says that the repository holds nothing that could do it.
//! So it looks for words, in every text of the tree, and not for what a program would run.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use borsh::{BorshDeserialize, BorshSerialize};
use regex::bytes::{Captures, Regex};

use super::Spot;
use crate::cache::Kind;
use crate::python::aside::is_foreign;
use crate::revision::Environment;
use crate::text::LineIndex;
use crate::vcs::{BlobId, EntryKind, Error, Objects, RepoPath, TreeId};

/// A line that may create tables, or a file that may hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// Where; line 1 where the whole file is meant.
    pub at: Spot,
    /// The line as written, or what the file is.
    pub what: String,
}

/// So many are told; then the search ends.
const MOST: usize = 3;

/// Longer lines are cut.
const MOST_CHARACTERS: usize = 80;

/// Deeper directories are taken for something that may.
const MAX_DEPTH: usize = 60;

/// Larger files are no program; where they may be a dump of a database, they may create what it has.
const MAX_BYTES: u64 = 2 << 20;

/// Endings of files that hold no program.
const INERT: &[&[u8]] = &[
    b".png", b".jpg", b".jpeg", b".gif", b".svg", b".ico", b".webp", b".avif", b".woff", b".woff2", b".ttf",
    b".eot", b".otf", b".mp3", b".mp4", b".webm", b".pdf", b".po", b".pot", b".mo", b".lock", b".map",
    b".css", b".scss", b".less", b".csv", b".tsv", b".snap", b".pyc", b".tsx", b".jsx", b".vue", b".svelte",
    b".html", b".min.js",
];

/// Endings of dumps and databases.
const DUMPS: &[&[u8]] = &[
    b".dump",
    b".pgdump",
    b".bak",
    b".backup",
    b".sql.gz",
    b".sql.bz2",
    b".sql.xz",
    b".sql.zst",
    b".sql.zip",
    b".prisma",
];

/// Words that create tables whatever these are called.
static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)
        \bcreate_?all\b
        | \bcreate_db\b
        | \bcreate_?tables\b
        | \b__table__\s*\.\s*create\b
        | \btables?(\[[^\]]*\])?\.create\s*\(
        | \.create\s*\(\s*(bind|checkfirst|self\.)?\s*=?\s*(\w+\.)*(engine|conn|connection|bind|get_bind)\b
        | \bCreateTable\b
        | \bCreateModel\b
        | \bAutoMigrate\b
        | \bpgTable\b
        | \bddl-auto\b
        | \bpg_restore\b
        | \binitdb\.d\b
        | \bpsql\b[^\n]*(\s-f|--file|<)
        | \|\s*psql\b
        | \bstamp\b[^\n]{0,60}\bheads?\b
    ",
    )
    .ok()
});

/// Words that create one table, and its name where that is written out.
static ONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?xi)
        \bcreate (?:\s+(?:global|local|temp|temporary|unlogged|foreign|external))* \s+ table \b
            (?:\s+ if \s+ not \s+ exists)? \s*
            (?:["'`\[]?\w+["'`\]]?\.)? ["'`\[]? (?P<sql>\w+)?
        | \bcreate_?table \b \s* \(? \s* (?: ["':] (?P<call>\w+) )?
    "#,
    )
    .ok()
});

/// What in the tree `root` may create one of the tables `wanted`, beside the revisions of `environment`: code, SQL,
/// scripts, dumps, submodules, of which a few. Tests are left out, as no deployment runs them.
///
/// # Errors
/// When an object is damaged or absent.
pub fn creators(
    objects: &Objects,
    root: TreeId,
    environment: &Environment,
    wanted: &BTreeSet<&str>,
) -> Result<Vec<Creator>, Error> {
    let mut search = Search { objects, environment, wanted, texts: Vec::new(), found: Vec::new() };
    search.directory(root, &RepoPath::root(), 0)?;
    let mut texts = std::mem::take(&mut search.texts);
    texts.sort_by_cached_key(|(path, _)| rank(path));
    for (path, blob) in &texts {
        if search.found.len() >= MOST {
            break;
        }
        let read = || Ok(May::read(&objects.needed_blob(*blob)?));
        if objects.kept().or_find(Kind::Creators, blob, read)?.create_one_of(wanted) {
            search.text(path, &objects.needed_blob(*blob)?);
        }
    }
    Ok(search.found)
}

/// Code first, what only tells of it last.
fn rank(path: &RepoPath) -> u8 {
    let name = path.name().to_ascii_lowercase();
    let ends = |endings: &[&[u8]]| endings.iter().any(|ending| name.ends_with(ending));
    match () {
        () if ends(&[b".md", b".rst", b".txt", b".adoc"])
            || path.components().any(|component| component == "doc" || component == "docs") =>
        {
            3
        }
        () if ends(&[b".py"]) => 0,
        () if ends(&[b".sql"]) => 1,
        () => 2,
    }
}

/// What the words of a text may create, comments included.
#[derive(BorshSerialize, BorshDeserialize)]
struct May {
    any: bool,
    tables: BTreeSet<String>,
}

impl May {
    fn read(bytes: &[u8]) -> Self {
        let (Some(any), Some(one)) = (ANY.as_ref(), ONE.as_ref()) else {
            return Self { any: true, tables: BTreeSet::new() };
        };
        let mut may = Self { any: any.is_match(bytes), tables: BTreeSet::new() };
        for found in one.captures_iter(bytes) {
            match name(&found) {
                Some(name) => _ = may.tables.insert(name),
                None => may.any = true,
            }
        }
        may
    }

    fn create_one_of(&self, wanted: &BTreeSet<&str>) -> bool {
        self.any || self.tables.iter().any(|table| is_one_of(wanted, table))
    }
}

/// The table that is created, where that is written out: a name that is put together when the program runs may be any.
fn name(found: &Captures<'_>) -> Option<String> {
    let name = found.name("sql").or_else(|| found.name("call"))?;
    Some(String::from_utf8_lossy(name.as_bytes()).into_owned())
}

fn is_one_of(wanted: &BTreeSet<&str>, table: &str) -> bool {
    wanted.contains(table) || wanted.contains(table.to_lowercase().as_str())
}

struct Search<'s> {
    objects: &'s Objects,
    environment: &'s Environment,
    wanted: &'s BTreeSet<&'s str>,
    texts: Vec<(RepoPath, BlobId)>,
    found: Vec<Creator>,
}

impl Search<'_> {
    fn directory(&mut self, tree: TreeId, path: &RepoPath, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            self.whole(path.clone(), "a directory too deep to be searched");
            return Ok(());
        }
        for entry in self.objects.tree(tree)? {
            if self.found.len() >= MOST {
                break;
            }
            let name: &[u8] = &entry.name;
            let here = path.join(name);
            match (entry.kind, entry.tree(), entry.blob()) {
                (EntryKind::Tree, Some(tree), _) => {
                    let is_test = [&b"test"[..], b"tests", b"testing"].contains(&name);
                    if !is_test && !is_foreign(name) {
                        self.directory(tree, &here, depth + 1)?;
                    }
                }
                (EntryKind::File, _, Some(blob)) if self.may_run(&here) => {
                    let lower = name.to_ascii_lowercase();
                    if DUMPS.iter().any(|ending| lower.ends_with(ending)) {
                        self.whole(here, "a dump or a schema of a database");
                    } else if self.objects.blob_size(blob)?.is_some_and(|size| size > MAX_BYTES) {
                        if lower.ends_with(b".sql") {
                            self.whole(here, "SQL too long to be searched");
                        }
                    } else {
                        self.texts.push((here, blob));
                    }
                }
                (EntryKind::Submodule, ..) => self.whole(here, "a submodule"),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a deployment may run the file, and it is not one that the replay reads.
    fn may_run(&self, path: &RepoPath) -> bool {
        let name: &[u8] = path.name();
        let is_test = name.starts_with(b"test_") || name.ends_with(b"_test.py") || name == b"conftest.py";
        let lower = name.to_ascii_lowercase();
        let is_inert = INERT.iter().any(|ending| lower.ends_with(ending));
        let is_revision = name.ends_with(b".py") && self.environment.looks_at(path);
        !is_test && !is_inert && !is_revision
    }

    fn whole(&mut self, path: RepoPath, what: &str) {
        self.found.push(Creator { at: Spot { path, line: 1 }, what: what.to_owned() });
    }

    fn text(&mut self, path: &RepoPath, bytes: &[u8]) {
        let (Some(any), Some(one)) = (ANY.as_ref(), ONE.as_ref()) else {
            return self.whole(path.clone(), "a file that cannot be searched");
        };
        let is_wanted = |found: &Captures<'_>| name(found).is_none_or(|table| is_one_of(self.wanted, &table));
        let names = one.captures_iter(bytes).filter(is_wanted);
        let names = names.filter_map(|found| found.get(0)).map(|found| found.range());
        let mut hits = any.find_iter(bytes).map(|found| found.range()).chain(names);
        let Some(hit) = hits.find(|hit| !is_comment(path, bytes, hit.start)) else { return };
        let start = line_start(bytes, hit.start);
        let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |end| start + end);
        let mut what: String =
            String::from_utf8_lossy(&bytes[start..end]).trim().chars().take(MOST_CHARACTERS + 1).collect();
        if what.chars().count() > MOST_CHARACTERS {
            what.pop();
            what.push_str(" ...");
        }
        let line = LineIndex::new(bytes).line(u32::try_from(hit.start).unwrap_or(u32::MAX));
        self.found.push(Creator { at: Spot { path: path.clone(), line }, what });
    }
}

fn line_start(bytes: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |end| end + 1)
}

/// Whether the line of `at` is a comment from its start.
fn is_comment(path: &RepoPath, bytes: &[u8], at: usize) -> bool {
    let line = bytes[line_start(bytes, at)..at].trim_ascii_start();
    let name: &[u8] = path.name();
    match name.ends_with(b".sql") {
        true => line.starts_with(b"--"),
        false => {
            [&b".py"[..], b".sh", b".yml", b".yaml", b".toml"].iter().any(|ending| name.ends_with(ending))
                && line.starts_with(b"#")
        }
    }
}
