//! The pre-merge question: what would merging head into base bring?

mod accept;
mod evidence;
mod project;
mod schema;
mod told;
mod whole;

use std::collections::BTreeSet;

use self::schema::{At, ModelTree, ReadingModels, Replaying};
use self::whole::{Trees, Whole};
use crate::diagnostic::Diagnostic;
use crate::history::{Delta, Reader, Snapshot, delta};
use crate::python::grade::Grade;
use crate::revision::Environment;
use crate::rules::{self, HistoryFacts, MergeCx, RuleCx};
use crate::schema::replay::{Options, Replayer};
use crate::vcs::{CommitId, Conflict, Error, Repo, RepoPath, TreeId, Trunk, merge_trees, virtual_base};

pub use accept::{Acceptance, Accepted};

/// One side of the merge.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// Its tree.
    pub tree: TreeId,
    /// Its commit; of the index or the work tree, the commit they stand on.
    pub commit: Option<CommitId>,
    /// Whether `tree` is that commit's own.
    pub committed: bool,
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// What is merged into; `None` where the repository has no trunk.
    pub base: Option<Side>,
    /// What is merged.
    pub head: Side,
    /// The published branch, where known.
    pub trunk: Option<&'a Trunk>,
    /// The commits that a merge in progress brings into an uncommitted head.
    pub merging: &'a [CommitId],
    /// Whether faults that base has already are asked for, too.
    pub all_findings: bool,
    /// Faults that the configuration accepts.
    pub accepted: Accepted<'a>,
    /// Whether the bodies of the revisions and the models are read: not where nobody asks for any rule about them.
    pub bodies: bool,
    /// How the migrations are replayed; as the project tells where absent.
    pub schema: Option<&'a Options>,
    /// What replays them: one for several questions reads each file once.
    pub replayer: &'a Replayer,
}

impl Question<'_> {
    /// How the migrations are replayed.
    pub fn options(&self) -> Options {
        self.schema.cloned().unwrap_or_else(Options::of_project)
    }
}

/// The answer.
#[derive(Clone)]
pub struct Answer {
    /// The best merge base.
    pub merge_base: Option<CommitId>,
    /// Whether head brings nothing to base, so that the faults that stand in head are told.
    pub brings_nothing: bool,
    /// The environments of the merge result.
    pub merged: Vec<Snapshot>,
    /// The faults, sorted by environment, severity, rule and place.
    pub findings: Vec<Diagnostic>,
    /// Those that would be among them if nobody had accepted them, in no order.
    pub accepted: Vec<Diagnostic>,
}

/// Answers. `prepare` picks and completes the environments of each state.
///
/// # Errors
/// When there is no merge base, or an object is damaged.
pub fn check<E: From<Error>>(
    repo: &Repo,
    reader: &mut Reader,
    question: &Question<'_>,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<Answer, E> {
    let head = question.head;
    let Some(base) = question.base else { return standing(repo, reader, question, prepare) };
    let bases = match (base.commit, head.commit) {
        (Some(base), Some(head)) => repo.merge_bases(base, head)?,
        _ => Vec::new(),
    };
    let merge_base = bases.first().copied();
    let is_ancestor = head.committed && head.commit.is_some() && merge_base == head.commit;
    // Sides that came to the same tree each on its own are merged all the same, and bring each other nothing.
    let have_parted =
        head.committed && merge_base.is_some() && merge_base != head.commit && merge_base != base.commit;
    if is_ancestor || (head.tree == base.tree && !have_parted) {
        let mut answer = Answer { merge_base, ..standing(repo, reader, question, prepare)? };
        if head.tree != base.tree {
            let mut environments = reader.environments(base.tree)?;
            prepare(&mut environments)?;
            answer.merged = read_known(reader, base.tree, &environments)?;
        }
        return Ok(answer);
    }
    let mut read = |tree| -> Result<Vec<Snapshot>, E> {
        let mut environments = reader.environments(tree)?;
        prepare(&mut environments)?;
        Ok(read_known(reader, tree, &environments)?)
    };
    let at_base = read(base.tree)?;
    let at_head = read(head.tree)?;
    let mut at_bases = Vec::with_capacity(bases.len());
    for base in &bases {
        at_bases.push(read(repo.tree_of(*base)?)?);
    }
    // Those of the merge bases, too: both sides may have moved away from there.
    let places: Vec<RepoPath> = at_base
        .iter()
        .chain(&at_head)
        .chain(at_bases.iter().flatten())
        .flat_map(|snapshot| {
            let environment = &snapshot.environment;
            let locations = environment.version_locations.iter().map(|location| location.path.clone());
            locations.chain([environment.directory.clone()])
        })
        .collect();
    let relevant = |path: &RepoPath| {
        let name: &[u8] = path.name();
        [&b"alembic.ini"[..], b"pyproject.toml", b"onehead.yaml"].contains(&name)
            || (name.ends_with(b".py") && places.iter().any(|place| path.is_within(place)))
    };
    let ancestor = virtual_base(repo, &bases, &relevant)?;
    let merged = merge_trees(repo.objects(), ancestor, base.tree, head.tree, &relevant)?;
    let at_ancestor = match at_bases.pop() {
        Some(only) if at_bases.is_empty() => only,
        _ => read(ancestor)?,
    };
    let mut at_merge = read(merged.tree)?;
    take_left_behind(&mut at_merge, &at_base);
    let at_trunk = match question.trunk {
        Some(trunk) if Some(trunk.commit) != base.commit => read(repo.tree_of(trunk.commit)?)?,
        _ => Vec::new(),
    };
    let mut compared = Compared::default();
    let whole = Whole::new(repo.objects(), Trees { ancestor, base: base.tree, head: head.tree });
    // Several merge bases were merged with each other for the migrations alone.
    let models = match bases.len() {
        0 | 1 if question.bodies => ModelTree::of_merge(&whole, &at_merge)?,
        _ => None,
    };
    let merge = Merge { repo, question, merged: merged.tree, base: base.tree, models };
    for state in &at_merge {
        let nothing = Snapshot { environment: state.environment.clone(), ..Snapshot::default() };
        let counterpart = |side: &'_ [Snapshot]| -> Snapshot {
            same_environment(side, state, &at_merge).cloned().unwrap_or_else(|| nothing.clone())
        };
        let sides = Sides {
            base: counterpart(&at_base),
            head: counterpart(&at_head),
            ancestor: counterpart(&at_ancestor),
            trunk: counterpart(&at_trunk),
            conflicts: conflicts_of(&merged.conflicts, state),
        };
        merge.compare(reader, state, &sides, &mut compared)?;
    }
    // An environment that head removes as a whole is a change of published revisions, too.
    for gone in at_base.iter().filter(|gone| same_environment(&at_merge, gone, &at_base).is_none()) {
        let state = Snapshot { environment: gone.environment.clone(), ..Snapshot::default() };
        let counterpart = |side: &'_ [Snapshot]| {
            same_environment(side, gone, &at_base).cloned().unwrap_or_else(|| state.clone())
        };
        let sides = Sides {
            base: gone.clone(),
            head: state.clone(),
            ancestor: counterpart(&at_ancestor),
            trunk: counterpart(&at_trunk),
            conflicts: Vec::new(),
        };
        merge.compare(reader, &state, &sides, &mut compared)?;
    }
    let Compared { mut findings, at_base: faults_at_base, mut accepted } = compared;
    let around = project::brought(&whole, &at_merge, &at_base, question.all_findings)?;
    findings.extend(around.findings);
    accepted.extend(around.accepted);
    let known = accept::Known {
        at_base: Some(&faults_at_base),
        environments: names(&at_merge),
        project: false,
        by_comments: &accepted,
    };
    let taken = accept::by_configuration(question.accepted, &known, &mut findings);
    accepted.extend(taken);
    if !question.all_findings {
        findings.retain(|finding| finding.new);
        accepted.retain(|finding| finding.new);
    }
    evidence::attach(repo, reader, question, &at_base, &at_head, &mut findings)?;
    sort(&mut findings);
    Ok(Answer { merge_base, brings_nothing: false, merged: at_merge, findings, accepted })
}

fn names(states: &[Snapshot]) -> BTreeSet<&str> {
    states.iter().map(|state| state.environment.name.as_str()).collect()
}

/// Reads the environments of a tree, all of whose files must be in this copy: a verdict cannot rest
/// on what is not known.
fn read_known(
    reader: &mut Reader,
    tree: TreeId,
    environments: &[Environment],
) -> Result<Vec<Snapshot>, Error> {
    let mut snapshots = Vec::new();
    for environment in environments {
        let snapshot = reader.snapshot(tree, environment)?;
        if let Some(file) = snapshot.absent() {
            let blob = snapshot.files.iter().find(|known| known.path == *file).and_then(|file| file.blob);
            return Err(Error::Absent { id: blob.map_or_else(|| file.to_string(), |blob| blob.to_string()) });
        }
        snapshots.push(snapshot);
    }
    Ok(snapshots)
}

/// The faults that stand in head, nothing being merged.
fn standing<E: From<Error>>(
    repo: &Repo,
    reader: &mut Reader,
    question: &Question<'_>,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<Answer, E> {
    let head = question.head;
    let mut environments = reader.environments(head.tree)?;
    prepare(&mut environments)?;
    let mut merged = Vec::new();
    let (mut findings, mut accepted) = (Vec::new(), Vec::new());
    let replaying = Replaying::of(repo.objects(), question);
    let reading = ReadingModels { environments: environments.len() };
    for state in read_known(reader, head.tree, &environments)? {
        let history = evidence::history(repo, reader, &state, head.commit.as_slice(), None)?;
        let mut found = rules::run(&RuleCx { state: &state, merge: None, history: &history });
        let at_head = At { tree: head.tree, state: &state };
        found.extend(schema::standing(&replaying, at_head, Some(reading)));
        let sorted = accept::by_comments(reader.objects(), &state, found)?;
        findings.extend(sorted.kept.into_iter().chain(sorted.unused));
        accepted.extend(sorted.accepted);
        merged.push(state);
    }
    let around = project::standing(repo.objects(), head.tree, &merged)?;
    findings.extend(around.findings);
    accepted.extend(around.accepted);
    let known = accept::Known {
        at_base: None,
        environments: names(&merged),
        project: around.known,
        by_comments: &accepted,
    };
    let taken = accept::by_configuration(question.accepted, &known, &mut findings);
    accepted.extend(taken);
    for finding in &mut findings {
        finding.new = false;
    }
    sort(&mut findings);
    Ok(Answer { merge_base: None, brings_nothing: true, merged, findings, accepted })
}

/// One environment on every side.
struct Sides {
    base: Snapshot,
    head: Snapshot,
    ancestor: Snapshot,
    trunk: Snapshot,
    conflicts: Vec<Conflict>,
}

/// What comparing environments gives.
#[derive(Default)]
struct Compared {
    /// The faults of the merge, each marked new or old.
    findings: Vec<Diagnostic>,
    /// The faults of base.
    at_base: Vec<Diagnostic>,
    /// The faults of the merge that comments accept.
    accepted: Vec<Diagnostic>,
}

/// A merge, the same for all its environments.
struct Merge<'a> {
    repo: &'a Repo,
    question: &'a Question<'a>,
    /// The tree of the result, as far as migrations go.
    merged: TreeId,
    /// The tree of base.
    base: TreeId,
    /// Where the models of the result can be read.
    models: Option<ModelTree<'a>>,
}

impl Merge<'_> {
    /// The faults of one merged environment's state, and those of its base; none of either where the merge changes
    /// nothing of it.
    fn states(
        &self,
        reader: &mut Reader,
        state: &Snapshot,
        sides: &Sides,
    ) -> Result<(Vec<Diagnostic>, Vec<Diagnostic>), Error> {
        let question = self.question;
        // What accepts a fault of base and accepts none any more is news.
        let all = question.all_findings || !question.accepted.entries.is_empty();
        if !all && sides.conflicts.is_empty() && state.grounds() == sides.base.grounds() {
            return Ok(Default::default());
        }
        let objects = reader.objects();
        let grade = |one, two| reader.headers().grade(objects, one, two);
        let mut published_changes = delta(&sides.base.scripts, &state.scripts, grade)?;
        leave_out_published(&mut published_changes, state, &sides.trunk);
        // What head never had from base, it did not change: that is told as divergent.
        published_changes.edited.retain(|edit| sides.ancestor.graph.contains(&edit.revision));
        published_changes.reparented.retain(|change| sides.ancestor.graph.contains(&change.revision));
        let mut divergent = BTreeSet::new();
        for id in sides.head.graph.ids().filter(|id| !sides.ancestor.graph.contains(id)) {
            if let (Some(ours), Some(theirs)) = (sides.base.script(id), sides.head.script(id))
                && ours.blob != theirs.blob
                && reader.headers().grade(objects, ours.blob, theirs.blob)? == Grade::Upgrade
            {
                divergent.insert(id.to_owned());
            }
        }
        let tips: Vec<CommitId> = question
            .base
            .and_then(|base| base.commit)
            .into_iter()
            .chain(question.head.commit)
            .chain(question.merging.iter().copied())
            .collect();
        let published = (&sides.base, question, &published_changes);
        let history = evidence::history(self.repo, reader, state, &tips, Some(published))?;
        let merge = MergeCx {
            base: &sides.base,
            head: &sides.head,
            ancestor: &sides.ancestor,
            published_changes: &published_changes,
            divergent: &divergent,
            conflicts: &sides.conflicts,
        };
        let found = rules::run(&RuleCx { state, merge: Some(merge), history: &history });
        let nothing = HistoryFacts::default();
        let old = match found.is_empty() && question.accepted.entries.is_empty() {
            true => Vec::new(),
            false => rules::run(&RuleCx { state: &sides.base, merge: None, history: &nothing }),
        };
        Ok((found, old))
    }

    /// Adds the faults of one merged environment.
    fn compare(
        &self,
        reader: &mut Reader,
        state: &Snapshot,
        sides: &Sides,
        compared: &mut Compared,
    ) -> Result<(), Error> {
        let question = self.question;
        let (mut found, mut old) = self.states(reader, state, sides)?;
        let (after, before) = schema::brought(
            &Replaying::of(self.repo.objects(), question),
            At { tree: self.merged, state },
            At { tree: self.base, state: &sides.base },
            &sides.conflicts,
            self.models.as_ref(),
            question.all_findings,
        );
        found.extend(after);
        old.extend(before);
        for finding in &mut found {
            finding.new = !old.iter().any(|old| rules::says_again(finding, old));
        }
        let mut sorted = accept::by_comments(reader.objects(), state, found)?;
        if !sorted.unused.is_empty() {
            let before = accept::by_comments(reader.objects(), &sides.base, old.clone())?;
            for unused in &mut sorted.unused {
                unused.new = !before.unused.iter().any(|old| old.subject == unused.subject);
            }
        }
        compared.findings.extend(sorted.kept.into_iter().chain(sorted.unused));
        compared.accepted.extend(sorted.accepted);
        compared.at_base.extend(old);
        Ok(())
    }
}

/// Takes out changes that the trunk has already: they are no news to any database.
fn leave_out_published(changes: &mut Delta, state: &Snapshot, trunk: &Snapshot) {
    let is_published = |id: &str| match (state.script(id), trunk.script(id)) {
        (Some(here), Some(there)) => here.blob == there.blob,
        _ => false,
    };
    changes.edited.retain(|edit| !is_published(&edit.revision));
    changes.reparented.retain(|change| !is_published(&change.revision));
    changes.moved.retain(|moved| !is_published(&moved.revision));
    if !trunk.scripts.is_empty() {
        changes.removed.retain(|(id, _)| trunk.graph.contains(id));
    }
}

/// The snapshot of `side` that is the environment of `state`, one of `states`: the same place, or, after a move,
/// mostly the same revisions. What a move left behind is not what moved.
fn same_environment<'s>(side: &'s [Snapshot], state: &Snapshot, states: &[Snapshot]) -> Option<&'s Snapshot> {
    let moved_on = |found: &&Snapshot| {
        if found.files == state.files {
            return false;
        }
        let here = common(found, state);
        states.iter().any(|other| common(found, other) > here && same_place(side, other).is_none())
    };
    same_place(side, state).filter(|found| !moved_on(found)).or_else(|| {
        side.iter().find(|other| {
            let smaller = other.scripts.len().min(state.scripts.len());
            smaller > 0 && common(other, state) * 2 > smaller
        })
    })
}

fn same_place<'s>(side: &'s [Snapshot], state: &Snapshot) -> Option<&'s Snapshot> {
    side.iter().find(|other| other.environment.is_same_place(&state.environment))
}

/// How many ids both have.
fn common(one: &Snapshot, other: &Snapshot) -> usize {
    one.graph.ids().filter(|id| other.graph.contains(id)).count()
}

/// Takes out of `states` the directories of revisions that a move of their environment left behind: no tool
/// scans them any more, which is told of the environment that moved.
fn take_left_behind(states: &mut Vec<Snapshot>, side: &[Snapshot]) {
    let mut left: Vec<(usize, usize)> = Vec::new();
    for (at, state) in states.iter().enumerate() {
        let environment = &state.environment;
        // A script directory of its own keeps it alive.
        let is_bare = environment.version_locations.iter().all(|place| place.path == environment.directory);
        let Some(before) = same_place(side, state).filter(|_| is_bare) else { continue };
        let is_heir = |other: &Snapshot| {
            common(before, other) > common(before, state) && same_place(side, other).is_none()
        };
        left.extend(states.iter().position(is_heir).map(|heir| (at, heir)));
    }
    for (at, heir) in &left {
        let (directory, files) = (states[*at].environment.directory.clone(), states[*at].files.len());
        states[*heir].unscanned.push((directory, files));
    }
    for (at, _) in left.iter().rev() {
        states.remove(*at);
    }
}

fn conflicts_of(conflicts: &[Conflict], state: &Snapshot) -> Vec<Conflict> {
    let environment = &state.environment;
    conflicts
        .iter()
        .filter(|conflict| {
            conflict.path.is_within(&environment.directory)
                || environment
                    .version_locations
                    .iter()
                    .any(|location| conflict.path.is_within(&location.path))
        })
        .cloned()
        .collect()
}

fn sort(findings: &mut [Diagnostic]) {
    findings.sort_by(|one, two| {
        let place =
            |finding: &Diagnostic| finding.places.first().map(|place| (place.path.clone(), place.line));
        (&one.environment, one.severity, one.rule, place(one), &one.subject).cmp(&(
            &two.environment,
            two.severity,
            two.rule,
            place(two),
            &two.subject,
        ))
    });
}
