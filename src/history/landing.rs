//! When revisions became part of the trunk.

use std::collections::{BTreeMap, BTreeSet};

use super::Reader;
use super::reader::location_trees;
use crate::dialect;
use crate::revision::Environment;
use crate::vcs::{CommitId, Error, Repo, TreeId};

/// When a revision became part of the trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The commit of the trunk's first-parent line since which its state holds the revision.
    pub commit: CommitId,
    /// Whether the history ends there only because this clone is cut off.
    pub at_the_edge: bool,
}

/// For each of `revisions`, the commit since which the first-parent line of `trunk` holds it in
/// `environment` without a gap; revisions that `trunk` does not hold have no entry.
///
/// Walks back only as far as the oldest of them needs; follows the environment when its directory
/// moved.
///
/// # Errors
/// When an object is damaged.
pub fn landings(
    repo: &Repo,
    reader: &mut Reader,
    environment: &Environment,
    trunk: CommitId,
    revisions: &BTreeSet<String>,
) -> Result<BTreeMap<String, Landing>, Error> {
    let key = |id: &String| (trunk, environment.name.clone(), id.clone());
    let asked: BTreeSet<String> =
        revisions.iter().filter(|id| !reader.landed.contains_key(&key(id))).cloned().collect();
    let found = search(repo, reader, environment, trunk, &asked)?;
    reader.landed.extend(asked.iter().map(|id| (key(id), found.get(id).cloned())));
    let known = |id: &String| Some((id.clone(), reader.landed.get(&key(id)).cloned()??));
    Ok(revisions.iter().filter_map(known).collect())
}

fn search(
    repo: &Repo,
    reader: &mut Reader,
    environment: &Environment,
    trunk: CommitId,
    revisions: &BTreeSet<String>,
) -> Result<BTreeMap<String, Landing>, Error> {
    let mut landed: BTreeMap<String, Landing> = BTreeMap::new();
    let mut pending = revisions.clone();
    let mut environment = environment.clone();
    let mut next = Some(trunk);
    let mut newer: Option<CommitId> = None;
    let mut last_trees: Option<Vec<Option<TreeId>>> = None;
    while let (Some(id), false) = (next, pending.is_empty()) {
        let Some(commit) = repo.objects().commit(id)? else {
            // The clone ends here: what is still pending was there before.
            for id in &pending {
                if let Some(landing) = landed.get_mut(id) {
                    landing.at_the_edge = true;
                }
            }
            break;
        };
        let mut trees = location_trees(reader.objects(), commit.tree, &environment)?;
        if trees.iter().all(Option::is_none)
            && newer.is_some()
            && let Some(moved) = moved_from(reader, commit.tree, &environment, &pending)?
        {
            environment = moved;
            trees = location_trees(reader.objects(), commit.tree, &environment)?;
            last_trees = None;
        }
        if last_trees.as_ref() != Some(&trees) {
            let held = ids_at(reader, commit.tree, &environment)?;
            pending.retain(|id| held.contains(id));
            last_trees = Some(trees);
        }
        for id_held in &pending {
            landed.insert(id_held.clone(), Landing { commit: id, at_the_edge: false });
        }
        newer = Some(id);
        next = commit.parents.first().copied();
    }
    Ok(landed)
}

fn ids_at(reader: &mut Reader, root: TreeId, environment: &Environment) -> Result<BTreeSet<String>, Error> {
    let files = reader.files(root, environment)?;
    let Some(dialect) = dialect::by_name(environment.dialect) else { return Ok(BTreeSet::new()) };
    let blobs: Vec<_> = files.iter().filter_map(|file| file.blob).collect();
    let headers = reader.headers().load(reader.objects(), dialect, &blobs)?;
    Ok(headers.iter().filter_map(|header| header.revision.as_ref()).map(|id| id.value.to_string()).collect())
}

/// The environment that holds most of `revisions` at `root`, where ours does not exist.
fn moved_from(
    reader: &mut Reader,
    root: TreeId,
    environment: &Environment,
    revisions: &BTreeSet<String>,
) -> Result<Option<Environment>, Error> {
    let mut best = None;
    for candidate in reader.environments(root)? {
        if candidate.directory == environment.directory {
            continue;
        }
        let common = ids_at(reader, root, &candidate)?.intersection(revisions).count();
        if common > 0 && best.as_ref().is_none_or(|(most, _)| common > *most) {
            best = Some((common, candidate));
        }
    }
    Ok(best.map(|(_, environment)| environment))
}
