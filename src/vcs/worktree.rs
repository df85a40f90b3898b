//! The index and the work tree as trees, so that everything else reads one kind of thing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice as _};
use gix::ObjectId;
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

/// Longer paths are nobody's.
const MAX_PATH_BYTES: usize = 4096;

type Files = BTreeMap<BString, Entry>;

impl Repo {
    /// The index as a tree; of files in conflict, our side. An absent index is an empty tree.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn index_tree(&self) -> Result<TreeId, Error> {
        // Its checksum is not compared, as git does not when it reads one: that takes longer than reading it.
        let options = gix::index::decode::Options::default();
        let path = self.gix().index_path();
        let index = gix::index::File::at_or_default(path, self.gix().object_hash(), true, options)
            .map_err(|error| self.unreadable(&error))?;
        // What git knows of directories that are as they were written, it keeps in the index.
        let mut known = Vec::new();
        if let Some(tree) = index.tree() {
            self.known_trees(tree, BString::default(), &mut known)?;
        }
        if let [(path, id)] = known.as_slice()
            && path.is_empty()
        {
            return Ok(TreeId(*id));
        }
        build_tree(self.objects(), index_files(&index, &known))
    }

    /// The highest directories whose tree is known and here, with a slash at the end.
    fn known_trees(
        &self,
        tree: &gix::index::extension::Tree,
        path: BString,
        known: &mut Vec<(BString, ObjectId)>,
    ) -> Result<(), Error> {
        if tree.num_entries.is_some() && self.objects().kind(&tree.id)? == Some(gix::objs::Kind::Tree) {
            known.push((path, tree.id));
            return Ok(());
        }
        for child in &tree.children {
            let mut below = path.clone();
            below.extend_from_slice(&child.name);
            below.push(b'/');
            // An index made by hand could nest without end; git allows no path of more bytes.
            if below.len() <= MAX_PATH_BYTES {
                self.known_trees(child, below, known)?;
            }
        }
        Ok(())
    }

    fn index(&self) -> Result<gix::worktree::Index, Error> {
        self.gix().index_or_empty().map_err(|error| Error::Unreadable {
            place: self.git_dir().display().to_string(),
            reason: reason(&error),
        })
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
        let index = self.index()?;
        let mut files = index_files(&index, &[]);
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

/// The entries of the index, those of `known` directories as one each.
fn index_files(index: &gix::index::State, known: &[(BString, ObjectId)]) -> Files {
    let mut files = Files::new();
    for (directory, id) in known {
        let path = RepoPath::new(directory.trim_end_with(|last| last == '/'));
        files.insert(
            path.as_bytes().to_owned(),
            Entry { name: path.name().to_owned(), kind: EntryKind::Tree, executable: false, id: *id },
        );
    }
    let mut known: Vec<&BStr> = known.iter().map(|(directory, _)| directory.as_bstr()).collect();
    known.sort_unstable();
    let mut known = known.into_iter().peekable();
    for entry in index.entries() {
        let path = entry.path(index);
        // Both are sorted by bytes, so what is below a directory stands together.
        while known.next_if(|directory| *directory < path && !path.starts_with(directory)).is_some() {}
        if known.peek().is_some_and(|directory| path.starts_with(directory)) {
            continue;
        }
        if !matches!(entry.stage(), Stage::Unconflicted | Stage::Ours) {
            continue;
        }
        let kind = match entry.mode {
            Mode::SYMLINK => EntryKind::Symlink,
            Mode::COMMIT => EntryKind::Submodule,
            Mode::DIR => EntryKind::Tree,
            _ => EntryKind::File,
        };
        let path = RepoPath::new(path);
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
    files
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

#[cfg(test)]
mod tests {
    use crate::vcs::testing::Scratch;

    #[test]
    fn the_index_is_the_tree_that_git_would_commit() {
        let scratch = Scratch::new();
        let index = || scratch.repo().index_tree().unwrap().to_string();
        let write = |path: &str, text: &str| {
            let file = scratch.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
            scratch.git(&["add", "--", path], "");
        };
        assert_eq!(index(), scratch.git(&["write-tree"], ""), "nothing at all");
        for path in ["a/x/1", "a/x/2", "a/y/1", "a-b/1", "a.b", "b/1", "c"] {
            write(path, path);
        }
        // git has not noted any directory's tree yet; asked for the tree, it notes them all.
        assert_eq!(index(), scratch.git(&["write-tree"], ""));
        assert_eq!(index(), scratch.git(&["write-tree"], ""), "the whole is known");
        for path in ["a/x/2", "a/z/new", "a-b/2", "d"] {
            write(path, "changed");
            assert_eq!(index(), scratch.git(&["write-tree"], ""), "{path}");
        }
        for paths in [&["a/x/1"][..], &["a/y/1", "c"], &["b/1"]] {
            scratch.git(&[&["rm", "-q", "--cached"], paths].concat(), "");
            assert_eq!(index(), scratch.git(&["write-tree"], ""), "without {paths:?}");
        }
        // A tree that git noted and that is not here any more.
        let tree =
            scratch.git(&["rev-parse", "--verify", &format!("{}:a", scratch.git(&["write-tree"], ""))], "");
        let before = index();
        std::fs::remove_file(scratch.path().join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
        write("d", "again");
        write("d", "changed");
        assert_eq!(index(), before);
    }
}
