//! Branches that land alone and not together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::brought::Ground;
use super::{Branch, Brought, units};
use crate::diagnostic::Severity;
use crate::history::Snapshot;
use crate::revision::{RevisionGraph, Script, number_prefix};
use crate::rules::crowded_heads;
use crate::vcs::{BlobId, RepoPath};

/// Any two branches of different sides collide when both land.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The rule that the result breaks.
    pub rule: &'static str,
    /// How bad that is.
    pub severity: Severity,
    /// Index of [`super::Answer::environments`].
    pub environment: usize,
    /// What all sides want: a parent (empty: they are bases), an id, a number with its directory, or a file.
    pub subject: String,
    /// One sentence without a full stop.
    pub message: String,
    /// Two or more, sorted.
    pub sides: Vec<Side>,
}

/// Branches that want the same in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Side {
    /// The revisions that want it.
    pub revisions: Vec<String>,
    /// Their files.
    pub paths: Vec<RepoPath>,
    /// Indexes of [`super::Answer::branches`].
    pub branches: Vec<usize>,
}

/// A set of branches that bring the same, with the branches.
type Unit<'b> = (&'b Arc<Brought>, Vec<usize>);

/// What a bucket is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// The place above a parent, on a line of development that has these labels.
    Parent(String, String),
    Id(String),
    Number(RepoPath, u32),
    File(RepoPath),
}

/// How a branch wants it; branches with the same way do not collide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Children(BTreeSet<String>),
    Path(RepoPath),
    Content(Option<BlobId>),
}

/// Finds the collisions among `branches`, sorted by environment, severity, rule and subject.
pub(super) fn collisions(grounds: &[Ground], branches: &[Branch]) -> Vec<Collision> {
    let units = units(branches);
    let mut buckets: BTreeMap<(usize, Wanted), BTreeMap<Way, Vec<usize>>> = BTreeMap::new();
    for (at, (brought, _)) in units.iter().enumerate() {
        for (wanted, way) in wants(brought, &grounds[brought.environment].state) {
            buckets.entry((brought.environment, wanted)).or_default().entry(way).or_default().push(at);
        }
    }
    let mut found = Vec::new();
    for ((environment, wanted), ways) in buckets.iter().filter(|(_, ways)| ways.len() > 1) {
        let groups = match wanted {
            Wanted::Parent(..) => disjoint(ways),
            _ => vec![ways.iter().collect()],
        };
        for mut ways in groups {
            if matches!(wanted, Wanted::Parent(..)) {
                drop_joinable(&mut ways, &units);
            }
            let sides: Vec<Side> =
                ways.iter().map(|(way, members)| side(wanted, way, members, &units)).collect();
            let sides = apart(sides, branches);
            if sides.len() > 1 {
                found.push(collision(*environment, wanted, sides, &grounds[*environment].state));
            }
        }
    }
    found.sort_by(|one, two| {
        (one.environment, one.severity, one.rule, &one.subject, &one.sides).cmp(&(
            two.environment,
            two.severity,
            two.rule,
            &two.subject,
            &two.sides,
        ))
    });
    found
}

/// Everything that a unit lays claim to.
fn wants(brought: &Brought, trunk: &Snapshot) -> Vec<(Wanted, Way)> {
    let mut children: BTreeMap<Wanted, BTreeSet<String>> = BTreeMap::new();
    let mut wants = Vec::new();
    let labels = brought.landed.graph.head_labels();
    let is_labelled = labels.values().any(|labels| !labels.is_empty());
    for script in &brought.added {
        // Lines with other labels may stand beside each other.
        let line = match is_labelled {
            false => String::new(),
            true => {
                let above = brought.landed.graph.descendants(&script.revision);
                let of_heads: BTreeSet<&str> = labels
                    .iter()
                    .filter(|(head, _)| above.contains(*head))
                    .flat_map(|(_, own)| own)
                    .copied()
                    .collect();
                of_heads.into_iter().collect::<Vec<_>>().join(", ")
            }
        };
        let id = script.revision.to_string();
        let parents: BTreeSet<&str> = script.down_revisions().collect();
        // A parent that nobody can know is nobody's.
        if parents.is_empty() && script.header.down_revision.is_some() {
            children.entry(Wanted::Parent(String::new(), line.clone())).or_default().insert(id.clone());
        }
        for parent in parents {
            let wanted = Wanted::Parent(parent.to_owned(), line.clone());
            children.entry(wanted).or_default().insert(id.clone());
        }
        wants.push((Wanted::Id(id), Way::Path(script.path.clone())));
    }
    wants.extend(children.into_iter().map(|(wanted, children)| (wanted, Way::Children(children))));
    let before = |path: &RepoPath| trunk.files.binary_search_by(|file| file.path.cmp(path)).ok();
    for file in &brought.landed.files {
        let old = before(&file.path).map(|at| &trunk.files[at]);
        if old == Some(file) {
            continue;
        }
        wants.push((Wanted::File(file.path.clone()), Way::Content(file.blob)));
        if let (None, Some(number)) = (old, number_prefix(file.path.name())) {
            wants.push((Wanted::Number(file.path.parent(), number), Way::Path(file.path.clone())));
        }
    }
    for (_, path) in &brought.changes.removed {
        wants.push((Wanted::File(path.clone()), Way::Content(None)));
    }
    wants
}

type Ways<'w> = Vec<(&'w Way, &'w Vec<usize>)>;

/// Groups in which every two ways want other children. One that wants what others want, too, makes a group with
/// those that it has nothing in common with.
fn disjoint(ways: &BTreeMap<Way, Vec<usize>>) -> Vec<Ways<'_>> {
    let children = |way: &Way| match way {
        Way::Children(children) => children.clone(),
        _ => BTreeSet::new(),
    };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for child in ways.keys().flat_map(children) {
        *seen.entry(child).or_default() += 1;
    }
    let overlaps = |way: &Way| children(way).iter().any(|child| seen[child] > 1);
    let (crossing, clear): (Ways<'_>, Ways<'_>) = ways.iter().partition(|(way, _)| {
        // Of overlapping ways the single children stay: they cannot hold what another one lacks.
        overlaps(way) && children(way).len() > 1
    });
    let mut groups = vec![clear.clone()];
    for (way, members) in crossing {
        let own = children(way);
        let mut group: Ways<'_> =
            clear.iter().filter(|(other, _)| own.is_disjoint(&children(other))).copied().collect();
        group.push((way, members));
        groups.push(group);
    }
    groups
}

/// Leaves out ways that get along with the first one: the heads that there would be are meant to be, or one of them
/// joins the others.
fn drop_joinable(ways: &mut Ways<'_>, units: &[Unit<'_>]) {
    let Some((_, members)) = ways.first() else { return };
    let Some(first) = members.first().map(|unit| units[*unit].0) else { return };
    let mut at = 0;
    ways.retain(|(_, members)| {
        at += 1;
        at == 1 || members.first().is_some_and(|unit| makes_heads(first, units[*unit].0))
    });
}

/// Whether landing both leaves too many heads, one that only the first brings and one that only the second does.
fn makes_heads(one: &Brought, two: &Brought) -> bool {
    let mut scripts: Vec<Arc<Script>> = one.landed.scripts.clone();
    let known: BTreeSet<&RepoPath> = one.landed.files.iter().map(|file| &file.path).collect();
    scripts.extend(two.added.iter().filter(|script| !known.contains(&script.path)).map(Arc::clone));
    scripts.sort_by(|one, two| (&one.revision, &one.path).cmp(&(&two.revision, &two.path)));
    let both = Snapshot {
        environment: one.landed.environment.clone(),
        graph: Arc::new(RevisionGraph::new(&scripts)),
        scripts,
        ..Snapshot::default()
    };
    crowded_heads(&both).iter().any(|group| {
        let only = |has: &Brought, lacks: &Brought| {
            group
                .heads
                .iter()
                .any(|head| has.landed.graph.contains(head) && !lacks.landed.graph.contains(head))
        };
        only(one, two) && only(two, one)
    })
}

fn side(wanted: &Wanted, way: &Way, members: &[usize], units: &[Unit<'_>]) -> Side {
    let mut side = Side::default();
    for unit in members {
        let (brought, branches) = &units[*unit];
        side.branches.extend(branches);
        let is_meant = |script: &Script| match (wanted, way) {
            (Wanted::Parent(..), Way::Children(children)) => children.contains(&*script.revision),
            (Wanted::Id(id), Way::Path(path)) => *script.revision == **id && script.path == *path,
            (_, Way::Path(path)) => script.path == *path,
            (Wanted::File(path), _) => script.path == *path,
            _ => false,
        };
        for script in brought.landed.scripts.iter().filter(|script| is_meant(script)) {
            side.revisions.push(script.revision.to_string());
            side.paths.push(script.path.clone());
        }
        match (wanted, way) {
            (Wanted::File(path), _) => side.paths.push(path.clone()),
            (_, Way::Path(path)) => side.paths.push(path.clone()),
            _ => {}
        }
    }
    side.revisions.sort();
    side.revisions.dedup();
    side.paths.sort();
    side.paths.dedup();
    side.branches.sort_unstable();
    side.branches.dedup();
    side
}

/// The sides without branches that never land beside one of another side: those that are contained in it. A branch
/// and its copy on a remote are one branch; where nothing else is left, there is no collision.
fn apart(mut sides: Vec<Side>, branches: &[Branch]) -> Vec<Side> {
    let side_of: BTreeMap<usize, usize> = (0..)
        .zip(&sides)
        .flat_map(|(at, side)| side.branches.iter().map(move |branch| (*branch, at)))
        .collect();
    for (at, side) in sides.iter_mut().enumerate() {
        side.branches.retain(|branch| {
            let mut whole = branches[*branch].part_of.iter().filter_map(|whole| side_of.get(whole));
            whole.all(|other| *other == at)
        });
    }
    sides.retain(|side| !side.branches.is_empty());
    let lines: BTreeSet<BTreeSet<&str>> = sides
        .iter()
        .flat_map(|side| &side.branches)
        .map(|branch| branches[*branch].names.iter().map(|name| line(name)).collect())
        .collect();
    let all_one = |lines: &BTreeSet<BTreeSet<&str>>| {
        let mut lines = lines.iter();
        let first = lines.next().cloned().unwrap_or_default();
        let common = lines.fold(first, |common, next| &common & next);
        !common.is_empty()
    };
    if all_one(&lines) { Vec::new() } else { sides }
}

/// The branch that a ref is a copy of: `x` for `refs/heads/x` and `refs/remotes/origin/x`.
fn line(name: &str) -> &str {
    if let Some(branch) = name.strip_prefix("refs/heads/") {
        return branch;
    }
    let remote = name.strip_prefix("refs/remotes/").and_then(|rest| rest.split_once('/'));
    remote.map_or(name, |(_, branch)| branch)
}

fn collision(environment: usize, wanted: &Wanted, sides: Vec<Side>, trunk: &Snapshot) -> Collision {
    let (rule, severity, subject, message) = match wanted {
        Wanted::Parent(parent, _) => {
            let message = match parent.is_empty() {
                true => "each brings a base of its own".to_owned(),
                false => format!("they extend '{parent}'"),
            };
            ("multiple-heads", Severity::Error, parent.clone(), message)
        }
        Wanted::Id(id) => {
            let message = format!("they state the id '{id}' in different files");
            ("duplicate-revision", Severity::Error, id.clone(), message)
        }
        Wanted::Number(directory, number) => {
            let is_id = |side: &Side| {
                side.revisions.iter().any(|id| id.trim_start_matches(['v', 'V']).parse() == Ok(*number))
            };
            let severity = if sides.iter().any(is_id) { Severity::Error } else { Severity::Warning };
            let message = format!("they take the number {number} in {directory}");
            ("duplicate-number", severity, format!("{directory} {number}"), message)
        }
        Wanted::File(path) => {
            let is_new = trunk.files.iter().all(|file| file.path != *path);
            let (severity, what) = match is_new {
                true => (Severity::Error, format!("they add {path} with different contents")),
                // git may merge the texts.
                false => (Severity::Warning, format!("they change {path} in different ways")),
            };
            ("merge-conflict", severity, path.to_string(), what)
        }
    };
    Collision { rule, severity, environment, subject, message, sides }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_branch_and_its_copy_on_a_remote_are_one_line() {
        assert_eq!(line("refs/heads/feature/x"), "feature/x");
        assert_eq!(line("refs/remotes/origin/feature/x"), "feature/x");
        assert_eq!(line("refs/pull/1/head"), "refs/pull/1/head");
    }
}
