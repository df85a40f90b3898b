//! The run through all revisions in their order, which goes on from where an earlier one was: histories grow at the end.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use borsh::{BorshDeserialize, BorshSerialize};

use super::alone::{Evaluated, Surroundings};
use super::function::{assume, run_function};
use super::machine::{Machine, Settings};
use super::{Ready, STACK};
use crate::cache::{self, Kind};
use crate::schema::effect::Effect;
use crate::schema::evaluate::{Answers, Asked, Evaluator, Kept};
use crate::schema::ops::Migration;

/// Where a run is after some revisions.
#[derive(Clone, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Run {
    pub(super) machine: Machine,
    /// The effects of the files that depend on the state, in order.
    pub(super) live: Vec<Arc<[Effect]>>,
}

/// Stands for the settings and the first revisions of a run, all that it follows from beside what it asks of the tree.
type Key = [u8; 32];

/// The runs of this process that were last kept.
#[derive(Default)]
pub(super) struct Recent(Mutex<Vec<(Key, Arc<Kept<Run>>)>>);

/// Of so many revisions at the end the order may change: they are edited, and others come between them.
const UNSETTLED: usize = 8;

/// So many runs are remembered.
const RECENT: usize = 4;

impl Recent {
    fn get(&self, key: &Key) -> Option<Arc<Kept<Run>>> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().rev().find(|(known, _)| known == key).map(|(_, run)| Arc::clone(run))
    }

    fn put(&self, key: Key, run: Arc<Kept<Run>>) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT {
            recent.remove(0);
        }
        recent.push((key, run));
    }
}

impl Ready<'_> {
    /// Applies the effects of all revisions; `kept` are those of each file on its own.
    pub(super) fn run(
        &self,
        kept: &[Evaluated],
        settings: &Settings,
        (around, answers): (&Surroundings<'_>, &mut Answers<'_, '_>),
        recent: &Recent,
    ) -> Run {
        let lasting = kept.iter().all(|kept| kept.lasting);
        let keys = if lasting { self.keys(kept, settings, around) } else { Vec::new() };
        let start = self.resumed(&keys, answers, recent);
        let (first, start) = start.map_or((0, None), |(at, start)| (at, Some(start)));
        let on = || {
            self.go_on((first, start), kept, settings, |at, run, asked| {
                let Some(key) = keys.get(at) else { return };
                let run = Kept::new(run, asked, answers);
                if run.is_lasting(self.files.objects()) {
                    self.files.objects().kept().put(Kind::Replay, key, &run);
                    recent.put(*key, Arc::new(run));
                }
            })
        };
        match kept[first..].iter().all(|kept| kept.effects.result.is_some()) {
            true => on(),
            // What asks the state is evaluated on the way.
            false => stacker::grow(STACK, on),
        }
    }

    /// The keys of the runs through the first 0, 1, 2 … revisions.
    fn keys(&self, kept: &[Evaluated], settings: &Settings, around: &Surroundings<'_>) -> Vec<Key> {
        let mut keys = vec![cache::digest(&(around.digest, settings))];
        for (at, (script, kept)) in self.order.iter().zip(kept).enumerate() {
            let file = (&script.path, script.blob, &script.revision, kept.effects.grounds());
            keys.push(cache::digest(&(keys[at], file)));
        }
        keys
    }

    /// The longest run that is known and holds for this tree, with its number of revisions.
    fn resumed(
        &self,
        keys: &[Key],
        answers: &mut Answers<'_, '_>,
        recent: &Recent,
    ) -> Option<(usize, Arc<Kept<Run>>)> {
        let objects = self.files.objects();
        for (at, key) in keys.iter().enumerate().skip(1).rev() {
            let earlier = || {
                let is_kept = objects.kept().has(Kind::Replay, key);
                is_kept.then(|| objects.kept().get(Kind::Replay, key)).flatten().map(Arc::new)
            };
            if let Some(run) = recent.get(key).or_else(earlier).filter(|run| run.holds(answers)) {
                return Some((at, run));
            }
        }
        None
    }

    /// Goes from `start`, after the first `first` revisions, to the end. Where it is in the end is handed to `keep`, with
    /// what was asked of the tree: the next revision stands on that; and where it is some revisions before: those are what
    /// changes next.
    fn go_on(
        &self,
        (first, start): (usize, Option<Arc<Kept<Run>>>),
        kept: &[Evaluated],
        settings: &Settings,
        mut keep: impl FnMut(usize, Run, BTreeSet<Asked>),
    ) -> Run {
        let Run { machine, mut live } = start.as_ref().map(|start| start.result.clone()).unwrap_or_default();
        let machine = Rc::new(RefCell::new(machine.with(settings.clone())));
        let migration = Rc::new(Migration::live(settings.database, Rc::clone(&machine)));
        let mut evaluator = Evaluator::new(self.files, Rc::clone(&migration) as _, self.roots.clone());
        assume(&mut evaluator, self.options);
        let mut keep_at = |at: usize, live: &Vec<Arc<[Effect]>>, evaluator: &Evaluator<'_>| {
            let before = start.iter().flat_map(|start| start.questions()).cloned();
            let asked = before.chain(evaluator.asked_at_all()).collect();
            keep(at, Run { machine: machine.borrow().clone(), live: live.clone() }, asked);
        };
        let end = self.order.len();
        for (at, (script, kept)) in self.order.iter().zip(kept).enumerate().skip(first) {
            if at > first && at + UNSETTLED == end {
                keep_at(at, &live, &evaluator);
            }
            machine.borrow_mut().begin();
            match &kept.effects.result {
                Some(effects) => {
                    let mut machine = machine.borrow_mut();
                    effects.iter().for_each(|effect| machine.apply(effect));
                }
                None => {
                    run_function(&mut evaluator, &migration, script, "upgrade");
                    live.push(migration.take().into());
                }
            }
        }
        // From a little way back it is soon here again, and while a revision is written this is another place each time.
        if end - first > UNSETTLED {
            keep_at(end, &live, &evaluator);
        }
        drop(evaluator);
        drop(migration);
        Run { machine: machine.take(), live }
    }
}
