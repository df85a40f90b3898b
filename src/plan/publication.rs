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
    deployed: BTreeSet<String>,
}

impl Publication {
    /// `published`: the published state. `deployed`: ids that databases stand at; whatever is below
    /// them has run there, too.
    pub(super) fn new(
        published: Option<&Snapshot>,
        trunk: Option<&Trunk>,
        deployed: &BTreeSet<String>,
    ) -> Self {
        let ids = published.map(|state| state.graph.ids().map(str::to_owned).collect()).unwrap_or_default();
        let below = deployed
            .iter()
            .flat_map(|id| published.map(|state| state.graph.ancestors(id)).unwrap_or_default())
            .map(str::to_owned);
        Self {
            trunk: trunk.map(|trunk| trunk.name.clone()),
            deployed: deployed.iter().cloned().chain(below).collect(),
            published: ids,
        }
    }

    pub(super) fn is_published(&self, id: &str) -> bool {
        self.published.contains(id)
    }

    pub(super) fn is_deployed(&self, id: &str) -> bool {
        self.deployed.contains(id)
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

/// The first tag whose tree has the file at `path`.
pub(super) fn released_in(repo: &Repo, path: &RepoPath) -> Result<Option<String>, Error> {
    for tag in repo.refs("refs/tags/")? {
        let root = repo.tree_of(tag.commit)?;
        if repo.objects().entry(root, path)?.is_some() {
            return Ok(Some(tag.name.trim_start_matches("refs/tags/").to_owned()));
        }
    }
    Ok(None)
}
