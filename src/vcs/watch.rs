//! What watched paths are at each commit, at the price of the trees that lead to them.
//!
//! Each distinct tree on the way is read once: most commits share all of them with their parents.

use gix::ObjectId;
use gix::hashtable::HashMap;
use rustc_hash::FxHashMap;

use super::changed_paths::{ChangedPaths, HashedPaths};
use super::objects::EntryKind;
use super::walk::{Filtered, NONE};
use super::{Entry, Error, History, Objects, Repo, RepoPath, TreeId};

/// Paths to watch, in the order given.
#[derive(Clone, Debug)]
pub struct Watch {
    nodes: Vec<Node>,
    paths: Vec<RepoPath>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    children: Vec<(Vec<u8>, usize)>,
    /// Position in `paths` where this node itself is watched.
    leaf: Option<usize>,
}

/// An entry as watched: kind and object.
type Found = Option<(EntryKind, ObjectId)>;

impl Watch {
    /// Watches `paths`; duplicates are fine.
    pub fn new(paths: impl IntoIterator<Item = RepoPath>) -> Self {
        let mut watch = Self { nodes: vec![Node::default()], paths: Vec::new() };
        for path in paths {
            let mut at = 0;
            for component in path.components() {
                let known = watch.nodes[at].children.iter().find(|(name, _)| name == component);
                at = match known {
                    Some((_, child)) => *child,
                    None => {
                        watch.nodes.push(Node::default());
                        let child = watch.nodes.len() - 1;
                        watch.nodes[at].children.push((component.to_vec(), child));
                        child
                    }
                };
            }
            if watch.nodes[at].leaf.is_none() {
                watch.nodes[at].leaf = Some(watch.paths.len());
                watch.paths.push(path);
            }
        }
        watch
    }

    /// The watched paths without duplicates; a state's entries are in this order.
    pub fn paths(&self) -> &[RepoPath] {
        &self.paths
    }
}

/// Distinct states of the watched paths, and which commit has which.
#[derive(Debug, Default)]
pub struct WatchedStates {
    /// For each commit of the history, an index into `distinct`.
    pub of_commit: Vec<u32>,
    distinct: Vec<Vec<Found>>,
}

impl WatchedStates {
    /// How many distinct states there are.
    pub fn len(&self) -> usize {
        self.distinct.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.distinct.is_empty()
    }

    /// Whether path number `path` of the watch is the same in both states.
    pub fn same(&self, one: u32, two: u32, path: usize) -> bool {
        one == two || self.distinct[one as usize].get(path) == self.distinct[two as usize].get(path)
    }

    /// Path number `path` of the watch in state `state`.
    pub fn entry(&self, state: u32, path: usize) -> Option<Entry> {
        let (kind, id) = (*self.distinct.get(state as usize)?.get(path)?)?;
        Some(Entry { name: bstr::BString::default(), kind, executable: false, id })
    }

    /// Resolves `watch` at every commit of a history walked before.
    ///
    /// # Errors
    /// When an object is damaged.
    pub fn resolve(repo: &Repo, history: &History, watch: &Watch) -> Result<Self, Error> {
        let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
        let share = history.commits.len().div_ceil(workers).max(1);
        let Filtered { changed, positions } = &history.filtered;
        let changed = changed.as_deref();
        let parts = std::thread::scope(|scope| {
            let handles: Vec<_> = history
                .commits
                .chunks(share)
                .enumerate()
                .map(|(part, commits)| {
                    let factory = repo.objects_factory().clone();
                    scope.spawn(move || {
                        let mut resolver = Resolver::new(factory.bulk_objects(), watch, changed);
                        let mut resolved = Vec::with_capacity(commits.len());
                        for (at, commit) in (part * share..).zip(commits) {
                            let position = positions.get(at).copied().unwrap_or(NONE);
                            resolved.push((at as u32, resolver.commit(commit.tree, position)?));
                        }
                        Ok(resolver.finish(resolved))
                    })
                })
                .collect();
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect::<Result<Vec<_>, Error>>()
        })?;
        let position: Vec<u32> = (0..history.commits.len() as u32).collect();
        Ok(Self::assemble(parts, &position, history))
    }

    /// Joins what the workers found; `position` maps visit numbers to places in the history.
    pub(super) fn assemble(parts: Vec<Part>, position: &[u32], history: &History) -> Self {
        let mut states = Self { of_commit: vec![NONE; history.commits.len()], distinct: Vec::new() };
        let mut known: FxHashMap<Vec<Found>, u32> = FxHashMap::default();
        for part in parts {
            let numbers: Vec<u32> = part
                .states
                .into_iter()
                .map(|state| {
                    *known.entry(state).or_insert_with_key(|state| {
                        states.distinct.push(state.clone());
                        states.distinct.len() as u32 - 1
                    })
                })
                .collect();
            for (visit, local) in part.resolved {
                let of_commit = states.of_commit.get_mut(position[visit as usize] as usize);
                if let Some((of_commit, local)) = of_commit.zip(local) {
                    *of_commit = numbers[local as usize];
                }
            }
        }
        // Parents come first, so theirs is known.
        for (at, commit) in history.commits.iter().enumerate() {
            if states.of_commit[at] == NONE
                && let Some(parent) = commit.parents.first()
            {
                states.of_commit[at] = states.of_commit[*parent as usize];
            }
        }
        states
    }
}

/// One worker's findings.
pub(super) struct Part {
    states: Vec<Vec<Found>>,
    /// Visit numbers with the state, where it is not the first parent's.
    resolved: Vec<(u32, Option<u32>)>,
}

/// The watched entries that exist, each with the number of its path, in the order of those.
type Sparse = Vec<(usize, (EntryKind, ObjectId))>;

/// Resolves a watch at root trees, remembering every tree it has read at each node.
pub(super) struct Resolver<'w> {
    objects: Objects,
    watch: &'w Watch,
    changed: Option<(&'w ChangedPaths, HashedPaths)>,
    memory: Vec<HashMap<ObjectId, u32>>,
    /// Per node: its distinct states, each the watched entries at and below it.
    states: Vec<Vec<Sparse>>,
    numbers: Vec<FxHashMap<Sparse, u32>>,
    buffers: Vec<Vec<u8>>,
}

impl<'w> Resolver<'w> {
    pub(super) fn new(objects: Objects, watch: &'w Watch, changed: Option<&'w ChangedPaths>) -> Self {
        let nodes = watch.nodes.len();
        let changed = changed.map(|changed| (changed, HashedPaths::new(&watch.paths)));
        Self {
            objects,
            watch,
            changed,
            memory: (0..nodes).map(|_| HashMap::default()).collect(),
            states: vec![Vec::new(); nodes],
            numbers: vec![FxHashMap::default(); nodes],
            buffers: Vec::new(),
        }
    }

    /// Number of the watch's state at the commit with the tree `root` and this place in the filters; `None`: it has what
    /// its first parent has.
    pub(super) fn commit(&mut self, root: TreeId, position: u32) -> Result<Option<u32>, Error> {
        match &self.changed {
            Some((changed, paths)) if changed.leaves_alone(position, paths) => Ok(None),
            _ => self.root(root).map(Some),
        }
    }

    /// Number of the watch's state in the tree `root`.
    fn root(&mut self, root: TreeId) -> Result<u32, Error> {
        self.node(0, EntryKind::Tree, root.0)
    }

    fn node(&mut self, node: usize, kind: EntryKind, id: ObjectId) -> Result<u32, Error> {
        let watched = &self.watch.nodes[node];
        if let Some(number) = self.memory[node].get(&id) {
            return Ok(*number);
        }
        let mut state = Sparse::new();
        state.extend(watched.leaf.map(|leaf| (leaf, (kind, id))));
        if kind == EntryKind::Tree && !watched.children.is_empty() {
            let mut hits: Vec<(usize, EntryKind, ObjectId)> = Vec::new();
            let mut buffer = self.buffers.pop().unwrap_or_default();
            self.objects.visit_tree(TreeId(id), &mut buffer, |name, kind, _, id| {
                // Of a submodule nothing can be read, and filters may lack it (`submodule.NAME.ignore`).
                let child = watched.children.iter().find(|(child, _)| child == name);
                if let Some((_, child)) = child.filter(|_| kind != EntryKind::Submodule) {
                    hits.push((*child, kind, id.to_owned()));
                }
            })?;
            self.buffers.push(buffer);
            for (child, kind, id) in hits {
                let number = self.node(child, kind, id)?;
                state.extend_from_slice(&self.states[child][number as usize]);
            }
            state.sort_unstable_by_key(|(leaf, _)| *leaf);
        }
        let states = &mut self.states[node];
        let number = *self.numbers[node].entry(state).or_insert_with_key(|state| {
            states.push(state.clone());
            states.len() as u32 - 1
        });
        self.memory[node].insert(id, number);
        Ok(number)
    }

    pub(super) fn finish(mut self, resolved: Vec<(u32, Option<u32>)>) -> Part {
        let width = self.watch.paths.len();
        let states = std::mem::take(&mut self.states[0])
            .into_iter()
            .map(|sparse| {
                let mut state = vec![None; width];
                for (leaf, found) in sparse {
                    state[leaf] = Some(found);
                }
                state
            })
            .collect();
        Part { states, resolved }
    }
}
