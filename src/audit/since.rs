//! Since which commit a fault stands.

use std::collections::BTreeSet;

use super::digest::Digest;
use super::story::Story;
use crate::diagnostic::Diagnostic;
use crate::history::{Reader, Timeline};
use crate::project::Gatherer;
use crate::rules::{self, ProjectCx, Rule};
use crate::vcs::{Error, History, Repo, RepoPath, TreeId, Watch, WatchedStates};

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

/// States of a project that are read at most to know since when its faults stand: each costs a look at every
/// Python file that changed.
const MOST_PROJECTS: usize = 8;

/// Since when a fault stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// Index of the commit.
    pub commit: u32,
    /// Whether it may be older: nothing before was read, or this copy of the history begins there.
    pub or_longer: bool,
}

/// For each of `findings`, faults of the application around the migrations: since when it stands, as far as the
/// files that it names tell. The trunk is read back from change to change of these files.
///
/// # Errors
/// When an object is damaged.
pub(super) fn project_since(
    repo: &Repo,
    reader: &mut Reader,
    history: &History,
    findings: &[&Diagnostic],
) -> Result<Vec<Option<Since>>, Error> {
    let mut since = vec![None; findings.len()];
    let Some(end) = (history.commits.len() as u32).checked_sub(1) else { return Ok(since) };
    let paths: BTreeSet<&RepoPath> =
        findings.iter().flat_map(|finding| &finding.places).map(|place| &place.path).collect();
    let watch = Watch::new(paths.into_iter().cloned());
    let states = WatchedStates::resolve(repo, history, &watch)?;
    let differs = |at: &u32| {
        let (new, old) = (states.of_commit[*at as usize], states.of_commit[*at as usize - 1]);
        (0..watch.paths().len()).any(|path| !states.same(new, old, path))
    };
    // The first commit of each spell in which the files stay as they are, newest first.
    let starts = (1..=end).rev().filter(differs).chain([0]);
    let gatherer = Gatherer::default();
    let mut pending: BTreeSet<usize> = (0..findings.len()).collect();
    for (number, start) in starts.enumerate() {
        if pending.is_empty() {
            break;
        }
        if number == MOST_PROJECTS {
            for at in &pending {
                since[*at] = since[*at].map(|since: Since| Since { or_longer: true, ..since });
            }
            break;
        }
        let standing = match project_faults(repo, reader, &gatherer, history.commits[start as usize].tree) {
            Err(Error::Absent { .. }) => break,
            other => other?,
        };
        pending.retain(|at| {
            let finding = findings[*at];
            let stands = standing.iter().any(|it| it.rule == finding.rule && it.subject == finding.subject);
            if stands {
                since[*at] = Some(Since { commit: start, or_longer: false });
            }
            stands
        });
    }
    Ok(since)
}

fn project_faults(
    repo: &Repo,
    reader: &mut Reader,
    gatherer: &Gatherer,
    root: TreeId,
) -> Result<Vec<Diagnostic>, Error> {
    let states = reader.snapshots(root)?;
    let environments = states.iter().map(|state| &state.environment);
    let project = gatherer.gather(repo.objects(), root, environments)?;
    Ok(rules::run_project(&ProjectCx { project: &project, states: &states }))
}
