//! Moving a branch, with the work tree that has it checked out.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice as _};
use gix::index::entry::{Flags, Mode, Stage, Stat};
use gix::status::UntrackedFiles;
use gix::status::index_worktree::Item as WorkTreeItem;
use gix::status::plumbing::index_as_worktree::{Change as FileChange, EntryStatus};

use super::super::objects::EntryKind;
use super::super::{BlobId, CommitId, Entry, Error, Repo, RepoPath, TreeId};
use super::convert::Converter;
use super::files::{FileOp, FileSwap, Put};
use super::paths::{self, Removed};
use super::refs::{HEAD, PreparedSwaps, Swap, branch_ref, check_branch, short_name};
use super::{causes, undo};

/// A branch to move, or to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchMove {
    /// The branch, `topic` or `refs/heads/topic`.
    pub branch: String,
    /// Where it must stand now; `None`: it must not exist.
    pub from: Option<CommitId>,
    /// Where it goes.
    pub to: CommitId,
    /// One line for the reflog.
    pub reason: String,
}

/// What was done to a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Full name of the branch.
    pub branch: String,
    /// Where it was; `None`: it did not exist.
    pub old: Option<CommitId>,
    /// Where it is; `None`: it is gone.
    pub new: Option<CommitId>,
    /// The ref that [`Repo::undo`] needs to take it back; `None` after an undo.
    pub undo_ref: Option<String>,
    /// Files of the work tree that followed, sorted; empty unless the branch is checked out here.
    pub followed: Vec<RepoPath>,
}

/// A work tree that uses a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedOut {
    /// Its directory.
    pub place: PathBuf,
    /// Whether it is the one this [`Repo`] was opened in.
    pub current: bool,
    /// `checked out`, `being rebased` or `being bisected`.
    pub doing: &'static str,
}

impl CheckedOut {
    pub(super) fn refusal(&self, branch: &str) -> Error {
        Error::CheckedOut {
            branch: short_name(branch).into(),
            doing: self.doing,
            place: self.place.display().to_string(),
        }
    }
}

const CHECKED_OUT: &str = "checked out";

impl Repo {
    /// The work trees, linked ones included, that a branch (`topic` or `refs/heads/topic`) is checked
    /// out in or that rebase or bisect it.
    ///
    /// # Errors
    /// When the list of work trees cannot be read.
    pub fn checked_out(&self, branch: &str) -> Result<Vec<CheckedOut>, Error> {
        let branch = branch_ref(branch);
        let own = canonical(self.git_dir());
        let common = self.gix().common_dir().to_owned();
        let mut trees: Vec<(PathBuf, PathBuf)> = Vec::new();
        let main = match canonical(&common) == own {
            true => self.work_tree().map(Path::to_owned),
            // A main repository that cannot be opened has a work tree beside it by convention.
            false => match self.gix().main_repo() {
                Ok(main) => main.workdir().map(Path::to_owned),
                Err(_) => common.parent().map(Path::to_owned),
            },
        };
        trees.extend(main.map(|place| (common, place)));
        let linked = self.gix().worktrees().map_err(|error| Error::Unreadable {
            place: self.git_dir().display().to_string(),
            reason: causes(&error),
        })?;
        for tree in linked {
            let place = tree.base().unwrap_or_else(|_| tree.git_dir().to_owned());
            trees.push((tree.git_dir().to_owned(), place));
        }
        let mut found = Vec::new();
        for (git_dir, place) in trees {
            let current = canonical(&git_dir) == own;
            if let Some(doing) = self.use_of(&git_dir, &branch) {
                found.push(CheckedOut { place, current, doing });
            }
        }
        Ok(found)
    }

    /// What the work tree of `git_dir` does with a branch.
    fn use_of(&self, git_dir: &Path, branch: &str) -> Option<&'static str> {
        let read = |name: &str| fs::read(git_dir.join(name)).ok().map(BString::from);
        if let Some(head) = read("HEAD")
            && let Some(name) = head.strip_prefix(b"ref:")
            && self.leads_to(&name.trim().to_str_lossy(), branch)
        {
            return Some(CHECKED_OUT);
        }
        for name in ["rebase-merge/head-name", "rebase-apply/head-name"] {
            if read(name).is_some_and(|text| text.trim() == branch.as_bytes()) {
                return Some("being rebased");
            }
        }
        if read("rebase-merge/update-refs").is_some_and(|text| text.lines().any(|l| l == branch.as_bytes())) {
            return Some("being rebased");
        }
        let bisected = read("BISECT_START")?;
        (bisected.trim() == short_name(branch).as_bytes()).then_some("being bisected")
    }

    /// Whether the ref `name` is `branch`, or a symbolic ref to it.
    fn leads_to(&self, name: &str, branch: &str) -> bool {
        const MOST_LINKS: usize = 5;
        let mut name = name.to_owned();
        for _ in 0..MOST_LINKS {
            if name == branch {
                return true;
            }
            match self.ref_value(&name) {
                Ok(Some(gix::refs::Target::Symbolic(next))) => name = next.as_bstr().to_string(),
                _ => return false,
            }
        }
        false
    }

    /// Moves a branch (or creates it) and writes an undo record, in one transaction. Where the branch
    /// is checked out here, index and files follow, which needs a clean work tree.
    ///
    /// # Errors
    /// Those of [`Repo::update_refs`]; [`Error::CheckedOut`] when another work tree has it;
    /// [`Error::Dirty`] and [`Error::Path`] when the work tree cannot follow. In every case refs,
    /// index and files are as before; [`Error::Half`] tells where even that failed.
    pub fn move_branch(&self, change: &BranchMove) -> Result<Moved, Error> {
        self.permit_writing()?;
        let branch = branch_ref(&change.branch);
        check_branch(&branch)?;
        if change.from == Some(change.to) {
            return Ok(Moved {
                branch,
                old: change.from,
                new: change.from,
                undo_ref: None,
                followed: Vec::new(),
            });
        }
        let swap = Swap {
            name: branch.clone(),
            from: change.from.map(|id| id.0),
            to: Some(change.to.0),
            reason: change.reason.clone(),
        };
        let record = undo::Record { branch: branch.clone(), old: change.from, new: change.to };
        let mut attempt = 0;
        loop {
            let undo = self.write_undo(&record, &mut attempt)?;
            let undo_ref = undo.name.clone();
            match self.swap_and_follow(vec![undo, swap.clone()], &swap) {
                // Somebody took the name in this very second, or is about to.
                Err(Error::RefMoved { name, .. }) if name == undo_ref && attempt < undo::MOST_PER_SECOND => {}
                Err(Error::Locked { path })
                    if path.ends_with(&format!("{undo_ref}.lock")) && attempt < undo::MOST_PER_SECOND => {}
                Err(error) => return Err(error),
                Ok(followed) => {
                    return Ok(Moved {
                        branch,
                        old: change.from,
                        new: Some(change.to),
                        undo_ref: Some(undo_ref),
                        followed,
                    });
                }
            }
        }
    }

    /// Makes `swaps`, among them `branch`, and lets this work tree follow that one.
    pub(super) fn swap_and_follow(&self, swaps: Vec<Swap>, branch: &Swap) -> Result<Vec<RepoPath>, Error> {
        check_branch(&branch.name)?;
        let uses = self.checked_out(&branch.name)?;
        for tree in &uses {
            let follows = tree.current && tree.doing == CHECKED_OUT && branch.to.is_some();
            if !follows {
                return Err(tree.refusal(&branch.name));
            }
        }
        let mut follow = match (uses.is_empty(), branch.to) {
            (false, Some(to)) => Some(Follow::prepare(self, branch.from.map(CommitId), CommitId(to), false)?),
            _ => None,
        };
        let taken_back: Vec<Swap> = swaps.iter().rev().map(Swap::reversed).collect();
        let prepared = self.prepare_swaps(swaps)?;
        // Somebody may have checked it out while the locks were taken.
        if let Some(tree) = self.checked_out(&branch.name)?.into_iter().find(|tree| !uses.contains(tree)) {
            return Err(tree.refusal(&branch.name));
        }
        match &mut follow {
            Some(follow) => self.commit_and_follow(prepared, taken_back, follow),
            None => prepared.commit().map(|()| Vec::new()),
        }
    }

    /// Moves HEAD itself, which must be on no branch, and lets this work tree follow. A rebase may be under
    /// way: that is where HEAD is on no branch.
    pub(super) fn move_detached_head(
        &self,
        from: CommitId,
        to: CommitId,
        reason: String,
    ) -> Result<Vec<RepoPath>, Error> {
        let swap = Swap { name: HEAD.into(), from: Some(from.0), to: Some(to.0), reason };
        let mut follow = Follow::prepare(self, Some(from), to, true)?;
        let taken_back = vec![swap.reversed()];
        let prepared = self.prepare_swaps(vec![swap])?;
        self.commit_and_follow(prepared, taken_back, &mut follow)
    }

    fn commit_and_follow(
        &self,
        prepared: PreparedSwaps<'_>,
        taken_back: Vec<Swap>,
        follow: &mut Follow,
    ) -> Result<Vec<RepoPath>, Error> {
        follow.apply()?;
        if let Err(error) = prepared.commit() {
            return Err(follow.take_back(error));
        }
        if let Err(error) = follow.publish_index() {
            let error = follow.take_back(error);
            return Err(match self.prepare_swaps(taken_back).and_then(PreparedSwaps::commit) {
                Ok(()) => error,
                Err(left) => Error::Half { reason: error.to_string(), left: left.to_string() },
            });
        }
        Ok(follow.finish())
    }
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A file that differs between two trees.
struct Change {
    path: RepoPath,
    old: Option<Entry>,
    new: Option<Entry>,
}

/// A work tree about to follow its branch: index locked, new files written aside.
struct Follow {
    root: PathBuf,
    lock: IndexLock,
    index: gix::index::File,
    skip_hash: bool,
    changes: Vec<Change>,
    files: Option<FileSwap>,
}

impl Follow {
    /// `rebasing`: a rebase may be under way.
    fn prepare(repo: &Repo, from: Option<CommitId>, to: CommitId, rebasing: bool) -> Result<Self, Error> {
        let git = repo.gix();
        let Some(root) = repo.work_tree().map(Path::to_owned) else {
            return Err(Error::NotWritable {
                place: repo.git_dir().display().to_string(),
                reason: "it has no work tree that could follow".into(),
                hint: None,
            });
        };
        let refuse = |reason: String, hint: &str| Error::NotWritable {
            place: root.display().to_string(),
            reason,
            hint: Some(hint.into()),
        };
        use gix::state::InProgress::{Rebase, RebaseInteractive};
        let is_allowed =
            |state: &gix::state::InProgress| rebasing && matches!(state, Rebase | RebaseInteractive);
        if let Some(state) = git.state().filter(|state| !is_allowed(state)) {
            let reason = format!("something is under way there ({state:?})");
            return Err(refuse(reason, "git status   (tells how to finish or abort it)"));
        }
        let lock = IndexLock::acquire(&git.index_path())?;
        let unreadable = |error: &gix::Error| Error::Unreadable {
            place: git.index_path().display().to_string(),
            reason: causes(error),
        };
        let index = match git.index_path().exists() {
            true => git.open_index().map_err(|error| unreadable(&error))?,
            false => {
                gix::index::File::from_state(gix::index::State::new(git.object_hash()), git.index_path())
            }
        };
        if index.is_sparse() {
            return Err(refuse(
                "its index is sparse".into(),
                "git sparse-checkout reapply --no-sparse-index",
            ));
        }
        let old_tree = match from {
            Some(from) => repo.tree_of(from)?,
            None => repo.objects().empty_tree(),
        };
        let new_tree = repo.tree_of(to)?;
        refuse_dirty(repo, &index, old_tree)?;
        let changes = differences(repo, old_tree, new_tree)?;
        let ops = file_ops(repo, &root, &index, new_tree, &changes)?;
        let skip_hash = git.config_snapshot().boolean("index.skipHash").unwrap_or(false);
        let files = match changes.is_empty() {
            true => None,
            false => Some(FileSwap::stage(&root, ops)?),
        };
        Ok(Self { root, lock, index, skip_hash, changes, files })
    }

    /// Changes the files and writes the new index into its lock.
    fn apply(&mut self) -> Result<(), Error> {
        if let Some(files) = &mut self.files {
            files.apply()?;
        }
        let Err(error) = self.write_index() else { return Ok(()) };
        Err(self.take_back(error))
    }

    fn write_index(&mut self) -> Result<(), Error> {
        let failed = |path: &RepoPath, reason: String| Error::Write { what: path.to_string(), reason };
        let touched: BTreeMap<&[u8], ()> =
            self.changes.iter().map(|change| (change.path.as_bytes().as_bytes(), ())).collect();
        self.index.remove_entries(|_, path, _| touched.contains_key(path.as_bytes()));
        for change in &self.changes {
            let Some(new) = &change.new else { continue };
            let on_disk = gix::path::from_bstr(change.path.as_bytes())
                .map(|relative| self.root.join(relative))
                .map_err(|error| failed(&change.path, error.to_string()))?;
            let stat = gix::index::fs::Metadata::from_path_no_follow(&on_disk)
                .map_err(|error| failed(&change.path, error.to_string()))
                .and_then(|metadata| {
                    Stat::from_fs(&metadata).map_err(|error| failed(&change.path, error.to_string()))
                })?;
            let mode = match (new.kind, new.executable) {
                (EntryKind::Symlink, _) => Mode::SYMLINK,
                (_, true) => Mode::FILE_EXECUTABLE,
                (_, false) => Mode::FILE,
            };
            self.index.dangerously_push_entry(stat, new.id, Flags::empty(), mode, change.path.as_bytes());
        }
        self.index.sort_entries();
        // Caches of the old entries, which the library would write as they were.
        self.index.remove_tree();
        self.index.remove_resolve_undo();
        let mut bytes = Vec::new();
        let options = gix::index::write::Options { skip_hash: self.skip_hash, ..Default::default() };
        let what = self.lock.target.display().to_string();
        self.index
            .write_to(&mut bytes, options)
            .map_err(|error| Error::Write { what, reason: causes(&error) })?;
        self.lock.write(&bytes)
    }

    /// Puts the files back; `error` is why, and comes back unless that fails too.
    fn take_back(&mut self, error: Error) -> Error {
        match self.files.as_mut().map_or(Ok(()), FileSwap::take_back) {
            Ok(()) => error,
            Err(left) => Error::Half { reason: error.to_string(), left },
        }
    }

    fn publish_index(&mut self) -> Result<(), Error> {
        self.lock.publish()
    }

    fn finish(&mut self) -> Vec<RepoPath> {
        if let Some(files) = self.files.take() {
            files.finish();
        }
        self.changes.drain(..).map(|change| change.path).collect()
    }
}

/// Refuses where index or files differ from `tree`. Untracked files do not count.
fn refuse_dirty(repo: &Repo, index: &gix::index::File, tree: TreeId) -> Result<(), Error> {
    const SHOWN: usize = 3;
    let failed = |error: &gix::Error| Error::Unreadable {
        place: repo.git_dir().display().to_string(),
        reason: causes(error),
    };
    let items = repo
        .gix()
        .status(gix::progress::Discard)
        .map_err(|error| failed(&error))?
        .head_tree(tree.0)
        .index(gix::worktree::IndexPersistedOrInMemory::InMemory(index.clone()))
        .index_worktree_submodules(None)
        .index_worktree_rewrites(None)
        .tree_index_track_renames(gix::status::tree_index::TrackRenames::Disabled)
        .untracked_files(UntrackedFiles::None)
        .into_iter(Vec::new())
        .map_err(|error| failed(&error))?;
    let mut paths = std::collections::BTreeSet::new();
    for item in items {
        let item = item.map_err(|error| failed(&error))?;
        let dirty = match &item {
            gix::status::Item::TreeIndex(_) => true,
            gix::status::Item::IndexWorktree(WorkTreeItem::Modification { status, .. }) => !matches!(
                status,
                EntryStatus::NeedsUpdate(_) | EntryStatus::Change(FileChange::SubmoduleModification(_))
            ),
            gix::status::Item::IndexWorktree(_) => false,
        };
        if dirty {
            paths.insert(item.location().to_str_lossy().into_owned());
        }
    }
    match paths.is_empty() {
        true => Ok(()),
        false => {
            Err(Error::Dirty { more: paths.len() > SHOWN, paths: paths.into_iter().take(SHOWN).collect() })
        }
    }
}

/// Files that differ between two trees, sorted by path.
fn differences(repo: &Repo, old: TreeId, new: TreeId) -> Result<Vec<Change>, Error> {
    let members = |tree: Option<TreeId>| -> Result<BTreeMap<BString, Entry>, Error> {
        let Some(tree) = tree else { return Ok(BTreeMap::new()) };
        Ok(repo.objects().tree(tree)?.into_iter().map(|entry| (entry.name.clone(), entry)).collect())
    };
    let mut changes = Vec::new();
    let mut stack = vec![(RepoPath::root(), Some(old), Some(new))];
    while let Some((directory, old, new)) = stack.pop() {
        if old == new {
            continue;
        }
        let (old, mut new) = (members(old)?, members(new)?);
        let pairs: Vec<_> = old
            .into_iter()
            .map(|(name, entry)| {
                let other = new.remove(&name);
                (name, Some(entry), other)
            })
            .collect();
        let added = new.into_iter().map(|(name, entry)| (name, None, Some(entry)));
        for (name, old, new) in pairs.into_iter().chain(added) {
            if old == new {
                continue;
            }
            let path = directory.join(&name);
            let trees = (old.as_ref().and_then(Entry::tree), new.as_ref().and_then(Entry::tree));
            if trees.0.is_some() || trees.1.is_some() {
                stack.push((path.clone(), trees.0, trees.1));
            }
            let file = |entry: Option<Entry>| entry.filter(|entry| entry.kind != EntryKind::Tree);
            let (old, new) = (file(old), file(new));
            if old.is_some() || new.is_some() {
                changes.push(Change { path, old, new });
            }
        }
    }
    changes.sort_by(|one, two| one.path.cmp(&two.path));
    Ok(changes)
}

/// What has to happen to the files for `changes`, every obstacle checked.
fn file_ops(
    repo: &Repo,
    root: &Path,
    index: &gix::index::File,
    new_tree: TreeId,
    changes: &[Change],
) -> Result<Vec<FileOp>, Error> {
    let refuse =
        |path: &RepoPath, reason: &str| Error::Path { path: path.to_string(), reason: reason.into() };
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let removed: Removed =
        changes.iter().filter(|change| change.new.is_none()).map(|change| change.path.clone()).collect();
    let links = repo.gix().config_snapshot().boolean("core.symlinks").unwrap_or(cfg!(unix));
    let mut converter = Converter::for_tree(repo, new_tree)?;
    let mut ops = Vec::with_capacity(changes.len());
    for Change { path, old, new } in changes {
        let submodule =
            |entry: &Option<Entry>| entry.as_ref().is_some_and(|e| e.kind == EntryKind::Submodule);
        if submodule(old) || submodule(new) {
            return Err(refuse(path, "it is a submodule"));
        }
        let link = new.as_ref().is_some_and(|new| new.kind == EntryKind::Symlink);
        paths::check_name(path, link)?;
        let on_disk = paths::check_directories(root, path, &removed)?;
        let known = index.entry_by_path_and_stage(path.as_bytes(), Stage::Unconflicted);
        if known.is_some_and(|e| e.flags.intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID)) {
            return Err(refuse(path, "it is kept out of the work tree (skip-worktree or assume-unchanged)"));
        }
        let Some(new) = new else {
            ops.push(FileOp::Remove(path.clone()));
            continue;
        };
        if old.is_none() {
            paths::check_free(&on_disk, path, &removed)?;
            refuse_outside_sparse(index, path)?;
        }
        let Some(content) = repo.objects().blob(BlobId(new.id))? else {
            return Err(Error::Object { id: new.id.to_string(), reason: "it is not in this copy".into() });
        };
        let content = if link { content } else { converter.checked_out_form(path, content)? };
        let was_file = old.as_ref().is_some_and(|old| old.kind == EntryKind::File);
        ops.push(FileOp::Put {
            path: path.clone(),
            put: Put {
                content,
                link: link && links,
                executable: Some(new.executable),
                like: was_file.then(|| path.clone()),
            },
            replace: old.is_some(),
        });
    }
    Ok(ops)
}

/// In a sparse checkout a new file belongs on disk only where its neighbours are.
fn refuse_outside_sparse(index: &gix::index::File, path: &RepoPath) -> Result<(), Error> {
    let mut prefix = path.parent().as_bytes().to_owned();
    if !prefix.is_empty() {
        prefix.push(b'/');
    }
    let below = index.prefixed_entries(prefix.as_bstr()).unwrap_or_default();
    let neighbour_left_out = below.iter().any(|entry| {
        let name = entry.path(index).get(prefix.len()..).unwrap_or_default();
        entry.flags.contains(Flags::SKIP_WORKTREE) && !name.contains(&b'/')
    });
    match neighbour_left_out {
        true => Err(Error::Path {
            path: path.to_string(),
            reason: "its directory is not wholly part of this sparse checkout".into(),
        }),
        false => Ok(()),
    }
}

/// git's own lock on the index, held while files and refs change.
struct IndexLock {
    target: PathBuf,
    path: PathBuf,
    file: Option<fs::File>,
}

impl IndexLock {
    fn acquire(index: &Path) -> Result<Self, Error> {
        let mut path = index.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        match fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Self { target: index.to_owned(), path, file: Some(file) }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::Locked { path: path.display().to_string() })
            }
            Err(error) => Err(Error::Write { what: path.display().to_string(), reason: error.to_string() }),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let result =
            self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes).and_then(|()| file.flush()));
        result.map_err(|error| Error::Write {
            what: self.path.display().to_string(),
            reason: error.to_string(),
        })
    }

    fn publish(&mut self) -> Result<(), Error> {
        let file = self.file.take();
        drop(file);
        let result = fs::rename(&self.path, &self.target);
        if result.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        result.map_err(|error| Error::Write {
            what: self.target.display().to_string(),
            reason: error.to_string(),
        })
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
