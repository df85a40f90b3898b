//! HEAD's commit with another tree.

use super::super::{CommitId, Error, Repo, RepoPath, TreeId};
use super::follow::{BranchMove, Moved};

impl Repo {
    /// Replaces HEAD's commit by one of `tree` that is its like in everything else, and lets index and work
    /// tree follow. A branch is moved with an undo record; a detached HEAD moves alone, as in a rebase, which
    /// may be under way. Gives the new commit and the files that followed.
    ///
    /// # Errors
    /// As [`Repo::move_branch`].
    pub fn amend(&self, head: CommitId, tree: TreeId) -> Result<Amended, Error> {
        let Some(commit) = self.objects().commit(head)? else {
            return Err(Error::Absent { id: head.to_string() });
        };
        let new = self.rewrite_commit(head, tree, &commit.parents)?;
        let reason = "onehead fix: repaired the migrations".to_owned();
        if let Some(branch) = self.head_branch() {
            let branch = format!("refs/heads/{branch}");
            let Moved { followed, undo_ref, .. } =
                self.move_branch(&BranchMove { branch, from: Some(head), to: new, reason })?;
            return Ok(Amended { commit: new, undo_ref, followed });
        }
        let followed = self.move_detached_head(head, new, reason)?;
        Ok(Amended { commit: new, undo_ref: None, followed })
    }
}

/// A commit that took HEAD's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amended {
    /// The commit.
    pub commit: CommitId,
    /// The ref that [`Repo::undo`] needs to take it back; `None` where HEAD was on no branch.
    pub undo_ref: Option<String>,
    /// Files of the work tree that followed, sorted.
    pub followed: Vec<RepoPath>,
}
