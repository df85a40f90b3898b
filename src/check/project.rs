//! What the merge does to the application around the migrations.

use super::accept;
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

/// The faults around the migrations.
#[derive(Default)]
pub(super) struct Around {
    pub(super) findings: Vec<Diagnostic>,
    /// Those that comments accept.
    pub(super) accepted: Vec<Diagnostic>,
    /// Whether everything they rest on was there.
    pub(super) known: bool,
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
) -> Result<Around, Error> {
    let gatherer = Gatherer::default();
    match compare(objects, &gatherer, trees, at_merge, at_base, all) {
        Err(Error::Absent { .. }) => Ok(Around::default()),
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
) -> Result<Around, Error> {
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
        return Ok(Around::default());
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
    let accepted = accept::by_comments_around(objects, merged, &mut found)?;
    Ok(Around { findings: found, accepted, known: true })
}

/// The faults that stand in the tree `root` with the environments `states`; empty where this copy lacks a file.
///
/// # Errors
/// When an object is damaged.
pub(super) fn standing(objects: &Objects, root: TreeId, states: &[Snapshot]) -> Result<Around, Error> {
    let mut findings = match standing_with(objects, &Gatherer::default(), root, states) {
        Err(Error::Absent { .. }) => return Ok(Around::default()),
        other => other?,
    };
    let accepted = accept::by_comments_around(objects, root, &mut findings)?;
    Ok(Around { findings, accepted, known: true })
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
