//! The faults of a tree that an earlier run told already.

use borsh::BorshSerialize;

use crate::cache::{Kind, digest};
use crate::diagnostic::Diagnostic;
use crate::rules;
use crate::vcs::Objects;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;
    use crate::vcs::testing::Scratch;
    use crate::vcs::{BlobId, Error};

    #[test]
    fn what_rests_on_an_absent_object_is_found_again() {
        let (scratch, kept) = (Scratch::new(), tempfile::tempdir().unwrap());
        let absent: BlobId = {
            let id: Vec<u8> = borsh::to_vec(&vec![7_u8; 20]).unwrap();
            borsh::from_slice(&id).unwrap()
        };
        let ask = |grounds: &str, needs: Option<BlobId>, message: &str| {
            let mut repo = scratch.repo();
            repo.keep_in(kept.path());
            let objects = repo.objects();
            let found = or_find(objects, Kind::Faults, &grounds, || {
                assert_eq!(needs.map(|blob| objects.blob(blob)).transpose()?.flatten(), None);
                Ok::<_, Error>(vec![Diagnostic::new("multiple-heads", Severity::Error, message)])
            });
            objects.kept().store();
            let [found] = found.unwrap().try_into().unwrap();
            assert_eq!(found.rule, "multiple-heads");
            found.message
        };
        assert_eq!(ask("one", None, "first"), "first");
        assert_eq!(ask("one", None, "second"), "first");
        assert_eq!(ask("two", Some(absent), "first"), "first");
        assert_eq!(ask("two", Some(absent), "second"), "second");
        assert_eq!(ask("two", None, "third"), "third");
        assert_eq!(ask("two", None, "fourth"), "third");
    }
}
