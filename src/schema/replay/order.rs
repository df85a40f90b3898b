//! The order in which `alembic upgrade` runs revisions from an empty database.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::revision::Script;

/// Revisions by index, as Alembic keeps them.
struct Map<'s> {
    scripts: Vec<&'s Arc<Script>>,
    /// Parents that exist, in the order of the tuple, then dependencies that no parent brings anyway.
    down: Vec<Vec<usize>>,
    /// The number of parents, and whether there are dependencies.
    plain: Vec<bool>,
}

/// The scripts in the order of an upgrade to `targets` (ids), or to all heads. Duplicate ids count once, as
/// the file that is loaded last; parents that are missing are left out; members of cycles come last.
pub(super) fn upgrade_order<'s>(
    scripts: &'s [Arc<Script>],
    targets: Option<&[String]>,
) -> Vec<&'s Arc<Script>> {
    let map = Map::new(scripts);
    let heads: Vec<usize> = match targets {
        Some(targets) => {
            map.ids().filter(|(_, id)| targets.iter().any(|t| t == id)).map(|(at, _)| at).collect()
        }
        None => map.real_heads(),
    };
    let wanted: FxHashSet<usize> = heads.iter().flat_map(|head| map.ancestors(*head)).collect();
    let mut order = map.sorted(&heads, wanted);
    order.reverse();
    order.into_iter().map(|at| map.scripts[at]).collect()
}

impl<'s> Map<'s> {
    fn new(scripts: &'s [Arc<Script>]) -> Self {
        // Alembic loads files by path here; the last one of an id stays.
        let mut by_path: Vec<&Arc<Script>> = scripts.iter().collect();
        by_path.sort_by(|one, other| one.path.cmp(&other.path));
        let mut index: FxHashMap<&str, usize> = FxHashMap::default();
        let mut kept: Vec<&Arc<Script>> = Vec::new();
        for script in by_path {
            match index.get(&*script.revision) {
                Some(at) => kept[*at] = script,
                None => {
                    index.insert(&script.revision, kept.len());
                    kept.push(script);
                }
            }
        }
        let labels: BTreeMap<&str, usize> = kept
            .iter()
            .enumerate()
            .flat_map(|(at, s)| s.branch_labels().map(move |label| (label, at)))
            .collect();
        let parents: Vec<Vec<usize>> = kept
            .iter()
            .map(|script| {
                let mut seen = FxHashSet::default();
                let known = script.down_revisions().filter_map(|id| index.get(id).copied());
                known.filter(|at| seen.insert(*at)).collect()
            })
            .collect();
        let mut map = Self { plain: Vec::new(), down: parents.clone(), scripts: kept };
        let dependencies: Vec<Vec<usize>> = map
            .scripts
            .iter()
            .map(|script| {
                let asked = script.depends_on();
                asked.filter_map(|id| index.get(id).or_else(|| labels.get(id)).copied()).collect()
            })
            .collect();
        // Dependencies of dependencies count, too, so that all are there before any is left out.
        for (at, found) in dependencies.iter().enumerate() {
            map.down[at].extend(found.iter().copied());
        }
        let full = map.down.clone();
        for (at, found) in dependencies.iter().enumerate() {
            let needed: Vec<usize> = found
                .iter()
                .copied()
                .filter(|dependency| {
                    !parents[at].iter().any(|parent| ancestors(&full, *parent).contains(dependency))
                })
                .collect();
            map.plain.push(needed.is_empty() && parents[at].len() == 1);
            map.down[at] = parents[at].iter().copied().chain(needed).collect();
        }
        map
    }

    fn ids(&self) -> impl Iterator<Item = (usize, &str)> {
        self.scripts.iter().enumerate().map(|(at, script)| (at, &*script.revision))
    }

    /// Revisions that nobody names, as a parent or as a dependency.
    fn real_heads(&self) -> Vec<usize> {
        let named: FxHashSet<usize> = self.down.iter().flatten().copied().collect();
        let heads: Vec<usize> = (0..self.scripts.len()).filter(|at| !named.contains(at)).collect();
        // Nothing but cycles: everything is asked for.
        if heads.is_empty() { (0..self.scripts.len()).collect() } else { heads }
    }

    fn ancestors(&self, of: usize) -> FxHashSet<usize> {
        ancestors(&self.down, of)
    }

    /// Alembic's `_topological_sort`: down from the heads, one line as long as nothing else needs it.
    fn sorted(&self, heads: &[usize], mut todo: FxHashSet<usize>) -> Vec<usize> {
        let mut current: Vec<usize> = heads.iter().copied().filter(|head| todo.contains(head)).collect();
        current.sort_unstable();
        current.dedup();
        let mut below: Vec<FxHashSet<usize>> = current.iter().map(|head| self.ancestors(*head)).collect();
        let mut output = Vec::new();
        let mut at = 0;
        // In a cycle every head waits for another one.
        let mut waited = 0;
        while let Some(candidate) = current.get(at).copied() {
            let needed =
                below.iter().enumerate().position(|(other, below)| other != at && below.contains(&candidate));
            if let Some(other) = needed
                && waited <= current.len()
            {
                at = other;
                waited += 1;
                continue;
            }
            waited = 0;
            if todo.remove(&candidate) {
                output.push(candidate);
            }
            let next: Vec<usize> = self.down[candidate]
                .iter()
                .copied()
                .filter(|parent| todo.contains(parent) && !current.contains(parent))
                .collect();
            match next.split_first() {
                None => {
                    current.remove(at);
                    below.remove(at);
                    at = at.saturating_sub(1);
                }
                Some((first, rest)) => {
                    current[at] = *first;
                    if self.plain[candidate] {
                        below[at].remove(&candidate);
                    } else {
                        below[at] = self.ancestors(*first);
                        for other in rest {
                            current.push(*other);
                            below.push(self.ancestors(*other));
                        }
                    }
                }
            }
        }
        // What a cycle kept apart.
        let mut left: Vec<usize> = todo.into_iter().collect();
        left.sort_unstable();
        output.splice(0..0, left);
        output
    }
}

fn ancestors(down: &[Vec<usize>], of: usize) -> FxHashSet<usize> {
    let mut found = FxHashSet::default();
    let mut pending = vec![of];
    while let Some(at) = pending.pop() {
        if found.insert(at) {
            pending.extend(down[at].iter().copied());
        }
    }
    found
}
