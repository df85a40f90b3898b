//! Which tags shipped which version of a revision.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Error;
use super::story::Story;
use crate::history::Reader;
use crate::revision::Environment;
use crate::vcs::{BlobId, History, Repo, TreeId, WalkedCommit, Watch, WatchedStates};

/// The tags of a repository that lead to commits, sorted by time, then name.
pub(super) struct Tags {
    names: Vec<String>,
    /// Their commits; no parents are known of them.
    history: History,
}

impl Tags {
    /// Reads the commit of each tag.
    ///
    /// # Errors
    /// When an object or a ref is damaged.
    pub(super) fn read(repo: &Repo) -> Result<Self, Error> {
        let mut found: Vec<(i64, String, WalkedCommit)> = Vec::new();
        for tag in repo.refs("refs/tags/")? {
            if let Some(commit) = repo.objects().commit(tag.commit)? {
                let name = tag.name.trim_start_matches("refs/tags/").to_owned();
                let (id, tree, time) = (tag.commit, commit.tree, commit.time);
                found.push((time, name, WalkedCommit { id, tree, parents: Vec::new(), time }));
            }
        }
        found.sort_by(|one, two| (one.0, &one.1).cmp(&(two.0, &two.1)));
        let (names, commits) = found.into_iter().map(|(_, name, commit)| (name, commit)).unzip();
        Ok(Self { names, history: History::of(commits) })
    }
}

/// What each tag holds of one environment.
pub(super) struct Releases<'t> {
    tags: &'t Tags,
    /// Per tag, its state.
    of_tag: Vec<Option<usize>>,
    /// Per distinct state: its versions, by id.
    states: Vec<FxHashMap<Arc<str>, Vec<BlobId>>>,
}

/// The tags that hold one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// The first by time.
    pub first: String,
    /// The last by time.
    pub last: String,
    /// How many.
    pub tags: usize,
}

impl<'t> Releases<'t> {
    /// Reads what `tags` hold of the environment of `story`. Costs a look at each, and a list of files for each
    /// state that tags hold.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(super) fn read(
        repo: &Repo,
        reader: &mut Reader,
        tags: &'t Tags,
        story: &Story,
    ) -> Result<Self, Error> {
        // The newest layout first: where several exist at one commit, it is the one that is used.
        let mut places: Vec<&Environment> = Vec::new();
        for step in story.steps.iter().rev() {
            let locations = &step.environment.version_locations;
            if !places.iter().any(|known| known.version_locations == *locations) {
                places.push(&step.environment);
            }
        }
        let paths: BTreeSet<_> =
            places.iter().flat_map(|place| &place.version_locations).map(|location| &location.path).collect();
        let watch = Watch::new(paths.into_iter().cloned());
        let resolved = WatchedStates::resolve(repo, &tags.history, &watch)?;
        let mut releases = Self { tags, of_tag: Vec::new(), states: Vec::new() };
        let mut known: FxHashMap<u32, Option<usize>> = FxHashMap::default();
        for (commit, number) in tags.history.commits.iter().zip(resolved.of_commit) {
            let state = match known.get(&number) {
                Some(state) => *state,
                None => {
                    let state = releases.state(reader, &places, commit.tree)?;
                    known.insert(number, state);
                    state
                }
            };
            releases.of_tag.push(state);
        }
        Ok(releases)
    }

    fn state(
        &mut self,
        reader: &mut Reader,
        places: &[&Environment],
        tree: TreeId,
    ) -> Result<Option<usize>, Error> {
        for place in places {
            let files = reader.files(tree, place)?;
            if files.is_empty() {
                continue;
            }
            let (scripts, _) = reader.headers().scripts(reader.objects(), place, &files)?;
            let mut versions: FxHashMap<Arc<str>, Vec<BlobId>> = FxHashMap::default();
            for script in scripts {
                versions.entry(Arc::clone(&script.revision)).or_default().push(script.blob);
            }
            self.states.push(versions);
            return Ok(Some(self.states.len() - 1));
        }
        Ok(None)
    }

    /// Numbers of the tags that hold `revision`, in that version if one is given.
    fn holders(&self, revision: &str, version: Option<BlobId>) -> impl Iterator<Item = usize> {
        let holds: Vec<bool> = self
            .states
            .iter()
            .map(|versions| {
                let blobs = versions.get(revision);
                blobs.is_some_and(|blobs| version.is_none_or(|version| blobs.contains(&version)))
            })
            .collect();
        (0..self.of_tag.len()).filter(move |tag| self.of_tag[*tag].is_some_and(|state| holds[state]))
    }

    /// The first tag, not made after `time`, that holds `revision` in whatever version.
    pub(super) fn first(&self, revision: &str, time: i64) -> Option<&'t str> {
        let tag = self.holders(revision, None).next()?;
        (self.tags.history.commits[tag].time <= time).then_some(&self.tags.names[tag])
    }

    /// The tags that hold one version of a revision.
    pub(super) fn shipped(&self, revision: &str, version: BlobId) -> Option<Shipped> {
        let holders: Vec<usize> = self.holders(revision, Some(version)).collect();
        let name = |tag: &usize| self.tags.names[*tag].clone();
        Some(Shipped { first: name(holders.first()?), last: name(holders.last()?), tags: holders.len() })
    }
}
