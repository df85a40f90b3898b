//! `fix --write` while git has stopped in the middle of a rebase or merge.

use std::collections::BTreeMap;

use crate::check::Side;
use crate::cli::exit::Failure;
use crate::cli::session::Session;
use crate::history::Reader;
use crate::rebase::{dialect_at, settle_file};
use crate::report::model::PlanDocument;
use crate::vcs::{BlobId, CommitId, Error, InProgress, RepoPath, TreeId, Unmerged, edit_tree, is_as_merged};

/// What is under way, and what the work tree makes of it.
pub(super) struct Middle {
    /// The side that stays as it is.
    pub(super) base: Side,
    /// The work tree, with the conflicts settled that can be.
    pub(super) head: Side,
    /// Files whose conflict is settled: what is on disk, and what is to be.
    pub(super) settled: BTreeMap<RepoPath, (BlobId, BlobId)>,
    /// Files of environments whose conflict is left.
    pub(super) left: Vec<RepoPath>,
    /// What the author of the moving side had.
    pub(super) author: Option<TreeId>,
    /// How git goes on.
    pub(super) then: &'static str,
}

impl Middle {
    /// Says in the plan what the settled conflicts are, and which are left.
    pub(super) fn tell(&self, document: &mut PlanDocument) {
        let settled = self.settled.keys().map(|path| format!("the conflict in {path} is settled"));
        let left = self
            .left
            .iter()
            .map(|path| format!("{path} is in conflict: solve that, then run onehead fix --write again"));
        document.notes.extend(settled.chain(left));
    }
}

/// Which side of what is under way is published; the other one moves.
fn published(
    session: &Session<'_>,
    under_way: InProgress,
) -> Result<(CommitId, bool, &'static str), Failure> {
    let other = match under_way {
        InProgress::Rebase { onto } => return Ok((onto, true, "git rebase --continue")),
        InProgress::Merge { other } => other,
    };
    let then = "git merge --continue";
    let head = session.repo.resolve("HEAD")?;
    let Some(trunk) = session.trunk()? else { return Ok((head, true, then)) };
    let is_published = |commit| -> Result<bool, Failure> {
        match session.repo.merge_bases(trunk.commit, commit) {
            Ok(bases) => Ok(bases.first() == Some(&commit)),
            Err(Error::Unrelated { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    };
    // Merging what is published into a branch of one's own: the branch's revisions move.
    match is_published(other)? && !is_published(head)? {
        true => Ok((other, false, then)),
        false => Ok((head, true, then)),
    }
}

/// What is under way; `None` where git waits for nothing. `work_tree` is the work tree as it is on disk.
pub(super) fn middle(
    session: &Session<'_>,
    reader: &mut Reader,
    work_tree: Side,
) -> Result<Option<Middle>, Failure> {
    let Some(under_way) = session.repo.in_progress()? else { return Ok(None) };
    let (commit, ours_is_published, then) = published(session, under_way)?;
    let base = Side { tree: session.repo.tree_of(commit)?, commit: Some(commit), committed: true };
    let moving = match ours_is_published {
        true => session.repo.taking_part().into_iter().find(|other| *other != commit),
        false => session.repo.head()?,
    };
    let author = moving.map(|moving| session.repo.tree_of(moving)).transpose()?;
    // The environments of all sides: a conflict may have taken a file that makes one.
    let mut environments = Vec::new();
    for tree in [base.tree, work_tree.tree] {
        let mut found = reader.environments(tree)?;
        session.prepare(&mut found)?;
        environments.extend(found);
    }
    let mut settled = BTreeMap::new();
    let mut left = Vec::new();
    for file in session.repo.unmerged()? {
        let Some(dialect) = dialect_at(&environments, &file.path) else { continue };
        let objects = reader.objects();
        let disk = objects.entry(work_tree.tree, &file.path)?.and_then(|entry| entry.blob());
        let text = |blob: Option<BlobId>| blob.map(|blob| objects.needed_blob(blob)).transpose();
        let Some((disk, now)) = disk.zip(text(disk)?) else { continue };
        if !has_markers(&now) {
            continue;
        }
        let Unmerged { path, base, ours, theirs } = file;
        let (base, ours, theirs) = (text(base)?, text(ours)?, text(theirs)?);
        let new = ours
            .zip(theirs)
            .filter(|(ours, theirs)| is_as_merged(&now, base.as_deref().unwrap_or_default(), ours, theirs));
        let new = new.and_then(|(ours, theirs)| {
            let (published, moving) = if ours_is_published { (ours, theirs) } else { (theirs, ours) };
            settle_file(dialect, path.name(), base.as_deref(), &published, &moving)
        });
        match new {
            Some(new) => drop(settled.insert(path, (disk, objects.write_blob(new)?))),
            None => left.push(path),
        }
    }
    let changes = settled.iter().map(|(path, (_, new))| (path.clone(), Some(*new))).collect();
    let tree = edit_tree(reader.objects(), work_tree.tree, &changes)?;
    // The work tree holds all of base already, so base is what it is compared with.
    let head = Side { tree, commit: Some(commit), committed: false };
    Ok(Some(Middle { base, head, settled, left, author, then }))
}

fn has_markers(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"<<<<<<<"))
}
