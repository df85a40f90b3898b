//! A branch on top of upstream as it is now: git's rebase, with the revisions of every commit where they
//! belong.
//!
//! Two histories are made in memory. The plain one is what `git rebase` would make, so that what conflicts
//! here conflicts there (`replay`). Each of its states is then repaired by itself (`repair`): what the
//! branch adds goes on top of what upstream has, and a file has the same name and id in every commit.

mod conflicts;
mod repair;
mod replay;
mod three_way;

use std::collections::HashMap;

use crate::check::Side;
use crate::history::Reader;
use crate::plan::{Choices, Plan, Unproven};
use crate::revision::Environment;
use crate::vcs::{CommitId, Error, Repo, TreeId, Trunk, equivalents};

use repair::Repairer;
use replay::{Task, replay};

pub use conflicts::{dialect_at, settle_file};
pub use replay::{Fate, Stop};
pub use three_way::{marked_head, merge_script};

/// What is to be rebased.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What is built upon.
    pub upstream: CommitId,
    /// The branch's tip.
    pub tip: CommitId,
    /// The published branch, where known.
    pub trunk: Option<&'a Trunk>,
    /// Whether merges inside the branch are kept.
    pub merges: bool,
    /// Whether one commit on top repairs all, and the others stay as git makes them.
    pub fixup: bool,
    /// What the user decided.
    pub choices: &'a Choices,
}

/// A commit's place in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A commit that exists.
    Commit(CommitId),
    /// The commit to be made of this one of [`Rebase::commits`].
    New(usize),
}

/// What becomes of one commit of the branch.
#[derive(Clone, Debug)]
pub struct Rebased {
    /// The commit.
    pub old: CommitId,
    /// What becomes of it.
    pub fate: Fate,
    /// Its tree in the result.
    pub tree: TreeId,
    /// Its parents in the result.
    pub parents: Vec<Place>,
    /// What stands for it; of a commit left out, what it would have been built on.
    pub place: Place,
    /// Whether its migrations are not those that git's rebase would give it.
    pub repaired: bool,
}

/// A branch rebased in memory.
#[derive(Clone, Debug)]
pub struct Rebase {
    /// The best common ancestor of the two.
    pub merge_base: CommitId,
    /// The branch's commits, parents first.
    pub commits: Vec<Rebased>,
    /// Where the branch ends, but for the commit on top that [`Request::fixup`] asks for.
    pub head: Place,
    /// The repair of the last state; `None` where the branch brings no migrations.
    pub plan: Option<Plan>,
    /// What is not as it should be in commits on the way, one sentence each.
    pub notes: Vec<String>,
}

/// Rebases in memory.
///
/// # Errors
/// When an object is missing or damaged, where the two share no history, and [`Unproven`] where the
/// repaired end would not be better than the plain one.
pub fn rebase<E: From<Error> + From<Unproven>>(
    repo: &Repo,
    reader: &mut Reader,
    request: &Request<'_>,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<Result<Rebase, Stop>, E> {
    let Request { upstream, tip, .. } = *request;
    let merge_base = repo.merge_bases(upstream, tip)?.first().copied().unwrap_or(upstream);
    let range = repo.range(upstream, tip)?;
    let duplicates = equivalents(repo.objects(), &range)?;
    let task = Task {
        repo,
        range: &range,
        onto: upstream,
        merge_base,
        merges: request.merges,
        duplicates: &duplicates,
    };
    let steps = match replay(task, reader, prepare)? {
        Ok(steps) => steps,
        Err(stop) => return Ok(Err(stop)),
    };
    let onto = Side { tree: repo.tree_of(upstream)?, commit: Some(upstream), committed: true };
    let mut repairer = Repairer::new(repo, onto, request.trunk, request.choices, prepare);
    let plan = match steps.last() {
        Some(last) if last.on_top => repairer.last(reader, repo.tree_of(last.now)?, last.before.tree)?,
        _ => None,
    };
    let mut notes = Vec::new();
    let mut places: HashMap<CommitId, Place> = HashMap::new();
    let mut trees: HashMap<CommitId, TreeId> = HashMap::new();
    let mut commits: Vec<Rebased> = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        let is_there = matches!(step.fate, Fate::Picked | Fate::Kept);
        let parents: Vec<Place> = step
            .parents
            .iter()
            .map(|parent| places.get(parent).copied().unwrap_or(Place::Commit(*parent)))
            .collect();
        let mut rebased = Rebased {
            old: step.old,
            fate: step.fate,
            tree: step.tree,
            place: parents.first().copied().unwrap_or(Place::Commit(upstream)),
            parents,
            repaired: false,
        };
        if is_there {
            if step.on_top && !request.fixup {
                let repaired = repairer.repair(reader, step.tree, step.before.tree)?;
                rebased.repaired = repaired.tree != step.tree;
                rebased.tree = repaired.tree;
                let short = step.old.short();
                notes.extend(
                    repaired.refused.iter().map(|refused| format!("{short}: {}", repair::told(refused))),
                );
            }
            let is_merge = step.before.parents.len() > 1;
            let below = match step.parents.first() {
                Some(parent) => match trees.get(parent) {
                    Some(tree) => *tree,
                    None => repo.tree_of(*parent)?,
                },
                None => repo.objects().empty_tree(),
            };
            let same_parents =
                rebased.parents.iter().copied().eq(step.before.parents.iter().map(|id| Place::Commit(*id)));
            if same_parents && rebased.tree == step.before.tree {
                rebased.fate = Fate::Kept;
                rebased.place = Place::Commit(step.old);
            } else if !is_merge && !step.was_empty && rebased.tree == below {
                // Its repair was the author's own, and is in the commits below by now.
                rebased.fate = Fate::Emptied;
            } else {
                rebased.fate = Fate::Picked;
                rebased.place = Place::New(at);
            }
            places.insert(step.now, rebased.place);
            trees.insert(step.now, rebased.tree);
        }
        commits.push(rebased);
    }
    let head = commits.last().map_or(Place::Commit(upstream), |last| last.place);
    Ok(Ok(Rebase { merge_base, commits, head, plan, notes }))
}
