//! A rebase or merge that git has stopped in the middle of.

use std::fs;

use gix::index::entry::{Mode, Stage};

use super::error::reason;
use super::{BlobId, CommitId, Error, Repo, RepoPath};

/// What is under way in the work tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InProgress {
    /// `git rebase`: the branch's commits go on top of `onto`, and HEAD holds those that are there by now.
    Rebase {
        /// What is built upon.
        onto: CommitId,
    },
    /// `git merge` of this commit into HEAD.
    Merge {
        /// The commit.
        other: CommitId,
    },
}

/// A path that git left in conflict, with the versions it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmerged {
    /// The path.
    pub path: RepoPath,
    /// The common ancestor's version.
    pub base: Option<BlobId>,
    /// HEAD's; in a rebase that is upstream's side.
    pub ours: Option<BlobId>,
    /// The other commit's; in a rebase the one that is replayed.
    pub theirs: Option<BlobId>,
}

impl Repo {
    /// The rebase or merge that is under way here. Anything else, as picking or reverting single commits,
    /// says nothing about which side is whose.
    ///
    /// # Errors
    /// When what it names is no commit of this repository.
    pub fn in_progress(&self) -> Result<Option<InProgress>, Error> {
        let read = |name: &str| fs::read_to_string(self.git_dir().join(name)).ok();
        for name in ["rebase-merge/onto", "rebase-apply/onto"] {
            if let Some(onto) = read(name) {
                return Ok(Some(InProgress::Rebase { onto: self.resolve(onto.trim())? }));
            }
        }
        let Some(heads) = read("MERGE_HEAD") else { return Ok(None) };
        match heads.lines().collect::<Vec<_>>().as_slice() {
            [only] => Ok(Some(InProgress::Merge { other: self.resolve(only.trim())? })),
            _ => Ok(None),
        }
    }

    /// The commits beside HEAD that git is merging, picking or replaying right now, as far as it says; a
    /// merge driver is asked in the middle of that.
    pub fn taking_part(&self) -> Vec<CommitId> {
        let mut commits = self.merging();
        let read = |name: &str| fs::read_to_string(self.git_dir().join(name)).unwrap_or_default();
        // The last line done is the one being done: `pick 1234567 Subject`.
        let done = read("rebase-merge/done");
        let replayed = done.lines().last().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        for id in [replayed, read("CHERRY_PICK_HEAD").trim(), read("REVERT_HEAD").trim()] {
            commits.extend((!id.is_empty()).then(|| self.resolve(id).ok()).flatten());
        }
        commits
    }

    /// Paths in conflict, sorted. Links and submodules have no versions here.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn unmerged(&self) -> Result<Vec<Unmerged>, Error> {
        let index = self.gix().index_or_empty().map_err(|error| Error::Unreadable {
            place: self.git_dir().display().to_string(),
            reason: reason(&error),
        })?;
        let mut found: Vec<Unmerged> = Vec::new();
        for entry in index.entries() {
            if entry.stage() == Stage::Unconflicted {
                continue;
            }
            let path = RepoPath::new(entry.path(&index));
            if found.last().is_none_or(|last| last.path != path) {
                found.push(Unmerged { path, base: None, ours: None, theirs: None });
            }
            let is_file = matches!(entry.mode, Mode::FILE | Mode::FILE_EXECUTABLE);
            let (Some(last), true) = (found.last_mut(), is_file) else { continue };
            let version = match entry.stage() {
                Stage::Base => &mut last.base,
                Stage::Ours => &mut last.ours,
                _ => &mut last.theirs,
            };
            *version = Some(BlobId(entry.id));
        }
        Ok(found)
    }
}
