//! Histories: which commits there are, in what order, and which of them touch watched paths.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use gix::ObjectId;
use gix::commitgraph::Position;
use gix::hashtable::HashMap;
use gix::objs::Kind;

use super::changed_paths::{ChangedPaths, CommitGraph};
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
    pub(super) filtered: Filtered,
}

impl History {
    /// Commits that were found in another way than by a walk.
    pub fn of(commits: Vec<WalkedCommit>) -> Self {
        Self { commits, ..Self::default() }
    }
}

/// What tells without a look at trees that a commit leaves paths alone.
#[derive(Debug, Default)]
pub(super) struct Filtered {
    pub(super) changed: Option<Arc<ChangedPaths>>,
    /// Per commit of the history, its place in the commit-graph; [`NONE`] where there is no such or no first parent.
    pub(super) positions: Vec<u32>,
}

/// In place of a number.
pub(super) const NONE: u32 = u32::MAX;

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
    let (send, receive) = crossbeam_channel::unbounded::<Batch>();
    let visit = Visit::new(repo);
    let changed = visit.changed();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|_| {
                let receive = receive.clone();
                let factory = repo.objects_factory().clone();
                let changed = changed.as_deref();
                scope.spawn(move || {
                    let mut resolver = Resolver::new(factory.bulk_objects(), watch, changed);
                    let mut resolved = Vec::new();
                    for batch in receive {
                        for (visit, (tree, position)) in (batch.first..).zip(batch.trees) {
                            resolved.push((visit, resolver.commit(tree, position)?));
                        }
                    }
                    Ok::<_, Error>(resolver.finish(resolved))
                })
            })
            .collect();
        drop(receive);
        let (tips, first_parent) = starts(repo, walk)?;
        let visited = visit.run(tips, first_parent, |batch| {
            // A worker that failed has dropped its end; its error is reported below.
            let _ = send.send(batch);
        });
        drop(send);
        let mut parts = Vec::with_capacity(workers);
        for handle in handles {
            match handle.join() {
                Ok(part) => parts.push(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        let (history, position) = visited?.ordered();
        let states = WatchedStates::assemble(parts, &position, &history);
        Ok((history, states))
    })
}

/// The commits that `tips` reach; what is no commit is passed over.
///
/// # Errors
/// When an object is damaged.
pub(in crate::vcs) fn commits_below(repo: &Repo, tips: Vec<ObjectId>) -> Result<History, Error> {
    let (history, _) = Visit::new(repo).run(tips, false, |_| {})?.ordered();
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

/// Commits visited one after the other.
struct Batch {
    /// Visit number of the first.
    first: u32,
    /// Their trees, each with the commit's place in the filters.
    trees: Vec<(TreeId, u32)>,
}

/// A walk, and the commits in the order of their visits.
struct Visit<'r> {
    repo: &'r Repo,
    graph: Option<CommitGraph>,
    shallow: Vec<ObjectId>,
    /// What has been met, by number.
    met: Vec<Met>,
    /// Numbers of what has been met, by place in the commit-graph.
    by_position: Vec<u32>,
    /// What the commit-graph lacks, and the numbers of these.
    objects: Vec<ObjectId>,
    by_id: HashMap<ObjectId, u32>,
    /// Parents are numbers of what has been met.
    commits: Vec<WalkedCommit>,
    /// Per commit, its place in the filters.
    positions: Vec<u32>,
    missing: Vec<CommitId>,
    /// What is not there, and its number.
    absent: Vec<(u32, ObjectId)>,
}

/// An object that a ref, a commit or a tag leads to.
struct Met {
    source: Source,
    is_visited: bool,
    /// Whether a commit or a tag leads to it.
    is_wanted: bool,
    /// Its visit number if it is a commit.
    visit: u32,
}

/// Where an object is read: at a place in the commit-graph, or the one at a place among [`Visit::objects`].
#[derive(Clone, Copy)]
enum Source {
    Graph(u32),
    Object(u32),
}

impl<'r> Visit<'r> {
    fn new(repo: &'r Repo) -> Self {
        let mut shallow = repo.shallow_commits();
        shallow.sort_unstable();
        let graph = CommitGraph::open(repo.gix()).filter(|_| shallow.is_empty());
        let places = graph.as_ref().map_or(0, |graph| graph.graph.num_commits());
        Self {
            repo,
            graph,
            shallow,
            met: Vec::with_capacity(places as usize),
            by_position: vec![NONE; places as usize],
            objects: Vec::new(),
            by_id: HashMap::default(),
            commits: Vec::with_capacity(places as usize),
            positions: Vec::with_capacity(places as usize),
            missing: Vec::new(),
            absent: Vec::new(),
        }
    }

    fn changed(&self) -> Option<Arc<ChangedPaths>> {
        self.graph.as_ref()?.changed.clone()
    }

    /// The number of the object `id`.
    fn meet(&mut self, id: ObjectId) -> u32 {
        if let Some(position) = self.graph.as_ref().and_then(|graph| graph.graph.lookup(id)) {
            return self.meet_at(position.0);
        }
        let Self { met, objects, .. } = self;
        *self.by_id.entry(id).or_insert_with(|| {
            objects.push(id);
            number(met, Source::Object(objects.len() as u32 - 1))
        })
    }

    /// The number of the commit at `position` of the commit-graph.
    fn meet_at(&mut self, position: u32) -> u32 {
        let known = &mut self.by_position[position as usize];
        if *known == NONE {
            *known = number(&mut self.met, Source::Graph(position));
        }
        *known
    }

    fn run(
        mut self,
        tips: Vec<ObjectId>,
        first_parent: bool,
        mut batch_ready: impl FnMut(Batch),
    ) -> Result<Self, Error> {
        let mut stack: Vec<u32> = tips.into_iter().map(|tip| self.meet(tip)).collect();
        let mut buffer = Vec::new();
        let mut trees = Vec::with_capacity(BATCH);
        while let Some(number) = stack.pop() {
            let met = &mut self.met[number as usize];
            if std::mem::replace(&mut met.is_visited, true) {
                continue;
            }
            let read = match met.source {
                Source::Graph(position) => self.read_graph(position),
                Source::Object(at) => Err(self.objects[at as usize]),
            };
            let read = match read {
                Ok(read) => Some(read),
                Err(id) => self.read_object(number, id, &mut stack, &mut buffer)?,
            };
            let Some((mut commit, position)) = read else { continue };
            if first_parent {
                commit.parents.truncate(1);
            }
            for parent in commit.parents.iter().rev() {
                let met = &mut self.met[*parent as usize];
                met.is_wanted = true;
                if !met.is_visited {
                    stack.push(*parent);
                }
            }
            trees.push((commit.tree, position));
            self.met[number as usize].visit = self.commits.len() as u32;
            self.commits.push(commit);
            self.positions.push(position);
            if trees.len() == BATCH {
                let trees = std::mem::replace(&mut trees, Vec::with_capacity(BATCH));
                batch_ready(Batch { first: (self.commits.len() - BATCH) as u32, trees });
            }
        }
        if !trees.is_empty() {
            batch_ready(Batch { first: (self.commits.len() - trees.len()) as u32, trees });
        }
        Ok(self)
    }

    /// The commit at `position` of the commit-graph, and its place in the filters; its id where the graph gives it
    /// parents that it does not have.
    fn read_graph(&mut self, position: u32) -> Result<(WalkedCommit, u32), ObjectId> {
        let Some(CommitGraph { graph, .. }) = &self.graph else {
            return Err(self.repo.objects().hash_kind().null());
        };
        let commit = graph.commit_at(Position(position));
        let places = graph.num_commits();
        let place =
            |parent: Result<Position, _>| parent.ok().map(|parent| parent.0).filter(|at| *at < places);
        let Some(parents) = commit.iter_parents().map(place).collect::<Option<Vec<u32>>>() else {
            return Err(commit.id().to_owned());
        };
        let mut walked = WalkedCommit {
            id: CommitId(commit.id().to_owned()),
            tree: TreeId(commit.root_tree_id().to_owned()),
            parents,
            time: commit.committer_timestamp() as i64,
        };
        for parent in &mut walked.parents {
            *parent = self.meet_at(*parent);
        }
        let place = if walked.parents.is_empty() { NONE } else { position };
        Ok((walked, place))
    }

    /// The commit `id`, number `number`; tags put their target on the stack, other things are passed over.
    fn read_object(
        &mut self,
        number: u32,
        id: ObjectId,
        stack: &mut Vec<u32>,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<(WalkedCommit, u32)>, Error> {
        let objects = self.repo.objects();
        let found = objects
            .commit_head(&id, buffer)
            .map_err(|error| Error::Object { id: id.to_string(), reason: super::error::reason(&error) })?;
        match found {
            Some(Kind::Commit) => {
                let mut commit = Objects::decode_commit(buffer, objects.hash_kind()).ok_or_else(|| {
                    Error::Object { id: id.to_string(), reason: "it is no well-formed commit".into() }
                })?;
                if self.shallow.binary_search(&id).is_ok() {
                    self.missing.append(&mut commit.parents);
                }
                let parents = commit.parents.iter().map(|parent| self.meet(parent.0)).collect();
                let walked = WalkedCommit { id: CommitId(id), tree: commit.tree, parents, time: commit.time };
                return Ok(Some((walked, NONE)));
            }
            Some(Kind::Tag) => {
                if let Ok(tag) = gix::objs::TagRef::from_bytes(buffer, objects.hash_kind()) {
                    let target = self.meet(tag.target());
                    self.met[target as usize].is_wanted = true;
                    stack.push(target);
                }
            }
            Some(_) => {}
            None => self.absent.push((number, id)),
        }
        Ok(None)
    }

    /// Parents first, then by time; gives for each visit number its place in the history too.
    fn ordered(mut self) -> (History, Vec<u32>) {
        let count = self.commits.len();
        let met = &self.met;
        let mut waiting = vec![0_u32; count];
        // Children of all commits in one list, and where each commit's begin.
        let mut starts = vec![0_u32; count + 1];
        for (waiting, commit) in waiting.iter_mut().zip(&mut self.commits) {
            commit.parents.retain_mut(|parent| {
                *parent = met[*parent as usize].visit;
                *parent != NONE
            });
            *waiting = commit.parents.len() as u32;
            for parent in &commit.parents {
                starts[*parent as usize + 1] += 1;
            }
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut children = vec![0_u32; starts[count] as usize];
        let mut ends = starts.clone();
        for (at, commit) in (0_u32..).zip(&self.commits) {
            for parent in &commit.parents {
                let end = &mut ends[*parent as usize];
                children[*end as usize] = at;
                *end += 1;
            }
        }
        let mut by_age: Vec<(i64, u32)> =
            self.commits.iter().zip(0..).map(|(commit, at)| (commit.time, at)).collect();
        let id = |at: u32| &self.commits[at as usize].id;
        by_age.sort_unstable_by(|one, two| one.0.cmp(&two.0).then_with(|| id(one.1).cmp(id(two.1))));
        let mut ages = vec![0_u32; count];
        for (age, (_, at)) in (0..).zip(&by_age) {
            ages[*at as usize] = age;
        }
        let ready = (0..count).filter(|at| waiting[*at] == 0).map(|at| Reverse(ages[at]));
        let mut ready: BinaryHeap<Reverse<u32>> = ready.collect();
        let mut position = vec![NONE; count];
        let mut next = 0;
        while let Some(Reverse(age)) = ready.pop() {
            let at = by_age[age as usize].1 as usize;
            position[at] = next;
            next += 1;
            for child in &children[starts[at] as usize..starts[at + 1] as usize] {
                let left = &mut waiting[*child as usize];
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse(ages[*child as usize]));
                }
            }
        }
        let ordered = next as usize;
        // A damaged commit-graph may tell of commits that are their own ancestors: they are in no order.
        for position in position.iter_mut().filter(|position| **position == NONE) {
            *position = next;
            next += 1;
        }
        for commit in &mut self.commits {
            commit.parents.iter_mut().for_each(|parent| *parent = position[*parent as usize]);
        }
        // In place: the commits are the largest thing in memory.
        let mut place = position.clone();
        for at in 0..count {
            while place[at] as usize != at {
                let to = place[at] as usize;
                self.commits.swap(at, to);
                self.positions.swap(at, to);
                place.swap(at, to);
            }
        }
        self.commits.truncate(ordered);
        self.positions.truncate(ordered);
        let absent = self.absent.iter().filter(|(number, _)| met[*number as usize].is_wanted);
        self.missing.extend(absent.map(|(_, id)| CommitId(*id)));
        self.missing.sort_unstable();
        self.missing.dedup();
        let filtered = Filtered { changed: self.changed(), positions: self.positions };
        (History { commits: self.commits, missing: self.missing, filtered }, position)
    }
}

/// A new number, for what is read at `source`.
fn number(met: &mut Vec<Met>, source: Source) -> u32 {
    met.push(Met { source, is_visited: false, is_wanted: false, visit: NONE });
    met.len() as u32 - 1
}
