//! What the history says about the revisions of a finding: gathered only where something was found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Question;
use crate::diagnostic::{Diagnostic, Severity};
use crate::history::{Delta, Landing, Reader, Snapshot, landings, timeline};
use crate::revision::{Environment, Script};
use crate::rules::{HistoryFacts, SeenEvent, SeenRevision, is_typed_in};
use crate::text;
use crate::vcs::{CommitId, Error, History, Repo, Walk};

/// What is published, what is asked, and what the merge changes of it.
type Published<'a> = (&'a Snapshot, &'a Question<'a>, &'a Delta);

/// Looks up what the rules cannot know from one state alone. Costs nothing where no id is missing,
/// typed in anew, or deleted. `tips` are the commits that the question is about.
pub(super) fn history(
    repo: &Repo,
    reader: &mut Reader,
    state: &Snapshot,
    tips: &[CommitId],
    published: Option<Published<'_>>,
) -> Result<HistoryFacts, Error> {
    let graph = &state.graph;
    let already = |revision: &str, missing: &str| {
        published.is_some_and(|(base, ..)| {
            base.graph
                .missing()
                .iter()
                .chain(base.graph.missing_depends())
                .any(|old| old.revision == revision && old.missing == missing)
        })
    };
    let missing: BTreeSet<&str> = graph
        .missing()
        .iter()
        .chain(graph.missing_depends())
        .filter(|missing| !already(&missing.revision, &missing.missing))
        .map(|missing| missing.missing.as_str())
        .collect();
    let fresh: BTreeSet<&str> = match published {
        Some((base, ..)) => graph
            .ids()
            .filter(|id| !base.graph.contains(id))
            .filter(|id| is_typed_in(id) || id.bytes().all(|byte| byte.is_ascii_digit()))
            .collect(),
        None => BTreeSet::new(),
    };
    let mut facts = HistoryFacts { searched: !missing.is_empty(), ..HistoryFacts::default() };
    if !missing.is_empty() {
        facts.seen = search(repo, reader, state, (Walk::All, tips), &missing)?;
    }
    if let Some((_, question, changes)) = published {
        if let (false, Some(base)) = (fresh.is_empty(), question.base.and_then(|base| base.commit)) {
            facts.reused = search(repo, reader, state, (Walk::FirstParent(base), tips), &fresh)?;
        }
        facts.released = released(repo, state, changes)?;
    }
    Ok(facts)
}

/// For each of `ids` that a commit of the walk holds, the most telling thing that happened to it: what the
/// commits below `tips` did counts before what other branches did, its removal before its coming, what one
/// commit did before what a merge shows to its first parent, and the newest last.
fn search(
    repo: &Repo,
    reader: &mut Reader,
    state: &Snapshot,
    (walk, tips): (Walk, &[CommitId]),
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, SeenRevision>, Error> {
    let timeline = timeline(repo, reader, walk)?;
    let is_below = below(&timeline.history, tips);
    let mut holders: BTreeMap<u32, BTreeMap<String, Arc<Script>>> = BTreeMap::new();
    let mut held = |number: Option<u32>| -> BTreeMap<String, Arc<Script>> {
        let Some(number) = number else { return BTreeMap::new() };
        let known = holders.entry(number).or_insert_with(|| {
            let scripts = timeline.scripts(number).into_iter();
            let wanted = scripts.filter(|script| {
                // The same content is the same revision, come back.
                ids.contains(&*script.revision)
                    && state.script(&script.revision).is_none_or(|now| now.blob != script.blob)
            });
            wanted.map(|script| (script.revision.to_string(), script)).collect()
        });
        known.clone()
    };
    let mut found: BTreeMap<String, (Weight, String)> = BTreeMap::new();
    for emission in timeline.emissions.iter().filter(|emission| emission.left_for.is_none()) {
        let now = held(emission.state);
        let before = held(emission.before.as_ref().map(|(_, number)| *number));
        let is_single = timeline.history.commits[emission.commit as usize].parents.len() < 2;
        let gone = before.iter().filter(|(id, _)| !now.contains_key(*id));
        let removed = gone.map(|(id, script)| (SeenEvent::Removed, id, script));
        let there = now.iter().filter_map(|(id, script)| match before.get(id) {
            None => Some((SeenEvent::Added, id, script)),
            Some(old) if old.path != script.path => Some((SeenEvent::Moved, id, script)),
            Some(_) => None,
        });
        for (event, id, script) in removed.chain(there) {
            let weight = (is_below[emission.commit as usize], event, is_single, emission.commit);
            if found.get(id).is_none_or(|(known, _)| *known < weight) {
                found.insert(id.clone(), (weight, script.path.to_string()));
            }
        }
    }
    let tell = |(id, ((_, event, _, commit), path)): (String, (Weight, String))| {
        let commit = describe(repo, timeline.history.commits[commit as usize].id)?;
        Ok((id, SeenRevision { event, path, commit }))
    };
    found.into_iter().map(tell).collect()
}

/// How telling an event is: whether it is in the history in question, what it is, whether a single commit
/// did it, and the commit's place in the history.
type Weight = (bool, SeenEvent, bool, u32);

/// Per commit of a history, oldest first: whether one of `tips` contains it.
fn below(history: &History, tips: &[CommitId]) -> Vec<bool> {
    let mut is_below: Vec<bool> = history.commits.iter().map(|commit| tips.contains(&commit.id)).collect();
    for at in (0..history.commits.len()).rev() {
        if is_below[at] {
            for parent in &history.commits[at].parents {
                is_below[*parent as usize] = true;
            }
        }
    }
    is_below
}

/// For each published revision that the merge deletes, the first tag that holds its file.
fn released(repo: &Repo, state: &Snapshot, changes: &Delta) -> Result<BTreeMap<String, String>, Error> {
    let mut released = BTreeMap::new();
    let gone: Vec<_> = changes.removed.iter().filter(|(id, _)| !state.graph.contains(id)).collect();
    if gone.is_empty() {
        return Ok(released);
    }
    for tag in repo.refs("refs/tags/")? {
        let root = repo.tree_of(tag.commit)?;
        for (id, path) in &gone {
            if !released.contains_key(id) && repo.objects().entry(root, path)?.is_some() {
                released.insert(id.clone(), tag.name.trim_start_matches("refs/tags/").to_owned());
            }
        }
        if released.len() == gone.len() {
            break;
        }
    }
    Ok(released)
}

/// `4c1d… by A. Author on 2024-01-31 ("subject")`.
fn describe(repo: &Repo, commit: CommitId) -> Result<String, Error> {
    Ok(match repo.objects().commit_details(commit)? {
        Some(details) => {
            let day = text::time::day(details.time);
            format!("{} by {} on {day} (\"{}\")", commit.short(), details.author, details.subject)
        }
        None => commit.short(),
    })
}

/// Revisions told about per finding.
const MOST_REVISIONS: usize = 8;

/// Adds to each error which commit brought which revision, and on which side.
pub(super) fn attach(
    repo: &Repo,
    reader: &mut Reader,
    question: &Question<'_>,
    at_base: &[Snapshot],
    at_head: &[Snapshot],
    findings: &mut [Diagnostic],
) -> Result<(), Error> {
    let wanted: Vec<usize> = (0..findings.len())
        .filter(|at| findings[*at].new && findings[*at].severity == Severity::Error)
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    for (side, snapshots, commit, name) in [
        ("base", at_base, question.base.and_then(|base| base.commit), base_name(question)),
        ("head", at_head, question.head.commit, "head".to_owned()),
    ] {
        let Some(tip) = commit else { continue };
        for snapshot in snapshots {
            let environment = &snapshot.environment;
            let ids: BTreeSet<String> = wanted
                .iter()
                .filter(|at| findings[**at].environment.as_deref() == Some(environment.name.as_str()))
                .flat_map(|at| findings[*at].revisions.iter().take(MOST_REVISIONS).cloned())
                .filter(|id| snapshot.graph.contains(id))
                // What base has is told as published; head merely has it, too.
                .filter(|id| side == "base" || !at_base.iter().any(|base| base.graph.contains(id)))
                .collect();
            if ids.is_empty() {
                continue;
            }
            let landed = landings(repo, reader, environment, tip, &ids)?;
            let merged = match side {
                "head" => landed_in_merged(repo, reader, question, environment, &landed, &ids)?,
                _ => BTreeMap::new(),
            };
            for at in &wanted {
                for id in findings[*at].revisions.clone().iter().take(MOST_REVISIONS) {
                    if !ids.contains(id) {
                        continue;
                    }
                    let fact = match landed.get(id) {
                        Some(landing) if landing.at_the_edge => {
                            format!("'{id}' is on {name} since before the edge of this clone")
                        }
                        Some(landing) => {
                            format!("'{id}' is on {name} since {}", describe(repo, landing.commit)?)
                        }
                        None => match merged.get(id) {
                            Some(landing) => format!(
                                "'{id}' comes with the merge in progress, from {}",
                                describe(repo, landing.commit)?
                            ),
                            None => format!("'{id}' is not committed yet"),
                        },
                    };
                    let paths: Vec<_> = snapshot.scripts_of(id).map(|script| script.path.clone()).collect();
                    for place in findings[*at].places.iter_mut().filter(|place| paths.contains(&place.path)) {
                        let landing = landed.get(id).or_else(|| merged.get(id));
                        place.commit = place.commit.or(landing.map(|landing| landing.commit));
                    }
                    findings[*at].evidence.push(fact);
                }
            }
        }
    }
    Ok(())
}

/// Of `ids` that did not land on head: where they landed on the commits whose merge into head is in progress.
fn landed_in_merged(
    repo: &Repo,
    reader: &mut Reader,
    question: &Question<'_>,
    environment: &Environment,
    landed: &BTreeMap<String, Landing>,
    ids: &BTreeSet<String>,
) -> Result<BTreeMap<String, Landing>, Error> {
    let mut found = BTreeMap::new();
    for tip in question.merging {
        let pending: BTreeSet<String> =
            ids.iter().filter(|id| !landed.contains_key(*id) && !found.contains_key(*id)).cloned().collect();
        if !pending.is_empty() {
            found.append(&mut landings(repo, reader, environment, *tip, &pending)?);
        }
    }
    Ok(found)
}

fn base_name(question: &Question<'_>) -> String {
    match question.trunk {
        Some(trunk) if question.base.and_then(|base| base.commit) == Some(trunk.commit) => trunk.name.clone(),
        _ => "base".into(),
    }
}
