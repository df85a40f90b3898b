//! git follows renames when it merges. Here the three trees are changed such that a merge by path
//! gives what git's merge gives: what one side renamed gets its new name in the base and on the
//! other side, too, and what the other side added to a directory that moved is moved after it.
//!
//! The rules (which pairs are renames, when a directory is renamed, what is a conflict) are those of
//! git's `ort` strategy with its default options, applied to relevant files only.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};

use bstr::{BStr, BString, ByteSlice as _};
use gix::ObjectId;
use rustc_hash::{FxHashMap, FxHasher};

use super::{Conflict, same};
use crate::vcs::objects::EntryKind;
use crate::vcs::{BlobId, Entry, Error, Objects, RepoPath, TreeId};

/// The three trees of a merge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trees {
    pub base: TreeId,
    pub ours: TreeId,
    pub theirs: TreeId,
}

/// Texts of one name that differ in more than a quarter, and others that differ in more than half,
/// are different files. In git's unit.
const SIMILAR: u64 = MOST / 2;
const SIMILAR_NAMESAKES: u64 = MOST * 3 / 4;
const MOST: u64 = 60_000;

/// Pairs of different names whose texts are compared at most.
const MAX_COMPARISONS: usize = 100_000;

/// Directories nested deeper are not searched for renamed files.
const MAX_DEPTH: usize = 100;

/// The trees with renames followed, and what git would ask about them. `directories` is off for
/// merges of merge bases, as in git.
///
/// # Errors
/// When an object is damaged.
pub(super) fn follow(
    objects: &Objects,
    trees: Trees,
    relevant: &dyn Fn(&RepoPath) -> bool,
    directories: bool,
) -> Result<(Trees, Vec<Conflict>), Error> {
    let search = Search { objects, relevant };
    if !search.matters(trees)? {
        return Ok((trees, Vec::new()));
    }
    let mut sides = [search.side(trees.base, trees.ours)?, search.side(trees.base, trees.theirs)?];
    if directories {
        let wanted = [
            search.vanished(trees.base, trees.ours, &sides[1])?,
            search.vanished(trees.base, trees.theirs, &sides[0])?,
        ];
        for (side, wanted) in sides.iter_mut().zip(wanted) {
            side.wanted = wanted;
        }
    }
    for (at, tree) in [trees.theirs, trees.ours].into_iter().enumerate() {
        sides[at].renames = search.pairs(&sides[at], tree)?;
        sides[at].directories = sides[at].directory_renames();
    }
    let [ours, theirs] = &mut sides;
    // A directory that both sides moved is left to the renames of its files.
    let both: Vec<RepoPath> =
        ours.directories.keys().filter(|path| theirs.directories.contains_key(path)).cloned().collect();
    for path in both {
        ours.directories.remove(&path);
        theirs.directories.remove(&path);
    }
    let mut plan = Plan {
        base: Overlay::new(objects, trees.base),
        sides: [Overlay::new(objects, trees.ours), Overlay::new(objects, trees.theirs)],
        conflicts: Vec::new(),
    };
    for mover in [0, 1] {
        plan.carry_additions(&mut sides, mover, relevant)?;
    }
    plan.reconcile(&sides)?;
    let Plan { base, sides: [ours, theirs], mut conflicts } = plan;
    conflicts.retain(|conflict| relevant(&conflict.path));
    Ok((Trees { base: base.write()?, ours: ours.write()?, theirs: theirs.write()? }, conflicts))
}

/// What one side did to the relevant files of the base.
#[derive(Default)]
struct Side {
    /// Files that it has no longer.
    gone: BTreeMap<RepoPath, Entry>,
    /// Files that the base does not have.
    new: BTreeMap<RepoPath, Entry>,
    /// Directories that it has no longer and that the other side added files to.
    wanted: BTreeSet<RepoPath>,
    /// Old to new.
    renames: BTreeMap<RepoPath, RepoPath>,
    /// Old to new, `None` where as many files went to one place as to another.
    directories: BTreeMap<RepoPath, Option<RepoPath>>,
}

impl Side {
    /// Where most of the files of each wanted directory went.
    fn directory_renames(&self) -> BTreeMap<RepoPath, Option<RepoPath>> {
        let mut votes: BTreeMap<RepoPath, BTreeMap<RepoPath, usize>> = BTreeMap::new();
        for (old, new) in &self.renames {
            let (mut from, mut to) = (old.parent(), new.parent());
            loop {
                if self.wanted.contains(&from) {
                    *votes.entry(from.clone()).or_default().entry(to.clone()).or_default() += 1;
                }
                // a/b/c to x/b/c moves a/b and a, too; a/b to a/c does not move a.
                if from.is_root() || to.is_root() || from.name() != to.name() {
                    break;
                }
                (from, to) = (from.parent(), to.parent());
            }
        }
        let winner = |targets: BTreeMap<RepoPath, usize>| {
            let most = targets.values().copied().max();
            let mut best = targets.into_iter().filter(|(_, votes)| Some(*votes) == most);
            let first = best.next().map(|(path, _)| path);
            first.filter(|_| best.next().is_none())
        };
        votes.into_iter().map(|(from, targets)| (from, winner(targets))).collect()
    }

    /// The moved directory that holds `path`, and where it went.
    fn directory_of(&self, path: &RepoPath) -> Option<(RepoPath, &Option<RepoPath>)> {
        let mut directory = path.clone();
        while !directory.is_root() {
            directory = directory.parent();
            if let Some(target) = self.directories.get(&directory) {
                return Some((directory, target));
            }
        }
        None
    }
}

struct Search<'a> {
    objects: &'a Objects,
    relevant: &'a dyn Fn(&RepoPath) -> bool,
}

type Members<const N: usize> = BTreeMap<BString, [Option<Entry>; N]>;

impl Search<'_> {
    /// The members of several directories by name, without those that are the same in all of them.
    fn members<const N: usize>(&self, trees: [Option<TreeId>; N]) -> Result<Members<N>, Error> {
        let read = |tree: Option<TreeId>| tree.map_or(Ok(Vec::new()), |tree| self.objects.tree(tree));
        let listed = trees.into_iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        let mut times: FxHashMap<&Entry, usize> = FxHashMap::default();
        listed.iter().flatten().for_each(|entry| *times.entry(entry).or_default() += 1);
        let mut members = Members::new();
        for (at, entries) in listed.iter().enumerate() {
            for entry in entries.iter().filter(|entry| times[entry] < N) {
                let row = members.entry(entry.name.clone()).or_insert([const { None }; N]);
                row[at] = Some(entry.clone());
            }
        }
        Ok(members)
    }

    /// Whether renames can change the merge: a side lacks a relevant file that the other one changed
    /// or lacks, too, or lacks a directory to which the other one added such a file. Looks only at
    /// directories that both sides changed.
    fn matters(&self, trees: Trees) -> Result<bool, Error> {
        let mut todo = vec![(RepoPath::root(), 0, [Some(trees.base), Some(trees.ours), Some(trees.theirs)])];
        while let Some((directory, depth, trees)) = todo.pop() {
            let lacks_directory = trees[1].is_none() || trees[2].is_none();
            for (name, [base, ours, theirs]) in self.members(trees)? {
                let file = base.as_ref().or(ours.as_ref()).or(theirs.as_ref());
                let is_file = file.is_some_and(|entry| entry.kind == EntryKind::File);
                if base.is_none() {
                    if lacks_directory && is_file && (self.relevant)(&directory.join(&name)) {
                        return Ok(true);
                    }
                    continue;
                }
                // What both sides changed alike may still lack a file that each of them renamed.
                if same(&base, &ours) || same(&base, &theirs) {
                    continue;
                }
                let is_gone =
                    |side: &Option<Entry>| side.as_ref().is_none_or(|entry| entry.kind == EntryKind::Tree);
                let path = directory.join(&name);
                if is_file && (is_gone(&ours) || is_gone(&theirs)) && (self.relevant)(&path) {
                    return Ok(true);
                }
                let inner = [base, ours, theirs].map(|entry| entry.and_then(|entry| entry.tree()));
                if inner[0].is_some() && depth < MAX_DEPTH {
                    todo.push((path, depth + 1, inner));
                }
            }
        }
        Ok(false)
    }

    /// The files that came and went between two trees: the relevant ones, and those that, by name or
    /// content, a relevant one became.
    fn side(&self, base: TreeId, tree: TreeId) -> Result<Side, Error> {
        let mut side = Side::default();
        let mut todo = vec![(RepoPath::root(), 0, [Some(base), Some(tree)])];
        while let Some((directory, depth, trees)) = todo.pop() {
            for (name, [old, new]) in self.members(trees)? {
                if same(&old, &new) {
                    continue;
                }
                let path = directory.join(&name);
                let inner = [&old, &new].map(|entry| entry.as_ref().and_then(Entry::tree));
                if inner.iter().any(Option::is_some) && depth < MAX_DEPTH {
                    todo.push((path.clone(), depth + 1, inner));
                }
                let is_nothing =
                    |entry: &Option<Entry>| entry.as_ref().is_none_or(|entry| entry.tree().is_some());
                let is_file = |entry: &Entry| entry.kind == EntryKind::File;
                let (was_nothing, is_nothing) = (is_nothing(&old), is_nothing(&new));
                match (old.filter(is_file), new.filter(is_file)) {
                    (Some(old), _) if is_nothing && (self.relevant)(&path) => {
                        side.gone.insert(path, old);
                    }
                    (_, Some(new)) if was_nothing => {
                        side.new.insert(path, new);
                    }
                    _ => {}
                }
            }
        }
        let names: HashSet<&BStr> = side.gone.keys().map(RepoPath::name).collect();
        let blobs: HashSet<ObjectId> = side.gone.values().map(|entry| entry.id).collect();
        side.new.retain(|path, entry| {
            (self.relevant)(path) || names.contains(path.name()) || blobs.contains(&entry.id)
        });
        Ok(side)
    }

    /// The directories of `base` that `tree` lacks and that the other side added relevant files to.
    fn vanished(&self, base: TreeId, tree: TreeId, other: &Side) -> Result<BTreeSet<RepoPath>, Error> {
        let parents: BTreeSet<RepoPath> =
            other.new.keys().filter(|path| (self.relevant)(path)).map(RepoPath::parent).collect();
        let mut vanished = BTreeSet::new();
        for path in parents {
            let is_directory = |root| -> Result<bool, Error> {
                Ok(self.objects.entry(root, &path)?.is_some_and(|entry| entry.tree().is_some()))
            };
            if is_directory(base)? && !is_directory(tree)? {
                vanished.insert(path);
            }
        }
        Ok(vanished)
    }

    /// Which new file was which old one: the same content first, then similar ones of the same name,
    /// then the most similar. `other` is the other side's tree: where it has an old file unchanged,
    /// only equal content is looked for, as the rest would not change the merge.
    fn pairs(&self, side: &Side, other: TreeId) -> Result<BTreeMap<RepoPath, RepoPath>, Error> {
        let mut renames = BTreeMap::new();
        let mut by_blob: HashMap<ObjectId, Vec<&RepoPath>> = HashMap::new();
        // git takes no empty file for another one.
        for (path, entry) in side.gone.iter().filter(|(_, entry)| !entry.id.is_empty_blob()) {
            by_blob.entry(entry.id).or_default().push(path);
        }
        let mut taken: HashSet<&RepoPath> = HashSet::new();
        for (new, entry) in &side.new {
            let Some(sources) = by_blob.get_mut(&entry.id).filter(|sources| !sources.is_empty()) else {
                continue;
            };
            let best = sources.iter().position(|old| old.name() == new.name()).unwrap_or(0);
            renames.insert(sources.remove(best).clone(), new.clone());
            taken.insert(new);
        }
        let mut gone: Vec<(&RepoPath, Chunks)> = Vec::new();
        for (path, entry) in side.gone.iter().filter(|(path, _)| !renames.contains_key(*path)) {
            let is_wanted = || side.wanted.iter().any(|directory| path.is_within(directory));
            if is_wanted() || !same(&Some(entry.clone()), &self.objects.entry(other, path)?) {
                gone.push((path, self.chunks(entry)?));
            }
        }
        if gone.is_empty() {
            return Ok(renames);
        }
        let mut new: Vec<(&RepoPath, Chunks)> = Vec::new();
        for (path, entry) in side.new.iter().filter(|(path, _)| !taken.contains(path)) {
            new.push((path, self.chunks(entry)?));
        }
        let only_namesakes = gone.len().saturating_mul(new.len()) > MAX_COMPARISONS;
        let mut unique: HashMap<&BStr, (usize, usize)> = HashMap::new();
        for (path, _) in &gone {
            unique.entry(path.name()).or_default().0 += 1;
        }
        for (path, _) in &new {
            unique.entry(path.name()).or_default().1 += 1;
        }
        let mut candidates = Vec::new();
        for (new, new_text) in &new {
            for (old, old_text) in &gone {
                let is_namesake = old.name() == new.name();
                if only_namesakes && !is_namesake {
                    continue;
                }
                let score = old_text.similarity(new_text);
                let is_sure = is_namesake && unique[new.name()] == (1, 1) && score >= SIMILAR_NAMESAKES;
                if score >= SIMILAR {
                    candidates.push((is_sure, score, is_namesake, *old, *new));
                }
            }
        }
        candidates.sort_by_key(|(is_sure, score, is_namesake, ..)| {
            std::cmp::Reverse((*is_sure, *score, *is_namesake))
        });
        for (.., old, new) in candidates {
            if !renames.contains_key(old) && taken.insert(new) {
                renames.insert(old.clone(), new.clone());
            }
        }
        Ok(renames)
    }

    fn chunks(&self, entry: &Entry) -> Result<Chunks, Error> {
        Ok(Chunks::of(&self.objects.blob(BlobId(entry.id))?.unwrap_or_default()))
    }
}

/// A text as git compares it for similarity: pieces that end with a line or after 64 bytes, each
/// with the number of bytes it fills in all.
struct Chunks {
    size: u64,
    pieces: Vec<(u64, u64)>,
}

impl Chunks {
    fn of(text: &[u8]) -> Self {
        let mut counts: HashMap<u64, u64> = HashMap::new();
        for line in text.lines_with_terminator() {
            let unix;
            let line = match line.strip_suffix(b"\r\n") {
                Some(stem) => {
                    unix = [stem, b"\n"].concat();
                    &unix[..]
                }
                None => line,
            };
            for piece in line.chunks(64) {
                let mut hasher = FxHasher::default();
                piece.hash(&mut hasher);
                *counts.entry(hasher.finish()).or_default() += piece.len() as u64;
            }
        }
        let mut pieces: Vec<(u64, u64)> = counts.into_iter().collect();
        pieces.sort_unstable();
        Self { size: text.len() as u64, pieces }
    }

    /// The part of the longer text that both have in common, of [`MOST`].
    fn similarity(&self, other: &Self) -> u64 {
        let longer = self.size.max(other.size);
        if self.size.min(other.size) * MOST < longer * SIMILAR || longer == 0 {
            return 0;
        }
        let mut common = 0;
        let mut rest = other.pieces.iter().peekable();
        for (piece, bytes) in &self.pieces {
            while rest.next_if(|(other, _)| other < piece).is_some() {}
            if let Some((_, others)) = rest.next_if(|(other, _)| other == piece) {
                common += bytes.min(others);
            }
        }
        common * MOST / longer
    }
}

/// The trees under change.
struct Plan<'a> {
    base: Overlay<'a>,
    sides: [Overlay<'a>; 2],
    conflicts: Vec<Conflict>,
}

impl Plan<'_> {
    /// Moves what one side added to a directory that side `mover` moved. With git's default options
    /// that is a conflict, but the file goes there.
    fn carry_additions(
        &mut self,
        sides: &mut [Side; 2],
        mover: usize,
        relevant: &dyn Fn(&RepoPath) -> bool,
    ) -> Result<(), Error> {
        let adder = 1 - mover;
        let mut moves: BTreeMap<RepoPath, Vec<RepoPath>> = BTreeMap::new();
        for path in sides[adder].new.keys().filter(|path| relevant(path)) {
            let Some((directory, target)) = sides[mover].directory_of(path) else { continue };
            let Some(target) = target else {
                self.conflict(path, "added in a directory that the other side moved to several places");
                continue;
            };
            if sides[adder].directories.contains_key(target) {
                continue;
            }
            let inner = path.as_bytes()[directory.as_bytes().len()..].trim_start_with(|c| c == '/');
            moves.entry(target.join(inner)).or_default().push(path.clone());
        }
        for (new, olds) in moves {
            if olds.len() > 1 || self.sides[adder].get(&new)?.is_some() {
                for old in &olds {
                    self.conflict(old, "added in a directory that the other side moved, its place is taken");
                }
                continue;
            }
            for old in olds {
                self.sides[adder].rename(&old, &new)?;
                for target in sides[adder].renames.values_mut().filter(|target| **target == old) {
                    *target = new.clone();
                }
            }
            self.conflict(&new, "added in a directory that the other side moved");
        }
        Ok(())
    }

    /// Gives each renamed file one name in all three trees, where the other side did something to it.
    fn reconcile(&mut self, sides: &[Side; 2]) -> Result<(), Error> {
        let olds: BTreeSet<&RepoPath> = sides.iter().flat_map(|side| side.renames.keys()).collect();
        for old in olds {
            match [sides[0].renames.get(old), sides[1].renames.get(old)] {
                [Some(one), Some(two)] if one == two => self.base.rename(old, one)?,
                [Some(one), Some(two)] => self.renamed_twice(old, one, two)?,
                [Some(new), None] => self.renamed(old, new, 1)?,
                [None, Some(new)] => self.renamed(old, new, 0)?,
                [None, None] => {}
            }
        }
        Ok(())
    }

    /// One side renamed a file, `other` did not.
    fn renamed(&mut self, old: &RepoPath, new: &RepoPath, other: usize) -> Result<(), Error> {
        let before = self.base.get(old)?;
        match self.sides[other].get(old)?.filter(|entry| entry.kind != EntryKind::Tree) {
            None => {
                self.base.set(old, None);
                // git tells both where the other side has another file of the new name; one will do.
                let namesake = self.sides[other].get(new)?;
                let is_clash = namesake.is_some() && !same(&namesake, &self.sides[1 - other].get(new)?);
                self.conflict(
                    new,
                    match is_clash {
                        true => "added on both sides",
                        false => "renamed on one side, deleted on the other",
                    },
                );
            }
            Some(entry) if entry.kind != EntryKind::File || same(&before, &Some(entry.clone())) => {}
            Some(_) if self.sides[other].get(new)?.is_some() => {
                self.base.set(old, None);
                self.sides[other].set(old, None);
                self.conflict(new, "renamed on one side, added on the other");
            }
            Some(_) => {
                self.base.rename(old, new)?;
                self.sides[other].rename(old, new)?;
            }
        }
        Ok(())
    }

    /// Each side gave the file another name. git keeps both, each with both sides' changes.
    fn renamed_twice(&mut self, old: &RepoPath, one: &RepoPath, two: &RepoPath) -> Result<(), Error> {
        let [ours, theirs] = &mut self.sides;
        let before = self.base.get(old)?;
        self.base.set(old, None);
        if ours.get(two)?.is_none() && theirs.get(one)?.is_none() {
            let (our_file, their_file) = (ours.get(one)?, theirs.get(two)?);
            for path in [one, two] {
                self.base.set(path, before.clone());
                ours.set(path, our_file.clone());
                theirs.set(path, their_file.clone());
            }
        }
        for path in [one, two] {
            self.conflict(path, "renamed differently on both sides");
        }
        Ok(())
    }

    fn conflict(&mut self, path: &RepoPath, reason: &'static str) {
        self.conflicts.push(Conflict { path: path.clone(), reason });
    }
}

/// A tree with some files changed.
struct Overlay<'a> {
    objects: &'a Objects,
    tree: TreeId,
    changes: BTreeMap<RepoPath, Option<Entry>>,
}

type Change = (RepoPath, Option<Entry>);

impl<'a> Overlay<'a> {
    fn new(objects: &'a Objects, tree: TreeId) -> Self {
        Self { objects, tree, changes: BTreeMap::new() }
    }

    fn get(&self, path: &RepoPath) -> Result<Option<Entry>, Error> {
        match self.changes.get(path) {
            Some(change) => Ok(change.clone()),
            None => self.objects.entry(self.tree, path),
        }
    }

    fn set(&mut self, path: &RepoPath, entry: Option<Entry>) {
        self.changes.insert(path.clone(), entry.map(|entry| Entry { name: path.name().into(), ..entry }));
    }

    fn rename(&mut self, old: &RepoPath, new: &RepoPath) -> Result<(), Error> {
        let entry = self.get(old)?;
        self.set(old, None);
        self.set(new, entry);
        Ok(())
    }

    fn write(self) -> Result<TreeId, Error> {
        if self.changes.is_empty() {
            return Ok(self.tree);
        }
        let tree = write(self.objects, Some(self.tree), self.changes.into_iter().collect())?;
        Ok(tree.unwrap_or(self.objects.empty_tree()))
    }
}

/// `tree` with `changes` made, `None` where nothing is left. As deep as the changed paths, that is
/// [`MAX_DEPTH`] on either end of a rename.
fn write(objects: &Objects, tree: Option<TreeId>, changes: Vec<Change>) -> Result<Option<TreeId>, Error> {
    let entries = match tree {
        Some(tree) => objects.tree(tree)?,
        None => Vec::new(),
    };
    let mut members: BTreeMap<BString, Entry> =
        entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
    let mut inner: BTreeMap<BString, Vec<Change>> = BTreeMap::new();
    for (path, entry) in changes {
        match path.as_bytes().split_once_str("/") {
            Some((directory, rest)) => {
                inner.entry(directory.into()).or_default().push((RepoPath::new(rest), entry));
            }
            None => {
                let name: BString = path.as_bytes().into();
                // A directory that took a file's name stays.
                let is_directory = members.get(&name).is_some_and(|entry| entry.tree().is_some());
                match entry {
                    Some(entry) => drop(members.insert(name, entry)),
                    None if is_directory => {}
                    None => drop(members.remove(&name)),
                }
            }
        }
    }
    for (name, changes) in inner {
        let before = members.get(&name).and_then(Entry::tree);
        // A file in the way of nothing stays.
        if before.is_none() && changes.iter().all(|(_, entry)| entry.is_none()) {
            continue;
        }
        match write(objects, before, changes)? {
            Some(TreeId(id)) => {
                let entry = Entry { name: name.clone(), kind: EntryKind::Tree, executable: false, id };
                members.insert(name, entry);
            }
            None => drop(members.remove(&name)),
        }
    }
    if members.is_empty() {
        return Ok(None);
    }
    objects.write_tree(members.into_values()).map(Some)
}
