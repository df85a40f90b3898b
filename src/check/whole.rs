//! The merge beyond the migrations: what head changes anywhere, and the tree with all that is read of it.

use std::cell::OnceCell;

use crate::project::concerns;
use crate::vcs::{Error, MergedTree, Objects, RepoPath, TreeId, changed_files, merge_trees};

/// The trees of a merge.
#[derive(Clone, Copy)]
pub(super) struct Trees {
    pub(super) ancestor: TreeId,
    pub(super) base: TreeId,
    pub(super) head: TreeId,
}

/// One merge, of which each part is found out when it is first asked for: most changes touch nothing of it.
pub(super) struct Whole<'a> {
    pub(super) objects: &'a Objects,
    pub(super) trees: Trees,
    changed: OnceCell<Vec<RepoPath>>,
    merged: OnceCell<MergedTree>,
}

impl<'a> Whole<'a> {
    pub(super) fn new(objects: &'a Objects, trees: Trees) -> Self {
        Self { objects, trees, changed: OnceCell::new(), merged: OnceCell::new() }
    }

    /// Paths of the files that head changes, sorted.
    ///
    /// # Errors
    /// When a tree is damaged or absent.
    pub(super) fn changed(&self) -> Result<&[RepoPath], Error> {
        let find = || changed_files(self.objects, self.trees.ancestor, self.trees.head);
        Ok(known_or(&self.changed, find)?)
    }

    /// The merge result, as far as models and what surrounds the migrations rest on it: all Python, container files and
    /// the like.
    ///
    /// # Errors
    /// When an object is damaged or absent.
    pub(super) fn merged(&self) -> Result<&MergedTree, Error> {
        known_or(&self.merged, || {
            let Trees { ancestor, base, head } = self.trees;
            if ancestor == base {
                return Ok(MergedTree { tree: head, conflicts: Vec::new() });
            }
            let relevant = |path: &RepoPath| concerns(path.name());
            merge_trees(self.objects, ancestor, base, head, &relevant)
        })
    }
}

/// What the cell holds, else what `find` gives, from then on.
fn known_or<T>(cell: &OnceCell<T>, find: impl FnOnce() -> Result<T, Error>) -> Result<&T, Error> {
    if let Some(known) = cell.get() {
        return Ok(known);
    }
    let found = find()?;
    Ok(cell.get_or_init(|| found))
}
