use std::cell::RefCell;
use std::sync::Arc;

use bstr::BString;
use rustc_hash::FxHashMap;

use super::{Entry, EntryKind, Error, Objects, RepoPath, TreeId};

/// The members of a directory by name.
pub type Directory = FxHashMap<BString, Entry>;

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
        let members = entries.into_iter().map(|entry| (entry.name.clone(), entry));
        let directory = Arc::new(members.collect::<Directory>());
        self.known.borrow_mut().insert(key, Arc::clone(&directory));
        Ok(directory)
    }
}
