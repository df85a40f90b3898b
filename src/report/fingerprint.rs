//! Names for findings that stay the same while lines move.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::model::Finding;

/// A name of 32 hexadecimal digits for each finding, in their order: made of rule, environment and subject,
/// so that the same fault has the same name at another commit. Equal ones are numbered.
pub(super) fn fingerprints(findings: &[Finding]) -> Vec<String> {
    let mut seen: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    let mut names = Vec::with_capacity(findings.len());
    for finding in findings {
        let environment = finding.environment.as_deref().unwrap_or_default();
        let number = seen.entry((&finding.rule, environment, &finding.subject)).or_default();
        let mut hash = Sha256::new();
        for part in [finding.rule.as_str(), environment, &finding.subject, &number.to_string()] {
            // The length keeps `a`, `bc` apart from `ab`, `c`.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        *number += 1;
        names.push(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::fingerprints;
    use crate::report::sample::check;

    #[test]
    fn a_fingerprint_is_the_fault_and_not_its_place() {
        let one = check().findings.remove(0);
        let mut moved = one.clone();
        moved.places[0].line += 7;
        moved.message.push_str(" In other words.");
        assert_eq!(fingerprints(std::slice::from_ref(&one)), ["b6a618f66ebb770950922758a4c171e6"]);
        assert_eq!(fingerprints(std::slice::from_ref(&one)), fingerprints(&[moved.clone()]));
        let mut elsewhere = one.clone();
        elsewhere.environment = None;
        let names = fingerprints(&[one, moved, elsewhere]);
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), 3, "{names:?}");
    }
}
