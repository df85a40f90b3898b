//! What one branch would bring to an environment of the trunk.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Stop;
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::history::{Delta, Reader, Snapshot, Survey, delta};
use crate::revision::{Environment, MigrationFile, RevisionGraph, Script};
use crate::rules::{self, HistoryFacts, RuleCx};
use crate::vcs::{CommitId, Conflict, Error, Repo, RepoPath, TreeId, merge_trees, mount, virtual_base};

/// The rules that tell what goes wrong when branches land; the others are `check`'s business.
const RULES: [&str; 6] = [
    "multiple-heads",
    "duplicate-revision",
    "duplicate-number",
    "missing-parent",
    "revision-cycle",
    "competing-merge-revisions",
];

/// What a branch, or several that changed the same in the same way, would bring to one environment.
pub struct Brought {
    /// Index of [`super::Answer::environments`].
    pub environment: usize,
    /// What changes on the trunk.
    pub changes: Delta,
    /// The revisions that come, sorted by id.
    pub added: Vec<Arc<Script>>,
    /// Files that come and are no revisions, with the reasons.
    pub unreadable: Vec<(RepoPath, String)>,
    /// Revisions that extend what is no head of the trunk any more, where that makes heads.
    pub behind: Vec<Behind>,
    /// What goes wrong when it lands.
    pub findings: Vec<Diagnostic>,
    /// The environment after it landed.
    pub(super) landed: Snapshot,
}

/// A revision that stands where the trunk has gone on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Behind {
    /// The revision.
    pub revision: String,
    /// Its parent, on the trunk.
    pub down_revision: String,
}

/// An environment as the trunk has it.
pub(super) struct Ground {
    pub(super) state: Snapshot,
    files: HashMap<RepoPath, MigrationFile>,
    findings: Vec<Diagnostic>,
}

impl Ground {
    pub(super) fn new(state: Snapshot) -> Self {
        let files = state.files.iter().map(|file| (file.path.clone(), file.clone())).collect();
        Self { findings: faults(&state), files, state }
    }

    pub(super) fn is_same_place(&self, other: &Environment) -> bool {
        self.state.environment.is_same_place(other)
    }
}

/// A commit as far as it matters.
#[derive(Clone, Copy)]
pub(super) struct Point<'s> {
    pub(super) tree: TreeId,
    pub(super) states: &'s [(Arc<Environment>, u32)],
}

/// What decides the answer: the environment, and the states there at the tip and where it left the trunk.
type Key = (usize, Option<State>, Vec<Option<State>>);
/// A state, and the environment (by address) that it is of.
type State = (usize, u32);

/// Compares tips with the trunk, each distinct change once.
pub(super) struct Comparison<'r> {
    reader: &'r mut Reader,
    survey: &'r Survey,
    trunk: TreeId,
    pub(super) grounds: Vec<Ground>,
    known: HashMap<Key, Result<Option<Arc<Brought>>, String>>,
    file_sets: HashMap<u32, Arc<HashSet<u32>>>,
    pruned: HashMap<State, TreeId>,
    alike: HashMap<(usize, u32), bool>,
}

impl<'r> Comparison<'r> {
    pub(super) fn new(
        reader: &'r mut Reader,
        survey: &'r Survey,
        trunk: TreeId,
        grounds: Vec<Ground>,
    ) -> Self {
        let (known, file_sets, pruned, alike) = Default::default();
        Self { reader, survey, trunk, grounds, known, file_sets, pruned, alike }
    }

    /// What the tip would bring, by environment; nothing where the trunk has it like that already.
    pub(super) fn brings<E: From<Error>>(
        &mut self,
        repo: &Repo,
        (commit, tip): (CommitId, Point<'_>),
        (commits, bases): (&[CommitId], &[Point<'_>]),
        is_wanted: &dyn Fn(&mut Vec<Environment>) -> bool,
    ) -> Result<Vec<Arc<Brought>>, Stop<E>> {
        for (environment, state) in tip.states {
            let is_at = |ground: usize| self.grounds[ground].is_same_place(environment);
            let grounds = 0..self.grounds.len();
            if grounds.clone().any(is_at) || grounds.into_iter().any(|ground| self.is_alike(ground, *state)) {
                continue;
            }
            let mut wanted = vec![Environment::clone(environment)];
            if is_wanted(&mut wanted) {
                let nothing =
                    wanted.into_iter().map(|environment| Snapshot { environment, ..Snapshot::default() });
                self.grounds.extend(nothing.map(Ground::new));
            }
        }
        let mut brings = Vec::new();
        for at in 0..self.grounds.len() {
            let mut state = |point: &Point<'_>| self.find(at, point).map(address);
            let key: Key = (at, state(&tip), bases.iter().map(state).collect());
            let found = match self.known.get(&key) {
                Some(found) => found.clone(),
                None => {
                    let found = match self.compare(repo, at, (commit, tip), (commits, bases)) {
                        Ok(found) => Ok(found.map(Arc::new)),
                        Err(error) => match Stop::<E>::from(error) {
                            Stop::Unknown(reason) => Err(reason),
                            stop => return Err(stop),
                        },
                    };
                    self.known.insert(key, found.clone());
                    found
                }
            };
            brings.extend(found.map_err(Stop::Unknown)?);
        }
        Ok(brings)
    }

    /// What environment number `at` of the trunk is at another commit: what stands in its place, else, as it may
    /// have moved, what holds mostly the same files.
    fn find<'s>(&mut self, at: usize, point: &Point<'s>) -> Option<&'s (Arc<Environment>, u32)> {
        let in_place =
            |(environment, _): &&(Arc<Environment>, u32)| self.grounds[at].is_same_place(environment);
        if let Some(found) = point.states.iter().find(in_place) {
            return Some(found);
        }
        let is_another =
            |environment: &Environment| self.grounds.iter().any(|ground| ground.is_same_place(environment));
        let others: Vec<_> =
            point.states.iter().filter(|(environment, _)| !is_another(environment)).collect();
        others.into_iter().find(|(_, state)| self.is_alike(at, *state))
    }

    /// Whether most of the smaller side's file names are those of the other.
    fn is_alike(&mut self, at: usize, state: u32) -> bool {
        let (timeline, ground) = (&self.survey.timeline, &self.grounds[at]);
        *self.alike.entry((at, state)).or_insert_with(|| {
            let names: HashSet<_> = ground.files.keys().map(|path| path.name()).collect();
            let files = timeline.file_numbers(state);
            let common =
                files.iter().filter(|file| names.contains(timeline.file(**file).path.name())).count();
            let smaller = files.len().min(names.len());
            smaller > 0 && common * 2 > smaller
        })
    }

    fn set(&mut self, state: Option<u32>) -> Arc<HashSet<u32>> {
        let Some(state) = state else { return Arc::default() };
        let numbers = self.survey.timeline.file_numbers(state);
        Arc::clone(self.file_sets.entry(state).or_insert_with(|| Arc::new(numbers.iter().copied().collect())))
    }

    fn compare(
        &mut self,
        repo: &Repo,
        at: usize,
        (commit, tip): (CommitId, Point<'_>),
        (commits, bases): (&[CommitId], &[Point<'_>]),
    ) -> Result<Option<Brought>, Error> {
        let timeline = &self.survey.timeline;
        let ours = self.find(at, &tip);
        let theirs: Vec<_> = bases.iter().map(|base| self.find(at, base)).collect();
        let number = |known: &Option<&(Arc<Environment>, u32)>| known.map(|(_, state)| *state);
        if theirs.iter().any(|base| number(base) == number(&ours)) {
            return Ok(None);
        }
        let tip_files = self.set(number(&ours));
        let base_files: Vec<_> = theirs.iter().map(|base| self.set(number(base))).collect();
        let ground = &self.grounds[at];
        let on_trunk = |file: &MigrationFile| ground.files.get(&file.path) == Some(file);
        let mut changed: Vec<&MigrationFile> = tip_files
            .iter()
            .filter(|number| !base_files.iter().any(|base| base.contains(number)))
            .map(|number| timeline.file(*number))
            .filter(|file| !on_trunk(file))
            .collect();
        changed.sort();
        let tip_paths: HashSet<&RepoPath> =
            tip_files.iter().map(|number| &timeline.file(*number).path).collect();
        let base_paths: HashSet<&RepoPath> = base_files
            .iter()
            .flat_map(|base| base.iter())
            .map(|number| &timeline.file(*number).path)
            .collect();
        let removes =
            base_paths.iter().any(|path| !tip_paths.contains(path) && ground.files.contains_key(*path));
        if changed.is_empty() && !removes {
            return Ok(None);
        }
        let is_new = |file: &&MigrationFile| {
            !ground.files.contains_key(&file.path) && !base_paths.contains(&file.path)
        };
        let locations = &ground.state.environment.version_locations;
        let stays = ours.into_iter().chain(theirs.iter().copied().flatten());
        let moved = stays.clone().any(|(environment, _)| environment.version_locations != *locations);
        if !removes && !moved && changed.iter().all(is_new) {
            let mut files = ground.state.files.clone();
            files.extend(changed.into_iter().cloned());
            files.sort();
            return self.landed(at, files, &[]);
        }
        let (tree, conflicts) = match (moved, bases) {
            (false, [base]) => {
                let environment = ground.state.environment.clone();
                let trunk = Point { tree: self.trunk, states: &self.survey.at[0] };
                let ancestor = self.pruned(&environment, at, base)?;
                let trunk = self.pruned(&environment, at, &trunk)?;
                let head = self.pruned(&environment, at, &tip)?;
                let merged = merge_trees(self.reader.objects(), ancestor, trunk, head, &is_python)?;
                (merged.tree, merged.conflicts)
            }
            _ => self.merge_whole(repo, at, (commit, tip), (commits, bases))?,
        };
        let files = self.reader.files(tree, &self.grounds[at].state.environment)?;
        self.landed(at, files, &conflicts)
    }

    /// The version locations at a commit, and nothing else.
    fn pruned(&mut self, environment: &Environment, at: usize, point: &Point<'_>) -> Result<TreeId, Error> {
        let state = self.find(at, point).map(address);
        if let Some(tree) = state.and_then(|state| self.pruned.get(&state)) {
            return Ok(*tree);
        }
        let objects = self.reader.objects();
        let mut places = BTreeMap::new();
        for location in &environment.version_locations {
            if let Some(tree) = objects.follow(point.tree, &location.path)?.and_then(|entry| entry.tree()) {
                places.insert(location.path.clone(), tree);
            }
        }
        let tree = mount(objects, &places)?;
        if let Some(state) = state {
            self.pruned.insert(state, tree);
        }
        Ok(tree)
    }

    /// As `check` merges: where a directory moved or histories crossed, whole trees say what becomes of a file.
    fn merge_whole(
        &mut self,
        repo: &Repo,
        at: usize,
        (commit, tip): (CommitId, Point<'_>),
        (commits, bases): (&[CommitId], &[Point<'_>]),
    ) -> Result<(TreeId, Vec<Conflict>), Error> {
        let sides: Vec<_> = bases.iter().chain([&tip]).filter_map(|point| self.find(at, point)).collect();
        let environment = &self.grounds[at].state.environment;
        let environments = sides.iter().map(|(known, _)| &**known).chain([environment]);
        let places: Vec<RepoPath> = environments
            .flat_map(|known| known.version_locations.iter().map(|location| location.path.clone()))
            .collect();
        let relevant = |path: &RepoPath| is_python(path) && places.iter().any(|place| path.is_within(place));
        let ancestor = virtual_base(repo, commits, &relevant)?;
        let head = repo.tree_of(commit)?;
        let merged = merge_trees(self.reader.objects(), ancestor, self.trunk, head, &relevant)?;
        let within = |conflict: &Conflict| relevant(&conflict.path);
        Ok((merged.tree, merged.conflicts.into_iter().filter(within).collect()))
    }

    /// What the trunk has gained when it holds `files`.
    fn landed(
        &self,
        at: usize,
        files: Vec<MigrationFile>,
        conflicts: &[Conflict],
    ) -> Result<Option<Brought>, Error> {
        let ground = &self.grounds[at];
        let (objects, headers) = (self.reader.objects(), self.reader.headers());
        let fresh: Vec<MigrationFile> =
            files.iter().filter(|file| ground.files.get(&file.path) != Some(file)).cloned().collect();
        let (new_scripts, new_unreadable) = headers.scripts(objects, &ground.state.environment, &fresh)?;
        if let Some(absent) = new_unreadable.iter().find(|file| file.absent) {
            return Err(Error::Absent { id: absent.path.to_string() });
        }
        let kept: HashSet<&RepoPath> = files.iter().map(|file| &file.path).collect();
        let replaced: HashSet<&RepoPath> = fresh.iter().map(|file| &file.path).collect();
        let stays = |path: &RepoPath| kept.contains(path) && !replaced.contains(path);
        let mut scripts: Vec<Arc<Script>> =
            ground.state.scripts.iter().filter(|script| stays(&script.path)).map(Arc::clone).collect();
        scripts.extend(new_scripts.iter().map(Arc::clone));
        scripts.sort_by(|one, two| (&one.revision, &one.path).cmp(&(&two.revision, &two.path)));
        let unreadable = new_unreadable.iter().map(|file| (file.path.clone(), file.reason.clone())).collect();
        let landed = Snapshot {
            environment: ground.state.environment.clone(),
            graph: Arc::new(RevisionGraph::new(&scripts)),
            scripts,
            files,
            ..Snapshot::default()
        };
        let changes =
            delta(&ground.state.scripts, &landed.scripts, |one, two| headers.grade(objects, one, two))?;
        let mut findings = new_faults(&ground.findings, faults(&landed));
        findings.extend(conflicts.iter().map(|conflict| told(conflict, &landed)));
        drop_ignored(&new_scripts, &mut findings);
        for finding in &mut findings {
            finding.environment = Some(landed.environment.name.clone());
        }
        let known = &ground.state.graph;
        let added: Vec<Arc<Script>> =
            new_scripts.into_iter().filter(|script| !known.contains(&script.revision)).collect();
        let is_crowded = findings.iter().any(|finding| finding.rule == "multiple-heads");
        let mut behind: Vec<Behind> = Vec::new();
        for script in added.iter().filter(|_| is_crowded) {
            let is_head = |parent: &str| known.heads().iter().any(|head| head == parent);
            let parents: Vec<&str> =
                script.down_revisions().filter(|parent| known.contains(parent)).collect();
            if !parents.iter().any(|parent| is_head(parent)) {
                behind.extend(parents.into_iter().map(|parent| Behind {
                    revision: script.revision.to_string(),
                    down_revision: parent.to_owned(),
                }));
            }
        }
        behind.sort();
        let nothing = changes.added.is_empty()
            && changes.removed.is_empty()
            && changes.moved.is_empty()
            && changes.edited.is_empty()
            && fresh.is_empty()
            && findings.is_empty();
        let brought = Brought { environment: at, changes, added, unreadable, behind, findings, landed };
        Ok((!nothing).then_some(brought))
    }
}

/// A state as a key.
fn address((environment, state): &(Arc<Environment>, u32)) -> State {
    (Arc::as_ptr(environment) as usize, *state)
}

fn is_python(path: &RepoPath) -> bool {
    path.name().ends_with(b".py")
}

/// The faults of a state that concern landing.
fn faults(state: &Snapshot) -> Vec<Diagnostic> {
    let history = HistoryFacts::default();
    let cx = RuleCx { state, merge: None, history: &history };
    let mut found = Vec::new();
    for rule in RULES.iter().filter_map(|name| rules::by_name(name)) {
        rule.check(&cx, &mut found);
    }
    found
}

/// Those that are new, as `check` counts it.
fn new_faults(old: &[Diagnostic], mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.retain(|finding| !old.iter().any(|old| rules::says_again(finding, old)));
    found
}

fn told(conflict: &Conflict, landed: &Snapshot) -> Diagnostic {
    let message = format!("git cannot merge {}: {}", conflict.path, conflict.reason);
    Diagnostic::new("merge-conflict", Severity::Error, message)
        .about(conflict.path.to_string())
        .revisions(landed.script_at(&conflict.path).map(|script| &*script.revision))
        .at(Place::line(&conflict.path, 1))
}

/// Removes what the files that come ask to ignore.
fn drop_ignored(scripts: &[Arc<Script>], findings: &mut Vec<Diagnostic>) {
    let asks = |finding: &Diagnostic, place: &Place| {
        let of_place = scripts.iter().filter(|script| script.path == place.path);
        of_place.flat_map(|script| &script.header.ignores).any(|ignore| ignore.rule == finding.rule)
    };
    findings.retain(|finding| !finding.places.iter().any(|place| asks(finding, place)));
}
