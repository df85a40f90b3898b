//! What is published, since when, and how far it has gone: the evidence every verdict rests on.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Landing, Reader, Snapshot, landings};
use crate::text::time::day;
use crate::vcs::{CommitId, Error, Repo, RepoPath, Trunk};

/// How far the revisions of one environment have gone.
#[derive(Debug, Default)]
pub(super) struct Publication {
    trunk: Option<String>,
    published: BTreeSet<String>,
    /// What has run in a database, and the revision that it stands at.
    deployed: BTreeMap<String, String>,
}

impl Publication {
    /// `published`: the published state. `deployed`: ids that databases stand at; whatever is below
    /// them in `state` has run there, too. `renamed`: ids that the plan gave to published
    /// revisions, with the files that these were published as.
    pub(super) fn new(
        published: Option<&Snapshot>,
        state: &Snapshot,
        trunk: Option<&Trunk>,
        deployed: &BTreeSet<String>,
        renamed: &BTreeMap<String, RepoPath>,
    ) -> Self {
        let mut ids: BTreeSet<String> =
            published.map(|state| state.graph.ids().map(str::to_owned).collect()).unwrap_or_default();
        ids.extend(renamed.keys().cloned());
        let mut stands = BTreeMap::new();
        for id in deployed {
            let below = [published, Some(state)].into_iter().flatten();
            for below in below.flat_map(|state| state.graph.ancestors(id)) {
                stands.entry(below.to_owned()).or_insert_with(|| id.clone());
            }
        }
        stands.extend(deployed.iter().map(|id| (id.clone(), id.clone())));
        Self { trunk: trunk.map(|trunk| trunk.name.clone()), deployed: stands, published: ids }
    }

    /// Whether somebody else may rely on it: it is on the trunk, or in a database.
    pub(super) fn is_published(&self, id: &str) -> bool {
        self.published.contains(id) || self.deployed.contains_key(id)
    }

    /// The revision that a database stands at, which is `id` or above it.
    pub(super) fn deployed_by(&self, id: &str) -> Option<&str> {
        self.deployed.get(id).map(String::as_str)
    }

    pub(super) fn trunk_name(&self) -> &str {
        self.trunk.as_deref().unwrap_or("the trunk")
    }
}

/// `4c1d… by A. Author on 2024-01-31`.
pub(super) fn told(repo: &Repo, commit: CommitId) -> Result<String, Error> {
    Ok(match repo.objects().commit_details(commit)? {
        Some(details) => format!("{} by {} on {}", commit.short(), details.author, day(details.time)),
        None => commit.short(),
    })
}

/// Landings of `ids` on the trunk; none without a trunk.
pub(super) fn landed(
    repo: &Repo,
    reader: &mut Reader,
    state: &Snapshot,
    trunk: Option<&Trunk>,
    ids: &BTreeSet<String>,
) -> Result<BTreeMap<String, Landing>, Error> {
    match trunk {
        Some(trunk) => landings(repo, reader, &state.environment, trunk.commit, ids),
        None => Ok(BTreeMap::new()),
    }
}

/// The commit of the trunk's first-parent line since which it has the file at `path`.
pub(super) fn file_since(
    repo: &Repo,
    trunk: &Trunk,
    path: &RepoPath,
) -> Result<Option<(CommitId, i64)>, Error> {
    let mut since = None;
    let mut next = Some(trunk.commit);
    while let Some(id) = next {
        let Some(commit) = repo.objects().commit(id)? else { break };
        if repo.objects().entry(commit.tree, path)?.is_none() {
            break;
        }
        since = Some((id, commit.time));
        next = commit.parents.first().copied();
    }
    Ok(since)
}
