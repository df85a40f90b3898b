//! The replay: all revisions of an environment from an empty database up, without running one.
//!
//! 1. Every `upgrade()` is evaluated on its own, on all cores. What asks nothing of the database gives effects
//!    that depend on the file alone (and on the modules it read), and are kept by blob.
//! 2. The revisions are gone through in the order of an upgrade. Kept effects are applied; the others are
//!    evaluated against the state that is there by then.

mod alternatives;
mod constraints;
mod database;
mod grade;
mod machine;
mod metadata;
mod naming;
mod order;
mod tables;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};

use borsh::{BorshDeserialize, BorshSerialize};
use rustc_hash::FxHashMap;

pub use machine::{Machine, Settings};
pub use naming::NamingConvention;

use super::compare::Aspect;
use super::effect::Effect;
use super::evaluate::{Answers, Arguments, Asked, Evaluator, Kept, ParsedFiles, TreeFiles};
use super::fault::ReplayFault;
use super::ops::Migration;
use super::state::{Place, Schema, Touch};
use super::types::Database;
use super::value::Value;
use database::Detected;
use grade::World;

use crate::cache::{self, Kind};
use crate::history::Snapshot;
use crate::parallel;
use crate::python::tree::ParameterKind;
use crate::revision::{Environment, Script};
use crate::text::ByteSpan;
use crate::vcs::{BlobId, Objects, ObjectsFactory, RepoPath, TreeId};

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
#[derive(Clone, Debug, Default)]
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

/// Effects of migrations by blob, and parsed files; shared between threads, trees and environments.
#[derive(Default)]
pub struct Cache {
    parsed: ParsedFiles,
    effects: RwLock<FxHashMap<Key, Evaluated>>,
}

/// The evaluation of one file: where it stands, what it holds, and the digest of what it is evaluated for.
type Key = (RepoPath, BlobId, [u8; 32]);

/// The effects of one file; `None` where they depend on the state.
type KeptEffects = Kept<Option<Arc<[Effect]>>>;

/// The evaluation of one file.
#[derive(Clone)]
struct Evaluated {
    effects: Arc<KeptEffects>,
    /// Whether this copy of the repository has all that they rest on.
    lasting: bool,
}

/// What applying all effects in order gives.
#[derive(BorshSerialize, BorshDeserialize)]
struct Run {
    schema: Schema,
    faults: Vec<ReplayFault>,
    /// The effects of the files that depend on the state, in order.
    live: Vec<Arc<[Effect]>>,
}

/// What evaluations depend on beside the tree.
struct Surroundings<'a> {
    roots: &'a [RepoPath],
    database: Database,
    options: &'a Options,
    digest: [u8; 32],
}

impl<'a> Surroundings<'a> {
    fn new(roots: &'a [RepoPath], database: Database, options: &'a Options) -> Self {
        Self { roots, database, options, digest: cache::digest(&(roots, database, &options.assume)) }
    }

    fn key(&self, script: &Script) -> Key {
        (script.path.clone(), script.blob, self.digest)
    }

    /// What a run over `order` follows from, beside what it asks of the tree itself.
    fn key_of_run(
        &self,
        order: &[&Arc<Script>],
        kept: &[Evaluated],
        settings: &Settings,
        world: World,
    ) -> [u8; 32] {
        let files = order
            .iter()
            .zip(kept)
            .map(|(script, kept)| (&script.path, script.blob, &script.revision, kept.effects.grounds()));
        cache::digest(&(self.digest, settings, world, files.collect::<Vec<_>>()))
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

impl Ready<'_> {
    /// Applies the effects in order; gives what was asked of the tree on the way, too.
    fn run(&self, kept: &[Evaluated], settings: Settings, world: World) -> (Run, BTreeSet<Asked>) {
        let database = settings.database;
        let machine = Rc::new(RefCell::new(Machine::new(settings)));
        let migration = Rc::new(Migration::live(database, Rc::clone(&machine)));
        let mut evaluator = Evaluator::new(self.files, Rc::clone(&migration) as _, self.roots.clone());
        assume(&mut evaluator, self.options);
        let mut effects = Vec::with_capacity(self.order.len());
        let mut live = Vec::new();
        for (script, kept) in self.order.iter().zip(kept) {
            machine.borrow_mut().begin();
            effects.push(match &kept.effects.result {
                Some(effects) => {
                    let mut machine = machine.borrow_mut();
                    effects.iter().for_each(|effect| machine.apply(effect));
                    Arc::clone(effects)
                }
                None => {
                    run_function(&mut evaluator, &migration, script, "upgrade");
                    let effects: Arc<[Effect]> = migration.take().into();
                    live.push(Arc::clone(&effects));
                    effects
                }
            });
        }
        let asked = evaluator.asked_at_all();
        drop(evaluator);
        drop(migration);
        let mut machine = machine.take();
        grade::grade(&mut machine, world);
        alternatives::grade(&mut machine, &self.order, &effects);
        (Run { schema: machine.schema, faults: machine.faults, live }, asked)
    }
}

/// Replays environments of one repository.
pub struct Replayer {
    factory: ObjectsFactory,
    cache: Cache,
}

impl Replayer {
    /// A replayer of one repository's objects.
    pub fn new(factory: &ObjectsFactory) -> Self {
        Self { factory: factory.clone(), cache: Cache::default() }
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
        let kept = self.evaluate_all(files.root(), order, &around);
        if options.find_naming {
            match metadata::naming_convention(files, environment, roots) {
                Some(naming) => settings.naming = naming,
                None => world.naming_known = false,
            }
        }
        let run = || ready.run(&kept, settings.clone(), world);
        let run = || match kept.iter().all(|kept| kept.effects.result.is_some()) {
            true => run(),
            // What asks the state is evaluated on the way.
            false => stacker::grow(STACK, run),
        };
        let key = || around.key_of_run(order, &kept, &settings, world);
        let Run { schema, faults, live } = match kept.iter().all(|kept| kept.lasting) {
            true => Answers::new(files, roots).kept_or(Kind::Replay, key, run),
            false => run().0,
        };
        let mut live = live.into_iter();
        let revisions = order.iter().zip(&kept).map(|(script, kept)| {
            let known = kept.effects.result.clone();
            Replayed {
                revision: Arc::clone(&script.revision),
                path: script.path.clone(),
                live: known.is_none(),
                effects: known.or_else(|| live.next()).unwrap_or_default(),
            }
        });
        Replay { schema, faults, revisions: revisions.collect(), database, settings }
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

    /// Effects of each script that depend on no state, in order.
    fn evaluate_all(
        &self,
        root: TreeId,
        order: &[&Arc<Script>],
        around: &Surroundings<'_>,
    ) -> Vec<Evaluated> {
        let evaluate = |objects: &mut Objects, chunk: &[&Arc<Script>]| {
            let files = TreeFiles::new(objects, root, &self.cache.parsed);
            let mut answers = Answers::new(&files, around.roots);
            let kept: Vec<Option<Evaluated>> =
                chunk.iter().map(|script| self.kept(&files, &mut answers, &around.key(script))).collect();
            let known: Option<Vec<Evaluated>> = kept.iter().cloned().collect();
            known.unwrap_or_else(|| {
                let chunk: Vec<_> = chunk.iter().copied().zip(kept).collect();
                stacker::grow(STACK, || self.evaluate_chunk(&files, &mut answers, chunk, around))
            })
        };
        let size = order.len().div_ceil(2 * parallel::cores()).max(CHUNK);
        parallel::map_chunks(order, size, || self.factory.objects(), evaluate).concat()
    }

    fn evaluate_chunk(
        &self,
        files: &TreeFiles<'_>,
        answers: &mut Answers<'_, '_>,
        chunk: Vec<(&Arc<Script>, Option<Evaluated>)>,
        around: &Surroundings<'_>,
    ) -> Vec<Evaluated> {
        let migration = Rc::new(Migration::blind(around.database));
        let mut evaluator = Evaluator::new(files, Rc::clone(&migration) as _, around.roots.to_vec());
        assume(&mut evaluator, around.options);
        let evaluate = |(script, kept): (&Arc<Script>, Option<Evaluated>)| {
            if let Some(kept) = kept {
                return kept;
            }
            evaluator.refill();
            run_function(&mut evaluator, &migration, script, "upgrade");
            let asked_state = migration.asked();
            let effects: Option<Arc<[Effect]>> = Some(migration.take().into()).filter(|_| !asked_state);
            let effects = Arc::new(Kept::new(effects, evaluator.asked(), answers));
            let (key, lasting) = (around.key(script), effects.is_lasting(files.objects()));
            if lasting {
                files.objects().kept().put(Kind::Effects, &key, &*effects);
            }
            let evaluated = Evaluated { effects, lasting };
            self.remember(key, &evaluated);
            evaluated
        };
        chunk.into_iter().map(evaluate).collect()
    }

    /// The effects that were found in this run or an earlier one, where they hold here.
    fn kept(&self, files: &TreeFiles<'_>, answers: &mut Answers<'_, '_>, key: &Key) -> Option<Evaluated> {
        let known = self.cache.effects.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let kept = match known {
            Some(kept) => kept,
            None => {
                let effects = Arc::new(files.objects().kept().get(Kind::Effects, key)?);
                let kept = Evaluated { effects, lasting: true };
                self.remember(key.clone(), &kept);
                kept
            }
        };
        kept.effects.holds(answers).then_some(kept)
    }

    fn remember(&self, key: Key, evaluated: &Evaluated) {
        let mut known = self.cache.effects.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, evaluated.clone());
    }
}

fn assume(evaluator: &mut Evaluator<'_>, options: &Options) {
    for (expression, value) in &options.assume {
        let value = match value {
            Assumed::Flag(flag) => Value::Bool(*flag),
            Assumed::Text(text) => Value::str(text),
            Assumed::Number(number) => Value::Int(*number),
        };
        evaluator.assume(expression, value);
    }
}

/// Evaluates the `upgrade()` or `downgrade()` of one file; what it does goes to `migration`.
fn run_function(
    evaluator: &mut Evaluator<'_>,
    migration: &Rc<Migration>,
    script: &Script,
    name: &'static str,
) {
    evaluator.refill();
    evaluator.set_revision(Some(Arc::clone(&script.revision)));
    let place = Place {
        path: script.path.clone(),
        line: 1,
        span: ByteSpan::new(0, 0),
        revision: Some(Arc::clone(&script.revision)),
    };
    let Some(module) = evaluator.module(&script.path) else {
        migration.unreadable(evaluator, "the file cannot be read", &place);
        return;
    };
    if module.tree.error.is_some() && module.tree.body.is_empty() {
        let reason = module.tree.error.as_ref().map_or("", |(reason, _)| reason.as_str());
        migration.unreadable(evaluator, &format!("the file cannot be parsed: {reason}"), &place);
        return;
    }
    match evaluator.lookup(&module, name) {
        Some(function @ (Value::Function(_) | Value::Bound(_))) => {
            let arguments = handed(&function);
            evaluator.call(&function, arguments, &place);
        }
        Some(Value::Unknown(unknown)) => migration.unreadable(evaluator, &unknown.reason, &unknown.place),
        Some(_) => {
            let reason = format!("its {name} is no function of the repository");
            migration.unreadable(evaluator, &reason, &place);
        }
        // Alembic takes a file without the function for one that does nothing.
        None => {}
    }
    if let Some(reason) = evaluator.exhausted().filter(|_| !migration.asked()) {
        evaluator.refill();
        migration.unreadable(evaluator, reason, &place);
    }
    evaluator.forget(&script.path);
}

/// What `context.run_migrations(op=op, …)` of an `env.py` hands to `upgrade(op, …)`: Alembic's `op` by that name, and
/// what is not known by others.
fn handed(function: &Value) -> Arguments {
    let Value::Function(function) = function else { return Arguments::default() };
    let asked = function.definition.parameters.iter().filter(|parameter| {
        parameter.default.is_none()
            && matches!(parameter.kind, ParameterKind::Plain | ParameterKind::PositionOnly)
    });
    let kwargs = asked.map(|parameter| {
        let value = match &*parameter.name {
            "op" => Value::External(Arc::from("alembic.op")),
            name => Value::External(Arc::from(format!("env.{name}"))),
        };
        (Arc::clone(&parameter.name), value)
    });
    Arguments { kwargs: kwargs.collect(), ..Arguments::default() }
}

impl Migration {
    /// Records that a migration cannot be read.
    fn unreadable(&self, evaluator: &mut Evaluator<'_>, reason: &str, place: &Place) {
        use super::evaluate::Host as _;
        self.opaque(evaluator, reason, place);
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
