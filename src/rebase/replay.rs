//! The branch's commits on top of upstream, as `git rebase` would make them, in memory.

use std::collections::{HashMap, HashSet};

use super::conflicts::{Trees, settle};
use crate::history::Reader;
use crate::revision::Environment;
use crate::vcs::{Commit, CommitId, Conflict, Error, Range, Repo, TreeId, WholeTrees};

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made anew.
    Picked,
    /// It stays the commit it is.
    Kept,
    /// It is left out: upstream has the same change.
    Upstream,
    /// It is left out: nothing of its change is left.
    Emptied,
    /// A merge that is left out: what it merged is contained already, or merges are not kept.
    Contained,
}

impl Fate {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Picked => "picked",
            Self::Kept => "kept",
            Self::Upstream => "upstream",
            Self::Emptied => "emptied",
            Self::Contained => "contained",
        }
    }
}

/// One commit of the branch, replayed.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) old: CommitId,
    pub(super) before: Commit,
    pub(super) fate: Fate,
    /// What stands for it now: of a commit left out, what it would have been built on. In memory.
    pub(super) now: CommitId,
    /// Its parents now.
    pub(super) parents: Vec<CommitId>,
    pub(super) tree: TreeId,
    /// Whether upstream is below it.
    pub(super) on_top: bool,
    /// Whether it changed nothing to begin with.
    pub(super) was_empty: bool,
}

/// Why the branch cannot be replayed.
#[derive(Clone, Debug)]
pub enum Stop {
    /// git would stop here, too.
    Conflict {
        /// The commit.
        commit: CommitId,
        /// What clashes.
        conflicts: Vec<Conflict>,
    },
    /// A merge of more than two commits.
    Octopus {
        /// The commit.
        commit: CommitId,
    },
}

/// What is replayed, and where.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) repo: &'a Repo,
    pub(super) range: &'a Range,
    pub(super) onto: CommitId,
    /// The best common ancestor of upstream and the branch.
    pub(super) merge_base: CommitId,
    /// Whether merges are kept.
    pub(super) merges: bool,
    /// Commits whose change upstream has.
    pub(super) duplicates: &'a HashSet<CommitId>,
}

/// Replays.
///
/// # Errors
/// When an object is missing or damaged.
pub(super) fn replay<E: From<Error>>(
    task: Task<'_>,
    reader: &mut Reader,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<Result<Vec<Step>, Stop>, E> {
    let Task { repo, range, onto, .. } = task;
    let objects = repo.objects();
    let whole = WholeTrees::new(repo, repo.tree_of(onto)?)?;
    let mut now: HashMap<CommitId, CommitId> = HashMap::new();
    let mut on_top: HashSet<CommitId> = HashSet::from([onto]);
    let mut last = onto;
    let mut steps: Vec<Step> = Vec::with_capacity(range.ahead.len());
    for (old, commit) in &range.ahead {
        // Where a parent went; one outside the branch stays, but for the place the branch started at.
        let moved = |parent: &CommitId| match now.get(parent) {
            Some(now) => *now,
            None if *parent == task.merge_base => onto,
            None => *parent,
        };
        let mut parents: Vec<CommitId> = commit.parents.iter().map(moved).collect();
        if !task.merges {
            parents = vec![last];
        }
        let before = match commit.parents.first() {
            Some(parent) => repo.tree_of(*parent)?,
            None => objects.empty_tree(),
        };
        let head = parents.first().copied();
        let head_tree = head.map_or_else(|| Ok(objects.empty_tree()), |head| repo.tree_of(head))?;
        let is_merge = commit.parents.len() > 1;
        let was_empty = !is_merge && commit.tree == before;
        let mut step = Step {
            old: *old,
            before: commit.clone(),
            fate: Fate::Kept,
            now: *old,
            on_top: parents.iter().any(|parent| on_top.contains(parent)),
            parents,
            tree: commit.tree,
            was_empty,
        };
        let merged = if is_merge && !task.merges {
            step.fate = Fate::Contained;
            None
        } else if !was_empty && task.duplicates.contains(old) {
            step.fate = Fate::Upstream;
            None
        } else if step.parents == commit.parents {
            None
        } else if is_merge {
            let (Some(ours), [_, theirs]) = (head, step.parents.as_slice()) else {
                return Ok(Err(Stop::Octopus { commit: *old }));
            };
            let bases = match repo.merge_bases(ours, *theirs) {
                Err(Error::Unrelated { .. }) => Vec::new(),
                bases => bases?,
            };
            if bases.first() == Some(theirs) {
                step.fate = Fate::Contained;
                None
            } else {
                step.fate = Fate::Picked;
                let base = match bases.first() {
                    Some(base) => repo.tree_of(*base)?,
                    None => objects.empty_tree(),
                };
                let trees = Trees { base, ours: head_tree, theirs: repo.tree_of(*theirs)? };
                Some((trees, whole.merge_commits(ours, *theirs)?))
            }
        } else {
            step.fate = Fate::Picked;
            let trees = Trees { base: before, ours: head_tree, theirs: commit.tree };
            Some((trees, whole.merge(before, head_tree, commit.tree)?))
        };
        if let Some((trees, merged)) = merged {
            let merged = settle(reader, trees, merged, prepare)?;
            if !merged.conflicts.is_empty() {
                return Ok(Err(Stop::Conflict { commit: *old, conflicts: merged.conflicts }));
            }
            step.tree = merged.tree;
            if !is_merge && !was_empty && merged.tree == head_tree {
                step.fate = Fate::Emptied;
            }
        }
        step.now = match step.fate {
            Fate::Kept => *old,
            Fate::Picked => objects.write_commit(step.tree, &step.parents, commit.time)?,
            Fate::Upstream | Fate::Emptied | Fate::Contained => head.unwrap_or(onto),
        };
        now.insert(*old, step.now);
        if step.on_top {
            on_top.insert(step.now);
        }
        last = step.now;
        steps.push(step);
    }
    Ok(Ok(steps))
}
