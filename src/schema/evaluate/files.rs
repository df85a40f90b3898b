use std::sync::{Arc, PoisonError, RwLock};

use bstr::ByteSlice as _;
use rustc_hash::FxHashMap;

use crate::parallel;
use crate::python::tree;
use crate::vcs::{BlobId, Directories, Directory, EntryKind, Objects, RepoPath, TreeId};

/// The Python files of one tree.
pub trait Files {
    /// The parsed file at `path`; `None` where there is none.
    fn file(&self, path: &RepoPath) -> Option<Arc<tree::Module>>;

    /// Whether a file is at `path`.
    fn is_file(&self, path: &RepoPath) -> bool;

    /// Whether `path` is a directory.
    fn is_directory(&self, path: &RepoPath) -> bool;

    /// Whether the directory at `path` has a member that a module or a package `name` may be.
    fn has_module(&self, path: &RepoPath, name: &str) -> bool {
        self.is_directory(&path.join(name)) || self.is_file(&path.join(format!("{name}.py")))
    }

    /// The text of any file, where it is one of at most 1 MiB.
    fn text(&self, path: &RepoPath) -> Option<Vec<u8>>;
}

/// No files at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn file(&self, _: &RepoPath) -> Option<Arc<tree::Module>> {
        None
    }

    fn is_file(&self, _: &RepoPath) -> bool {
        false
    }

    fn is_directory(&self, _: &RepoPath) -> bool {
        false
    }

    fn text(&self, _: &RepoPath) -> Option<Vec<u8>> {
        None
    }
}

/// Parsed files by blob, shared between threads and trees.
#[derive(Debug, Default)]
pub struct ParsedFiles {
    modules: RwLock<FxHashMap<BlobId, Arc<tree::Module>>>,
    /// Whether a file is worth parsing for its models.
    models: RwLock<FxHashMap<BlobId, bool>>,
}

impl ParsedFiles {
    /// The file with the content `blob`, parsed once. `None` where the content is not in this copy.
    pub fn get(&self, objects: &Objects, blob: BlobId) -> Option<Arc<tree::Module>> {
        if let Some(found) = self.modules.read().unwrap_or_else(PoisonError::into_inner).get(&blob) {
            return Some(Arc::clone(found));
        }
        let parsed = Arc::new(tree::Module::read(&objects.blob(blob).ok()??));
        self.modules.write().unwrap_or_else(PoisonError::into_inner).insert(blob, Arc::clone(&parsed));
        Some(parsed)
    }

    /// Whether each of `blobs` passes `test`, which is always the same; each is tested once, on all cores.
    pub fn test_all(
        &self,
        objects: &Objects,
        blobs: impl Iterator<Item = BlobId>,
        test: impl Fn(&Objects, BlobId) -> bool + Sync,
    ) -> Vec<bool> {
        const CHUNK: usize = 64;
        let blobs: Vec<BlobId> = blobs.collect();
        let new: Vec<BlobId> = {
            let known = self.models.read().unwrap_or_else(PoisonError::into_inner);
            blobs.iter().filter(|blob| !known.contains_key(blob)).copied().collect()
        };
        let factory = objects.factory();
        let look = |objects: &mut Objects, chunk: &[BlobId]| {
            chunk.iter().map(|blob| test(objects, *blob)).collect::<Vec<bool>>()
        };
        let passed = parallel::map_chunks(&new, CHUNK, || factory.objects(), look).concat();
        let mut known = self.models.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(new.into_iter().zip(passed));
        blobs.iter().map(|blob| known.get(blob).copied().unwrap_or_default()).collect()
    }
}

/// The files of a git tree.
pub struct TreeFiles<'o> {
    objects: &'o Objects,
    root: TreeId,
    parsed: &'o ParsedFiles,
    directories: Directories,
}

impl<'o> TreeFiles<'o> {
    /// The files below `root`, parsed files kept in `parsed`.
    pub fn new(objects: &'o Objects, root: TreeId, parsed: &'o ParsedFiles) -> Self {
        Self { objects, root, parsed, directories: Directories::default() }
    }

    /// The tree.
    pub fn root(&self) -> TreeId {
        self.root
    }

    /// What reads the tree.
    pub fn objects(&self) -> &Objects {
        self.objects
    }

    /// The content of the regular file at `path`, links followed.
    pub fn blob(&self, path: &RepoPath) -> Option<BlobId> {
        let directory = self.directory(&path.parent());
        let entry = directory.get(path.name())?;
        match entry.kind {
            EntryKind::File => entry.blob(),
            EntryKind::Symlink => {
                let entry = self.objects.follow(self.root, path).ok()??;
                (entry.kind == EntryKind::File).then(|| entry.blob())?
            }
            _ => None,
        }
    }

    // A damaged tree is told where the migrations themselves are read; here it holds nothing.
    fn directory(&self, path: &RepoPath) -> Arc<Directory> {
        self.directories.members(self.objects, self.root, path).unwrap_or_default()
    }
}

impl Files for TreeFiles<'_> {
    fn file(&self, path: &RepoPath) -> Option<Arc<tree::Module>> {
        self.parsed.get(self.objects, self.blob(path)?)
    }

    fn is_file(&self, path: &RepoPath) -> bool {
        self.blob(path).is_some()
    }

    fn is_directory(&self, path: &RepoPath) -> bool {
        path.is_root() || !self.directory(path).is_empty()
    }

    fn has_module(&self, path: &RepoPath, name: &str) -> bool {
        let directory = self.directory(path);
        let has = |name: &[u8]| directory.has(name.as_bstr());
        has(name.as_bytes()) || has(&[name.as_bytes(), b".py"].concat())
    }

    fn text(&self, path: &RepoPath) -> Option<Vec<u8>> {
        const MOST: usize = 1 << 20;
        self.objects.blob(self.blob(path)?).ok()?.filter(|text| text.len() <= MOST)
    }
}
