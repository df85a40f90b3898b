//! What was changed of revisions that had landed.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::{Digest, Rebirth};
use super::story::{Step, Story};
use crate::history::{Edit, Timeline};
use crate::python::grade::Grade;
use crate::revision::number_prefix;
use crate::vcs::{BlobId, RepoPath};

/// What happened to a published revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Its code changed.
    Edited,
    /// Its parents changed.
    Reparented,
    /// Its file got another name.
    Renamed,
    /// Its file got another number.
    Renumbered,
    /// It went on under another id.
    NewId,
    /// It was deleted.
    Deleted,
    /// It and others were replaced by a new base.
    Squashed,
    /// It went with its whole environment.
    EnvironmentRemoved,
}

/// A change of a published revision.
#[derive(Clone, Debug)]
pub struct Change {
    /// The step that made it.
    pub step: usize,
    /// What happened.
    pub kind: Kind,
    /// The revision; of a squash the new base, of a removed environment its first head.
    pub revision: String,
    /// Its file after the change, or the one it had.
    pub path: RepoPath,
    /// How far the edit of its content reaches; `None` where the content is the same, or gone.
    pub grade: Option<Grade>,
    /// Its content before.
    pub before: Option<BlobId>,
    /// Its content after.
    pub after: Option<BlobId>,
    /// What it was: parents, file name or id before.
    pub from: Option<String>,
    /// What it is now.
    pub to: Option<String>,
    /// All revisions concerned, sorted: of a squash the deleted ones.
    pub revisions: Vec<String>,
}

/// Changes of a story's published revisions, oldest first, then by revision. Edits that change nothing that
/// runs are left out, and so is the move of a whole directory.
pub(super) fn changes(timeline: &Timeline, story: &Story, digests: &[Digest]) -> Vec<Change> {
    let mut all = Vec::new();
    for (at, (step, digest)) in story.steps.iter().zip(digests).enumerate() {
        let mut of_step = Changes { timeline, step, digest, at }.list();
        of_step.sort_by(|one, two| (&one.revision, &one.path).cmp(&(&two.revision, &two.path)));
        all.append(&mut of_step);
    }
    all
}

struct Changes<'a> {
    timeline: &'a Timeline,
    step: &'a Step,
    digest: &'a Digest,
    at: usize,
}

impl Changes<'_> {
    fn list(&self) -> Vec<Change> {
        let Some(state) = self.step.before else { return Vec::new() };
        let delta = &self.digest.delta;
        let reborn: BTreeSet<&(String, RepoPath)> =
            self.digest.rebirths.iter().map(|rebirth| &rebirth.from).collect();
        let gone: Vec<&(String, RepoPath)> =
            delta.removed.iter().filter(|removed| !reborn.contains(removed)).collect();
        let mut found: Vec<Change> =
            self.digest.rebirths.iter().map(|rebirth| self.new_id(rebirth)).collect();
        let mut kept = self.kept();
        match (self.step.state, self.squashed_into(state, &gone)) {
            (None, _) => found.extend(self.removed(state)),
            (Some(_), Some((base, path))) => {
                // Where the new base is an old revision, what was done to it is part of the squash.
                let old = kept.iter().position(|change| change.revision == *base).map(|at| kept.remove(at));
                found.push(Change {
                    kind: Kind::Squashed,
                    revisions: gone.iter().map(|(id, _)| id.clone()).collect(),
                    ..old.unwrap_or_else(|| self.change(Kind::Squashed, base, path))
                });
            }
            (Some(_), None) => found.extend(gone.iter().map(|(id, path)| Change {
                before: self.blob(state, id, path),
                ..self.change(Kind::Deleted, id, path)
            })),
        }
        found.append(&mut kept);
        found
    }

    /// Revisions that are still there: edited, re-parented, renamed.
    fn kept(&self) -> Vec<Change> {
        let delta = &self.digest.delta;
        let mut by_file: BTreeMap<(&str, &RepoPath), Change> = BTreeMap::new();
        for edit in &delta.edited {
            let Edit { revision, path, grade, before, after } = edit;
            let change = Change {
                grade: Some(*grade),
                before: Some(*before),
                after: Some(*after),
                ..self.change(Kind::Edited, revision, path)
            };
            by_file.insert((revision, path), change);
        }
        for moved in &delta.moved {
            let (old, new) = (moved.from.name(), moved.to.name());
            if old == new && self.digest.moves_directory {
                continue;
            }
            let change = by_file
                .entry((&moved.revision, &moved.to))
                .or_insert_with(|| self.change(Kind::Renamed, &moved.revision, &moved.to));
            change.kind = match number_prefix(old) == number_prefix(new) {
                true => Kind::Renamed,
                false => Kind::Renumbered,
            };
            (change.from, change.to) = (Some(moved.from.to_string()), Some(moved.to.to_string()));
        }
        for change in &delta.reparented {
            let Some(known) = by_file.get_mut(&(&*change.revision, &change.path)) else { continue };
            known.kind = Kind::Reparented;
            (known.from, known.to) = (Some(change.from.join(", ")), Some(change.to.join(", ")));
        }
        by_file.into_values().filter(|change| !is_silent(change)).collect()
    }

    fn change(&self, kind: Kind, revision: &str, path: &RepoPath) -> Change {
        Change {
            step: self.at,
            kind,
            revision: revision.to_owned(),
            path: path.clone(),
            grade: None,
            before: None,
            after: None,
            from: None,
            to: None,
            revisions: vec![revision.to_owned()],
        }
    }

    fn new_id(&self, rebirth: &Rebirth) -> Change {
        let (id, path) = &rebirth.from;
        Change {
            grade: Some(rebirth.grade),
            before: self.step.before.and_then(|state| self.blob(state, id, path)),
            after: self.step.state.and_then(|state| self.blob(state, &rebirth.to.0, &rebirth.to.1)),
            from: Some(id.clone()),
            to: Some(rebirth.to.0.clone()),
            ..self.change(Kind::NewId, id, &rebirth.to.1)
        }
    }

    /// The environment went as a whole.
    fn removed(&self, state: u32) -> Option<Change> {
        let revisions: BTreeSet<String> =
            self.timeline.scripts(state).iter().map(|script| script.revision.to_string()).collect();
        let snapshot = self.timeline.snapshot(&self.step.environment, Some(state));
        let first = snapshot.graph.heads().first().or(revisions.first())?.clone();
        Some(Change {
            revisions: revisions.into_iter().collect(),
            ..self.change(Kind::EnvironmentRemoved, &first, &self.step.environment.directory)
        })
    }

    /// The new base, where `gone` holds several revisions and every base of before.
    fn squashed_into(&self, before: u32, gone: &[&(String, RepoPath)]) -> Option<(&String, &RepoPath)> {
        let delta = &self.digest.delta;
        let ids: BTreeSet<&str> = gone.iter().map(|(id, _)| id.as_str()).collect();
        let state = self.step.state?;
        let is_base = |script: &crate::revision::Script| {
            script.header.down_revision.is_some() && script.down_revisions().next().is_none()
        };
        let bases_before = self.timeline.scripts(before);
        let mut bases_before = bases_before.iter().filter(|script| is_base(script)).peekable();
        if ids.len() < 2
            || bases_before.peek().is_none()
            || !bases_before.all(|base| ids.contains(&*base.revision))
        {
            return None;
        }
        let now = self.timeline.scripts(state);
        let based = |id: &str| now.iter().any(|script| *script.revision == *id && is_base(script));
        let added = delta.added.iter().map(|(id, path)| (id, path));
        let cut = delta.reparented.iter().map(|change| (&change.revision, &change.path));
        added.chain(cut).find(|(id, _)| based(id))
    }

    fn blob(&self, state: u32, id: &str, path: &RepoPath) -> Option<BlobId> {
        let scripts = self.timeline.scripts(state);
        let start = scripts.partition_point(|script| *script.revision < *id);
        let mut same = scripts[start..].iter().take_while(|script| *script.revision == *id);
        same.find(|script| script.path == *path).map(|script| script.blob)
    }
}

/// Whether nobody needs to hear of it.
fn is_silent(change: &Change) -> bool {
    change.kind == Kind::Edited && change.grade == Some(Grade::Cosmetic)
}
