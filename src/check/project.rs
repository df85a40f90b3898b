//! What the merge does to the application around the migrations.

use crate::diagnostic::Diagnostic;
use crate::history::Snapshot;
use crate::project::{Gatherer, concerns};
use crate::rules::{self, ProjectCx};
use crate::vcs::{Error, Objects, RepoPath, TreeId, changed_files, merge_trees};

/// The trees of a merge.
#[derive(Clone, Copy)]
pub(super) struct Trees {
    pub(super) ancestor: TreeId,
    pub(super) base: TreeId,
    pub(super) head: TreeId,
}

/// The faults of the merge result, each marked new or old. Empty where head changes nothing that they rest on, and
/// where this copy lacks a file that they rest on: what is not here is not known.
///
/// # Errors
/// When an object is damaged.
pub(super) fn brought(
    objects: &Objects,
    trees: Trees,
    at_merge: &[Snapshot],
    at_base: &[Snapshot],
    all: bool,
) -> Result<Vec<Diagnostic>, Error> {
    let gatherer = Gatherer::default();
    match compare(objects, &gatherer, trees, at_merge, at_base, all) {
        Err(Error::Absent { .. }) => Ok(Vec::new()),
        other => other,
    }
}

fn compare(
    objects: &Objects,
    gatherer: &Gatherer,
    trees: Trees,
    at_merge: &[Snapshot],
    at_base: &[Snapshot],
    all: bool,
) -> Result<Vec<Diagnostic>, Error> {
    let mut matters = all;
    for path in changed_files(objects, trees.ancestor, trees.head)? {
        if matters {
            break;
        }
        let blob = |root| objects.entry(root, &path).map(|entry| entry.and_then(|entry| entry.blob()));
        matters = concerns(path.name())
            && gatherer.differs(objects, &path, blob(trees.ancestor)?, blob(trees.head)?)?;
    }
    if !matters {
        return Ok(Vec::new());
    }
    let merged = match trees.ancestor == trees.base {
        true => trees.head,
        false => {
            let relevant = |path: &RepoPath| concerns(path.name());
            merge_trees(objects, trees.ancestor, trees.base, trees.head, &relevant)?.tree
        }
    };
    let mut found = standing_with(objects, gatherer, merged, at_merge)?;
    let old = standing_with(objects, gatherer, trees.base, at_base)?;
    for finding in &mut found {
        finding.new = !old.iter().any(|old| {
            old.rule == finding.rule
                && old.subject == finding.subject
                && old.extent >= finding.extent
                && old.severity <= finding.severity
        });
    }
    Ok(found)
}

/// The faults that stand in the tree `root` with the environments `states`; empty where this copy lacks a file.
///
/// # Errors
/// When an object is damaged.
pub(super) fn standing(
    objects: &Objects,
    root: TreeId,
    states: &[Snapshot],
) -> Result<Vec<Diagnostic>, Error> {
    match standing_with(objects, &Gatherer::default(), root, states) {
        Err(Error::Absent { .. }) => Ok(Vec::new()),
        other => other,
    }
}

fn standing_with(
    objects: &Objects,
    gatherer: &Gatherer,
    root: TreeId,
    states: &[Snapshot],
) -> Result<Vec<Diagnostic>, Error> {
    let project = gatherer.gather(objects, root, states.iter().map(|state| &state.environment))?;
    Ok(rules::run_project(&ProjectCx { project: &project, states }))
}
