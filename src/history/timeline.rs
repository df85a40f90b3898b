//! The states of every environment over a history.
//!
//! Three steps. The walk resolves, at every commit, the paths that matter (version locations and
//! the files that say where those are) to object ids. Where the layout of environments may have
//! changed, it is detected anew; a layout that names paths not watched yet adds them and the step
//! is repeated. What remains is comparing numbers, and only states that differ are ever read.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::lists::{Lister, Numbered};
use super::reader::Classified;
use super::{Reader, Snapshot};
use crate::parallel::map_chunks;
use crate::revision::{Environment, MigrationFile, RevisionGraph, Script, VersionLocation};
use crate::vcs::{Error, History, Repo, RepoPath, TreeId, Walk, Watch, WatchedStates, walk};

/// A commit that changed an environment's state.
#[derive(Clone, Debug)]
pub struct Emission {
    /// Index into the history's commits.
    pub commit: u32,
    /// The environment at this commit; where it is gone, as it was.
    pub environment: Arc<Environment>,
    /// Number of the state, see [`Timeline::files`]; `None` where the environment is gone.
    pub state: Option<u32>,
    /// The state at the first parent, `None` where there was none.
    pub before: Option<(Arc<Environment>, u32)>,
    /// Where the environment moved to, for the directory that it left.
    pub left_for: Option<Arc<Environment>>,
}

/// The states of every environment over a history.
pub struct Timeline {
    /// The commits.
    pub history: History,
    /// Changes, in the history's order.
    pub emissions: Vec<Emission>,
    states: States,
    /// Per numbered file: the revision that it states, and what is wrong with it.
    table: Vec<Classified>,
    /// Per numbered file: its place in the order of revision ids, then paths.
    rank: Vec<u32>,
}

impl Timeline {
    /// Reads every file of every state, each once.
    fn new(
        history: History,
        emissions: Vec<Emission>,
        states: States,
        reader: &Reader,
    ) -> Result<Self, Error> {
        let mut table = vec![(None, None); states.files.len()];
        let dialects: BTreeSet<&str> = states.dialects.iter().copied().collect();
        for dialect in dialects {
            let of_dialect = |at: &usize| states.dialects[*at] == dialect;
            let numbers: Vec<usize> = (0..states.files.len()).filter(of_dialect).collect();
            let files: Vec<MigrationFile> = numbers.iter().map(|at| states.files[*at].clone()).collect();
            for (at, read) in
                numbers.into_iter().zip(reader.headers().classify(reader.objects(), dialect, &files)?)
            {
                table[at] = read;
            }
        }
        let mut order: Vec<u32> = (0..table.len() as u32).collect();
        order.sort_by_key(|at| table[*at as usize].0.as_ref().map(|script| (&script.revision, &script.path)));
        let mut rank = vec![0; table.len()];
        for (place, at) in (0..).zip(order) {
            rank[at as usize] = place;
        }
        Ok(Self { history, emissions, states, table, rank })
    }

    /// The files of state number `state`, sorted by path.
    pub fn files(&self, state: u32) -> Vec<MigrationFile> {
        self.states.files(state).cloned().collect()
    }

    /// The numbers of the files of state number `state`, sorted by path. Equal files of all states have one number.
    pub fn file_numbers(&self, state: u32) -> &[u32] {
        &self.states.states[state as usize]
    }

    /// File number `number`.
    pub fn file(&self, number: u32) -> &MigrationFile {
        &self.states.files[number as usize]
    }

    /// The revision that file number `number` states, and what is wrong with the file.
    pub fn classified(&self, number: u32) -> &Classified {
        &self.table[number as usize]
    }

    /// The revisions of state number `state`, sorted by id, then path.
    pub fn scripts(&self, state: u32) -> Vec<Arc<Script>> {
        let mut numbers = self.states.states[state as usize].to_vec();
        numbers.sort_unstable_by_key(|at| self.rank[*at as usize]);
        numbers.into_iter().filter_map(|at| self.table[at as usize].0.clone()).collect()
    }

    /// Every revision of every state, each version of a file once, in no telling order.
    pub fn every_script(&self) -> impl Iterator<Item = &Arc<Script>> {
        self.table.iter().filter_map(|(script, _)| script.as_ref())
    }

    /// State number `state` of `environment` (`None`: nothing is left), without what is not scanned.
    pub fn snapshot(&self, environment: &Environment, state: Option<u32>) -> Snapshot {
        let Some(state) = state else {
            return Snapshot { environment: environment.clone(), ..Snapshot::default() };
        };
        let scripts = self.scripts(state);
        let numbers = self.states.states[state as usize].iter();
        Snapshot {
            environment: environment.clone(),
            files: self.files(state),
            unreadable: numbers.filter_map(|at| self.table[*at as usize].1.clone()).collect(),
            graph: Arc::new(RevisionGraph::new(&scripts)),
            scripts,
            unscanned: Vec::new(),
        }
    }
}

/// Rounds of finding new paths to watch: every move of a directory takes one.
const MAX_ROUNDS: usize = 24;

/// Commits, evenly spread over a history, at which the whole tree is searched for environments
/// that are gone by now.
const SAMPLES: usize = 4;

/// Walks and compares.
///
/// # Errors
/// When an object or a ref is damaged.
pub fn timeline(repo: &Repo, reader: &mut Reader, which: Walk) -> Result<Timeline, Error> {
    let tip = match which {
        Walk::FirstParent(tip) | Walk::Ancestry(tip) => Some(tip),
        Walk::All => repo.head()?,
    };
    let (mut watched, mut found) = (BTreeSet::new(), Found::default());
    if let Some(tip) = tip {
        paths_to_watch(reader, repo.tree_of(tip)?, &mut found, &mut watched)?;
    }
    let watch = Watch::new(watched.iter().cloned());
    let (history, states) = walk(repo, which, &watch)?;
    let mut layouts = settle(repo, reader, &history, (watch, states), watched, found)?;
    let mut states = States::default();
    layouts.read_states(reader, &mut states)?;
    let emissions = layouts.emissions(&states);
    Timeline::new(history, emissions, states, reader)
}

/// The states of every environment at some commits.
pub struct Survey {
    /// The states; there are no emissions.
    pub timeline: Timeline,
    /// Per commit, its environments with their states.
    pub at: Vec<Vec<(Arc<Environment>, u32)>>,
}

/// Reads the states at the commits of `history`. It need be no whole history: parents only say where to look for what
/// a directory was before it moved. The trees of `searched` are searched as a whole; an environment that none of them
/// has may be missed elsewhere.
///
/// # Errors
/// When an object is damaged.
pub fn survey(
    repo: &Repo,
    reader: &mut Reader,
    history: History,
    searched: &[usize],
) -> Result<Survey, Error> {
    let (mut watched, mut found) = (BTreeSet::new(), Found::default());
    let trees: BTreeSet<TreeId> = searched.iter().map(|at| history.commits[*at].tree).collect();
    for tree in trees {
        paths_to_watch(reader, tree, &mut found, &mut watched)?;
    }
    let watch = Watch::new(watched.iter().cloned());
    let states = WatchedStates::resolve(repo, &history, &watch)?;
    let mut layouts = settle(repo, reader, &history, (watch, states), watched, found)?;
    let mut states = States::default();
    layouts.read_states(reader, &mut states)?;
    let at = layouts.of_commit.iter().map(|combo| {
        let combo = &layouts.combos[*combo as usize];
        let states = combo.layout.iter().zip(&combo.states);
        states.filter_map(|(environment, state)| Some((Arc::clone(environment), (*state)?))).collect()
    });
    let at = at.collect();
    Ok(Survey { timeline: Timeline::new(history, Vec::new(), states, reader)?, at })
}

/// Watches more and more until every commit's layout is known.
fn settle<'h>(
    repo: &Repo,
    reader: &mut Reader,
    history: &'h History,
    first: (Watch, WatchedStates),
    mut watched: BTreeSet<RepoPath>,
    mut found: Found,
) -> Result<Layouts<'h>, Error> {
    let mut layouts = Layouts { history, rounds: vec![first], combos: Vec::new(), of_commit: Vec::new() };
    let mut fresh = BTreeSet::new();
    let count = history.commits.len();
    for sample in 0..SAMPLES.min(count) {
        let commit = &history.commits[sample * count / SAMPLES.min(count)];
        paths_to_watch(reader, commit.tree, &mut found, &mut fresh)?;
    }
    let mut known: HashMap<Signature, Arc<Vec<Arc<Environment>>>> = HashMap::new();
    for _ in 0..MAX_ROUNDS {
        fresh.retain(|path| !watched.contains(path));
        if !fresh.is_empty() {
            let watch = Watch::new(fresh.iter().cloned());
            let states = WatchedStates::resolve(repo, history, &watch)?;
            layouts.rounds.push((watch, states));
            watched.append(&mut fresh);
            known.clear();
        }
        let nested = found.nested;
        layouts.combine();
        // Where a version location comes or goes, its content may be in a place not known yet.
        for commit in layouts.transitions() {
            paths_to_watch(reader, history.commits[commit as usize].tree, &mut found, &mut fresh)?;
        }
        for at in 0..layouts.combos.len() {
            let signature = layouts.signature(reader, at, &found.configuration, found.nested)?;
            let layout = match known.get(&signature) {
                Some(layout) => Arc::clone(layout),
                None => {
                    let root = history.commits[layouts.combos[at].first as usize].tree;
                    let environments = reader.environments(root)?;
                    paths_to_watch(reader, root, &mut found, &mut fresh)?;
                    let layout = Arc::new(environments.into_iter().map(Arc::new).collect::<Vec<_>>());
                    known.insert(signature, Arc::clone(&layout));
                    layout
                }
            };
            layouts.combos[at].layout = layout;
        }
        fresh.retain(|path| !watched.contains(path));
        if fresh.is_empty() && nested == found.nested {
            break;
        }
        known.clear();
    }
    Ok(layouts)
}

/// Adds what decides the layout at `root`, and where its migrations are.
fn paths_to_watch(
    reader: &mut Reader,
    root: TreeId,
    found: &mut Found,
    paths: &mut BTreeSet<RepoPath>,
) -> Result<(), Error> {
    for environment in reader.environments(root)? {
        for location in environment.version_locations {
            found.nested |= location.recursive;
            paths.insert(location.path);
        }
        paths.insert(environment.directory.join("env.py"));
        paths.insert(environment.directory.join("script.py.mako"));
    }
    let configuration = reader.configuration_files(root)?;
    found.configuration.extend(configuration.iter().cloned());
    paths.extend(configuration);
    Ok(())
}

/// What the trees seen so far taught about what decides a layout.
#[derive(Default)]
struct Found {
    /// Files whose content does.
    configuration: BTreeSet<RepoPath>,
    /// Whether some environment reads sub-directories.
    nested: bool,
}

/// What of a commit decides its layout, per watched path.
type Signature = Vec<Told>;

/// What a path tells about the layout.
#[derive(PartialEq, Eq, Hash)]
enum Told {
    Absent,
    File,
    Directory,
    /// A directory that holds migrations in sub-directories, where that matters.
    Nested,
    /// A configuration file that says this.
    Says(Arc<str>),
}

/// Commits that agree on every watched path.
struct Combo {
    /// The numbers of the rounds' states.
    key: Vec<u32>,
    /// The first commit of this kind.
    first: u32,
    layout: Arc<Vec<Arc<Environment>>>,
    /// Per environment of the layout; `None` where none of its locations exists.
    states: Vec<Option<u32>>,
}

struct Layouts<'h> {
    history: &'h History,
    rounds: Vec<(Watch, WatchedStates)>,
    combos: Vec<Combo>,
    of_commit: Vec<u32>,
}

/// Distinct states. Neighbours differ in a file or two, so files are numbered and a state is a list
/// of numbers.
#[derive(Default)]
struct States {
    files: Vec<MigrationFile>,
    /// Per file, the tool that loads it.
    dialects: Vec<&'static str>,
    states: Vec<Arc<[u32]>>,
    numbers: FxHashMap<Arc<[u32]>, u32>,
}

impl Layouts<'_> {
    fn combine(&mut self) {
        let mut numbers: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        self.combos.clear();
        self.of_commit.clear();
        let mut key: Vec<u32> = Vec::new();
        for at in 0..self.history.commits.len() {
            key.clear();
            key.extend(self.rounds.iter().map(|(_, states)| states.of_commit[at]));
            let number = match numbers.get(&key) {
                Some(number) => *number,
                None => {
                    let number = self.combos.len() as u32;
                    numbers.insert(key.clone(), number);
                    self.combos.push(Combo {
                        key: key.clone(),
                        first: at as u32,
                        layout: Arc::default(),
                        states: Vec::new(),
                    });
                    number
                }
            };
            self.of_commit.push(number);
        }
    }

    /// Commits at which a directory may have moved, each tree once: those that lack a watched directory that a
    /// parent has, and parents that lack one that a commit has.
    fn transitions(&self) -> Vec<u32> {
        let mut pairs: HashMap<(u32, u32), bool> = HashMap::new();
        let mut trees = BTreeSet::new();
        let mut found = Vec::new();
        for (at, commit) in (0_u32..).zip(&self.history.commits) {
            let new = self.of_commit[at as usize];
            for parent in &commit.parents {
                let old = self.of_commit[*parent as usize];
                for (lacks, has, which) in [(new, old, at), (old, new, *parent)] {
                    let moved =
                        new != old && *pairs.entry((lacks, has)).or_insert_with(|| self.loses(lacks, has));
                    if moved && trees.insert(self.history.commits[which as usize].tree) {
                        found.push(which);
                    }
                }
            }
        }
        found
    }

    /// Whether a watched directory of combo `old` is absent in combo `new`.
    fn loses(&self, new: u32, old: u32) -> bool {
        let (new, old) = (&self.combos[new as usize].key, &self.combos[old as usize].key);
        self.rounds.iter().zip(new.iter().zip(old)).any(|((watch, states), (new, old))| {
            (0..watch.paths().len()).any(|path| {
                let is_tree = |state| states.entry(state, path).is_some_and(|entry| entry.tree().is_some());
                is_tree(*old) && !is_tree(*new)
            })
        })
    }

    /// `nested`: whether some environment reads sub-directories, so that having any matters.
    fn signature(
        &self,
        reader: &mut Reader,
        combo: usize,
        configuration: &BTreeSet<RepoPath>,
        nested: bool,
    ) -> Result<Signature, Error> {
        let mut signature = Signature::new();
        for ((watch, states), number) in self.rounds.iter().zip(&self.combos[combo].key) {
            for (at, path) in watch.paths().iter().enumerate() {
                let entry = states.entry(*number, at);
                signature.push(match entry.map(|entry| (entry.blob(), entry.tree())) {
                    None => Told::Absent,
                    Some((Some(blob), _)) if configuration.contains(path) => {
                        Told::Says(reader.configuration_meaning(path, blob)?)
                    }
                    Some((_, Some(tree))) if nested && reader.nests_migrations(tree)? => Told::Nested,
                    Some((_, Some(_))) => Told::Directory,
                    Some((_, None)) => Told::File,
                });
            }
        }
        Ok(signature)
    }

    /// Reads the file lists that the combos stand for.
    fn read_states(&mut self, reader: &Reader, states: &mut States) -> Result<(), Error> {
        let mut place: HashMap<&RepoPath, (usize, usize)> = HashMap::new();
        for (round, (watch, _)) in self.rounds.iter().enumerate() {
            for (at, path) in watch.paths().iter().enumerate() {
                place.entry(path).or_insert((round, at));
            }
        }
        // Which lists of files there are to read, and who wants which.
        let mut jobs: Vec<(Arc<Environment>, TreeId, Vec<Option<TreeId>>)> = Vec::new();
        let mut job_numbers: FxHashMap<(*const Environment, Vec<Option<TreeId>>), usize> =
            FxHashMap::default();
        let mut wanted: Vec<(usize, Option<usize>)> = Vec::new();
        for (number, combo) in self.combos.iter().enumerate() {
            for environment in combo.layout.iter() {
                let tree = |location: &VersionLocation| {
                    let (round, at) = *place.get(&location.path)?;
                    self.rounds[round].1.entry(combo.key[round], at)?.tree()
                };
                let trees: Vec<Option<TreeId>> = environment.version_locations.iter().map(tree).collect();
                let exists = trees.iter().any(Option::is_some);
                let job = exists.then(|| {
                    *job_numbers.entry((Arc::as_ptr(environment), trees)).or_insert_with_key(|(_, trees)| {
                        let root = self.history.commits[combo.first as usize].tree;
                        jobs.push((Arc::clone(environment), root, trees.clone()));
                        jobs.len() - 1
                    })
                });
                wanted.push((number, job));
            }
        }
        let headers = reader.headers();
        let numbered = Numbered::default();
        let lists = map_chunks(
            &jobs,
            8,
            || Lister::new(headers.objects(), &numbered),
            |lister, chunk| {
                let list = |(environment, root, trees): &(Arc<Environment>, TreeId, Vec<Option<TreeId>>)| {
                    lister.list(*root, environment, trees)
                };
                chunk.iter().map(list).collect::<Result<Vec<_>, Error>>()
            },
        );
        let lists: Vec<Vec<u32>> =
            lists.into_iter().collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect();
        let files = numbered.into_files();
        // Which thread came first must not be seen.
        let mut renumbered = vec![None; files.len()];
        let mut numbers = Vec::with_capacity(lists.len());
        for ((environment, ..), list) in jobs.iter().zip(&lists) {
            let file = |number: &u32| {
                *renumbered[*number as usize]
                    .get_or_insert_with(|| states.add(environment.dialect, files[*number as usize].clone()))
            };
            let list = list.iter().map(file).collect();
            numbers.push(states.number(list));
        }
        for (combo, job) in wanted {
            self.combos[combo].states.push(job.map(|job| numbers[job]));
        }
        Ok(())
    }

    fn emissions(&self, states: &States) -> Vec<Emission> {
        let mut emissions = Vec::new();
        let mut pairs: HashMap<(u32, u32), Arc<Pairing>> = HashMap::new();
        let mut pairing = |new: u32, old: u32| {
            let entry = pairs.entry((new, old)).or_insert_with(|| {
                Arc::new(Pairing::new(&self.combos[new as usize], &self.combos[old as usize], states))
            });
            Arc::clone(entry)
        };
        for (at, commit) in (0_u32..).zip(&self.history.commits) {
            let number = self.of_commit[at as usize];
            let parents: Vec<u32> =
                commit.parents.iter().map(|parent| self.of_commit[*parent as usize]).collect();
            if parents.contains(&number) {
                continue;
            }
            let combo = &self.combos[number as usize];
            let pairings: Vec<Arc<Pairing>> = parents.iter().map(|parent| pairing(number, *parent)).collect();
            for (index, environment) in combo.layout.iter().enumerate() {
                let Some(state) = combo.states[index] else { continue };
                if pairings.iter().any(|pairing| pairing.unchanged[index]) {
                    continue;
                }
                let before = pairings.first().and_then(|pairing| pairing.before[index]).and_then(|old| {
                    let parent = &self.combos[parents[0] as usize];
                    Some((Arc::clone(&parent.layout[old]), parent.states[old]?))
                });
                emissions.push(Emission {
                    commit: at,
                    environment: Arc::clone(environment),
                    state: Some(state),
                    before,
                    left_for: None,
                });
            }
            let Some(first) = pairings.first() else { continue };
            let parent = &self.combos[parents[0] as usize];
            for (old, environment) in parent.layout.iter().enumerate() {
                let Some(before) = parent.states[old] else { continue };
                // Gone from every parent, not merely never merged from one of them.
                let everywhere = pairings.iter().zip(&parents).all(|(pairing, number)| {
                    let layout = &self.combos[*number as usize].layout;
                    layout
                        .iter()
                        .position(|other| other.shares_location(environment))
                        .is_some_and(|other| pairing.gone[other])
                });
                if everywhere {
                    let left_for = first.left_for[old].map(|index| Arc::clone(&combo.layout[index]));
                    emissions.push(Emission {
                        commit: at,
                        environment: Arc::clone(environment),
                        state: None,
                        before: Some((Arc::clone(environment), before)),
                        left_for,
                    });
                }
            }
        }
        emissions
    }
}

impl States {
    /// A number for `file`.
    fn add(&mut self, dialect: &'static str, file: MigrationFile) -> u32 {
        self.files.push(file);
        self.dialects.push(dialect);
        self.files.len() as u32 - 1
    }

    /// The number of a state with these files.
    fn number(&mut self, state: Arc<[u32]>) -> u32 {
        *self.numbers.entry(state).or_insert_with_key(|state| {
            self.states.push(Arc::clone(state));
            self.states.len() as u32 - 1
        })
    }

    fn files(&self, state: u32) -> impl Iterator<Item = &MigrationFile> + Clone {
        self.states[state as usize].iter().map(|file| &self.files[*file as usize])
    }
}

/// Which environment of one commit is which of its parent.
struct Pairing {
    /// Per environment of the commit: the parent's, by place or by content.
    before: Vec<Option<usize>>,
    /// Per environment of the commit: whether its state is the parent's.
    unchanged: Vec<bool>,
    /// Per environment of the parent: whether it is gone.
    gone: Vec<bool>,
    /// Per environment of the parent: the commit's environment that took its content over.
    left_for: Vec<Option<usize>>,
}

impl Pairing {
    fn new(new: &Combo, old: &Combo, states: &States) -> Self {
        let mut before: Vec<Option<usize>> = new
            .layout
            .iter()
            .map(|environment| old.layout.iter().position(|other| environment.is_same_place(other)))
            .collect();
        let gone: Vec<bool> = old
            .layout
            .iter()
            .enumerate()
            .map(|(at, environment)| {
                let now = new.layout.iter().position(|other| environment.is_same_place(other));
                old.states[at].is_some() && now.is_none_or(|now| new.states[now].is_none())
            })
            .collect();
        let unchanged = new
            .layout
            .iter()
            .enumerate()
            .map(|(at, _)| before[at].is_some_and(|old_at| old.states[old_at] == new.states[at]))
            .collect();
        let mut left_for = vec![None; old.layout.len()];
        for (at, before) in before.iter_mut().enumerate() {
            let appeared = before.is_none_or(|old_at| old.states[old_at].is_none());
            let Some(state) = new.states[at].filter(|_| appeared) else { continue };
            let moved_from = gone.iter().enumerate().filter(|(_, gone)| **gone).find(|(old_at, _)| {
                old.states[*old_at].is_some_and(|old_state| states.is_moved(old_state, state))
            });
            if let Some((old_at, _)) = moved_from {
                *before = Some(old_at);
                left_for[old_at] = Some(at);
            }
        }
        Self { before, unchanged, gone, left_for }
    }
}

impl States {
    /// Whether at least half of the smaller state's files are found in the other by name or content.
    fn is_moved(&self, old: u32, new: u32) -> bool {
        let (old, new) = (self.files(old), self.files(new));
        let smaller = old.clone().count().min(new.clone().count());
        let names: BTreeSet<&[u8]> = old.clone().map(|file| file.path.name().as_ref()).collect();
        let blobs: BTreeSet<_> = old.filter_map(|file| file.blob).collect();
        let common = new
            .filter(|file| {
                names.contains::<[u8]>(file.path.name().as_ref())
                    || file.blob.is_some_and(|blob| blobs.contains(&blob))
            })
            .count();
        smaller > 0 && common * 2 >= smaller
    }
}
