//! The index and the work tree as trees, so that everything else reads one kind of thing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice as _};
use gix::index::entry::{Mode, Stage};
use gix::status::UntrackedFiles;
use gix::status::index_worktree::Item;
use gix::status::plumbing::index_as_worktree::{Change, EntryStatus};

use super::error::reason;
use super::objects::EntryKind;
use super::repo::to_git_path;
use super::{Entry, Error, Objects, Repo, RepoPath, TreeId};

/// Files above this size are left out of the work tree's picture: no migration is that large.
const MAX_FILE_BYTES: u64 = 16 << 20;

type Files = BTreeMap<BString, Entry>;

impl Repo {
    /// The index as a tree; of files in conflict, our side. An absent index is an empty tree.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn index_tree(&self) -> Result<TreeId, Error> {
        build_tree(self.objects(), self.index_files()?)
    }

    /// The work tree as a tree: tracked files as they are on disk, and untracked files that
    /// `relevant` asks for unless git ignores them.
    ///
    /// # Errors
    /// In a bare repository, or when the disk or the index cannot be read.
    pub fn work_tree_tree(&self, relevant: &dyn Fn(&RepoPath) -> bool) -> Result<TreeId, Error> {
        let place = || self.git_dir().display().to_string();
        let Some(root) = self.work_tree() else {
            return Err(Error::Unreadable {
                place: place(),
                reason: "it is bare: there is no work tree".into(),
            });
        };
        let failed = |error: &gix::Error| Error::Unreadable { place: place(), reason: reason(error) };
        let mut files = self.index_files()?;
        let changes = self
            .gix()
            .status(gix::progress::Discard)
            .map_err(|error| failed(&error))?
            .index_worktree_submodules(None)
            .index_worktree_rewrites(None)
            .untracked_files(UntrackedFiles::Files)
            .into_index_worktree_iter(Vec::new())
            .map_err(|error| failed(&error))?;
        for change in changes {
            match change.map_err(|error| failed(&error))? {
                Item::Modification { rela_path, status, .. } => match status {
                    EntryStatus::NeedsUpdate(_) | EntryStatus::Change(Change::SubmoduleModification(_)) => {}
                    EntryStatus::Change(Change::Removed) => {
                        files.remove(&rela_path);
                    }
                    _ => self.read_from_disk(root, rela_path.as_bstr(), &mut files)?,
                },
                Item::DirectoryContents { entry, .. } => {
                    if relevant(&RepoPath::new(&entry.rela_path)) {
                        self.read_from_disk(root, entry.rela_path.as_bstr(), &mut files)?;
                    }
                }
                Item::Rewrite { .. } => {}
            }
        }
        build_tree(self.objects(), files)
    }

    fn index_files(&self) -> Result<Files, Error> {
        let index = self.gix().index_or_empty().map_err(|error| Error::Unreadable {
            place: self.git_dir().display().to_string(),
            reason: reason(&error),
        })?;
        let mut files = Files::new();
        for entry in index.entries() {
            if !matches!(entry.stage(), Stage::Unconflicted | Stage::Ours) {
                continue;
            }
            let kind = match entry.mode {
                Mode::SYMLINK => EntryKind::Symlink,
                Mode::COMMIT => EntryKind::Submodule,
                Mode::DIR => EntryKind::Tree,
                _ => EntryKind::File,
            };
            let path = RepoPath::new(entry.path(&index));
            files.insert(
                path.as_bytes().to_owned(),
                Entry {
                    name: path.name().to_owned(),
                    kind,
                    executable: entry.mode == Mode::FILE_EXECUTABLE,
                    id: entry.id,
                },
            );
        }
        Ok(files)
    }

    fn read_from_disk(&self, root: &Path, path: &BStr, files: &mut Files) -> Result<(), Error> {
        let Ok(relative) = gix::path::from_bstr(path) else {
            files.remove(path);
            return Ok(());
        };
        let on_disk = root.join(relative);
        let failed =
            |error: std::io::Error| Error::File { path: path.to_string(), reason: error.to_string() };
        let metadata = match fs::symlink_metadata(&on_disk) {
            Ok(metadata) => metadata,
            Err(_) => {
                files.remove(path);
                return Ok(());
            }
        };
        let (kind, content) = if metadata.is_symlink() {
            let target = fs::read_link(&on_disk).map_err(failed)?;
            (EntryKind::Symlink, to_git_path(&target).into())
        } else if metadata.is_file() && metadata.len() <= MAX_FILE_BYTES {
            (EntryKind::File, fs::read(&on_disk).map_err(failed)?)
        } else {
            files.remove(path);
            return Ok(());
        };
        let blob = self.objects().write_blob(content)?;
        let name = RepoPath::new(path).name().to_owned();
        files.insert(path.to_owned(), Entry { name, kind, executable: false, id: blob.0 });
        Ok(())
    }
}

/// Directories out of a flat list of files.
fn build_tree(objects: &Objects, files: Files) -> Result<TreeId, Error> {
    let mut directories: BTreeMap<RepoPath, Vec<Entry>> = BTreeMap::new();
    directories.entry(RepoPath::root()).or_default();
    for (path, entry) in files {
        let mut directory = RepoPath::new(&path).parent();
        directories.entry(directory.clone()).or_default().push(entry);
        while !directory.is_root() {
            directory = directory.parent();
            directories.entry(directory.clone()).or_default();
        }
    }
    // Children sort after their parents, so the deepest directories are finished first.
    while let Some((path, members)) = directories.pop_last() {
        let tree = objects.write_tree(members)?;
        if path.is_root() {
            return Ok(tree);
        }
        let entry =
            Entry { name: path.name().to_owned(), kind: EntryKind::Tree, executable: false, id: tree.0 };
        directories.entry(path.parent()).or_default().push(entry);
    }
    Ok(objects.empty_tree())
}
