//! What was changed of revisions that had landed.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::{Digest, Rebirth};
use super::story::{Step, Story};
use crate::history::{Edit, Timeline};
use crate::python::grade::Grade;
use crate::revision::{Script, number_prefix};
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
    /// The revision; of a squash the new base, of a removed environment or past its first head.
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
    /// All revisions concerned, sorted: of a squash the deleted ones. Where every revision down to the bases
    /// went in one commit, that is one deletion.
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
        if self.step.state.is_none() {
            return self.removed(state).into_iter().collect();
        }
        let delta = &self.digest.delta;
        let mut kept = self.kept();
        let mut found = Vec::new();
        if self.cuts_off_the_past(state) {
            // What became of an old base is part of it.
            let revisions: BTreeSet<&String> = delta.removed.iter().map(|(id, _)| id).collect();
            let revisions = revisions.into_iter().cloned().collect();
            found.push(match self.new_base() {
                Some((base, path)) => {
                    let old = kept.iter().position(|change| change.revision == *base);
                    let old = old.map(|at| kept.remove(at));
                    let event = old.unwrap_or_else(|| self.change(Kind::Squashed, base, path));
                    Change { kind: Kind::Squashed, revisions, ..event }
                }
                None => {
                    let before = self.timeline.snapshot(&self.step.environment, Some(state));
                    let is_gone = |id: &&String| delta.removed.iter().any(|(gone, _)| gone == *id);
                    let head =
                        before.graph.heads().iter().find(is_gone).or(delta.removed.first().map(|it| &it.0));
                    let path = |id: &String| delta.removed.iter().find(|it| it.0 == *id).map(|it| &it.1);
                    let Some((head, path)) = head.and_then(|id| Some((id, path(id)?))) else { return kept };
                    Change { revisions, ..self.change(Kind::Deleted, head, path) }
                }
            });
        } else {
            let is_reborn = |gone: &&(String, RepoPath)| {
                self.digest.rebirths.iter().any(|rebirth| rebirth.from == **gone)
            };
            found.extend(self.digest.rebirths.iter().map(|rebirth| self.new_id(rebirth)));
            found.extend(delta.removed.iter().filter(|gone| !is_reborn(gone)).map(|(id, path)| Change {
                before: self.blob(state, id, path),
                ..self.change(Kind::Deleted, id, path)
            }));
        }
        found.append(&mut kept);
        found
    }

    /// Whether several revisions went, and with them every base of before.
    fn cuts_off_the_past(&self, before: u32) -> bool {
        let gone: BTreeSet<&str> = self.digest.delta.removed.iter().map(|(id, _)| id.as_str()).collect();
        let scripts = self.timeline.scripts(before);
        let mut bases = scripts.iter().filter(|script| is_base(script)).peekable();
        gone.len() > 1 && bases.peek().is_some() && bases.all(|base| gone.contains(&*base.revision))
    }

    /// A revision that came as a base, or became one.
    fn new_base(&self) -> Option<(&String, &RepoPath)> {
        let delta = &self.digest.delta;
        let now = self.timeline.scripts(self.step.state?);
        let based = |id: &str| now.iter().any(|script| *script.revision == *id && is_base(script));
        let added = delta.added.iter().map(|(id, path)| (id, path));
        let cut = delta.reparented.iter().map(|change| (&change.revision, &change.path));
        added.chain(cut).find(|(id, _)| based(id))
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

    fn blob(&self, state: u32, id: &str, path: &RepoPath) -> Option<BlobId> {
        let scripts = self.timeline.scripts(state);
        let start = scripts.partition_point(|script| *script.revision < *id);
        let mut same = scripts[start..].iter().take_while(|script| *script.revision == *id);
        same.find(|script| script.path == *path).map(|script| script.blob)
    }
}

fn is_base(script: &Script) -> bool {
    script.header.down_revision.is_some() && script.down_revisions().next().is_none()
}

/// Whether nobody needs to hear of it.
fn is_silent(change: &Change) -> bool {
    change.kind == Kind::Edited && change.grade == Some(Grade::Cosmetic)
}
