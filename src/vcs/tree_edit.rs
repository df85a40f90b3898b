use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice as _};
use rustc_hash::FxHashSet;

use super::objects::EntryKind;
use super::{BlobId, Entry, Error, Objects, RepoPath, TreeId};

/// The tree `root` with files put (`Some`) or taken away (`None`); in memory. A file that stays keeps
/// its executable bit, and directories that become empty go.
///
/// # Errors
/// When a tree is missing, or a path leads through something that is no directory.
pub fn edit_tree(
    objects: &Objects,
    root: TreeId,
    changes: &BTreeMap<RepoPath, Option<BlobId>>,
) -> Result<TreeId, Error> {
    let changes: Vec<(Vec<&[u8]>, Option<BlobId>)> = changes
        .iter()
        .map(|(path, blob)| (path.components().map(|part| part.as_ref()).collect(), *blob))
        .collect();
    Ok(directory(objects, Some(root), changes)?.unwrap_or(objects.empty_tree()))
}

/// The components of a path below some directory, and what stands there afterwards.
type FileChange<'p> = (Vec<&'p [u8]>, Option<BlobId>);

fn directory(
    objects: &Objects,
    tree: Option<TreeId>,
    changes: Vec<FileChange<'_>>,
) -> Result<Option<TreeId>, Error> {
    let mut members: BTreeMap<BString, Entry> = match tree {
        Some(tree) => objects.tree(tree)?.into_iter().map(|entry| (entry.name.clone(), entry)).collect(),
        None => BTreeMap::new(),
    };
    let mut below: BTreeMap<&[u8], Vec<FileChange<'_>>> = BTreeMap::new();
    for (mut path, blob) in changes {
        if path.len() > 1 {
            let first = path.remove(0);
            below.entry(first).or_default().push((path, blob));
            continue;
        }
        let Some(name) = path.first() else { continue };
        match blob {
            None => _ = members.remove(*name),
            Some(blob) => {
                let executable = members.get(*name).is_some_and(|entry| entry.executable);
                let entry = Entry { name: (*name).into(), kind: EntryKind::File, executable, id: blob.0 };
                members.insert((*name).into(), entry);
            }
        }
    }
    for (name, changes) in below {
        let known = members.get(name).cloned();
        if known.as_ref().is_some_and(|entry| entry.kind != EntryKind::Tree) {
            let path = String::from_utf8_lossy(name).into_owned();
            return Err(Error::File { path, reason: "it is no directory".into() });
        }
        match directory(objects, known.and_then(|entry| entry.tree()), changes)? {
            None => _ = members.remove(name),
            Some(tree) => {
                let entry = Entry { name: name.into(), kind: EntryKind::Tree, executable: false, id: tree.0 };
                members.insert(name.into(), entry);
            }
        }
    }
    if members.is_empty() {
        return Ok(None);
    }
    objects.write_tree(members.into_values()).map(Some)
}

/// A tree in memory that holds nothing but these trees, each at its path; of one inside another the outer stays.
///
/// # Errors
/// When a tree cannot be stored.
pub fn mount(objects: &Objects, places: &BTreeMap<RepoPath, TreeId>) -> Result<TreeId, Error> {
    let is_inner = |path: &RepoPath| places.keys().any(|outer| outer != path && path.is_within(outer));
    let outermost = places.iter().filter(|(path, _)| !is_inner(path));
    let places: Vec<Mount<'_>> = outermost
        .map(|(path, tree)| (path.components().map(|part| part.as_ref()).collect(), *tree))
        .collect();
    mounted(objects, places)
}

/// A tree and the components of the path that it belongs at.
type Mount<'p> = (Vec<&'p [u8]>, TreeId);

fn mounted(objects: &Objects, places: Vec<Mount<'_>>) -> Result<TreeId, Error> {
    let mut below: BTreeMap<&[u8], Vec<Mount<'_>>> = BTreeMap::new();
    for (mut path, tree) in places {
        if path.is_empty() {
            return Ok(tree);
        }
        let first = path.remove(0);
        below.entry(first).or_default().push((path, tree));
    }
    let mut members = Vec::with_capacity(below.len());
    for (name, places) in below {
        let id = mounted(objects, places)?.0;
        members.push(Entry { name: name.into(), kind: EntryKind::Tree, executable: false, id });
    }
    objects.write_tree(members)
}

/// Paths of files that differ between two trees, sorted.
///
/// # Errors
/// When a tree is missing.
pub fn changed_files(objects: &Objects, before: TreeId, after: TreeId) -> Result<Vec<RepoPath>, Error> {
    let mut changed = Vec::new();
    let mut pending = vec![(RepoPath::root(), Some(before), Some(after))];
    while let Some((directory, before, after)) = pending.pop() {
        if before == after {
            continue;
        }
        let members = |tree: Option<TreeId>| tree.map_or(Ok(Vec::new()), |tree| objects.tree(tree));
        let (before, after) = (members(before)?, members(after)?);
        // Nearly all members of a directory are as they were.
        let known: FxHashSet<&Entry> = before.iter().collect();
        let new = after.iter().filter(|entry| !known.contains(entry));
        let mut pairs: BTreeMap<&BStr, [Option<&Entry>; 2]> =
            new.map(|entry| (entry.name.as_bstr(), [None, Some(entry)])).collect();
        let known: FxHashSet<&Entry> = after.iter().collect();
        for entry in before.iter().filter(|entry| !known.contains(entry)) {
            pairs.entry(entry.name.as_bstr()).or_default()[0] = Some(entry);
        }
        for (name, pair) in pairs {
            let path = directory.join(name);
            let [old, new] = pair.map(|entry| entry.and_then(Entry::tree));
            if old.is_some() || new.is_some() {
                pending.push((path.clone(), old, new));
            }
            if pair.into_iter().flatten().any(|entry| entry.tree().is_none()) {
                changed.push(path);
            }
        }
    }
    changed.sort();
    Ok(changed)
}
