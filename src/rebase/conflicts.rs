//! Conflicts that are none once the revisions have found their places.

use std::collections::BTreeMap;

use super::three_way::{differ_in_parents_only, marked_head, merge_script};
use crate::dialect::{self, Dialect};
use crate::history::Reader;
use crate::plan::is_marker;
use crate::revision::Environment;
use crate::vcs::{BlobId, Conflict, EntryKind, Error, MergedTree, RepoPath, TreeId, edit_tree};

/// The sides of one merge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trees {
    pub(super) base: TreeId,
    /// What is built upon.
    pub(super) ours: TreeId,
    /// What is replayed.
    pub(super) theirs: TreeId,
}

/// The merged tree with what can be settled settled, and the conflicts that are left.
///
/// # Errors
/// When an object is damaged.
pub(super) fn settle<E: From<Error>>(
    reader: &mut Reader,
    trees: Trees,
    merged: MergedTree,
    prepare: &dyn Fn(&mut Vec<Environment>) -> Result<(), E>,
) -> Result<MergedTree, E> {
    if merged.conflicts.is_empty() {
        return Ok(merged);
    }
    let mut environments = Vec::new();
    for tree in [trees.ours, trees.theirs] {
        let mut found = reader.environments(tree)?;
        prepare(&mut found)?;
        environments.extend(found);
    }
    let mut left = Vec::new();
    let mut settled: BTreeMap<RepoPath, Option<BlobId>> = BTreeMap::new();
    for conflict in merged.conflicts {
        match settle_one(reader, trees, &environments, &conflict)? {
            Some(text) => {
                settled.insert(conflict.path, Some(reader.objects().write_blob(text)?));
            }
            None => left.push(conflict),
        }
    }
    let tree = match settled.is_empty() {
        true => merged.tree,
        false => edit_tree(reader.objects(), merged.tree, &settled)?,
    };
    Ok(MergedTree { tree, conflicts: left })
}

/// The tool whose environment holds `path`.
pub fn dialect_at(environments: &[Environment], path: &RepoPath) -> Option<&'static dyn Dialect> {
    let home = environments.iter().find(|environment| {
        let locations = environment.version_locations.iter().map(|location| &location.path);
        locations.chain([&environment.directory]).any(|place| path.is_within(place))
    })?;
    dialect::by_name(home.dialect)
}

fn settle_one(
    reader: &Reader,
    trees: Trees,
    environments: &[Environment],
    conflict: &Conflict,
) -> Result<Option<Vec<u8>>, Error> {
    let path = &conflict.path;
    let Some(dialect) = dialect_at(environments, path) else { return Ok(None) };
    let objects = reader.objects();
    let file = |tree| -> Result<Option<Vec<u8>>, Error> {
        match objects.entry(tree, path)? {
            Some(entry) if entry.kind == EntryKind::File => match entry.blob() {
                Some(blob) => objects.blob(blob),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    };
    let (base, ours, theirs) = (file(trees.base)?, file(trees.ours)?, file(trees.theirs)?);
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(None) };
    Ok(settle_file(dialect, path.name(), base.as_deref(), &ours, &theirs))
}

/// The file `name` in conflict, settled: `moving` goes on top of `published`. `None` where that does not
/// say what the file should hold.
pub fn settle_file(
    dialect: &dyn Dialect,
    name: &[u8],
    base: Option<&[u8]>,
    published: &[u8],
    moving: &[u8],
) -> Option<Vec<u8>> {
    if is_marker(name) {
        let all_ids = base.into_iter().chain([published, moving]).all(|text| marked_head(text).is_some());
        // What moves goes on top, so its head is the head.
        return all_ids.then(|| moving.to_vec());
    }
    if !dialect.loads(name) {
        return None;
    }
    match base {
        Some(base) => merge_script(dialect, base, published, moving),
        // What is published already, at another place of the graph, stays where it is there.
        None => differ_in_parents_only(dialect, published, moving).then(|| published.to_vec()),
    }
}
