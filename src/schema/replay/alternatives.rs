//! Histories of one environment that are never meant to run together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::machine::Machine;
use crate::revision::Script;
use crate::schema::effect::{Change, Effect};
use crate::schema::fault::Sureness;
use crate::schema::state::Name;

const OTHER_HISTORY: &str = "its history has a base and a label of its own and makes tables that another one makes, too: nothing is meant to run both";

/// Takes back the certainty of what the later ones of alternative histories find: those with a base and a branch label
/// of their own that create a table which another such history creates, too.
pub(super) fn grade(machine: &mut Machine, order: &[&Arc<Script>], effects: &[Arc<[Effect]>]) {
    let later = later(order, effects);
    for fault in &mut machine.faults {
        let is_later = fault.place.revision.as_ref().is_some_and(|revision| later.contains(&**revision));
        if is_later && fault.sureness == Sureness::Certain {
            fault.sureness = Sureness::Likely;
            fault.doubt = Some(Arc::from(OTHER_HISTORY));
        }
    }
}

/// The revisions of alternative histories, without those of the one that comes first.
fn later<'s>(order: &[&'s Arc<Script>], effects: &[Arc<[Effect]>]) -> BTreeSet<&'s str> {
    let is_base = |script: &Script| script.down_revisions().next().is_none();
    if order.iter().filter(|script| is_base(script) && script.branch_labels().next().is_some()).count() < 2 {
        return BTreeSet::new();
    }
    // The bases below each revision; a history has one, and nothing of it rests on another's.
    let mut bases: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut labelled: BTreeSet<&str> = BTreeSet::new();
    for script in order {
        let mut below: BTreeSet<&str> = BTreeSet::new();
        for parent in script.down_revisions().chain(script.depends_on()) {
            below.extend(bases.get(parent).into_iter().flatten());
        }
        if is_base(script) {
            below.insert(&script.revision);
            if script.branch_labels().next().is_some() {
                labelled.insert(&script.revision);
            }
        }
        bases.insert(&script.revision, below);
    }
    let own = |revision: &str| match bases.get(revision) {
        Some(bases) if bases.len() == 1 => bases.first().copied().filter(|base| labelled.contains(base)),
        _ => None,
    };
    let mut makers: BTreeMap<&Name, BTreeSet<&str>> = BTreeMap::new();
    let mut first = None;
    for (script, effects) in order.iter().zip(effects) {
        let Some(base) = own(&script.revision) else { continue };
        first.get_or_insert(base);
        for effect in effects.iter() {
            if let Change::CreateTable(table) = &effect.change {
                makers.entry(&table.name).or_default().insert(base);
            }
        }
    }
    let alternative: BTreeSet<&str> =
        makers.values().filter(|bases| bases.len() > 1).flatten().copied().collect();
    let is_later =
        |revision: &&str| own(revision).is_some_and(|base| alternative.contains(base) && Some(base) != first);
    bases.keys().copied().filter(is_later).collect()
}
