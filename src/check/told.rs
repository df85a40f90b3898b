//! The faults of a tree that an earlier run told already.

use borsh::BorshSerialize;

use crate::cache::{Kind, digest};
use crate::diagnostic::Diagnostic;
use crate::history::Snapshot;
use crate::rules;
use crate::vcs::Objects;

/// What is read of a state: the same of this in the same tree is the same state.
pub(super) fn grounds(state: &Snapshot) -> impl BorshSerialize + '_ {
    (&state.environment, &state.files, &state.unscanned)
}

/// What an earlier run found for the same `grounds`, which must tell all that the faults follow from; else what `find`
/// finds. That is kept, unless this copy of the repository lacks an object that was asked for: it may be there the next
/// time.
///
/// # Errors
/// Those of `find`.
pub(super) fn or_find<E>(
    objects: &Objects,
    kind: Kind,
    grounds: &impl BorshSerialize,
    find: impl FnOnce() -> Result<Vec<Diagnostic>, E>,
) -> Result<Vec<Diagnostic>, E> {
    let kept = objects.kept();
    if !kept.is_on() {
        return find();
    }
    let key = digest(grounds);
    let told: Option<Vec<(String, Diagnostic)>> = kept.get(kind, &key);
    if let Some(told) = told.and_then(with_rules) {
        return Ok(told);
    }
    let found = find()?;
    if !objects.lack_any() {
        let with_names: Vec<(&str, &Diagnostic)> = found.iter().map(|fault| (fault.rule, fault)).collect();
        kept.put(kind, &key, &with_names);
    }
    Ok(found)
}

fn with_rules(told: Vec<(String, Diagnostic)>) -> Option<Vec<Diagnostic>> {
    let with_rule = |(name, fault): (String, Diagnostic)| {
        Some(Diagnostic { rule: rules::by_name(&name)?.meta().name, ..fault })
    };
    told.into_iter().map(with_rule).collect()
}
