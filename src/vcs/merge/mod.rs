//! What a merge of two commits would hold, computed in memory and without touching a ref.
//!
//! Three-way by path: a directory or file that only one side changed is taken whole, by object id,
//! so the cost follows what both sides changed. Only files that `relevant` asks for are merged by
//! content; of the others the first side's version is kept, as nobody will read them. Renames of
//! those files are followed as git does, see [`renames`].

mod diff;
mod drivers;
mod histogram;
mod lines;
mod renames;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bstr::BString;

use self::drivers::{Driver, Drivers};
use self::lines::{Labels, Style};
use self::renames::Trees;
use super::objects::EntryKind;
use super::{BlobId, CommitId, Entry, Error, Objects, Repo, RepoPath, TreeId};

/// A path that git could not merge by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The path.
    pub path: RepoPath,
    /// What clashes, in git's words.
    pub reason: &'static str,
}

/// The tree that a merge would have.
#[derive(Clone, Debug)]
pub struct MergedTree {
    /// The merged tree (in memory); conflicting files hold git's conflict markers.
    pub tree: TreeId,
    /// Paths that need a person, sorted.
    pub conflicts: Vec<Conflict>,
}

/// Merge bases of merge bases nest; git's own limit is memory, this one is sanity.
const MAX_VIRTUAL_DEPTH: usize = 20;

/// The tree that stands for all of `bases` (best first): several are merged with each other first,
/// as git's recursive strategy does. No base is the empty tree.
///
/// # Errors
/// When a needed object is missing.
pub fn virtual_base(
    repo: &Repo,
    bases: &[CommitId],
    relevant: &dyn Fn(&RepoPath) -> bool,
) -> Result<TreeId, Error> {
    virtual_base_at(repo, bases, relevant, 0)
}

fn virtual_base_at(
    repo: &Repo,
    bases: &[CommitId],
    relevant: &dyn Fn(&RepoPath) -> bool,
    depth: usize,
) -> Result<TreeId, Error> {
    let objects = repo.objects();
    let Some((first, others)) = bases.split_last() else {
        return Ok(objects.empty_tree());
    };
    let mut tree = repo.tree_of(*first)?;
    if depth >= MAX_VIRTUAL_DEPTH {
        return Ok(tree);
    }
    // git merges the bases oldest first; the list is sorted newest first.
    for other in others.iter().rev() {
        let base = match repo.merge_bases(*first, *other) {
            Ok(inner) => virtual_base_at(repo, &inner, relevant, depth + 1)?,
            Err(Error::Unrelated { .. }) => objects.empty_tree(),
            Err(error) => return Err(error),
        };
        let trees = Trees { base, ours: tree, theirs: repo.tree_of(*other)? };
        tree = merge(objects, trees, relevant, &|_| Driver::Text, false)?.tree;
    }
    Ok(tree)
}

/// Three-way merge of trees. See the module's notes.
///
/// # Errors
/// When a tree is missing.
pub fn merge_trees(
    objects: &Objects,
    base: TreeId,
    ours: TreeId,
    theirs: TreeId,
    relevant: &dyn Fn(&RepoPath) -> bool,
) -> Result<MergedTree, Error> {
    merge(objects, Trees { base, ours, theirs }, relevant, &|_| Driver::Text, true)
}

/// Merges whole trees, every file by content, as `git rebase` and `git merge` would write them.
pub struct WholeTrees<'r> {
    repo: &'r Repo,
    drivers: Drivers<'r>,
}

impl<'r> WholeTrees<'r> {
    /// Merges by the attributes that `attributes` (a tree on disk) holds.
    ///
    /// # Errors
    /// When a tree is missing or damaged.
    pub fn new(repo: &'r Repo, attributes: TreeId) -> Result<Self, Error> {
        Ok(Self { repo, drivers: Drivers::of(repo, attributes)? })
    }

    /// Three-way merge.
    ///
    /// # Errors
    /// When a tree is missing or damaged.
    pub fn merge(&self, base: TreeId, ours: TreeId, theirs: TreeId) -> Result<MergedTree, Error> {
        merge(
            self.repo.objects(),
            Trees { base, ours, theirs },
            &|_| true,
            &|path| self.drivers.driver(path),
            true,
        )
    }

    /// Merges two commits against their merge bases, as `git merge` would; the commits may be in memory.
    ///
    /// # Errors
    /// When an object is missing or damaged.
    pub fn merge_commits(&self, ours: CommitId, theirs: CommitId) -> Result<MergedTree, Error> {
        let base = match self.repo.merge_bases(ours, theirs) {
            Ok(bases) => virtual_base(self.repo, &bases, &|_| true)?,
            Err(Error::Unrelated { .. }) => self.repo.objects().empty_tree(),
            Err(error) => return Err(error),
        };
        self.merge(base, self.repo.tree_of(ours)?, self.repo.tree_of(theirs)?)
    }
}

/// Three texts merged line by line as git does, with conflict markers where they clash; and whether
/// they do not.
pub fn merge_texts(base: &[u8], ours: &[u8], theirs: &[u8], labels: (&str, &str)) -> (Vec<u8>, bool) {
    let labels = Labels { ours: labels.0, ancestor: None, theirs: labels.1 };
    lines::merge(base, ours, theirs, Style::Merge, labels)
}

fn merge(
    objects: &Objects,
    trees: Trees,
    relevant: &dyn Fn(&RepoPath) -> bool,
    driver: &dyn Fn(&RepoPath) -> Driver,
    directory_renames: bool,
) -> Result<MergedTree, Error> {
    let (trees, conflicts) = renames::follow(objects, trees, relevant, directory_renames)?;
    let Trees { base, ours, theirs } = trees;
    let mut merge = Merge { objects, relevant, driver, conflicts };
    let tree = merge.directory(&RepoPath::root(), Some(base), Some(ours), Some(theirs))?;
    // What a rename clashes with is told before what the texts clash in.
    merge.conflicts.sort_by(|one, two| one.path.cmp(&two.path));
    merge.conflicts.dedup_by(|later, kept| later.path == kept.path);
    Ok(MergedTree { tree: tree.unwrap_or(objects.empty_tree()), conflicts: merge.conflicts })
}

struct Merge<'a> {
    objects: &'a Objects,
    relevant: &'a dyn Fn(&RepoPath) -> bool,
    driver: &'a dyn Fn(&RepoPath) -> Driver,
    conflicts: Vec<Conflict>,
}

#[derive(Default)]
struct Triple {
    base: Option<Entry>,
    ours: Option<Entry>,
    theirs: Option<Entry>,
}

impl Merge<'_> {
    fn members(&self, tree: Option<TreeId>) -> Result<Vec<Entry>, Error> {
        let Some(tree) = tree else { return Ok(Vec::new()) };
        self.objects.tree(tree)
    }

    /// The merged directory, `None` where nothing is left in it.
    fn directory(
        &mut self,
        path: &RepoPath,
        base: Option<TreeId>,
        ours: Option<TreeId>,
        theirs: Option<TreeId>,
    ) -> Result<Option<TreeId>, Error> {
        if ours == theirs || base == theirs {
            return Ok(ours);
        }
        if base == ours {
            return Ok(theirs);
        }
        let mut names: BTreeMap<BString, Triple> = BTreeMap::new();
        for entry in self.members(base)? {
            let triple: &mut Triple = names.entry(entry.name.clone()).or_default();
            triple.base = Some(entry);
        }
        for entry in self.members(ours)? {
            let triple: &mut Triple = names.entry(entry.name.clone()).or_default();
            triple.ours = Some(entry);
        }
        for entry in self.members(theirs)? {
            let triple: &mut Triple = names.entry(entry.name.clone()).or_default();
            triple.theirs = Some(entry);
        }
        let mut merged = Vec::with_capacity(names.len());
        for (name, triple) in names {
            merged.extend(self.member(&path.join(&name), triple)?);
        }
        if merged.is_empty() {
            return Ok(None);
        }
        self.objects.write_tree(merged).map(Some)
    }

    fn member(&mut self, path: &RepoPath, triple: Triple) -> Result<Option<Entry>, Error> {
        let Triple { base, ours, theirs } = triple;
        if same(&ours, &theirs) || same(&base, &theirs) {
            return Ok(ours);
        }
        if same(&base, &ours) {
            return Ok(theirs);
        }
        let tree = |entry: &Option<Entry>| entry.as_ref().and_then(Entry::tree);
        let is_tree = |entry: &Option<Entry>| tree(entry).is_some();
        if is_tree(&ours) || is_tree(&theirs) {
            let both_trees_or_gone = [&ours, &theirs].iter().all(|side| side.is_none() || is_tree(side));
            if both_trees_or_gone {
                let shape = ours.clone().or_else(|| theirs.clone());
                let merged = self.directory(path, tree(&base), tree(&ours), tree(&theirs))?;
                return Ok(shape.zip(merged).map(|(entry, tree)| Entry { id: tree.0, ..entry }));
            }
            self.conflict(path, "file on one side, directory on the other");
            return Ok(if is_tree(&ours) { ours } else { theirs });
        }
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => self.file(path, base, ours, theirs).map(Some),
            (Some(kept), None) | (None, Some(kept)) => {
                self.conflict(path, "changed on one side, deleted on the other");
                Ok(Some(kept))
            }
            (None, None) => Ok(None),
        }
    }

    /// Both sides hold a non-directory that differs from the base's and from each other's.
    fn file(
        &mut self,
        path: &RepoPath,
        base: Option<Entry>,
        ours: Entry,
        theirs: Entry,
    ) -> Result<Entry, Error> {
        if ours.kind != EntryKind::File || theirs.kind != EntryKind::File {
            self.conflict(path, "changed on both sides");
            return Ok(ours);
        }
        let executable = match base.as_ref().map(|entry| entry.executable) {
            Some(before) if before == ours.executable => theirs.executable,
            _ => ours.executable,
        };
        if ours.id == theirs.id {
            return Ok(Entry { executable, ..ours });
        }
        if !(self.relevant)(path) {
            return Ok(ours);
        }
        let base_file = base.filter(|entry| entry.kind == EntryKind::File);
        let read = |id: gix::ObjectId| self.objects.blob(BlobId(id));
        let base_text = match &base_file {
            Some(entry) => read(entry.id)?,
            None => Some(Vec::new()),
        };
        let (Some(base_text), Some(our_text), Some(their_text)) =
            (base_text, read(ours.id)?, read(theirs.id)?)
        else {
            self.conflict(path, "changed on both sides, and not all versions are in this copy");
            return Ok(ours);
        };
        let driver = (self.driver)(path);
        if driver == Driver::Binary || [&base_text, &our_text, &their_text].iter().any(|text| is_binary(text))
        {
            self.conflict(path, "binary file changed on both sides");
            return Ok(ours);
        }
        if let Driver::Program(_) = driver {
            self.conflict(path, "changed on both sides, and .gitattributes names a program that merges it");
            return Ok(ours);
        }
        let (mut merged, is_clean) = merge_texts(&base_text, &our_text, &their_text, ("base", "head"));
        if !is_clean && driver == Driver::Union {
            let labels = Labels { ours: "", ancestor: None, theirs: "" };
            merged = lines::merge(&base_text, &our_text, &their_text, Style::Union, labels).0;
        } else if !is_clean {
            self.conflict(
                path,
                if base_file.is_some() { "changed on both sides" } else { "added on both sides" },
            );
        }
        let id = self.objects.write_blob(merged)?;
        Ok(Entry { id: id.0, executable, ..ours })
    }

    fn conflict(&mut self, path: &RepoPath, reason: &'static str) {
        if (self.relevant)(path) {
            self.conflicts.push(Conflict { path: path.clone(), reason });
        }
    }
}

fn same(one: &Option<Entry>, two: &Option<Entry>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => {
            one.id == two.id && one.kind == two.kind && one.executable == two.executable
        }
        (None, None) => true,
        _ => false,
    }
}

/// Whether `text` is what git leaves of these three, conflict markers included: nobody has touched it.
/// The names behind the markers do not count.
pub fn is_as_merged(text: &[u8], base: &[u8], ours: &[u8], theirs: &[u8]) -> bool {
    const MARKERS: [&[u8]; 3] = [b"<<<<<<< ", b"||||||| ", b">>>>>>> "];
    let unlabelled = |text: &[u8]| -> Vec<Vec<u8>> {
        let cut = |line: &[u8]| match MARKERS.iter().any(|marker| line.starts_with(marker)) {
            true => line[..7].to_vec(),
            false => line.to_vec(),
        };
        text.split(|byte| *byte == b'\n').map(cut).collect()
    };
    let wanted = unlabelled(text);
    let labels = Labels { ours: "x", ancestor: Some("x"), theirs: "x" };
    [Style::Merge, Style::Diff3, Style::ZealousDiff3]
        .iter()
        .any(|style| unlabelled(&lines::merge(base, ours, theirs, *style, labels).0) == wanted)
}

/// git's own test: a NUL among the first 8000 bytes.
pub(in crate::vcs) fn is_binary(text: &[u8]) -> bool {
    text[..text.len().min(8000)].contains(&0)
}
