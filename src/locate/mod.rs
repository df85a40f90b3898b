//! Where a revision lives and lived, who still holds it, and how it comes back.

mod story;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

pub use self::story::{Event, EventKind};
use crate::history::{Reader, Snapshot, timeline};
use crate::revision::{Environment, Script};
use crate::vcs::{BlobId, CommitId, Error, History, Repo, RepoPath, TreeId, Walk};

/// A file that states the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The environment's name.
    pub environment: String,
    /// The file.
    pub path: RepoPath,
    /// The line of its header, from 1.
    pub line: u32,
}

/// A commit that holds the revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What leads to it: a full ref name, or a reflog entry such as `HEAD@{2}`; `None` for a commit that nothing
    /// leads to.
    pub name: Option<String>,
    /// The commit.
    pub commit: CommitId,
}

/// How the revision comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// A commit that holds it and all that is missing below it.
    pub commit: CommitId,
    /// What leads there, as people type it; the commit's id where nothing does.
    pub name: String,
    /// Its file, and those of its ancestors that the state asked about lacks, bases first.
    pub paths: Vec<RepoPath>,
}

/// What is known of an id.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The id; where the beginning of one was asked for, the only id that starts so.
    pub id: String,
    /// The files that state it in the state asked about.
    pub present: Vec<Presence>,
    /// What happened to it in the commits that refs reach, oldest first.
    pub events: Vec<Event>,
    /// Branches, tags and other refs whose tip holds it, by name.
    pub refs: Vec<Holder>,
    /// Reflog entries whose commit no ref reaches.
    pub reflog: Vec<Holder>,
    /// Commits that nothing leads to; asked for by [`Request::lost`].
    pub lost: Vec<CommitId>,
    /// Its nearest ancestors that the state asked about has.
    pub nearest: Vec<String>,
    /// Where to take it from, if the state lacks it.
    pub source: Option<Source>,
    /// Parents of the history that this copy lacks.
    pub cut_off: Vec<CommitId>,
}

impl Found {
    /// Whether the id was seen anywhere.
    pub fn is_known(&self) -> bool {
        !(self.present.is_empty() && self.events.is_empty() && self.reflog.is_empty() && self.lost.is_empty())
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The revision's id, or the beginning of one.
    pub id: &'a str,
    /// The state that should have it.
    pub at: TreeId,
    /// Whether commits that nothing leads to are searched, too.
    pub lost: bool,
}

/// Searches. `prepare` picks and completes the environments of each tree; `tell` hears what is being done.
///
/// # Errors
/// When an object or a ref is damaged.
pub fn locate<E: From<Error>>(
    repo: &Repo,
    reader: &mut Reader,
    request: Request<'_>,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
    tell: &mut dyn FnMut(&str),
) -> Result<Found, E> {
    let here = snapshots(reader, request.at, prepare)?;
    let timeline = timeline(repo, reader, Walk::All)?;
    let present = here.iter().flat_map(|snapshot| snapshot.graph.ids());
    let known = present.chain(timeline.every_script().map(|script| &*script.revision));
    let mut found = Found { id: completed(request.id, known), ..Found::default() };
    let id = &*found.id.clone();
    found.present = presences(&here, id);
    found.cut_off.clone_from(&timeline.history.missing);
    let wants = |environment: &Environment| {
        let mut one = vec![environment.clone()];
        prepare(&mut one).is_ok() && !one.is_empty()
    };
    let mut scripts = story::scripts(&timeline);
    found.events = story::events(reader, &timeline, id, &wants)?;
    let files: BTreeSet<(&RepoPath, BlobId)> = timeline
        .every_script()
        .filter(|script| &*script.revision == id)
        .map(|script| (&script.path, script.blob))
        .collect();
    found.refs = holding_refs(repo, &timeline.history, &found.events, &files)?;
    let reached: HashSet<CommitId> = timeline.history.commits.iter().map(|commit| commit.id).collect();
    let mut states: BTreeMap<TreeId, bool> = BTreeMap::new();
    let mut holds =
        |reader: &mut Reader, commit: CommitId, scripts: &mut story::Scripts| -> Result<bool, E> {
            let tree = repo.tree_of(commit)?;
            if let Some(known) = states.get(&tree) {
                return Ok(*known);
            }
            let there = snapshots(reader, tree, prepare)?;
            let holds = there.iter().any(|snapshot| snapshot.graph.contains(id));
            if holds {
                scripts.extend(there.iter().flat_map(|snapshot| snapshot.scripts.iter().cloned()));
            }
            states.insert(tree, holds);
            Ok(holds)
        };
    for entry in repo.reflog()? {
        if !reached.contains(&entry.commit) && holds(reader, entry.commit, &mut scripts)? {
            found.reflog.push(Holder { name: Some(entry.name), commit: entry.commit });
        }
    }
    if request.lost {
        tell("looking through every commit that nothing leads to");
        let named: BTreeSet<CommitId> = found.reflog.iter().map(|holder| holder.commit).collect();
        let mut times = Vec::new();
        for commit in repo.unreached_commits(&reached)? {
            if !named.contains(&commit) && holds(reader, commit, &mut scripts)? {
                let time = repo.objects().commit(commit)?.map_or(0, |commit| commit.time);
                times.push((std::cmp::Reverse(time), commit));
            }
        }
        times.sort();
        found.lost = times.into_iter().map(|(_, commit)| commit).collect();
    }
    if found.present.is_empty() && found.is_known() {
        let has = |id: &str| here.iter().any(|snapshot| snapshot.graph.contains(id));
        let (nearest, missing) = way_down(&scripts, id, &has);
        found.nearest = nearest;
        found.source = source(repo, reader, &found, &timeline.history, &missing, prepare)?;
    }
    Ok(found)
}

/// Shorter beginnings of ids mean only themselves.
const LEAST_PREFIX: usize = 4;

/// The only one of `ids` that starts with `asked`; `asked` itself where it is one of them, or several start so.
fn completed<'i>(asked: &str, ids: impl Iterator<Item = &'i str>) -> String {
    let starting: BTreeSet<&str> = ids.filter(|id| id.starts_with(asked)).collect();
    match starting.first() {
        Some(only) if starting.len() == 1 && asked.len() >= LEAST_PREFIX => (*only).to_owned(),
        _ => asked.to_owned(),
    }
}

fn snapshots<E: From<Error>>(
    reader: &mut Reader,
    tree: TreeId,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<Vec<Snapshot>, E> {
    let mut environments = reader.environments(tree)?;
    // An environment that is asked for by name need not be in every tree.
    if prepare(&mut environments).is_err() {
        return Ok(Vec::new());
    }
    let mut snapshots = Vec::new();
    for environment in environments {
        snapshots.push(reader.snapshot(tree, &environment)?);
    }
    Ok(snapshots)
}

fn presences(snapshots: &[Snapshot], id: &str) -> Vec<Presence> {
    let mut present = Vec::new();
    for snapshot in snapshots {
        for script in snapshot.scripts_of(id) {
            present.push(Presence {
                environment: snapshot.environment.name.clone(),
                path: script.path.clone(),
                line: script.header.line,
            });
        }
    }
    present
}

/// Refs whose tip has one of `files`. Only tips above a commit that brought one are looked at.
fn holding_refs(
    repo: &Repo,
    history: &History,
    events: &[Event],
    files: &BTreeSet<(&RepoPath, BlobId)>,
) -> Result<Vec<Holder>, Error> {
    let mut above = vec![false; history.commits.len()];
    let brought: BTreeSet<CommitId> = events.iter().map(|event| event.commit).collect();
    for (at, commit) in history.commits.iter().enumerate() {
        above[at] =
            brought.contains(&commit.id) || commit.parents.iter().any(|parent| above[*parent as usize]);
    }
    let above: HashSet<CommitId> =
        history.commits.iter().zip(above).filter_map(|(commit, above)| above.then_some(commit.id)).collect();
    let mut known: BTreeMap<TreeId, bool> = BTreeMap::new();
    let mut found = Vec::new();
    for tip in repo.refs("refs/")? {
        if !above.contains(&tip.commit) {
            continue;
        }
        let tree = repo.tree_of(tip.commit)?;
        let holds = match known.get(&tree) {
            Some(known) => *known,
            None => {
                let mut holds = false;
                for (path, blob) in files {
                    let there = repo.objects().entry(tree, path)?.and_then(|entry| entry.blob());
                    holds = holds || there == Some(*blob);
                }
                known.insert(tree, holds);
                holds
            }
        };
        if holds {
            found.push(Holder { name: Some(tip.name), commit: tip.commit });
        }
    }
    Ok(found)
}

/// From `id` down to the nearest ancestors that `has` knows; with the revisions on the way, bases first.
fn way_down(scripts: &story::Scripts, id: &str, has: &dyn Fn(&str) -> bool) -> (Vec<String>, Vec<String>) {
    let mut nearest = BTreeSet::new();
    let mut missing = Vec::new();
    let mut seen = BTreeSet::from([id.to_owned()]);
    let mut pending = VecDeque::from([id.to_owned()]);
    while let Some(id) = pending.pop_front() {
        missing.push(id.clone());
        for parent in scripts.parents(&id) {
            if has(&parent) {
                nearest.insert(parent);
            } else if seen.insert(parent.clone()) {
                pending.push_back(parent);
            }
        }
    }
    missing.reverse();
    (nearest.into_iter().collect(), missing)
}

/// The first holder that has most of `missing`: branches before tags before reflog before lost commits, and the last
/// commit before the removal where no tip has it any more.
fn source<E: From<Error>>(
    repo: &Repo,
    reader: &mut Reader,
    found: &Found,
    history: &History,
    missing: &[String],
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<Option<Source>, E> {
    let rank = |name: &str| match name {
        _ if name.starts_with("refs/heads/") => 0,
        _ if name.starts_with("refs/remotes/") => 1,
        _ if name.starts_with("refs/tags/") => 2,
        _ => 3,
    };
    let mut refs: Vec<&Holder> = found.refs.iter().collect();
    refs.sort_by_key(|holder| rank(holder.name.as_deref().unwrap_or_default()));
    let short = |name: &str| {
        ["refs/heads/", "refs/remotes/", "refs/tags/"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))
            .unwrap_or(name)
            .to_owned()
    };
    let mut candidates: Vec<(CommitId, String)> = refs
        .iter()
        .chain(&found.reflog.iter().collect::<Vec<_>>())
        .map(|holder| {
            let name = holder.name.as_deref().map_or_else(|| holder.commit.short(), short);
            (holder.commit, name)
        })
        .take(8)
        .collect();
    let removal = found.events.iter().rev().find(|event| event.kind == EventKind::Removed);
    if let Some(removal) = removal
        && let Some(commit) = history.commits.iter().find(|commit| commit.id == removal.commit)
        && let Some(parent) = commit.parents.first()
    {
        candidates.push((history.commits[*parent as usize].id, format!("{}^", removal.commit.short())));
    }
    candidates.extend(found.lost.first().map(|commit| (*commit, commit.short())));
    let mut best: Option<Source> = None;
    for (commit, name) in candidates {
        let there = snapshots(reader, repo.tree_of(commit)?, prepare)?;
        let paths: Vec<RepoPath> = missing
            .iter()
            .filter_map(|id| there.iter().find_map(|snapshot| snapshot.script(id)))
            .map(|script: &Script| script.path.clone())
            .collect();
        let has_it =
            missing.last().is_some_and(|id| there.iter().any(|snapshot| snapshot.graph.contains(id)));
        if has_it && best.as_ref().is_none_or(|best| best.paths.len() < paths.len()) {
            best = Some(Source { commit, name, paths });
        }
    }
    Ok(best)
}

/// Scripts by id: what any state said its parents are.
impl story::Scripts {
    fn extend(&mut self, scripts: impl Iterator<Item = Arc<Script>>) {
        for script in scripts {
            self.insert(&script);
        }
    }
}
