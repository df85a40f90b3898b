//! What every file does on its own, as far as that asks nothing of the database; kept by blob.

use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};

use rustc_hash::FxHashMap;

use super::function::{assume, run_function};
use super::{CHUNK, Options, STACK};
use crate::cache::{self, Kind};
use crate::parallel;
use crate::revision::Script;
use crate::schema::effect::Effect;
use crate::schema::evaluate::{Answers, Evaluator, Kept, ParsedFiles, TreeFiles};
use crate::schema::ops::Migration;
use crate::schema::types::Database;
use crate::vcs::{BlobId, Objects, ObjectsFactory, RepoPath};

/// Effects of migrations by blob, and parsed files; shared between threads, trees and environments.
#[derive(Default)]
pub(super) struct Cache {
    pub(super) parsed: ParsedFiles,
    effects: RwLock<FxHashMap<Key, Evaluated>>,
}

/// The evaluation of one file: where it stands, what it holds, and the digest of what it is evaluated for.
type Key = (RepoPath, BlobId, [u8; 32]);

/// The effects of one file; `None` where they depend on the state.
type KeptEffects = Kept<Option<Arc<[Effect]>>>;

/// The evaluation of one file.
#[derive(Clone)]
pub(super) struct Evaluated {
    pub(super) effects: Arc<KeptEffects>,
    /// Whether this copy of the repository has all that they rest on.
    pub(super) lasting: bool,
}

/// What evaluations depend on beside the tree.
pub(super) struct Surroundings<'a> {
    roots: &'a [RepoPath],
    database: Database,
    options: &'a Options,
    /// Stands for all of them in keys.
    pub(super) digest: [u8; 32],
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(roots: &'a [RepoPath], database: Database, options: &'a Options) -> Self {
        Self { roots, database, options, digest: cache::digest(&(roots, database, &options.assume)) }
    }

    fn key(&self, script: &Script) -> Key {
        (script.path.clone(), script.blob, self.digest)
    }
}

impl Cache {
    /// Effects of each script that depend on no state, in order.
    pub(super) fn evaluate_all(
        &self,
        factory: &ObjectsFactory,
        answers: &mut Answers<'_, '_>,
        order: &[&Arc<Script>],
        around: &Surroundings<'_>,
    ) -> Vec<Evaluated> {
        // What is known is read sooner than a thread is started.
        let known: Vec<Option<Evaluated>> =
            order.iter().map(|script| self.kept(answers, &around.key(script))).collect();
        let unknown: Vec<&Arc<Script>> = order
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none())
            .map(|(script, _)| *script)
            .collect();
        let root = answers.files().root();
        let evaluate = |objects: &mut Objects, chunk: &[&Arc<Script>]| {
            let files = TreeFiles::new(objects, root, &self.parsed);
            stacker::grow(STACK, || self.evaluate_chunk(&files, chunk, around))
        };
        let size = unknown.len().div_ceil(2 * parallel::cores()).max(CHUNK);
        let mut found =
            parallel::map_chunks(&unknown, size, || factory.objects(), evaluate).concat().into_iter();
        known.into_iter().filter_map(|known| known.or_else(|| found.next())).collect()
    }

    fn evaluate_chunk(
        &self,
        files: &TreeFiles<'_>,
        chunk: &[&Arc<Script>],
        around: &Surroundings<'_>,
    ) -> Vec<Evaluated> {
        let mut answers = Answers::new(files, around.roots);
        let migration = Rc::new(Migration::blind(around.database));
        let mut evaluator = Evaluator::new(files, Rc::clone(&migration) as _, around.roots.to_vec());
        assume(&mut evaluator, around.options);
        let evaluate = |script: &&Arc<Script>| {
            evaluator.refill();
            run_function(&mut evaluator, &migration, script, "upgrade");
            let asked_state = migration.asked();
            let effects: Option<Arc<[Effect]>> = Some(migration.take().into()).filter(|_| !asked_state);
            let effects = Arc::new(Kept::new(effects, evaluator.asked(), &mut answers));
            let (key, lasting) = (around.key(script), effects.is_lasting(files.objects()));
            if lasting {
                files.objects().kept().put(Kind::Effects, &key, &*effects);
            }
            let evaluated = Evaluated { effects, lasting };
            self.remember(key, &evaluated);
            evaluated
        };
        chunk.iter().map(evaluate).collect()
    }

    /// The effects that were found in this run or an earlier one, where they hold here.
    fn kept(&self, answers: &mut Answers<'_, '_>, key: &Key) -> Option<Evaluated> {
        let known = self.effects.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let kept = match known {
            Some(kept) => kept,
            None => {
                let effects = Arc::new(answers.files().objects().kept().get(Kind::Effects, key)?);
                let kept = Evaluated { effects, lasting: true };
                self.remember(key.clone(), &kept);
                kept
            }
        };
        kept.effects.holds(answers).then_some(kept)
    }

    fn remember(&self, key: Key, evaluated: &Evaluated) {
        let mut known = self.effects.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, evaluated.clone());
    }
}
