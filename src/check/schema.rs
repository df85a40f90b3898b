//! What the merge does to the schema that the migrations build.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::history::Snapshot;
use crate::rules::{self, SchemaCx};
use crate::schema::replay::{Options, Replayer};
use crate::vcs::{BlobId, ObjectsFactory, RepoPath, TreeId};

/// One tree with its environments.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) tree: TreeId,
    pub(super) states: &'a [Snapshot],
}

/// The faults of the merged schema, each marked new or old. Without `all`, only environments whose files the merge
/// changes are replayed, and only faults are told that have a side in such a file.
pub(super) fn brought(
    factory: &ObjectsFactory,
    merged: Side<'_>,
    base: Side<'_>,
    all: bool,
) -> Vec<Diagnostic> {
    let replayer = Replayer::new(factory);
    let mut found = Vec::new();
    for state in merged.states {
        let before = super::same_environment(base.states, state);
        let known: BTreeSet<(&RepoPath, BlobId)> = before
            .into_iter()
            .flat_map(|before| &before.scripts)
            .map(|script| (&script.path, script.blob))
            .collect();
        let changed: BTreeSet<&RepoPath> = state
            .scripts
            .iter()
            .filter(|script| !known.contains(&(&script.path, script.blob)))
            .map(|script| &script.path)
            .collect();
        if changed.is_empty() && !all {
            continue;
        }
        let mut told = standing_of(&replayer, merged.tree, state);
        if !all {
            told.retain(|finding| finding.places.iter().any(|place| changed.contains(&place.path)));
        }
        if told.is_empty() {
            continue;
        }
        let old = before.map(|before| standing_of(&replayer, base.tree, before)).unwrap_or_default();
        for finding in &mut told {
            finding.new = !old.iter().any(|old| old.rule == finding.rule && old.subject == finding.subject);
        }
        found.extend(told);
    }
    found
}

/// The faults that stand in a tree.
pub(super) fn standing(factory: &ObjectsFactory, side: Side<'_>) -> Vec<Diagnostic> {
    let replayer = Replayer::new(factory);
    side.states.iter().flat_map(|state| standing_of(&replayer, side.tree, state)).collect()
}

/// Empty where the graph itself is broken: in what order its revisions would run is not known.
fn standing_of(replayer: &Replayer, tree: TreeId, state: &Snapshot) -> Vec<Diagnostic> {
    let graph = &state.graph;
    if !(graph.missing().is_empty() && graph.cycles().is_empty() && graph.duplicates().is_empty()) {
        return Vec::new();
    }
    let options = Options { find_naming: true, ..Options::default() };
    let replay = replayer.replay(tree, state, &options);
    rules::run_schema(&SchemaCx { state, faults: &replay.faults, schema: &replay.schema })
}
