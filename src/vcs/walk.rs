//! Histories: which commits there are, in what order, and which of them touch watched paths.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gix::ObjectId;
use gix::hashtable::HashMap;
use gix::objs::Kind;

use super::watch::{Resolver, Watch, WatchedStates};
use super::{CommitId, Error, Objects, Repo, TreeId};

/// Which commits a walk visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// The first-parent chain of a commit.
    FirstParent(CommitId),
    /// A commit and all its ancestors.
    Ancestry(CommitId),
    /// Every commit that any ref or HEAD reaches.
    All,
}

/// One commit of a [`History`].
#[derive(Clone, Debug)]
pub struct WalkedCommit {
    /// Its id.
    pub id: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// Indices of its parents in [`History::commits`], in order; of a first-parent walk only the first.
    pub parents: Vec<u32>,
    /// Committer time, seconds since the epoch.
    pub time: i64,
}

/// The visited commits, every parent before its children, else oldest first.
#[derive(Debug, Default)]
pub struct History {
    /// The commits.
    pub commits: Vec<WalkedCommit>,
    /// Parents that this copy lacks (a shallow clone's edge, or damage): what lies beyond is unknown.
    pub missing: Vec<CommitId>,
}

/// Commits handed to a tree worker at a time.
const BATCH: usize = 256;

/// Walks, and resolves `watch` at every commit on the way.
///
/// One thread follows the commits while others look into their trees, as both cost about the same.
///
/// # Errors
/// When a ref or an object is damaged.
pub fn walk(repo: &Repo, walk: Walk, watch: &Watch) -> Result<(History, WatchedStates), Error> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
    let (send, receive) = crossbeam_channel::unbounded::<(u32, Vec<TreeId>)>();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|_| {
                let receive = receive.clone();
                let factory = repo.objects_factory().clone();
                scope.spawn(move || {
                    let mut resolver = Resolver::new(factory.bulk_objects(), watch);
                    let mut resolved = Vec::new();
                    for (first, trees) in receive {
                        for (offset, tree) in (0..).zip(trees) {
                            resolved.push((first + offset, resolver.root(tree)?));
                        }
                    }
                    Ok::<_, Error>(resolver.finish(resolved))
                })
            })
            .collect();
        drop(receive);
        let (tips, first_parent) = starts(repo, walk)?;
        let visited = Visit::new(repo)?.run(repo, tips, first_parent, |first, trees| {
            // A worker that failed has dropped its end; its error is reported below.
            let _ = send.send((first, trees));
        });
        drop(send);
        let mut parts = Vec::with_capacity(workers);
        for handle in handles {
            match handle.join() {
                Ok(part) => parts.push(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        let visited = visited?;
        let (history, position) = visited.ordered();
        let states = WatchedStates::assemble(parts, &position);
        Ok((history, states))
    })
}

/// The commits that `tips` reach; what is no commit is passed over.
///
/// # Errors
/// When an object is damaged.
pub(in crate::vcs) fn commits_below(repo: &Repo, tips: Vec<ObjectId>) -> Result<History, Error> {
    let (history, _) = Visit::new(repo)?.run(repo, tips, false, |_, _| {})?.ordered();
    Ok(history)
}

/// Where a walk starts, and whether it keeps to first parents.
fn starts(repo: &Repo, walk: Walk) -> Result<(Vec<ObjectId>, bool), Error> {
    Ok(match walk {
        Walk::FirstParent(tip) => (vec![tip.0], true),
        Walk::Ancestry(tip) => (vec![tip.0], false),
        Walk::All => (repo.raw_tips()?, false),
    })
}

/// Commits in the order they were met.
#[derive(Default)]
struct Visit {
    commits: Vec<WalkedCommit>,
    parent_ids: Vec<Vec<ObjectId>>,
    missing: Vec<CommitId>,
    graph: Option<gix::commitgraph::Graph>,
    shallow: Vec<ObjectId>,
}

impl Visit {
    fn new(repo: &Repo) -> Result<Self, Error> {
        let mut shallow = repo.shallow_commits();
        shallow.sort_unstable();
        let graph = match shallow.is_empty() {
            true => repo.gix().commit_graph_if_enabled().ok().flatten(),
            false => None,
        };
        Ok(Self { graph, shallow, ..Self::default() })
    }

    fn run(
        mut self,
        repo: &Repo,
        mut stack: Vec<ObjectId>,
        first_parent: bool,
        mut batch_ready: impl FnMut(u32, Vec<TreeId>),
    ) -> Result<Self, Error> {
        let objects = repo.objects();
        let mut seen: HashMap<ObjectId, ()> = HashMap::default();
        let mut buffer = Vec::new();
        let mut batch = Vec::with_capacity(BATCH);
        let mut tips = stack.len();
        while let Some(id) = stack.pop() {
            let is_tip = stack.len() < tips;
            tips = tips.min(stack.len());
            if seen.contains_key(&id) {
                continue;
            }
            let Some((mut commit, mut parents)) = self.read(objects, id, is_tip, &mut stack, &mut buffer)?
            else {
                continue;
            };
            seen.insert(id, ());
            if first_parent {
                parents.truncate(1);
            }
            stack.extend(parents.iter().rev().filter(|parent| !seen.contains_key(*parent)));
            commit.parents = Vec::with_capacity(parents.len());
            batch.push(commit.tree);
            self.commits.push(commit);
            self.parent_ids.push(parents);
            if batch.len() == BATCH {
                let first = (self.commits.len() - batch.len()) as u32;
                batch_ready(first, std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
            }
        }
        if !batch.is_empty() {
            batch_ready((self.commits.len() - batch.len()) as u32, batch);
        }
        Ok(self)
    }

    /// The commit `id`; tags put their target on the stack, other things are passed over.
    fn read(
        &mut self,
        objects: &Objects,
        id: ObjectId,
        is_tip: bool,
        stack: &mut Vec<ObjectId>,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<(WalkedCommit, Vec<ObjectId>)>, Error> {
        if let Some(graph) = &self.graph
            && let Some(commit) = graph.commit_by_id(id)
        {
            let parents: Vec<ObjectId> = commit
                .iter_parents()
                .filter_map(|position| Some(graph.id_at(position.ok()?).to_owned()))
                .collect();
            let walked = WalkedCommit {
                id: CommitId(id),
                tree: TreeId(commit.root_tree_id().to_owned()),
                parents: Vec::new(),
                time: commit.committer_timestamp() as i64,
            };
            return Ok(Some((walked, parents)));
        }
        let found = objects
            .commit_head(&id, buffer)
            .map_err(|error| Error::Object { id: id.to_string(), reason: super::error::reason(&error) })?;
        match found {
            Some(Kind::Commit) => {
                let commit = Objects::decode_commit(buffer, objects.hash_kind()).ok_or_else(|| {
                    Error::Object { id: id.to_string(), reason: "it is no well-formed commit".into() }
                })?;
                let mut parents: Vec<ObjectId> = commit.parents.iter().map(|parent| parent.0).collect();
                if self.shallow.binary_search(&id).is_ok() {
                    self.missing.extend(parents.drain(..).map(CommitId));
                }
                let walked = WalkedCommit {
                    id: CommitId(id),
                    tree: commit.tree,
                    parents: Vec::new(),
                    time: commit.time,
                };
                Ok(Some((walked, parents)))
            }
            Some(Kind::Tag) => {
                if let Ok(tag) = gix::objs::TagRef::from_bytes(buffer, objects.hash_kind()) {
                    stack.push(tag.target());
                }
                Ok(None)
            }
            Some(_) => Ok(None),
            None => {
                if !is_tip {
                    self.missing.push(CommitId(id));
                }
                Ok(None)
            }
        }
    }

    /// Parents first, then by time; gives for each visit number its place in the history too.
    fn ordered(mut self) -> (History, Vec<u32>) {
        let count = self.commits.len();
        let number: HashMap<ObjectId, u32> =
            (0..).zip(&self.commits).map(|(at, commit)| (commit.id.0, at)).collect();
        let mut waiting = vec![0_u32; count];
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); count];
        for (at, parents) in (0_u32..).zip(&self.parent_ids) {
            let known: Vec<u32> = parents.iter().filter_map(|id| number.get(id).copied()).collect();
            waiting[at as usize] = known.len() as u32;
            for parent in &known {
                children[*parent as usize].push(at);
            }
            self.commits[at as usize].parents = known;
        }
        let mut ready: BinaryHeap<Reverse<(i64, CommitId, u32)>> = BinaryHeap::new();
        let key = |commits: &[WalkedCommit], at: u32| {
            let commit = &commits[at as usize];
            Reverse((commit.time, commit.id, at))
        };
        for at in 0..count as u32 {
            if waiting[at as usize] == 0 {
                ready.push(key(&self.commits, at));
            }
        }
        let mut position = vec![0_u32; count];
        let mut order = Vec::with_capacity(count);
        while let Some(Reverse((_, _, at))) = ready.pop() {
            position[at as usize] = order.len() as u32;
            order.push(at);
            for child in &children[at as usize] {
                let left = &mut waiting[*child as usize];
                *left -= 1;
                if *left == 0 {
                    ready.push(key(&self.commits, *child));
                }
            }
        }
        let mut commits = Vec::with_capacity(count);
        for at in &order {
            let mut commit = self.commits[*at as usize].clone();
            for parent in &mut commit.parents {
                *parent = position[*parent as usize];
            }
            commits.push(commit);
        }
        self.missing.sort_unstable();
        self.missing.dedup();
        (History { commits, missing: self.missing }, position)
    }
}
