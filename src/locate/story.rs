//! What happened to one revision in the commits that refs reach.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::history::{Reader, Timeline};
use crate::python::grade::Grade;
use crate::revision::{Environment, Script};
use crate::vcs::{CommitId, Error, RepoPath};

/// What a commit did to a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The commit.
    pub commit: CommitId,
    /// The environment's name.
    pub environment: String,
    /// What it did.
    pub kind: EventKind,
    /// The file: after a removal the one it had.
    pub path: RepoPath,
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The file came.
    Added,
    /// The file went elsewhere.
    Moved {
        /// Where it was.
        from: RepoPath,
    },
    /// Its parents changed.
    Reparented {
        /// The parents before.
        from: Vec<String>,
        /// The parents after.
        to: Vec<String>,
    },
    /// Its text changed, this far.
    Edited(Grade),
    /// The file went.
    Removed,
}

/// What revisions' parents were, in any state.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    parents: BTreeMap<String, BTreeSet<String>>,
}

impl Scripts {
    pub(super) fn insert(&mut self, script: &Script) {
        let parents = script.down_revisions().map(ToOwned::to_owned);
        self.parents.entry(script.revision.to_string()).or_default().extend(parents);
    }

    pub(super) fn parents(&self, id: &str) -> Vec<String> {
        self.parents.get(id).into_iter().flatten().cloned().collect()
    }
}

/// Every revision of every state.
pub(super) fn scripts(timeline: &Timeline) -> Scripts {
    let mut scripts = Scripts::default();
    for script in timeline.every_script() {
        scripts.insert(script);
    }
    scripts
}

/// The events of `id`, oldest first. What a merge shows to its first parent only is left out where a single commit
/// did the same.
///
/// # Errors
/// When a blob is damaged.
pub(super) fn events(
    reader: &Reader,
    timeline: &Timeline,
    id: &str,
    wants: &dyn Fn(&Environment) -> bool,
) -> Result<Vec<Event>, Error> {
    let mut held: BTreeMap<u32, Vec<Arc<Script>>> = BTreeMap::new();
    let mut holding = |state: Option<u32>| -> Vec<Arc<Script>> {
        let Some(state) = state else { return Vec::new() };
        let scripts = held.entry(state).or_insert_with(|| {
            timeline.scripts(state).into_iter().filter(|script| &*script.revision == id).collect()
        });
        scripts.clone()
    };
    let mut events: Vec<(bool, Event)> = Vec::new();
    for emission in timeline.emissions.iter().filter(|emission| emission.left_for.is_none()) {
        let now = holding(emission.state);
        let before = holding(emission.before.as_ref().map(|(_, state)| *state));
        let key = |scripts: &[Arc<Script>]| -> Vec<_> {
            scripts.iter().map(|script| (script.path.clone(), script.blob)).collect()
        };
        if key(&now) == key(&before) || !wants(&emission.environment) {
            continue;
        }
        let commit = &timeline.history.commits[emission.commit as usize];
        let single = commit.parents.len() < 2;
        let mut tell = |kind, path: &RepoPath| {
            let environment = emission.environment.name.clone();
            events.push((single, Event { commit: commit.id, environment, kind, path: path.clone() }));
        };
        match (before.as_slice(), now.as_slice()) {
            ([old], [new]) => {
                if old.path != new.path {
                    tell(EventKind::Moved { from: old.path.clone() }, &new.path);
                }
                let parents =
                    |script: &Script| script.down_revisions().map(ToOwned::to_owned).collect::<Vec<_>>();
                if parents(old) != parents(new) {
                    tell(EventKind::Reparented { from: parents(old), to: parents(new) }, &new.path);
                } else if old.blob != new.blob {
                    let grade = reader.headers().grade(reader.objects(), old.blob, new.blob)?;
                    tell(EventKind::Edited(grade), &new.path);
                }
            }
            _ => {
                for old in before.iter().filter(|old| !now.iter().any(|new| new.path == old.path)) {
                    tell(EventKind::Removed, &old.path);
                }
                for new in now.iter().filter(|new| !before.iter().any(|old| old.path == new.path)) {
                    tell(EventKind::Added, &new.path);
                }
            }
        }
    }
    let singles: Vec<Event> =
        events.iter().filter(|(single, _)| *single).map(|(_, event)| event.clone()).collect();
    let told = |event: &Event| singles.iter().any(|one| one.kind == event.kind && one.path == event.path);
    events.retain(|(single, event)| *single || !told(event));
    Ok(events.into_iter().map(|(_, event)| event).collect())
}
