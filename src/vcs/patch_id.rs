//! Commits that make the same change elsewhere, as `git rev-list --cherry-mark` finds them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bstr::{BStr, BString, ByteSlice as _};
use gix::diff::blob::{Algorithm, Diff, InternedInput};

use super::merge::is_binary;
use super::objects::EntryKind;
use super::tree_edit::changed_files;
use super::{BlobId, Commit, CommitId, Entry, Error, Objects, Range, RepoPath, TreeId};

/// Unchanged lines around a change that belong to it.
const CONTEXT: u32 = 3;

/// The commits ahead whose change is among those behind, too. Merges make no change of their own.
///
/// # Errors
/// When an object is damaged.
pub fn equivalents(objects: &Objects, range: &Range) -> Result<HashSet<CommitId>, Error> {
    let mut equal = HashSet::new();
    let mut ahead: HashMap<Vec<RepoPath>, Vec<(CommitId, Patch)>> = HashMap::new();
    let mut paths = BTreeSet::new();
    for (id, commit) in &range.ahead {
        let Some(change) = Change::of(objects, commit)? else { continue };
        let files = change.files(objects)?;
        if files.is_empty() {
            continue;
        }
        // The first path is enough to tell most commits apart.
        paths.extend(files.first().cloned());
        let patch = change.patch(objects, &files)?;
        ahead.entry(files).or_default().push((*id, patch));
    }
    if ahead.is_empty() {
        return Ok(equal);
    }
    for (_, commit) in &range.behind {
        let Some(change) = Change::of(objects, commit)? else { continue };
        if !change.touches_any(objects, &paths)? {
            continue;
        }
        let files = change.files(objects)?;
        let Some(candidates) = ahead.get(&files) else { continue };
        let patch = change.patch(objects, &files)?;
        equal.extend(candidates.iter().filter(|(_, known)| *known == patch).map(|(id, _)| *id));
    }
    Ok(equal)
}

/// What a commit does, without line numbers and white space.
type Patch = BTreeMap<RepoPath, Vec<u8>>;

struct Change {
    before: TreeId,
    after: TreeId,
}

impl Change {
    fn of(objects: &Objects, commit: &Commit) -> Result<Option<Self>, Error> {
        let before = match commit.parents.as_slice() {
            [] => objects.empty_tree(),
            [parent] => match objects.commit(*parent)? {
                Some(parent) => parent.tree,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(Self { before, after: commit.tree }))
    }

    fn touches_any(&self, objects: &Objects, paths: &BTreeSet<RepoPath>) -> Result<bool, Error> {
        for path in paths {
            if objects.entry(self.before, path)? != objects.entry(self.after, path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn files(&self, objects: &Objects) -> Result<Vec<RepoPath>, Error> {
        changed_files(objects, self.before, self.after)
    }

    fn patch(&self, objects: &Objects, files: &[RepoPath]) -> Result<Patch, Error> {
        let mut patch = Patch::new();
        for path in files {
            let file = |tree| -> Result<Option<Entry>, Error> {
                Ok(objects.entry(tree, path)?.filter(|entry| entry.tree().is_none()))
            };
            let (old, new) = (file(self.before)?, file(self.after)?);
            let kind = |entry: &Option<Entry>| entry.as_ref().map(|entry| entry.kind);
            let mut text = match (&old, &new) {
                (Some(_), Some(_)) => Vec::new(),
                (_, Some(entry)) => format!("new {:?} {}\n", entry.kind, entry.executable).into_bytes(),
                (_, None) => b"deleted\n".to_vec(),
            };
            if kind(&old) != kind(&new) {
                text.extend(format!("{:?} {:?}\n", kind(&old), kind(&new)).into_bytes());
            }
            let (before, after) = (content(objects, old.as_ref())?, content(objects, new.as_ref())?);
            match (before, after) {
                (Some(before), Some(after)) if !is_binary(&before) && !is_binary(&after) => {
                    describe(before.as_bstr(), after.as_bstr(), &mut text);
                }
                _ => {
                    for entry in [old, new].iter().flatten() {
                        text.extend(format!("binary {}\n", entry.id).into_bytes());
                    }
                }
            }
            patch.insert(path.clone(), text);
        }
        Ok(patch)
    }
}

/// What git compares of an entry; `None` where this copy lacks it.
fn content(objects: &Objects, entry: Option<&Entry>) -> Result<Option<BString>, Error> {
    Ok(match entry {
        None => Some(BString::default()),
        Some(entry) if entry.kind == EntryKind::Submodule => {
            Some(format!("Subproject commit {}\n", entry.id).into())
        }
        Some(entry) => objects.blob(BlobId(entry.id))?.map(BString::from),
    })
}

/// Adds the lines that change and those around them.
fn describe(before: &BStr, after: &BStr, out: &mut Vec<u8>) {
    let input = InternedInput::new(before.as_bytes(), after.as_bytes());
    let diff = Diff::compute(Algorithm::Myers, &input);
    let mut line = |mark: u8, token: gix::diff::blob::Token| {
        out.push(mark);
        out.extend(input.interner[token].iter().filter(|byte| !byte.is_ascii_whitespace()));
        out.push(b'\n');
    };
    let mut told = 0;
    let hunks: Vec<_> = diff.hunks().collect();
    for (at, hunk) in hunks.iter().enumerate() {
        let start = hunk.before.start.saturating_sub(CONTEXT).max(told);
        let next = hunks.get(at + 1).map_or(input.before.len() as u32, |next| next.before.start);
        let end = hunk.before.end.saturating_add(CONTEXT).min(next);
        let lines = |from: u32, to: u32| from as usize..to as usize;
        input.before[lines(start, hunk.before.start)].iter().for_each(|token| line(b' ', *token));
        input.before[lines(hunk.before.start, hunk.before.end)].iter().for_each(|token| line(b'-', *token));
        input.after[lines(hunk.after.start, hunk.after.end)].iter().for_each(|token| line(b'+', *token));
        input.before[lines(hunk.before.end, end)].iter().for_each(|token| line(b' ', *token));
        told = end;
    }
}
