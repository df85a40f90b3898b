//! Every branch against the trunk as it is now, and against each other.
//!
//! Nothing is merged pair by pair. The states of all tips and of the commits where they left the trunk are read once;
//! branches with the same change of the same state share one answer; and branches that get in each other's way are
//! those that meet in one bucket: the same parent, id, number or file.

mod brought;
mod together;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub use brought::{Behind, Brought};
pub use together::{Collision, Side};

use self::brought::{Comparison, Ground, Point};
use crate::dialect::alembic::file_names::{self, IdStyle, Naming, next_number};
use crate::history::{Reader, Snapshot, Survey, survey};
use crate::revision::{Environment, Script};
use crate::vcs::{
    CommitId, Common, Error, Fork, Forks, History, NamedRef, Repo, TreeId, WalkedCommit, forks,
};

/// What is asked.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The trunk's tip.
    pub trunk: CommitId,
    /// The branches; those that stand where the trunk stands are left out.
    pub refs: &'a [NamedRef],
    /// Only tips made at or after this time, seconds since the epoch.
    pub since: Option<i64>,
}

/// The answer.
pub struct Answer {
    /// The environments: the trunk's, then those that only branches have.
    pub environments: Vec<Account>,
    /// The branches that bring something, or of which that is not known; sorted by name.
    pub branches: Vec<Branch>,
    /// What goes wrong when two of them land that would land alone.
    pub collisions: Vec<Collision>,
    /// How many distinct tips beside the trunk's own were looked at.
    pub tips: usize,
    /// How many of those are in the trunk's history.
    pub landed: usize,
    /// How many of the others change no migration that the trunk has not like that already.
    pub idle: usize,
}

/// One environment on the trunk.
pub struct Account {
    /// The environment.
    pub environment: Environment,
    /// The trunk's heads.
    pub heads: Vec<String>,
    /// The number after all that the trunk and the branches claim; `None` where nothing is numbered.
    pub next_number: Option<u32>,
}

/// One tip beside the trunk.
pub struct Branch {
    /// Its refs' full names, sorted.
    pub names: Vec<String>,
    /// The commit.
    pub commit: CommitId,
    /// Committer time, seconds since the epoch.
    pub time: i64,
    /// The best common ancestors with the trunk.
    pub bases: Vec<CommitId>,
    /// Branches (indexes of [`Answer::branches`]) that contain this one.
    pub part_of: Vec<usize>,
    /// What it would bring, by environment.
    pub brings: Vec<Arc<Brought>>,
    /// Why that is not known.
    pub unknown: Option<String>,
}

/// Answers. `prepare` picks and completes the environments of the trunk.
///
/// # Errors
/// When an object is damaged or, where a verdict needs it, absent.
pub fn branches<E: From<Error>>(
    repo: &Repo,
    reader: &mut Reader,
    request: &Request<'_>,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<Answer, E> {
    let mut forks = forks(repo, request.trunk, request.refs)?;
    forks.keep(|fork| fork.commit != request.trunk && request.since.is_none_or(|since| fork.time >= since));
    let points = Points::new(repo, request.trunk, &forks)?;
    let survey = survey(repo, reader, points.history, &points.tips)?;
    let mut environments: Vec<Environment> =
        survey.at[0].iter().map(|(environment, _)| Environment::clone(environment)).collect();
    prepare(&mut environments)?;
    let mut grounds: Vec<Ground> = Vec::new();
    for environment in environments {
        let state =
            survey.at[0].iter().find(|(known, _)| known.name == environment.name).map(|(_, state)| *state);
        grounds.push(Ground::new(survey.timeline.snapshot(&environment, state)));
    }
    let trunk_tree = repo.tree_of(request.trunk)?;
    let mut comparison = Comparison::new(reader, &survey, trunk_tree, grounds);
    let mut branches = Vec::new();
    let (mut landed, mut idle) = (0, 0);
    let mut places = Vec::new();
    for (at, fork) in forks.forks.iter().enumerate() {
        let mut branch = Branch {
            names: fork.names.clone(),
            commit: fork.commit,
            time: fork.time,
            bases: Vec::new(),
            part_of: Vec::new(),
            brings: Vec::new(),
            unknown: None,
        };
        match &fork.common {
            Common::Landed => {
                landed += 1;
                continue;
            }
            Common::Nothing => branch.unknown = Some("it has no commit in common with the trunk".into()),
            Common::CutOff => {
                branch.unknown =
                    Some("this copy's history ends before the two met; git fetch --unshallow".into());
            }
            Common::At(bases) => {
                let point =
                    |commit: CommitId, tree| Point { tree, states: &survey.at[points.place[&commit]] };
                let tip = point(fork.commit, fork.tree);
                let bases_at: Vec<Point<'_>> =
                    bases.iter().map(|(commit, tree)| point(*commit, *tree)).collect();
                branch.bases = bases.iter().map(|(commit, _)| *commit).collect();
                match comparison.brings(
                    repo,
                    (fork.commit, tip),
                    (&branch.bases, &bases_at),
                    &prepare_new(prepare),
                ) {
                    Ok(brings) => branch.brings = brings,
                    Err(Stop::Unknown(reason)) => branch.unknown = Some(reason),
                    Err(Stop::Failed(error)) => return Err(error),
                }
            }
        }
        // What holds no migrations brings none, wherever it comes from.
        let holds = |fork: &Fork| points.place.get(&fork.commit).is_some_and(|at| !survey.at[*at].is_empty());
        if branch.brings.is_empty() && (branch.unknown.is_none() || !holds(fork)) {
            idle += 1;
            continue;
        }
        places.push(at);
        branches.push(branch);
    }
    for (at, contained) in forks.contained(&places).into_iter().enumerate() {
        for part in contained {
            branches[part].part_of.push(at);
        }
    }
    let claimed = claimed_numbers(&survey, &comparison.grounds);
    let grounds = comparison.grounds;
    let collisions = together::collisions(&grounds, &branches);
    let environments =
        grounds.into_iter().zip(claimed).map(|(ground, claimed)| account(ground, claimed)).collect();
    Ok(Answer { environments, branches, collisions, tips: forks.forks.len(), landed, idle })
}

/// Why there is no answer for a branch.
enum Stop<E> {
    /// Only that branch's.
    Unknown(String),
    /// Everything's.
    Failed(E),
}

impl<E: From<Error>> From<Error> for Stop<E> {
    fn from(error: Error) -> Self {
        match error {
            // One branch may need what a partial clone lacks; the others do not.
            Error::Absent { .. } => Self::Unknown(error.to_string()),
            error => Self::Failed(error.into()),
        }
    }
}

/// The environments that only branches have are not those that `--env` may be wrong about.
fn prepare_new<'p, E: From<Error>>(
    prepare: &'p dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> impl Fn(&mut Vec<Environment>) -> bool + 'p {
    move |environments| prepare(environments).is_ok() && !environments.is_empty()
}

/// The number that a revision's file name, or else its id, takes.
pub fn claimed_number(script: &Script) -> Option<u32> {
    file_names::claimed_number(&script.path, &script.revision)
}

/// The commits whose states matter: the trunk's tip, where branches left it, and the tips beside it.
struct Points {
    history: History,
    /// The trunk's tip and those beside it.
    tips: Vec<usize>,
    place: HashMap<CommitId, usize>,
}

impl Points {
    fn new(repo: &Repo, trunk: CommitId, forks: &Forks) -> Result<Self, Error> {
        let mut points = Self { history: History::default(), tips: Vec::new(), place: HashMap::new() };
        let place = points.add(trunk, repo.tree_of(trunk)?, Vec::new());
        points.tips.push(place);
        let beside = || {
            forks.forks.iter().filter_map(|fork: &Fork| match &fork.common {
                Common::At(bases) => Some((fork, bases.as_slice())),
                Common::Nothing | Common::CutOff => Some((fork, &[][..])),
                Common::Landed => None,
            })
        };
        for (commit, tree) in beside().flat_map(|(_, bases)| bases) {
            points.add(*commit, *tree, vec![0]);
        }
        for (fork, bases) in beside() {
            let parents =
                bases.iter().filter_map(|(commit, _)| Some(*points.place.get(commit)? as u32)).collect();
            let place = points.add(fork.commit, fork.tree, parents);
            points.tips.push(place);
        }
        Ok(points)
    }

    fn add(&mut self, id: CommitId, tree: TreeId, parents: Vec<u32>) -> usize {
        let commits = &mut self.history.commits;
        *self.place.entry(id).or_insert_with(|| {
            commits.push(WalkedCommit { id, tree, parents, time: 0 });
            commits.len() - 1
        })
    }
}

/// Per environment, the numbers that the trunk and the tips claim.
fn claimed_numbers(survey: &Survey, grounds: &[Ground]) -> Vec<BTreeSet<u32>> {
    let mut files: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); grounds.len()];
    let mut seen: BTreeSet<(usize, u32)> = BTreeSet::new();
    for (environment, state) in survey.at.iter().flatten() {
        let ground = grounds.iter().position(|ground| ground.is_same_place(environment));
        if let Some(ground) = ground.filter(|ground| seen.insert((*ground, *state))) {
            files[ground].extend(survey.timeline.file_numbers(*state));
        }
    }
    files
        .into_iter()
        .map(|files| {
            let claim = |file: u32| {
                let script = survey.timeline.classified(file).0.as_ref();
                file_names::claimed_number(
                    &survey.timeline.file(file).path,
                    script.map_or("", |script| &script.revision),
                )
            };
            files.into_iter().filter_map(claim).collect()
        })
        .collect()
}

fn account(ground: Ground, claimed: BTreeSet<u32>) -> Account {
    let Snapshot { environment, scripts, graph, .. } = ground.state;
    let naming = Naming::of(&scripts);
    let is_numbered = naming.numbered_files
        || matches!(naming.ids, Some(IdStyle::Number { .. } | IdStyle::NumberSlug { .. }))
        || (scripts.is_empty() && !claimed.is_empty());
    Account {
        environment,
        heads: graph.heads().to_vec(),
        next_number: is_numbered.then(|| next_number(claimed)),
    }
}

/// Branches by what they bring to an environment, for those who compare these and not them.
fn units(branches: &[Branch]) -> Vec<(&Arc<Brought>, Vec<usize>)> {
    let mut units: BTreeMap<*const Brought, (&Arc<Brought>, Vec<usize>)> = BTreeMap::new();
    for (at, branch) in branches.iter().enumerate() {
        for brought in &branch.brings {
            units.entry(Arc::as_ptr(brought)).or_insert_with(|| (brought, Vec::new())).1.push(at);
        }
    }
    let mut units: Vec<_> = units.into_values().collect();
    // The order of addresses is nobody's business.
    units.sort_by(|one, two| (one.0.environment, &one.1).cmp(&(two.0.environment, &two.1)));
    units
}
