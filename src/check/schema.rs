//! What the merge does to the schema that the migrations build, and to what the models say of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::project::Trees;
use crate::diagnostic::Diagnostic;
use crate::history::Snapshot;
use crate::project::{self, Creator};
use crate::rules::{self, SchemaCx};
use crate::schema::replay::{Options, Replay, Replayer};
use crate::schema::{FaultKind, models};
use crate::vcs::{BlobId, Conflict, Error, Objects, RepoPath, TreeId, changed_files, merge_trees};

/// Rules that tell what a revision leaves undone in models, where it has no place itself.
const BY_MODELS: [&str; 2] = ["schema-drift", "model-without-migration"];

/// The result of the merge with all its Python, where models can be read.
pub(super) struct Whole<'a> {
    objects: &'a Objects,
    tree: TreeId,
    /// What head changes of it.
    changed: BTreeSet<RepoPath>,
    /// How many environments it has.
    environments: usize,
}

impl<'a> Whole<'a> {
    /// `None` where head changes neither a migration nor a file that declares tables, where git leaves a conflict in a
    /// Python file, and where this copy lacks a file: what the models would be is not known then.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(super) fn of_merge(
        objects: &'a Objects,
        trees: &Trees,
        states: &[Snapshot],
    ) -> Result<Option<Self>, Error> {
        match Self::find(objects, trees, states) {
            Err(Error::Absent { .. }) => Ok(None),
            other => other,
        }
    }

    fn find(objects: &'a Objects, trees: &Trees, states: &[Snapshot]) -> Result<Option<Self>, Error> {
        let is_python = |path: &RepoPath| path.name().ends_with(b".py");
        let mut changed = changed_files(objects, trees.ancestor, trees.head)?;
        changed.retain(is_python);
        let is_revision = |path: &RepoPath| states.iter().any(|state| state.environment.looks_at(path));
        let mut matters = changed.iter().any(is_revision);
        for path in &changed {
            matters = matters || models::declares_in(objects, path, [trees.ancestor, trees.head])?;
        }
        if !matters {
            return Ok(None);
        }
        let (tree, conflicts) = match trees.ancestor == trees.base {
            true => (trees.head, Vec::new()),
            false => {
                let merged = merge_trees(objects, trees.ancestor, trees.base, trees.head, &is_python)?;
                (merged.tree, merged.conflicts)
            }
        };
        let whole =
            Self { objects, tree, changed: changed.into_iter().collect(), environments: states.len() };
        Ok(conflicts.is_empty().then_some(whole))
    }
}

/// The schema faults of one merged environment and those of the same environment in base. Without `all`, an
/// environment none of whose files the merge changes is not replayed, and only faults with a side in a changed
/// file are told. Nothing is known of one in which git leaves a conflict.
pub(super) fn brought(
    (replayer, options): (&Replayer, &Options),
    (merged_tree, state): (TreeId, &Snapshot),
    (base_tree, before): (TreeId, &Snapshot),
    (conflicts, whole): (&[Conflict], Option<&Whole<'_>>),
    all: bool,
) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let known: BTreeSet<(&RepoPath, BlobId)> =
        before.scripts.iter().map(|script| (&script.path, script.blob)).collect();
    let mut changed: BTreeSet<&RepoPath> = state
        .scripts
        .iter()
        .filter(|script| !known.contains(&(&script.path, script.blob)))
        .map(|script| &script.path)
        .collect();
    let brings_revisions = !changed.is_empty();
    changed.extend(whole.iter().flat_map(|whole| &whole.changed));
    if (changed.is_empty() && !all) || !conflicts.is_empty() {
        return Default::default();
    }
    let around = whole.map(|whole| (whole.objects, whole.environments));
    let tree = whole.map_or(merged_tree, |whole| whole.tree);
    let mut told = standing((replayer, options), tree, state, around);
    if !all {
        told.retain(|finding| {
            let is_near = finding.places.iter().any(|place| changed.contains(&place.path));
            is_near || (brings_revisions && BY_MODELS.contains(&finding.rule))
        });
    }
    let old = match told.is_empty() {
        true => Vec::new(),
        false => standing((replayer, options), base_tree, before, around),
    };
    (told, old)
}

/// The faults that stand in a tree's environment; none where the graph itself is broken, as the order in which
/// its revisions would run is not known then. With the objects and the number of environments, the models of the
/// tree are read, too.
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
    let creators = match around {
        Some((objects, _)) => creators_of(objects, tree, state, &replay),
        None => None,
    };
    let found = rules::run_schema(&SchemaCx {
        state,
        faults: &replay.faults,
        schema: &replay.schema,
        database: replay.database,
        revisions: &replay.revisions,
        models: models.as_ref(),
        creators: creators.as_deref(),
        uncompared: &options.uncompared,
    });
    rules::without_shadows(found)
}

/// What else may create the tables that the chain needs and never creates; `None` where there are none, and where this
/// copy lacks a file that may.
fn creators_of(objects: &Objects, tree: TreeId, state: &Snapshot, replay: &Replay) -> Option<Vec<Creator>> {
    let never = replay.faults.iter().filter(|fault| fault.kind == FaultKind::TableNeverCreated);
    let last =
        |name: &Arc<str>| name.rsplit_once('.').map_or_else(|| name.to_string(), |(_, last)| last.to_owned());
    let wanted: BTreeSet<String> = never.filter_map(|fault| fault.objects.first()).map(last).collect();
    if wanted.is_empty() {
        return None;
    }
    let wanted = wanted.iter().map(String::as_str).collect();
    project::creators(objects, tree, &state.environment, &wanted).ok()
}
