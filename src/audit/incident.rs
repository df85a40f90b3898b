//! Lives of faults on the trunk: opened by which commit, closed by which, and how.

use std::sync::Arc;

use super::digest::{
    DUPLICATE_NUMBER, DUPLICATE_REVISION, Digest, Fault, MISSING_PARENT, MULTIPLE_HEADS, REVISION_CYCLE,
};
use super::story::{Step, Story};
use crate::history::Timeline;
use crate::revision::Script;
use crate::vcs::RepoPath;

/// A fault's life.
#[derive(Clone, Debug)]
pub struct Incident {
    /// The fault when it was opened.
    pub fault: Fault,
    /// The most there was of it at once.
    pub most: usize,
    /// The step that opened it.
    pub opened: usize,
    /// The step that closed it, and how; `None` while it stands.
    pub closed: Option<(usize, Closing)>,
}

/// How a fault ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closing {
    /// A merge revision joined the heads.
    MergeRevision,
    /// Parents changed.
    Reparent,
    /// A revision got another id.
    NewId,
    /// A file got another name.
    Rename,
    /// A revision went.
    Deletion,
    /// A revision that had been there came back.
    Restore,
    /// A revision came that had never been there.
    FileAdded,
    /// Branch labels now tell the heads apart.
    Labels,
    /// The whole environment went.
    EnvironmentRemoved,
    /// Something else, such as the configuration of which files count.
    Other,
}

/// The incidents of a story, by opening, then rule, then subject. `digests` are its steps, read.
pub(super) fn incidents(timeline: &Timeline, story: &Story, digests: &[Digest]) -> Vec<Incident> {
    let mut all: Vec<Incident> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    // The fault as it was last seen, per incident.
    let mut last: Vec<Fault> = Vec::new();
    for (at, (step, digest)) in story.steps.iter().zip(digests).enumerate() {
        let mut standing: Vec<&Fault> = digest.faults.iter().collect();
        open.retain(|number| {
            let known = standing.iter().position(|fault| is_same(&last[*number], fault));
            match known {
                Some(known) => {
                    let fault = standing.remove(known);
                    all[*number].most = all[*number].most.max(fault.extent);
                    last[*number] = fault.clone();
                }
                None => {
                    let closing = Close { timeline, story, step, digest, fault: &last[*number] }.how(at);
                    all[*number].closed = Some((at, closing));
                }
            }
            known.is_some()
        });
        for fault in standing {
            open.push(all.len());
            last.push(fault.clone());
            all.push(Incident { fault: fault.clone(), most: fault.extent, opened: at, closed: None });
        }
    }
    all
}

/// Whether `new` is what became of `old`. A cycle may grow and shrink.
fn is_same(old: &Fault, new: &Fault) -> bool {
    old.rule == new.rule
        && (old.subject == new.subject
            || old.rule == REVISION_CYCLE && old.revisions.iter().any(|id| new.revisions.contains(id)))
}

/// One fault and the step that ended it.
struct Close<'a> {
    timeline: &'a Timeline,
    story: &'a Story,
    step: &'a Step,
    digest: &'a Digest,
    fault: &'a Fault,
}

impl Close<'_> {
    fn how(&self, at: usize) -> Closing {
        let Some(state) = self.step.state else { return Closing::EnvironmentRemoved };
        let now = self.timeline.scripts(state);
        let delta = &self.digest.delta;
        let fault = self.fault;
        let concerns = |id: &String| fault.revisions.contains(id);
        let is_added = |id: &str| delta.added.iter().any(|(added, _)| added == id);
        let reborn = |id: &String| self.digest.rebirths.iter().any(|rebirth| rebirth.from.0 == *id);
        let removed = |id: &String| delta.removed.iter().any(|(gone, _)| gone == id);
        match fault.rule {
            MULTIPLE_HEADS => {
                let joins = |script: &Arc<Script>| {
                    let mut parents = script.down_revisions();
                    script.down_revisions().count() > 1 && parents.any(|id| concerns(&id.to_owned()))
                };
                let joined = now.iter().any(|script| is_added(&script.revision) && joins(script));
                let there = |id: &String| now.binary_search_by(|script| (*script.revision).cmp(id)).is_ok();
                let still_heads = |ids: &[String]| {
                    let state = self.timeline.snapshot(&self.step.environment, self.step.state);
                    ids.iter().all(|id| state.graph.heads().binary_search(id).is_ok())
                };
                if still_heads(&fault.revisions) {
                    // They no longer count as too many.
                    Closing::Labels
                } else if joined {
                    Closing::MergeRevision
                } else if !delta.reparented.is_empty() {
                    Closing::Reparent
                } else if fault.revisions.iter().any(|id| removed(id) && !reborn(id)) {
                    Closing::Deletion
                } else if fault.revisions.iter().any(removed) {
                    Closing::NewId
                } else if delta.removed.iter().any(|(id, _)| !there(id)) {
                    Closing::Deletion
                } else if !delta.added.is_empty() {
                    Closing::FileAdded
                } else {
                    Closing::Other
                }
            }
            DUPLICATE_REVISION => {
                let gone = delta.removed.iter().filter(|(id, _)| concerns(id));
                let (mut reborn, mut deleted) = (false, false);
                for (_, path) in gone {
                    match self.digest.rebirths.iter().any(|rebirth| rebirth.from.1 == *path) {
                        true => reborn = true,
                        false => deleted = true,
                    }
                }
                match (reborn, deleted) {
                    (true, _) => Closing::NewId,
                    (false, true) => Closing::Deletion,
                    (false, false) => Closing::Other,
                }
            }
            DUPLICATE_NUMBER => {
                let moved = |path: &RepoPath| {
                    delta.moved.iter().any(|moved| moved.from == *path)
                        || self.digest.rebirths.iter().any(|it| it.from.1 == *path && it.to.1 != *path)
                };
                let gone = |path: &RepoPath| delta.removed.iter().any(|(_, gone)| gone == path);
                match &fault.paths {
                    paths if paths.iter().any(moved) => Closing::Rename,
                    paths if paths.iter().any(gone) => Closing::Deletion,
                    _ => Closing::Other,
                }
            }
            MISSING_PARENT => {
                let came = self.digest.rebirths.iter().any(|rebirth| rebirth.to.0 == fault.subject);
                let reparented = delta.reparented.iter().any(|change| concerns(&change.revision));
                match is_added(&fault.subject) {
                    true if came => Closing::NewId,
                    true if self.was_there(at, &fault.subject) => Closing::Restore,
                    true => Closing::FileAdded,
                    false if reparented => Closing::Reparent,
                    false if fault.revisions.iter().any(reborn) => Closing::NewId,
                    false if fault.revisions.iter().any(removed) => Closing::Deletion,
                    false => Closing::Other,
                }
            }
            _ => match () {
                () if delta.reparented.iter().any(|change| concerns(&change.revision)) => Closing::Reparent,
                () if fault.revisions.iter().any(reborn) => Closing::NewId,
                () if fault.revisions.iter().any(removed) => Closing::Deletion,
                () => Closing::Other,
            },
        }
    }

    /// Whether a state before step `at` held `id`.
    fn was_there(&self, at: usize, id: &str) -> bool {
        self.story.steps[..at]
            .iter()
            .filter_map(|step| step.state)
            .any(|state| self.timeline.scripts(state).iter().any(|script| *script.revision == *id))
    }
}
