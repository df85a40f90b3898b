//! Who wrote a revision, and when: the commit that brought its file, below the merge that landed it.

use rustc_hash::FxHashMap;

use super::Error;
use crate::vcs::{Commit, CommitDetails, CommitId, Objects, RepoPath, TreeId};

/// Commits that a search visits at most, over all revisions: beyond, whoever landed a revision counts as its
/// author.
const MOST_STEPS: usize = 20_000;

/// Searches for the commits that brought files.
pub(super) struct Origins<'a> {
    objects: &'a Objects,
    commits: FxHashMap<CommitId, Option<Commit>>,
    /// Directory trees by root and path.
    directories: FxHashMap<(TreeId, RepoPath), Option<TreeId>>,
    details: FxHashMap<CommitId, Option<CommitDetails>>,
    steps: usize,
}

impl<'a> Origins<'a> {
    pub(super) fn new(objects: &'a Objects) -> Self {
        Self {
            objects,
            commits: FxHashMap::default(),
            directories: FxHashMap::default(),
            details: FxHashMap::default(),
            steps: 0,
        }
    }

    /// The commit that brought `path`, which `landing` holds and its first parent does not. At each merge
    /// the search goes on in a parent that has the file; where none has, it is found.
    pub(super) fn of(&mut self, landing: CommitId, path: &RepoPath) -> Result<CommitId, Error> {
        let mut at = landing;
        let mut is_landing = true;
        loop {
            let Some(commit) = self.commit(at)? else { return Ok(at) };
            let mut next = None;
            // Of a single commit on the trunk it is known that its parent has no such file.
            let parents = if is_landing { commit.parents.get(1..) } else { Some(&commit.parents[..]) };
            for parent in parents.unwrap_or_default().iter().copied() {
                self.steps += 1;
                if self.steps > MOST_STEPS {
                    return Ok(landing);
                }
                if let Some(parent_commit) = self.commit(parent)?
                    && self.holds(parent_commit.tree, path)?
                {
                    next = Some(parent);
                    break;
                }
            }
            match next {
                Some(parent) => at = parent,
                None => return Ok(at),
            }
            is_landing = false;
        }
    }

    /// Author, times and subject of a commit.
    pub(super) fn details(&mut self, id: CommitId) -> Result<Option<CommitDetails>, Error> {
        if let Some(known) = self.details.get(&id) {
            return Ok(known.clone());
        }
        let details = self.objects.commit_details(id)?;
        self.details.insert(id, details.clone());
        Ok(details)
    }

    /// Whether a commit has more than one parent.
    pub(super) fn is_merge(&mut self, id: CommitId) -> Result<bool, Error> {
        Ok(self.commit(id)?.is_some_and(|commit| commit.parents.len() > 1))
    }

    fn commit(&mut self, id: CommitId) -> Result<Option<Commit>, Error> {
        if let Some(known) = self.commits.get(&id) {
            return Ok(known.clone());
        }
        let commit = self.objects.commit(id)?;
        self.commits.insert(id, commit.clone());
        Ok(commit)
    }

    fn holds(&mut self, root: TreeId, path: &RepoPath) -> Result<bool, Error> {
        let key = (root, path.parent());
        let directory = match self.directories.get(&key) {
            Some(known) => *known,
            None => {
                let tree = match key.1.is_root() {
                    true => Some(root),
                    false => self.objects.follow(root, &key.1)?.and_then(|entry| entry.tree()),
                };
                self.directories.insert(key, tree);
                tree
            }
        };
        let name = RepoPath::new(path.name());
        match directory {
            Some(tree) => Ok(self.objects.entry(tree, &name)?.is_some()),
            None => Ok(false),
        }
    }
}
