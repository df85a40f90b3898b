//! The commits that one tip has and another one lacks, in the order in which `git rebase` takes them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::{Commit, CommitId, Error, Repo};

/// What lies between two tips.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// Commits of the tip that upstream lacks, parents before children.
    pub ahead: Vec<(CommitId, Commit)>,
    /// Commits of upstream that the tip lacks, newest first.
    pub behind: Vec<(CommitId, Commit)>,
}

const UPSTREAM: u8 = 1;
const TIP: u8 = 2;
const BOTH: u8 = UPSTREAM | TIP;

impl Repo {
    /// The commits between `upstream` and `tip`, as `git rev-list --topo-order --reverse upstream..tip` and
    /// `git rev-list tip..upstream` list them.
    ///
    /// # Errors
    /// When a commit is damaged or absent; [`Error::Shallow`] where the clone is cut off in between.
    pub fn range(&self, upstream: CommitId, tip: CommitId) -> Result<Range, Error> {
        let shallow: HashSet<CommitId> = self.shallow_commits().into_iter().map(CommitId).collect();
        let mut known: HashMap<CommitId, (u8, Commit)> = HashMap::new();
        let mut queue: BinaryHeap<(i64, Reverse<CommitId>)> = BinaryHeap::new();
        let mut painted: Vec<(CommitId, u8)> = vec![(upstream, UPSTREAM), (tip, TIP)];
        // How many queued commits only one side has, as far as is known.
        let mut open = 0usize;
        let mut queued: HashSet<CommitId> = HashSet::new();
        let mut oldest = None;
        loop {
            for (id, paint) in painted.drain(..) {
                let flags = match known.get_mut(&id) {
                    Some((flags, _)) if *flags | paint == *flags => continue,
                    Some((flags, _)) => {
                        open -= usize::from(queued.contains(&id) && *flags != BOTH);
                        *flags |= paint;
                        *flags
                    }
                    None => {
                        let commit = self.objects().commit(id)?;
                        let commit = commit.ok_or_else(|| Error::Absent { id: id.to_string() })?;
                        known.insert(id, (paint, commit));
                        paint
                    }
                };
                open += usize::from(flags != BOTH);
                oldest = None;
                if queued.insert(id) {
                    queue.push((known[&id].1.time, Reverse(id)));
                }
            }
            // Commits of both sides hide those below them; a clock that went wrong may put such a one late.
            if open == 0 {
                let times = || known.values().filter(|(flags, _)| *flags != BOTH).map(|(_, c)| c.time);
                let oldest = *oldest.get_or_insert_with(|| times().min().unwrap_or(i64::MAX));
                if queue.peek().is_none_or(|(time, _)| *time < oldest) {
                    break;
                }
            }
            let Some((_, Reverse(id))) = queue.pop() else { break };
            queued.remove(&id);
            let (flags, commit) = &known[&id];
            open -= usize::from(*flags != BOTH);
            if shallow.contains(&id) && *flags != BOTH {
                return Err(Error::Shallow { base: upstream.short(), head: tip.short() });
            }
            if !shallow.contains(&id) {
                painted.extend(commit.parents.iter().map(|parent| (*parent, *flags)));
            }
        }
        let side = |wanted: u8| -> Vec<(CommitId, Commit)> {
            let of_side = known.iter().filter(|(_, (flags, _))| *flags == wanted);
            let mut commits: Vec<(CommitId, Commit)> =
                of_side.map(|(id, (_, commit))| (*id, commit.clone())).collect();
            commits.sort_by_key(|(id, commit)| (Reverse(commit.time), *id));
            commits
        };
        Ok(Range { ahead: topological(tip, side(TIP)), behind: side(UPSTREAM) })
    }
}

/// Parents before children, reversed from git's topological order: a line of history is followed to its
/// end before the next one, of a merge the last parent's first.
fn topological(tip: CommitId, commits: Vec<(CommitId, Commit)>) -> Vec<(CommitId, Commit)> {
    let mut commits: HashMap<CommitId, Commit> = commits.into_iter().collect();
    let mut children: HashMap<CommitId, usize> = HashMap::new();
    for parent in commits.values().flat_map(|commit| &commit.parents) {
        *children.entry(*parent).or_default() += 1;
    }
    let mut stack = vec![tip];
    let mut order = Vec::with_capacity(commits.len());
    while let Some(id) = stack.pop() {
        let Some(commit) = commits.remove(&id) else { continue };
        for parent in &commit.parents {
            let Some(left) = children.get_mut(parent) else { continue };
            *left -= 1;
            if *left == 0 {
                stack.push(*parent);
            }
        }
        order.push((id, commit));
    }
    order.reverse();
    order
}
