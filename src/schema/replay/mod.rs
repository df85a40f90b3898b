//! The replay: all revisions of an environment from an empty database up, without running one.
//!
//! 1. Every `upgrade()` is evaluated on its own, on all cores. What asks nothing of the database gives effects
//!    that depend on the file alone (and on the modules it read), and are kept by blob.
//! 2. The revisions are gone through in the order of an upgrade. Kept effects are applied; the others are
//!    evaluated against the state that is there by then.

mod alone;
mod alternatives;
mod constraints;
mod database;
mod function;
mod grade;
mod machine;
mod metadata;
mod naming;
mod order;
mod run;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use borsh::BorshSerialize;

pub use machine::{Machine, Settings};
pub use naming::NamingConvention;

use super::compare::Aspect;
use super::effect::Effect;
use super::evaluate::{Answers, Evaluator, ParsedFiles, TreeFiles};
use super::fault::ReplayFault;
use super::ops::Migration;
use super::state::{Schema, Touch};
use super::types::Database;
use alone::{Cache, Surroundings};
use database::Detected;
use function::{assume, run_function};
use grade::World;
use run::{Recent, Run};

use crate::history::Snapshot;
use crate::parallel;
use crate::revision::{Environment, Script};
use crate::vcs::{Objects, ObjectsFactory, RepoPath, TreeId};

/// Files that one worker evaluates at a time, at least: modules that they share are read once for each lot.
const CHUNK: usize = 24;

/// Stack for the evaluation and for what it builds.
const STACK: usize = 64 << 20;

/// The name of an index as SQLAlchemy sends it.
pub(super) fn index_name(name: &str) -> Arc<str> {
    naming::shortened(name)
}

/// A name as PostgreSQL keeps it: its first 63 bytes.
pub(super) fn kept_name(name: &str) -> Arc<str> {
    naming::cut(name)
}

/// What a setting is taken to be: `assume:` of the configuration.
#[derive(Clone, Debug, PartialEq, BorshSerialize)]
pub enum Assumed {
    /// A truth value.
    Flag(bool),
    /// A string.
    Text(String),
    /// A number.
    Number(i64),
}

/// What is asked of a replay.
#[derive(Clone, Debug, Default, BorshSerialize)]
pub struct Options {
    /// How migrations are run.
    pub settings: Settings,
    /// Values of expressions that only the running program knows, by the expression as written.
    pub assume: BTreeMap<String, Assumed>,
    /// The revisions to upgrade to; all heads where absent.
    pub targets: Option<Vec<String>>,
    /// Whether the naming convention is looked for in env.py.
    pub find_naming: bool,
    /// Whether the database is looked for in the project; else it is that of the settings.
    pub find_database: bool,
    /// What the schema that comes of it is not compared in with the models'.
    pub uncompared: BTreeSet<Aspect>,
}

impl Options {
    /// Everything that the project tells is looked for.
    pub fn of_project() -> Self {
        Self { find_naming: true, find_database: true, ..Self::default() }
    }
}

/// What a replay gives.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// The schema in the end.
    pub schema: Schema,
    /// What the database would refuse, in the order of the replay.
    pub faults: Vec<ReplayFault>,
    /// The revisions in the order of the upgrade, with their effects.
    pub revisions: Vec<Replayed>,
    /// The database that the migrations were read for.
    pub database: Database,
    /// How they were run.
    pub settings: Settings,
}

/// One revision of a replay.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The revision.
    pub revision: Arc<str>,
    /// Its file.
    pub path: RepoPath,
    /// What it does.
    pub effects: Arc<[Effect]>,
    /// Whether its effects depend on the state that it found.
    pub live: bool,
}

impl Replay {
    /// The number of revisions with effects that cannot be read.
    pub fn opaque_revisions(&self) -> usize {
        let revisions: BTreeSet<_> =
            self.schema.opaque.iter().filter_map(|opaque| opaque.place.revision.as_ref()).collect();
        revisions.len()
    }
}

/// A replay whose database is known.
struct Ready<'a> {
    files: &'a TreeFiles<'a>,
    environment: &'a Environment,
    options: &'a Options,
    /// The scripts in the order of the upgrade.
    order: Vec<&'a Arc<Script>>,
    /// Where modules are imported from.
    roots: Vec<RepoPath>,
    detected: Detected,
}

/// Replays environments of one repository.
pub struct Replayer {
    factory: ObjectsFactory,
    cache: Cache,
    recent: Recent,
}

impl Replayer {
    /// A replayer of one repository's objects.
    pub fn new(factory: &ObjectsFactory) -> Self {
        Self { factory: factory.clone(), cache: Cache::default(), recent: Recent::default() }
    }

    /// Files parsed so far, for other readers of the same trees.
    pub fn parsed(&self) -> &ParsedFiles {
        &self.cache.parsed
    }

    /// Replays the environment of `snapshot` at the tree `root`.
    pub fn replay(&self, root: TreeId, snapshot: &Snapshot, options: &Options) -> Replay {
        let objects = self.factory.objects();
        let files = TreeFiles::new(&objects, root, &self.cache.parsed);
        self.replay_ready(&self.ready(&files, snapshot, options))
    }

    /// The same, and `beside` on another thread as soon as the database is known.
    pub fn replay_beside<R: Send>(
        &self,
        root: TreeId,
        snapshot: &Snapshot,
        options: &Options,
        beside: impl Fn(&Objects, Database) -> R + Sync,
    ) -> (Replay, R) {
        let objects = self.factory.objects();
        let files = TreeFiles::new(&objects, root, &self.cache.parsed);
        let ready = self.ready(&files, snapshot, options);
        let database = ready.detected.database;
        parallel::both(|| self.replay_ready(&ready), || beside(&self.factory.objects(), database))
    }

    fn ready<'a>(&self, files: &'a TreeFiles<'a>, snapshot: &'a Snapshot, options: &'a Options) -> Ready<'a> {
        let environment = &snapshot.environment;
        let order = order::upgrade_order(&snapshot.scripts, options.targets.as_deref());
        let roots = import_roots(environment);
        let detected = match options.find_database {
            true => {
                let imported = self.imported(files.root(), &order);
                database::detect(files, environment, imported, &roots)
            }
            false => Detected { database: options.settings.database, sure: true },
        };
        Ready { files, environment, options, order, roots, detected }
    }

    fn replay_ready(&self, ready: &Ready<'_>) -> Replay {
        let Ready { files, environment, options, order, roots, .. } = ready;
        let Detected { database, sure } = ready.detected;
        let mut settings = Settings { database, ..options.settings.clone() };
        let mut world = World { database_known: sure, naming_known: true };
        let around = Surroundings::new(roots, database, options);
        let mut answers = Answers::new(files, roots);
        let kept = self.cache.evaluate_all(&self.factory, &mut answers, order, &around);
        if options.find_naming {
            match metadata::naming_convention(&mut answers, environment, roots) {
                Some(naming) => settings.naming = naming,
                None => world.naming_known = false,
            }
        }
        let Run { mut machine, live } = ready.run(&kept, &settings, (&around, &mut answers), &self.recent);
        let mut live = live.into_iter();
        let effects: Vec<Arc<[Effect]>> = kept
            .iter()
            .map(|kept| kept.effects.result.clone().or_else(|| live.next()).unwrap_or_default())
            .collect();
        grade::grade(&mut machine, world);
        alternatives::grade(&mut machine, order, &effects);
        let revisions = order.iter().zip(&kept).zip(effects).map(|((script, kept), effects)| Replayed {
            revision: Arc::clone(&script.revision),
            path: script.path.clone(),
            live: kept.effects.result.is_none(),
            effects,
        });
        let revisions = revisions.collect();
        Replay { schema: machine.schema, faults: machine.faults, revisions, database, settings }
    }

    /// The dialects that the scripts import. All files that are new are parsed here, on all cores.
    fn imported(&self, root: TreeId, order: &[&Arc<Script>]) -> database::Seen {
        let mut seen = database::Seen::default();
        // What earlier runs found out is read sooner than a thread is started.
        let unread =
            |script: &&&Arc<Script>| !database::note_kept(self.factory.kept(), script.blob, &mut seen);
        let unread: Vec<&Arc<Script>> = order.iter().filter(unread).copied().collect();
        let note = |objects: &mut Objects, chunk: &[&Arc<Script>]| {
            let files = TreeFiles::new(objects, root, &self.cache.parsed);
            let mut seen = database::Seen::default();
            chunk.iter().for_each(|script| database::note_imports(&files, &script.path, &mut seen));
            seen
        };
        let size = unread.len().div_ceil(2 * parallel::cores()).max(CHUNK);
        let chunks = parallel::map_chunks(&unread, size, || self.factory.objects(), note);
        chunks.into_iter().for_each(|chunk| database::add(&mut seen, chunk));
        seen
    }

    /// What the `downgrade()` of each revision does, as far as it can be read without a database. It tells what a
    /// revision that drops or alters something found there.
    pub fn downgrades(
        &self,
        root: TreeId,
        snapshot: &Snapshot,
        database: Database,
        options: &Options,
    ) -> BTreeMap<Arc<str>, Vec<Effect>> {
        let objects = self.factory.objects();
        let files = TreeFiles::new(&objects, root, &self.cache.parsed);
        stacker::grow(STACK, || {
            let migration = Rc::new(Migration::blind(database));
            let roots = import_roots(&snapshot.environment);
            let mut evaluator = Evaluator::new(&files, Rc::clone(&migration) as _, roots);
            assume(&mut evaluator, options);
            let order = order::upgrade_order(&snapshot.scripts, options.targets.as_deref());
            let effects = order.into_iter().map(|script| {
                run_function(&mut evaluator, &migration, script, "downgrade");
                (Arc::clone(&script.revision), migration.take())
            });
            effects.collect()
        })
    }
}

/// Where the migrations of an environment import the repository's own modules from: the directories above
/// it, the nearest first, and `src` and `lib` below these.
pub fn import_roots(environment: &Environment) -> Vec<RepoPath> {
    let mut above = vec![environment.directory.clone()];
    for location in &environment.version_locations {
        if !above.contains(&location.path) {
            above.push(location.path.clone());
        }
    }
    let mut roots: Vec<RepoPath> = Vec::new();
    for start in above {
        let mut directory = start;
        loop {
            if !roots.contains(&directory) {
                roots.push(directory.clone());
            }
            if directory.is_root() {
                break;
            }
            directory = directory.parent();
        }
    }
    // The repository's top comes first where both would do: packages are told by their full names.
    roots.sort_by_key(|root| std::cmp::Reverse(root.components().count()));
    let more: Vec<RepoPath> = roots
        .iter()
        .flat_map(|root| [root.join("src"), root.join("lib")])
        .filter(|root| !roots.contains(root))
        .collect();
    roots.extend(more);
    roots
}

/// What an opaque effect touches, for reports.
pub fn touched(touches: &[Touch]) -> Vec<String> {
    touches.iter().map(Touch::to_string).collect()
}
