use std::collections::{BTreeMap, BTreeSet};

use super::Snapshot;
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

/// What changed from `before` (`None`: nothing was there) to `after`. `grade` tells how far the
/// change of a file's content reaches.
///
/// # Errors
/// What `grade` reports.
pub fn delta(
    before: Option<&Snapshot>,
    after: &Snapshot,
    mut grade: impl FnMut(BlobId, BlobId) -> Result<Grade, Error>,
) -> Result<Delta, Error> {
    let empty = Vec::new();
    let old = by_id(before.map_or(&empty, |snapshot| &snapshot.scripts));
    let new = by_id(&after.scripts);
    let mut delta = Delta::default();
    let ids: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    for id in ids {
        let none = Vec::new();
        let (mut old, mut new) = (old.get(id).unwrap_or(&none).clone(), new.get(id).unwrap_or(&none).clone());
        let mut pairs = Vec::new();
        // The same path is the same file; what is left over moved, pairwise in order of path.
        old.retain(|one| match new.iter().position(|two| two.path == one.path) {
            Some(at) => {
                pairs.push((*one, new.remove(at)));
                false
            }
            None => true,
        });
        let moves = old.len().min(new.len());
        for (one, two) in old.drain(..moves).zip(new.drain(..moves)) {
            delta.moved.push(Move { revision: id.into(), from: one.path.clone(), to: two.path.clone() });
            pairs.push((one, two));
        }
        delta.removed.extend(old.iter().map(|script| (id.to_owned(), script.path.clone())));
        delta.added.extend(new.iter().map(|script| (id.to_owned(), script.path.clone())));
        for (one, two) in pairs {
            if one.blob == two.blob {
                continue;
            }
            let parents = |script: &Script| -> BTreeSet<String> {
                script.down_revisions().map(str::to_owned).collect()
            };
            let (from, to) = (parents(one), parents(two));
            if from != to {
                delta.reparented.push(Reparenting {
                    revision: id.into(),
                    path: two.path.clone(),
                    from: from.into_iter().collect(),
                    to: to.into_iter().collect(),
                });
            }
            delta.edited.push(Edit {
                revision: id.into(),
                path: two.path.clone(),
                grade: grade(one.blob, two.blob)?,
                before: one.blob,
                after: two.blob,
            });
        }
    }
    Ok(delta)
}

fn by_id(scripts: &[Script]) -> BTreeMap<&str, Vec<&Script>> {
    let mut map: BTreeMap<&str, Vec<&Script>> = BTreeMap::new();
    for script in scripts {
        map.entry(&script.revision).or_default().push(script);
    }
    map
}
