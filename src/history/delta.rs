use std::collections::BTreeSet;
use std::sync::Arc;

use crate::python::grade::Grade;
use crate::revision::Script;
use crate::vcs::{BlobId, Error, RepoPath};

/// What changed between two states of one environment.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// Revisions (or further files of one) that only the newer state has.
    pub added: Vec<(String, RepoPath)>,
    /// Revisions (or further files of one) that only the older state has.
    pub removed: Vec<(String, RepoPath)>,
    /// Revisions whose file moved.
    pub moved: Vec<Move>,
    /// Revisions whose parents changed.
    pub reparented: Vec<Reparenting>,
    /// Revisions whose file changed, graded.
    pub edited: Vec<Edit>,
}

/// A revision whose file moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The id.
    pub revision: String,
    /// Where it was.
    pub from: RepoPath,
    /// Where it is.
    pub to: RepoPath,
}

/// A revision whose parents changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reparenting {
    /// The id.
    pub revision: String,
    /// Its file now.
    pub path: RepoPath,
    /// Its parents before.
    pub from: Vec<String>,
    /// Its parents now.
    pub to: Vec<String>,
}

/// A revision whose file changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The id.
    pub revision: String,
    /// Its file now.
    pub path: RepoPath,
    /// How far the change reaches.
    pub grade: Grade,
    /// The file's content before.
    pub before: BlobId,
    /// The file's content now.
    pub after: BlobId,
}

/// What changed from `before` to `after`, both sorted by id, then path. `grade` tells how far the
/// change of a file's content reaches.
///
/// # Errors
/// What `grade` reports.
pub fn delta(
    before: &[Arc<Script>],
    after: &[Arc<Script>],
    mut grade: impl FnMut(BlobId, BlobId) -> Result<Grade, Error>,
) -> Result<Delta, Error> {
    let mut delta = Delta::default();
    let (mut before, mut after) = (before, after);
    loop {
        // Neighbouring states share nearly all revisions.
        let same = before.iter().zip(after).take_while(|(old, new)| Arc::ptr_eq(old, new)).count();
        (before, after) = (&before[same..], &after[same..]);
        let id = match (before.first(), after.first()) {
            (Some(old), Some(new)) => Arc::clone((&old.revision).min(&new.revision)),
            (Some(one), None) | (None, Some(one)) => Arc::clone(&one.revision),
            (None, None) => return Ok(delta),
        };
        let (old, new) = (take(&mut before, &id), take(&mut after, &id));
        if let ([old], [new]) = (old, new)
            && old.path == new.path
            && old.blob == new.blob
        {
            continue;
        }
        for (old, new) in pairs(&mut delta, &id, old, new) {
            if old.blob == new.blob {
                continue;
            }
            let parents = |script: &Script| -> BTreeSet<String> {
                script.down_revisions().map(str::to_owned).collect()
            };
            let (from, to) = (parents(old), parents(new));
            if from != to {
                delta.reparented.push(Reparenting {
                    revision: id.to_string(),
                    path: new.path.clone(),
                    from: from.into_iter().collect(),
                    to: to.into_iter().collect(),
                });
            }
            delta.edited.push(Edit {
                revision: id.to_string(),
                path: new.path.clone(),
                grade: grade(old.blob, new.blob)?,
                before: old.blob,
                after: new.blob,
            });
        }
    }
}

/// Takes the scripts of `id` off the front.
fn take<'s>(scripts: &mut &'s [Arc<Script>], id: &str) -> &'s [Arc<Script>] {
    let count = scripts.iter().take_while(|script| *script.revision == *id).count();
    let (taken, rest) = scripts.split_at(count);
    *scripts = rest;
    taken
}

/// Which file of one id is which: the same path is the same file; what is left over moved, pairwise
/// in order of path, or came, or went.
fn pairs<'s>(
    delta: &mut Delta,
    id: &str,
    old: &'s [Arc<Script>],
    new: &'s [Arc<Script>],
) -> Vec<(&'s Arc<Script>, &'s Arc<Script>)> {
    let mut old: Vec<&Arc<Script>> = old.iter().collect();
    let mut new: Vec<&Arc<Script>> = new.iter().collect();
    let mut pairs = Vec::new();
    old.retain(|one| match new.iter().position(|two| two.path == one.path) {
        Some(at) => {
            pairs.push((*one, new.remove(at)));
            false
        }
        None => true,
    });
    let moves = old.len().min(new.len());
    for (one, two) in old.drain(..moves).zip(new.drain(..moves)) {
        delta.moved.push(Move { revision: id.to_owned(), from: one.path.clone(), to: two.path.clone() });
        pairs.push((one, two));
    }
    delta.removed.extend(old.iter().map(|script| (id.to_owned(), script.path.clone())));
    delta.added.extend(new.iter().map(|script| (id.to_owned(), script.path.clone())));
    pairs
}
