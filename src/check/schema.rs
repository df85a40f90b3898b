//! What the merge does to the schema that the migrations build, and to what the models say of it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use super::whole::Whole;
use super::{Question, told};
use crate::cache::Kind;
use crate::diagnostic::Diagnostic;
use crate::history::Snapshot;
use crate::project::{self, Creator};
use crate::rules::{self, SchemaCx};
use crate::schema::replay::{Options, Replay, Replayer};
use crate::schema::{FaultKind, models};
use crate::vcs::{BlobId, Conflict, Error, Objects, RepoPath, TreeId};

/// Rules that tell what a revision leaves undone in models, where it has no place itself.
const BY_MODELS: [&str; 2] = ["schema-drift", "model-without-migration"];

/// How migrations are replayed.
pub(super) struct Replaying<'a> {
    objects: &'a Objects,
    pub(super) replayer: &'a Replayer,
    pub(super) options: Options,
    /// Whether anything is.
    bodies: bool,
}

impl<'a> Replaying<'a> {
    pub(super) fn of(objects: &'a Objects, question: &Question<'a>) -> Self {
        Self { objects, replayer: question.replayer, options: question.options(), bodies: question.bodies }
    }
}

/// An environment of a tree.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) tree: TreeId,
    pub(super) state: &'a Snapshot,
}

/// What reads models.
#[derive(Clone, Copy)]
pub(super) struct ReadingModels {
    /// How many environments the tree has: each may make some tables of one metadata.
    pub(super) environments: usize,
}

/// The result of the merge with all its Python, where models can be read.
pub(super) struct ModelTree<'a> {
    tree: TreeId,
    reading: ReadingModels,
    /// The Python files that head changes.
    changed: Vec<&'a RepoPath>,
}

impl<'a> ModelTree<'a> {
    /// `None` where head changes neither a migration nor a file that declares tables, where git leaves a conflict in a
    /// Python file, and where this copy lacks a file: what the models would be is not known then.
    ///
    /// # Errors
    /// When an object is damaged.
    pub(super) fn of_merge(whole: &'a Whole<'_>, states: &[Snapshot]) -> Result<Option<Self>, Error> {
        match Self::find(whole, states) {
            Err(Error::Absent { .. }) => Ok(None),
            other => other,
        }
    }

    fn find(whole: &'a Whole<'_>, states: &[Snapshot]) -> Result<Option<Self>, Error> {
        let is_python = |path: &RepoPath| path.name().ends_with(b".py");
        let changed: Vec<&RepoPath> = whole.changed()?.iter().filter(|path| is_python(path)).collect();
        let is_revision = |path: &&RepoPath| states.iter().any(|state| state.environment.looks_at(path));
        let mut matters = changed.iter().any(is_revision);
        for path in &changed {
            let roots = [whole.trees.ancestor, whole.trees.head];
            matters = matters || models::declares_in(whole.objects, path, roots)?;
        }
        if !matters {
            return Ok(None);
        }
        let merged = whole.merged()?;
        if merged.conflicts.iter().any(|conflict| is_python(&conflict.path)) {
            return Ok(None);
        }
        let reading = ReadingModels { environments: states.len() };
        Ok(Some(Self { tree: merged.tree, reading, changed }))
    }
}

/// The schema faults of one merged environment and those of the same environment in base. Without `all`, an
/// environment none of whose files the merge changes is not replayed, and only faults with a side in a changed
/// file are told. Nothing is known of one in which git leaves a conflict.
pub(super) fn brought(
    replaying: &Replaying<'_>,
    merged: At<'_>,
    base: At<'_>,
    conflicts: &[Conflict],
    models: Option<&ModelTree<'_>>,
    all: bool,
) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let known: BTreeSet<(&RepoPath, BlobId)> =
        base.state.scripts.iter().map(|script| (&script.path, script.blob)).collect();
    let mut changed: BTreeSet<&RepoPath> = merged
        .state
        .scripts
        .iter()
        .filter(|script| !known.contains(&(&script.path, script.blob)))
        .map(|script| &script.path)
        .collect();
    let brings_revisions = !changed.is_empty();
    changed.extend(models.iter().flat_map(|models| &models.changed));
    if (changed.is_empty() && !all) || !conflicts.is_empty() {
        return Default::default();
    }
    let reading = models.map(|models| models.reading);
    let merged = At { tree: models.map_or(merged.tree, |models| models.tree), ..merged };
    let mut told = standing(replaying, merged, reading);
    if !all {
        told.retain(|finding| {
            let is_near = finding.places.iter().any(|place| changed.contains(&place.path));
            is_near || (brings_revisions && BY_MODELS.contains(&finding.rule))
        });
    }
    let old = match told.is_empty() {
        true => Vec::new(),
        false => standing(replaying, base, reading),
    };
    (told, old)
}

/// The faults that stand in a tree's environment; none where the graph itself is broken, as the order in which
/// its revisions would run is not known then. With `reading`, the models of the tree are compared, too.
pub(super) fn standing(
    replaying: &Replaying<'_>,
    At { tree, state }: At<'_>,
    reading: Option<ReadingModels>,
) -> Vec<Diagnostic> {
    let graph = &state.graph;
    let is_whole = graph.missing().is_empty() && graph.cycles().is_empty() && graph.duplicates().is_empty();
    if !(replaying.bodies && is_whole) {
        return Vec::new();
    }
    let environments = reading.map(|reading| reading.environments);
    let grounds = (tree, state.grounds(), &replaying.options, environments);
    let find = || Ok::<_, Infallible>(find(replaying, At { tree, state }, reading));
    let Ok(found) = told::or_find(replaying.objects, Kind::Faults, &grounds, find);
    found
}

fn find(
    Replaying { objects, replayer, options, .. }: &Replaying<'_>,
    At { tree, state }: At<'_>,
    reading: Option<ReadingModels>,
) -> Vec<Diagnostic> {
    let (replay, models) = match reading {
        None => (replayer.replay(tree, state, options), None),
        Some(ReadingModels { environments }) => {
            let environment = &state.environment;
            let (replay, mut models) = replayer.replay_beside(tree, state, options, |objects, database| {
                models::read(objects, tree, replayer.parsed(), environment, database)
            });
            // Several environments may share one metadata, and each makes some of its tables.
            models.filtered |= environments > 1;
            (replay, Some(models))
        }
    };
    let creators = reading.and_then(|_| creators_of(objects, tree, state, &replay));
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
