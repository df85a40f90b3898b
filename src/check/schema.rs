//! What the merge does to the schema that the migrations build.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::history::Snapshot;
use crate::rules::{self, SchemaCx};
use crate::schema::models;
use crate::schema::replay::{Options, Replayer};
use crate::vcs::{BlobId, Conflict, Objects, RepoPath, TreeId};

/// The schema faults of one merged environment and those of the same environment in base. Without `all`, an
/// environment none of whose files the merge changes is not replayed, and only faults with a side in a changed
/// file are told. Nothing is known of one in which git leaves a conflict.
pub(super) fn brought(
    (replayer, options): (&Replayer, &Options),
    (merged_tree, state): (TreeId, &Snapshot),
    (base_tree, before): (TreeId, &Snapshot),
    conflicts: &[Conflict],
    all: bool,
) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let known: BTreeSet<(&RepoPath, BlobId)> =
        before.scripts.iter().map(|script| (&script.path, script.blob)).collect();
    let changed: BTreeSet<&RepoPath> = state
        .scripts
        .iter()
        .filter(|script| !known.contains(&(&script.path, script.blob)))
        .map(|script| &script.path)
        .collect();
    if (changed.is_empty() && !all) || !conflicts.is_empty() {
        return Default::default();
    }
    let mut told = standing((replayer, options), merged_tree, state, None);
    if !all {
        told.retain(|finding| finding.places.iter().any(|place| changed.contains(&place.path)));
    }
    let old = match told.is_empty() {
        true => Vec::new(),
        false => standing((replayer, options), base_tree, before, None),
    };
    (told, old)
}

/// The faults that stand in a tree's environment; none where the graph itself is broken, as the order in which
/// its revisions would run is not known then. With the objects and the number of environments, the models of the tree are read, too: the tree of a
/// merge holds the migrations alone.
pub(super) fn standing(
    (replayer, options): (&Replayer, &Options),
    tree: TreeId,
    state: &Snapshot,
    around: Option<(&Objects, usize)>,
) -> Vec<Diagnostic> {
    let graph = &state.graph;
    if !(graph.missing().is_empty() && graph.cycles().is_empty() && graph.duplicates().is_empty()) {
        return Vec::new();
    }
    let replay = replayer.replay(tree, state, options);
    let models = around.map(|(objects, environments)| {
        let mut models = models::read(objects, tree, replayer.parsed(), &state.environment, replay.database);
        // Several environments may share one metadata, and each makes some of its tables.
        models.filtered |= environments > 1;
        models
    });
    let found = rules::run_schema(&SchemaCx {
        state,
        faults: &replay.faults,
        schema: &replay.schema,
        revisions: &replay.revisions,
        models: models.as_ref(),
    });
    rules::without_shadows(found)
}
