//! Numbers that describe an environment's life.

use std::collections::{BTreeMap, BTreeSet};

use super::origin::Origins;
use super::{Error, Landed, Settings};
use crate::history::{Snapshot, Timeline};
use crate::python::grade::Grade;
use crate::rules::{self, HistoryFacts, RuleCx};
use crate::text::time::{day, parse_stamp};
use crate::vcs::RepoPath;

use super::digest::Digest;
use super::story::Story;

/// The numbers.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// States that the trunk had.
    pub states: usize,
    /// Files that Alembic would load, at the end.
    pub files: usize,
    /// Revisions at the end.
    pub revisions: usize,
    /// Revisions that ever landed.
    pub landed: usize,
    /// Revisions that landed, by month (`2024-01`) of their landing.
    pub by_month: BTreeMap<String, Month>,
    /// Merge revisions at the end.
    pub merge_revisions: usize,
    /// Branch points at the end.
    pub branch_points: usize,
    /// Heads at the end.
    pub heads: usize,
    /// Bases at the end.
    pub bases: usize,
    /// Revisions on the longest way from a base to a head; `None` where a cycle makes it endless.
    pub longest_chain: Option<usize>,
    /// Seconds from creation to landing, sorted: of the revisions for which both are known.
    pub waits: Vec<i64>,
    /// Revisions that landed, by author.
    pub authors: BTreeMap<String, usize>,
    /// Revisions with a docstring that states ids, at the end.
    pub docstrings: usize,
    /// Those of them whose docstring states others than the code.
    pub stale_docstrings: usize,
    /// Files whose content was changed at least once after they had landed, under the same name.
    pub edited_files: usize,
    /// Edits that changed nothing that runs.
    pub cosmetic_edits: usize,
}

/// What landed in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Month {
    /// Revisions.
    pub revisions: usize,
    /// Merge revisions among them.
    pub merge_revisions: usize,
}

/// Counts. Landings before `settings.since` are left out of what is counted by time and author.
pub(super) fn statistics(
    timeline: &Timeline,
    (story, digests): (&Story, &[Digest]),
    landed: &BTreeMap<String, Landed>,
    origins: &mut Origins<'_>,
    settings: &Settings<'_>,
) -> Result<Statistics, Error> {
    let end = story.steps.last().and_then(|step| step.state);
    let now = timeline.snapshot(story.environment(), end);
    let stated = |script: &crate::revision::Script| {
        let docstring = &script.header.docstring;
        docstring.revision.is_some() || docstring.revises.is_some()
    };
    let mut statistics = Statistics {
        states: story.steps.len(),
        files: now.files.len(),
        revisions: now.scripts.len(),
        landed: landed.len(),
        merge_revisions: now.graph.merge_points().len(),
        branch_points: now.graph.branch_points().len(),
        heads: now.graph.heads().len(),
        bases: now.graph.bases().len(),
        longest_chain: longest_chain(&now),
        docstrings: now.scripts.iter().filter(|script| stated(script)).count(),
        stale_docstrings: stale_docstrings(&now),
        ..Statistics::default()
    };
    let mut edited = BTreeSet::new();
    for (_, digest) in story.steps.iter().zip(digests) {
        let renamed: BTreeSet<&RepoPath> = digest
            .delta
            .moved
            .iter()
            .filter(|moved| moved.from.name() != moved.to.name())
            .map(|moved| &moved.to)
            .collect();
        let reborn = digest.rebirths.iter().filter(|it| it.from.1 == it.to.1).map(|it| &it.to.1);
        let in_place = digest.delta.edited.iter().map(|edit| &edit.path).filter(|it| !renamed.contains(it));
        edited.extend(in_place.chain(reborn).map(|path| path.name().to_string()));
        for edit in &digest.delta.edited {
            statistics.cosmetic_edits += usize::from(edit.grade == Grade::Cosmetic);
        }
    }
    statistics.edited_files = edited.len();
    for landing in landed.values() {
        // What was there before the edge of a shallow clone landed nobody knows when.
        let Some(commit) = landing.commit else { continue };
        let time = timeline.history.commits[commit as usize].time;
        if settings.since.is_some_and(|since| time < since) {
            continue;
        }
        let month = statistics.by_month.entry(day(time)[..7].to_owned()).or_default();
        month.revisions += 1;
        month.merge_revisions += usize::from(landing.is_merge_revision);
        let origin = origins.of(timeline.history.commits[commit as usize].id, &landing.path)?;
        let details = origins.details(origin)?;
        let created = landing.create_date.as_deref().and_then(parse_stamp);
        if let Some(created) = created.or(details.as_ref().map(|details| details.author_time)) {
            statistics.waits.push((time - created).max(0));
        }
        if let Some(details) = details {
            *statistics.authors.entry(details.author).or_default() += 1;
        }
    }
    statistics.waits.sort_unstable();
    Ok(statistics)
}

fn stale_docstrings(state: &Snapshot) -> usize {
    let mut found = Vec::new();
    let history = HistoryFacts::default();
    if let Some(rule) = rules::by_name("stale-docstring") {
        rule.check(&RuleCx { state, merge: None, history: &history }, &mut found);
    }
    found.len()
}

fn longest_chain(state: &Snapshot) -> Option<usize> {
    let graph = &state.graph;
    if !graph.cycles().is_empty() {
        return None;
    }
    let mut length: BTreeMap<&str, usize> = BTreeMap::new();
    for id in graph.topological() {
        let longest = graph.parents(id).iter().filter_map(|parent| length.get(parent)).max();
        let own = longest.copied().unwrap_or_default() + 1;
        length.insert(id, own);
    }
    Some(length.into_values().max().unwrap_or_default())
}
