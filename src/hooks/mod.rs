//! What git tells its hooks, and what is to be asked about each ref that moves.

mod moves;
mod trunk;

pub use moves::{Move, Unreadable, Value, pushed, received, updated};
pub use trunk::{Receiver, receiver};

use crate::vcs::{CommitId, Error, Repo};

/// One branch that moves, and what it will meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The ref's full name where it will stand.
    pub name: String,
    /// What it leads to afterwards.
    pub head: CommitId,
    /// What it led to before, where this copy has that.
    pub before: Option<CommitId>,
    /// The trunk, as it will be when the push is through.
    pub meets: Meets,
}

/// What a branch meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meets {
    /// The trunk at this commit, with which it is, or is going to be, merged.
    Trunk(CommitId),
    /// It becomes the trunk in the place of this commit, which it does not contain: nothing is merged.
    Place(CommitId),
    /// The trunk at this commit, with which it has no commit in common.
    Stranger(CommitId),
    /// There is no trunk: this becomes it, or nothing is known of one.
    Nothing,
}

impl Meets {
    /// The trunk's commit that counts.
    pub fn base(self) -> Option<CommitId> {
        match self {
            Self::Trunk(base) | Self::Place(base) => Some(base),
            Self::Stranger(_) | Self::Nothing => None,
        }
    }
}

/// Refs that lead to no work that lands.
const NO_BRANCHES: [&str; 6] =
    ["refs/tags/", "refs/notes/", "refs/replace/", "refs/stash", "refs/onehead/", "refs/original/"];

/// What is to be asked about a push: nothing about tags, deletions, what leads to no commit, and what the trunk has.
///
/// # Errors
/// When a pushed object cannot be read.
pub fn asked(repo: &Repo, moves: &[Move], receiver: &Receiver) -> Result<Vec<Asked>, Error> {
    let is_branch = |name: &str| !NO_BRANCHES.iter().any(|other| name.starts_with(other));
    let mut branches = Vec::new();
    for moved in moves.iter().filter(|moved| is_branch(&moved.name)) {
        if let Value::Object(id) = &moved.new
            && let Some(head) = commit(repo, id)?
        {
            branches.push((moved, head));
        }
    }
    let is_trunk = |name: &str| receiver.candidates.iter().any(|candidate| candidate == name);
    // Of a trunk that is not there yet the first candidate that comes is the one.
    let coming = receiver
        .candidates
        .iter()
        .find_map(|name| branches.iter().find(|(moved, _)| moved.name == *name))
        .map(|(_, head)| *head);
    let mut asked = Vec::new();
    for (moved, head) in &branches {
        let before = match &moved.old {
            Value::Object(id) => commit(repo, id)?,
            Value::Nothing => None,
        };
        let becomes_trunk = is_trunk(&moved.name);
        let base = match becomes_trunk {
            true => match (&moved.old, before) {
                (Value::Nothing, _) => receiver.elsewhere,
                // What this copy has not got yet is beyond what it knows; git refuses such a push.
                (Value::Object(_), before) => before.or(receiver.commit),
            },
            false => coming.or(receiver.commit),
        };
        let meets = match base {
            None => Meets::Nothing,
            Some(base) => match repo.merge_bases(base, *head) {
                // All of it has landed.
                Ok(bases) if bases.contains(head) && !(becomes_trunk && base != *head) => continue,
                Ok(bases) if becomes_trunk && !bases.contains(&base) => Meets::Place(base),
                Err(Error::Unrelated { .. }) if becomes_trunk => Meets::Place(base),
                Err(Error::Unrelated { .. }) => Meets::Stranger(base),
                Ok(_) => Meets::Trunk(base),
                Err(error) => return Err(error),
            },
        };
        asked.push(Asked { name: moved.name.clone(), head: *head, before, meets });
    }
    Ok(asked)
}

/// The commit that an id of git's leads to; `None` where it leads to another object, or to none of this copy.
fn commit(repo: &Repo, id: &str) -> Result<Option<CommitId>, Error> {
    match repo.resolve(id) {
        Ok(commit) => Ok(Some(commit)),
        Err(Error::UnknownRevision { .. } | Error::Absent { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
