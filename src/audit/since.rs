//! Since which commit a fault stands.

use super::digest::intended;
use super::story::Story;
use crate::diagnostic::Diagnostic;
use crate::history::Timeline;
use crate::revision::ExpectedHeads;
use crate::rules::{self, HistoryFacts, RuleCx};
use crate::vcs::{Error, History, Repo, RepoPath, Watch, WatchedStates};

/// Rules whose faults one file alone decides: they stand since the file has its content and its name.
const OF_ONE_FILE: &[&str] = &[
    "dynamic-identifier",
    "empty-migration",
    "filename-mismatch",
    "implausible-revision-id",
    "invalid-revision-id",
    "revision-id-too-long",
    "stale-docstring",
    "unreadable-revision",
];

/// For each of `findings`, which stand at the end of `story`, the step since which it stands without a gap;
/// `None` where no state of the trunk shows it.
pub(super) fn since(
    timeline: &Timeline,
    story: &Story,
    heads: &ExpectedHeads,
    findings: &[&Diagnostic],
) -> Vec<Option<usize>> {
    let mut since: Vec<Option<usize>> = vec![None; findings.len()];
    let mut pending: Vec<usize> = Vec::new();
    for (at, finding) in findings.iter().enumerate() {
        match OF_ONE_FILE.contains(&finding.rule) {
            true => since[at] = file_since(timeline, story, finding),
            false => pending.push(at),
        }
    }
    let nothing = HistoryFacts::default();
    for (number, step) in story.steps.iter().enumerate().rev() {
        if pending.is_empty() {
            break;
        }
        let state = timeline.snapshot(&intended(&step.environment, heads), step.state);
        let mut names: Vec<&str> = pending.iter().map(|at| findings[*at].rule).collect();
        names.sort_unstable();
        names.dedup();
        let mut standing = Vec::new();
        for rule in names.into_iter().filter_map(rules::by_name) {
            rule.check(&RuleCx { state: &state, merge: None, history: &nothing }, &mut standing);
        }
        pending.retain(|at| {
            let finding = findings[*at];
            let stands = standing.iter().any(|it| it.rule == finding.rule && is_same(it, finding));
            if stands {
                since[*at] = Some(number);
            }
            stands
        });
    }
    since
}

/// The subject of a number names its directory, whose move does not make another fault of it.
fn is_same(one: &Diagnostic, two: &Diagnostic) -> bool {
    let tail = |it: &Diagnostic| it.subject.rsplit('/').next().map(str::to_owned);
    one.subject == two.subject || one.rule == "duplicate-number" && tail(one) == tail(two)
}

fn file_since(timeline: &Timeline, story: &Story, finding: &Diagnostic) -> Option<usize> {
    let place = finding.places.first()?;
    let mut found = None;
    let mut content = None;
    for (number, step) in story.steps.iter().enumerate().rev() {
        let files = timeline.files(step.state?);
        let holds = |file: &&crate::revision::MigrationFile| {
            file.path.name() == place.path.name() && content.is_none_or(|content| content == file.blob)
        };
        let Some(file) = files.iter().find(holds) else { break };
        content = Some(file.blob);
        found = Some(number);
    }
    found
}

/// The commit since which the directory `path` is there without a gap: what is not scanned makes no state of a
/// timeline.
///
/// # Errors
/// When an object is damaged.
pub(super) fn directory_since(repo: &Repo, history: &History, path: &RepoPath) -> Result<Option<u32>, Error> {
    let watch = Watch::new([path.clone()]);
    let states = WatchedStates::resolve(repo, history, &watch)?;
    let is_there = |at: &u32| {
        let state = states.of_commit[*at as usize];
        states.entry(state, 0).is_some_and(|entry| entry.tree().is_some())
    };
    Ok((0..history.commits.len() as u32).rev().take_while(is_there).last())
}
