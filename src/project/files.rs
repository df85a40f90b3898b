//! The files of a tree that say how an application is built, started and deployed.

use std::collections::{BTreeMap, HashMap};

use crate::vcs::{BlobId, EntryKind, Error, Objects, RepoPath, TreeId};

/// Deeper directories are not looked at.
const MAX_DEPTH: usize = 40;

/// A tree with more files of interest is not an application's repository that a hook may read.
const MAX_FILES: usize = 50_000;

/// Larger files are not read: start scripts and container files are small.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// Directories with other people's files, and rests that tools leave behind.
const FOREIGN: [&[u8]; 8] = [
    b"site-packages",
    b"dist-packages",
    b"node_modules",
    b"__pycache__",
    b"vendor",
    b"third_party",
    b"venv",
    b"versions_old",
];

/// Directories whose code no deployment runs.
const ASIDE: [&[u8]; 14] = [
    b"test",
    b"tests",
    b"testing",
    b"doc",
    b"docs",
    b"example",
    b"examples",
    b"sample",
    b"samples",
    b"script",
    b"scripts",
    b"bench",
    b"benchmarks",
    b"alembic",
];

/// Whether a directory of this name holds other people's files.
pub(super) fn is_foreign(name: &[u8]) -> bool {
    FOREIGN.contains(&name)
}

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Python,
    Dockerfile,
    Compose,
    Shell,
    /// A file of a hosting platform that names start or release commands.
    Platform,
    /// Lists what the application depends on.
    Requirements,
    /// `.env` and its examples.
    Dotenv,
}

/// The files of interest of one tree, by path.
#[derive(Debug, Default)]
pub(super) struct Files {
    all: BTreeMap<RepoPath, (Kind, BlobId)>,
    /// Paths by their last component.
    by_name: HashMap<Vec<u8>, Vec<RepoPath>>,
}

impl Files {
    /// Lists the tree `root`. Hidden directories (continuous integration lives there), installed packages and links
    /// are left out.
    ///
    /// # Errors
    /// When a tree object is damaged or absent.
    pub(super) fn list(objects: &Objects, root: TreeId) -> Result<Self, Error> {
        let mut files = Self::default();
        files.directory(objects, root, &RepoPath::root(), 0)?;
        Ok(files)
    }

    fn directory(
        &mut self,
        objects: &Objects,
        tree: TreeId,
        path: &RepoPath,
        depth: usize,
    ) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        for entry in objects.tree(tree)? {
            let name: &[u8] = &entry.name;
            let here = path.join(name);
            match (entry.kind, entry.tree(), entry.blob()) {
                (EntryKind::Tree, Some(tree), _) if !name.starts_with(b".") && !FOREIGN.contains(&name) => {
                    self.directory(objects, tree, &here, depth + 1)?;
                }
                (EntryKind::File, _, Some(blob)) if self.all.len() < MAX_FILES => {
                    if let Some(kind) = kind(name) {
                        self.by_name.entry(name.to_vec()).or_default().push(here.clone());
                        self.all.insert(here, (kind, blob));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The files of one kind, sorted by path.
    pub(super) fn of(&self, wanted: Kind) -> impl Iterator<Item = (&RepoPath, BlobId)> {
        self.all.iter().filter(move |(_, (kind, _))| *kind == wanted).map(|(path, (_, blob))| (path, *blob))
    }

    /// The file at `path`.
    pub(super) fn get(&self, path: &RepoPath) -> Option<BlobId> {
        self.all.get(path).map(|(_, blob)| *blob)
    }

    /// Whether the file at `path` is of this kind.
    pub(super) fn is(&self, path: &RepoPath, wanted: Kind) -> bool {
        self.all.get(path).is_some_and(|(kind, _)| *kind == wanted)
    }

    /// The Python files below `directory`, sorted by path.
    pub(super) fn python_within(&self, directory: &RepoPath) -> impl Iterator<Item = (&RepoPath, BlobId)> {
        self.of(Kind::Python).filter(move |(path, _)| path.is_within(directory))
    }

    /// Files whose path ends with the components of `tail`, sorted.
    pub(super) fn ending_with<'f>(
        &'f self,
        tail: &[u8],
    ) -> impl Iterator<Item = (&'f RepoPath, BlobId)> + use<'f> {
        let name = tail.rsplit(|byte| *byte == b'/').next().unwrap_or(tail);
        let named = self.by_name.get(name).into_iter().flatten();
        let tail = tail.to_vec();
        let is_it = move |path: &&RepoPath| {
            let rest = path.as_bytes().strip_suffix(tail.as_slice());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
        };
        named.filter(is_it).filter_map(|path| Some((path, self.get(path)?)))
    }
}

/// What a file of this name (one component) is, where it is of interest.
pub(super) fn kind(name: &[u8]) -> Option<Kind> {
    let lower = name.to_ascii_lowercase();
    let lower = lower.as_slice();
    let yaml = lower.ends_with(b".yml") || lower.ends_with(b".yaml");
    Some(match lower {
        b"pyproject.toml" | b"setup.py" | b"setup.cfg" | b"pipfile" => Kind::Requirements,
        _ if lower.ends_with(b".py") => Kind::Python,
        _ if lower == b"dockerfile"
            || lower == b"containerfile"
            || lower.starts_with(b"dockerfile.")
            || lower.ends_with(b".dockerfile") =>
        {
            Kind::Dockerfile
        }
        _ if yaml && (lower.starts_with(b"docker-compose") || lower.starts_with(b"compose.")) => {
            Kind::Compose
        }
        b"procfile" | b"fly.toml" | b"railway.json" | b"railway.toml" | b"render.yaml" | b"app.json"
        | b"heroku.yml" | b"nixpacks.toml" | b"supervisord.conf" => Kind::Platform,
        _ if lower.starts_with(b"requirements") && lower.ends_with(b".txt") => Kind::Requirements,
        _ if lower.starts_with(b".env") || lower.ends_with(b".env") => Kind::Dotenv,
        _ if lower.ends_with(b".sh") || lower.ends_with(b".bash") => Kind::Shell,
        _ if lower.contains(&b'.') => return None,
        // Start scripts often have no ending.
        _ if [&b"entrypoint"[..], b"start", b"run", b"boot", b"prestart", b"release", b"migrate"]
            .iter()
            .any(|word| lower.windows(word.len()).any(|part| part == *word)) =>
        {
            Kind::Shell
        }
        _ => return None,
    })
}

/// Whether no deployment runs the code at `path`: tests, documentation, examples, one-off scripts, migrations.
pub(super) fn is_aside(path: &RepoPath) -> bool {
    let name: &[u8] = path.name();
    path.parent().components().any(|component| ASIDE.iter().any(|aside| component == aside))
        || name.starts_with(b"test_")
        || name.ends_with(b"_test.py")
        || name == b"conftest.py"
        || name == b"setup.py"
}
