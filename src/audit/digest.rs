//! What one step of a story comes to: the faults of its state, and what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Error;
use super::story::Step;
use crate::diagnostic::Diagnostic;
use crate::dialect;
use crate::history::{Delta, Headers, Snapshot, Timeline, delta};
use crate::python::grade::Grade;
use crate::revision::{Environment, ExpectedHeads, ProblemKind, Script};
use crate::rules::{HistoryFacts, Rule, RuleCx, crowded_heads};
use crate::vcs::{Objects, RepoPath};

/// A fault that a span of commits may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The rule's name.
    pub rule: &'static str,
    /// What makes it the same fault at the next state.
    pub subject: String,
    /// The revisions concerned, sorted.
    pub revisions: Vec<String>,
    /// Files concerned, sorted; empty where the revisions say it all.
    pub paths: Vec<RepoPath>,
    /// How much of it there is: heads, files, children, members.
    pub extent: usize,
}

/// A revision that went on under another id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebirth {
    /// The id before.
    pub from: (String, RepoPath),
    /// The id now.
    pub to: (String, RepoPath),
    /// How far the files differ.
    pub grade: Grade,
}

/// One step of a story, read.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    /// The faults of the state, in the order of rules, then subjects.
    pub faults: Vec<Fault>,
    /// Files at which the tool stops, sorted.
    pub stops_at: Vec<RepoPath>,
    /// What changed from the state before.
    pub delta: Delta,
    /// Removed revisions that came back under another id.
    pub rebirths: Vec<Rebirth>,
    /// Whether the step moved the directory: its files keep their names.
    pub moves_directory: bool,
    /// The faults of the state by the rules that were asked for.
    pub(super) standing: Vec<Diagnostic>,
}

impl Digest {
    /// Why `alembic upgrade head` could not run on an empty database, as rule names, sorted.
    pub fn obstacles(&self) -> BTreeSet<&'static str> {
        // A number used twice confuses people only. Of two files with one id Alembic keeps the one that nobody
        // names as a further head, so that an id stated twice always stops it.
        let fatal = self.faults.iter().map(|fault| fault.rule).filter(|rule| *rule != DUPLICATE_NUMBER);
        let unreadable = (!self.stops_at.is_empty()).then_some("unreadable-revision");
        fatal.chain(unreadable).collect()
    }
}

/// The incident kinds, named after the rules.
pub(super) const MULTIPLE_HEADS: &str = "multiple-heads";
pub(super) const DUPLICATE_REVISION: &str = "duplicate-revision";
pub(super) const DUPLICATE_NUMBER: &str = "duplicate-number";
pub(super) const MISSING_PARENT: &str = "missing-parent";
pub(super) const REVISION_CYCLE: &str = "revision-cycle";

/// How steps are read.
pub(super) struct Reading<'a> {
    /// The states.
    pub(super) timeline: &'a Timeline,
    /// What files say.
    pub(super) headers: &'a Headers,
    /// The intended heads where an environment itself names none.
    pub(super) heads: &'a ExpectedHeads,
    /// Rules to run on every state.
    pub(super) rules: Vec<&'static dyn Rule>,
}

/// Reads one step.
///
/// # Errors
/// When an object is damaged.
pub(super) fn digest(reading: &Reading<'_>, step: &Step, objects: &Objects) -> Result<Digest, Error> {
    let Reading { timeline, headers, heads, rules } = reading;
    let environment = intended(&step.environment, heads);
    let now = timeline.snapshot(&environment, step.state);
    let before = step.before.map(|state| timeline.scripts(state)).unwrap_or_default();
    let grade = |one, two| headers.grade(objects, one, two);
    let delta = delta(&before, &now.scripts, grade)?;
    let kept_name = delta.moved.iter().filter(|moved| moved.from.name() == moved.to.name()).count();
    let history = HistoryFacts::default();
    let mut standing = Vec::new();
    for rule in rules {
        rule.check(&RuleCx { state: &now, merge: None, history: &history }, &mut standing);
    }
    Ok(Digest {
        standing,
        faults: faults(&now),
        stops_at: stops_at(&now, headers, objects)?,
        rebirths: rebirths(&delta, &before, &now, (headers, objects))?,
        moves_directory: kept_name > 0 && kept_name * 2 >= before.len(),
        delta,
    })
}

/// `environment` with the intended heads of the configuration.
fn intended(environment: &Environment, heads: &ExpectedHeads) -> Environment {
    let mut environment = environment.clone();
    if environment.expected_heads == ExpectedHeads::ByLabel {
        environment.expected_heads = heads.clone();
    }
    environment
}

fn faults(state: &Snapshot) -> Vec<Fault> {
    let mut faults = Vec::new();
    for group in crowded_heads(state) {
        let (extent, revisions) = (group.heads.len(), group.heads);
        let (rule, paths) = (MULTIPLE_HEADS, Vec::new());
        faults.push(Fault { rule, subject: group.label, revisions, paths, extent });
    }
    for duplicate in state.graph.duplicates() {
        faults.push(Fault {
            rule: DUPLICATE_REVISION,
            subject: duplicate.revision.clone(),
            revisions: vec![duplicate.revision.clone()],
            paths: duplicate.paths.clone(),
            extent: duplicate.paths.len(),
        });
    }
    for clash in state.number_clashes() {
        let ids: BTreeSet<String> =
            clash.paths.iter().filter_map(|path| Some(state.script_at(path)?.revision.to_string())).collect();
        faults.push(Fault {
            rule: DUPLICATE_NUMBER,
            subject: clash.prefix.to_string(),
            revisions: ids.into_iter().collect(),
            extent: clash.paths.len(),
            paths: clash.paths,
        });
    }
    // One parent that is missing is one fault, however many revisions name it.
    let mut children: BTreeMap<String, (BTreeSet<String>, BTreeSet<RepoPath>)> = BTreeMap::new();
    for missing in state.graph.missing() {
        let subject = match missing.missing.as_str() {
            // The empty parent is each revision's own.
            "" => format!(" of {}", missing.revision),
            parent => parent.to_owned(),
        };
        let (ids, paths) = children.entry(subject).or_default();
        ids.insert(missing.revision.clone());
        paths.insert(missing.path.clone());
    }
    faults.extend(children.into_iter().map(|(subject, (ids, paths))| Fault {
        rule: MISSING_PARENT,
        subject,
        extent: ids.len(),
        revisions: ids.into_iter().collect(),
        paths: paths.into_iter().collect(),
    }));
    for cycle in state.graph.cycles().iter().chain(state.graph.dependency_cycles()) {
        faults.push(Fault {
            rule: REVISION_CYCLE,
            subject: cycle.join(" "),
            revisions: cycle.clone(),
            paths: Vec::new(),
            extent: cycle.len(),
        });
    }
    faults
}

/// Files that Alembic loads and stops at. What only Python 2 reads ran in its day; what cannot be known (a
/// computed id, a content that is not here) is not held against it.
fn stops_at(state: &Snapshot, headers: &Headers, objects: &Objects) -> Result<Vec<RepoPath>, Error> {
    if state.unreadable.is_empty() {
        return Ok(Vec::new());
    }
    let Some(dialect) = dialect::by_name(state.environment.dialect) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for file in &state.unreadable {
        let known = state.files.binary_search_by(|known| known.path.cmp(&file.path)).ok();
        let blob = known.and_then(|at| state.files[at].blob);
        let stops = match blob {
            None => true,
            Some(blob) => headers.load(objects, dialect, &[blob])?.first().is_some_and(|header| match header
                .problem
                .as_ref()
                .map(|problem| problem.kind)
            {
                Some(ProblemKind::Syntax | ProblemKind::ConflictMarkers | ProblemKind::Encoding) => true,
                Some(ProblemKind::Link) => true,
                Some(ProblemKind::Python2 | ProblemKind::TooLarge | ProblemKind::Absent) => false,
                None => !header.assigns_revision || !header.assigns_down_revision,
            }),
        };
        if stops {
            found.push(file.path.clone());
        }
    }
    found.sort();
    Ok(found)
}

/// Pairs of a removed and an added revision that are compared at most.
const MOST_PAIRS: usize = 4096;

/// Removed revisions that went on under another id: the same file, or one of the same words that does the same
/// or stands in the same place.
fn rebirths(
    delta: &Delta,
    before: &[Arc<Script>],
    now: &Snapshot,
    (headers, objects): (&Headers, &Objects),
) -> Result<Vec<Rebirth>, Error> {
    let script_before = |(id, path): &(String, RepoPath)| {
        let start = before.partition_point(|script| *script.revision < **id);
        let mut same = before[start..].iter().take_while(|script| *script.revision == **id);
        same.find(|script| script.path == *path)
    };
    let parents =
        |script: &Script| -> BTreeSet<String> { script.down_revisions().map(str::to_owned).collect() };
    let mut added: Vec<&(String, RepoPath)> = delta.added.iter().collect();
    let mut found = Vec::new();
    let removed = delta.removed.iter().take(MOST_PAIRS / delta.added.len().max(1));
    for gone in removed {
        let Some(old) = script_before(gone) else { continue };
        let named = words(&gone.1);
        let mut best: Option<(Grade, usize)> = None;
        for (at, (id, path)) in added.iter().enumerate() {
            let Some(new) = now.scripts_of(id).find(|script| script.path == *path) else { continue };
            let is_same_file = *path == gone.1;
            if !is_same_file && named != words(path) {
                continue;
            }
            let grade = headers.grade(objects, old.blob, new.blob)?;
            // Its name and its place in the graph make it the same where it was rewritten, too.
            let is_same_place = !named.is_empty() && parents(old) == parents(new);
            let is_it = is_same_file || is_same_place || grade <= Grade::Header;
            if is_it && best.is_none_or(|(least, _)| grade < least) {
                best = Some((grade, at));
            }
        }
        if let Some((grade, at)) = best {
            found.push(Rebirth { from: gone.clone(), to: added.remove(at).clone(), grade });
        }
    }
    Ok(found)
}

/// What a file's name says beside ids and numbers: its words that hold no digit.
fn words(path: &RepoPath) -> Vec<String> {
    let name = path.name().to_string();
    let stem = name.strip_suffix(".py").unwrap_or(&name);
    stem.split(['_', '-', '.', ' '])
        .filter(|word| !word.is_empty() && !word.bytes().any(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}
