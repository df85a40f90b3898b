use std::cell::RefCell;
use std::sync::Arc;

use bstr::{BStr, ByteSlice as _};
use rustc_hash::FxHashMap;

use super::{Entry, EntryKind, Error, Objects, RepoPath, TreeId};

/// The members of a directory.
#[derive(Debug, Default)]
pub struct Directory {
    /// Sorted by name: git sorts directories as if a slash followed.
    members: Vec<Entry>,
}

impl Directory {
    fn new(mut members: Vec<Entry>) -> Self {
        members.sort_unstable_by(|one, two| one.name.cmp(&two.name));
        Self { members }
    }

    /// The member `name`, one component.
    pub fn get(&self, name: &BStr) -> Option<&Entry> {
        let at = self.members.binary_search_by(|member| member.name.as_bstr().cmp(name)).ok()?;
        self.members.get(at)
    }

    /// Whether there is a member `name`.
    pub fn has(&self, name: &BStr) -> bool {
        self.get(name).is_some()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// Directories of trees, each read once: for who looks many paths up.
#[derive(Debug, Default)]
pub struct Directories {
    known: RefCell<FxHashMap<(TreeId, RepoPath), Arc<Directory>>>,
}

impl Directories {
    /// The members of the directory at `path` below `root`, symbolic links followed; empty where there is no such
    /// directory.
    ///
    /// # Errors
    /// When a tree is damaged or absent.
    pub fn members(&self, objects: &Objects, root: TreeId, path: &RepoPath) -> Result<Arc<Directory>, Error> {
        let key = (root, path.clone());
        if let Some(found) = self.known.borrow().get(&key) {
            return Ok(Arc::clone(found));
        }
        // Most names that are looked for are those of libraries: what the parent lacks is not searched for.
        let entries = match path.is_root() {
            true => objects.tree(root)?,
            false => match self.members(objects, root, &path.parent())?.get(path.name()) {
                Some(entry) if entry.kind == EntryKind::Symlink => objects.list(root, path)?,
                entry => entry.and_then(Entry::tree).map_or(Ok(Vec::new()), |tree| objects.tree(tree))?,
            },
        };
        let directory = Arc::new(Directory::new(entries));
        self.known.borrow_mut().insert(key, Arc::clone(&directory));
        Ok(directory)
    }

    /// Whether there is anything at `path` below `root`, symbolic links on the way followed.
    ///
    /// # Errors
    /// When a tree is damaged or absent.
    pub fn has(&self, objects: &Objects, root: TreeId, path: &RepoPath) -> Result<bool, Error> {
        Ok(self.members(objects, root, &path.parent())?.has(path.name()))
    }
}
