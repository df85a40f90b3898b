//! Since which commit a fault stands.

use std::collections::BTreeSet;

use super::digest::Digest;
use super::story::Story;
use crate::diagnostic::Diagnostic;
use crate::history::Timeline;
use crate::rules::{self, Rule};
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

/// The rules that have to be run on every state to know since when `findings` stand.
pub(super) fn rules_of<'f>(findings: impl Iterator<Item = &'f Diagnostic>) -> Vec<&'static dyn Rule> {
    let names: BTreeSet<&str> = findings.map(|finding| finding.rule).collect();
    names.into_iter().filter(|rule| !OF_ONE_FILE.contains(rule)).filter_map(rules::by_name).collect()
}

/// The step since which `finding`, which stands at the end of `story`, stands without a gap; `None` where no
/// state of the trunk shows it.
pub(super) fn since(
    timeline: &Timeline,
    (story, digests): (&Story, &[Digest]),
    finding: &Diagnostic,
) -> Option<usize> {
    if OF_ONE_FILE.contains(&finding.rule) {
        return file_since(timeline, story, finding);
    }
    let stands =
        |digest: &Digest| digest.standing.iter().any(|it| it.rule == finding.rule && is_same(it, finding));
    let steps = digests.iter().rev().take_while(|digest| stands(digest)).count();
    (steps > 0).then(|| digests.len() - steps)
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
