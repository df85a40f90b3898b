//! A history in memory: every commit with its whole tree, merges computed by path. It is told to git in one stream.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use super::history::{Branch, Change, Tag};
use super::render::{self, Entry};

/// Paths and what they hold.
pub type Tree = BTreeMap<String, Entry>;

/// 2024-01-01T00:00:00Z
pub const EPOCH: usize = 1_704_067_200;

/// 2024-02-01T12:00:00Z: what onehead takes for now, later than every commit.
pub const NOW: usize = EPOCH + 31 * 86_400 + 12 * 3600;

/// The commits and refs of a history.
#[derive(Debug, Default)]
pub struct Model {
    commits: Vec<Commit>,
    names: BTreeMap<String, usize>,
    refs: BTreeMap<String, usize>,
    tags: Vec<(String, usize, String)>,
    current: Option<String>,
    versions: Option<String>,
}

#[derive(Debug)]
struct Commit {
    parents: Vec<usize>,
    tree: Tree,
    message: String,
    author: String,
    time: usize,
}

impl Model {
    /// Adds a commit to its branch.
    pub fn commit(&mut self, change: &Change) {
        let branch = change
            .on
            .as_deref()
            .map_or_else(|| self.current.clone().unwrap_or_else(|| "refs/heads/main".to_owned()), full_name);
        let first = match change.from.as_deref() {
            Some("nothing") => None,
            Some(from) => Some(self.resolve(from)),
            None => self.refs.get(&branch).copied().or_else(|| {
                let current = self.current.as_ref()?;
                self.refs.get(current).copied()
            }),
        };
        let parents: Vec<usize> =
            first.into_iter().chain(change.merge.iter().map(|name| self.resolve(name))).collect();
        let mut tree = first.map(|first| self.commits[first].tree.clone()).unwrap_or_default();
        let mut merged: Vec<usize> = first.into_iter().collect();
        let mut conflicts = BTreeSet::new();
        for &theirs in parents.iter().skip(1) {
            let base = self.merge_base(&merged, theirs);
            let nothing = Tree::new();
            let base = base.map_or(&nothing, |base| &self.commits[base].tree);
            conflicts.extend(merge(&mut tree, base, &self.commits[theirs].tree));
            merged.push(theirs);
        }
        let minute = self.commits.len();
        let touched = apply(&mut tree, change, &mut self.versions, minute);
        conflicts.retain(|path| !touched.contains(path));
        assert!(conflicts.is_empty(), "the merge {:?} must say what becomes of {conflicts:?}", change.name);

        let index = self.commits.len();
        self.commits.push(Commit {
            parents,
            tree,
            message: change
                .message
                .clone()
                .or_else(|| change.name.clone())
                .unwrap_or_else(|| "change".to_owned()),
            author: change.author.clone().unwrap_or_else(|| "Ada".to_owned()),
            time: EPOCH + 86_400 * change.day + 60 * minute,
        });
        if let Some(name) = &change.name {
            let before = self.names.insert(name.clone(), index);
            assert!(before.is_none(), "two commits are named {name}");
        }
        self.refs.insert(branch.clone(), index);
        self.current = Some(branch);
    }

    /// Creates or moves a ref.
    pub fn branch(&mut self, branch: &Branch) {
        let at = self.resolve(&branch.at);
        self.refs.insert(full_name(&branch.name), at);
    }

    /// Creates a tag.
    pub fn tag(&mut self, tag: &Tag) {
        let at = self.resolve(&tag.at);
        match &tag.message {
            Some(message) => self.tags.push((tag.name.clone(), at, message.clone())),
            None => {
                self.refs.insert(format!("refs/tags/{}", tag.name), at);
            }
        }
    }

    /// The names of commits with the marks that `stream` gives them.
    pub fn marks(&self) -> impl Iterator<Item = (&str, usize)> {
        self.names.iter().map(|(name, &index)| (name.as_str(), index + 1))
    }

    /// How many commits there are, which is the minute of what comes next.
    pub fn minute(&self) -> usize {
        self.commits.len()
    }

    /// Where migrations go that name no directory.
    pub fn versions(&self) -> Option<String> {
        self.versions.clone()
    }

    fn resolve(&self, name: &str) -> usize {
        let found = self.names.get(name).or_else(|| self.refs.get(&full_name(name)));
        *found.unwrap_or_else(|| panic!("no commit or branch is named {name}"))
    }

    fn ancestors(&self, tips: &[usize]) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut todo = tips.to_vec();
        while let Some(commit) = todo.pop() {
            if seen.insert(commit) {
                todo.extend(&self.commits[commit].parents);
            }
        }
        seen
    }

    /// The youngest common ancestor: good enough, since a history can state what a merge holds.
    fn merge_base(&self, ours: &[usize], theirs: usize) -> Option<usize> {
        self.ancestors(ours).intersection(&self.ancestors(&[theirs])).last().copied()
    }

    /// The input of `git fast-import`.
    pub fn stream(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, commit) in self.commits.iter().enumerate() {
            self.write_commit(&mut out, index, commit).unwrap();
        }
        // The scratch branch goes before the refs come, since `main` need not be among them.
        let nothing = "0".repeat(40);
        if !self.commits.is_empty() {
            write!(out, "reset {SCRATCH}\nfrom {nothing}\n\n").unwrap();
        }
        for (name, index) in &self.refs {
            write!(out, "reset {name}\nfrom :{}\n\n", index + 1).unwrap();
        }
        for (name, index, message) in &self.tags {
            let tagger = address("Ada", EPOCH + 60 * self.commits.len());
            write!(out, "tag {name}\nfrom :{}\ntagger {tagger}\n", index + 1).unwrap();
            data(&mut out, message.as_bytes()).unwrap();
        }
        out
    }

    fn write_commit(&self, out: &mut Vec<u8>, index: usize, commit: &Commit) -> std::io::Result<()> {
        let address = address(&commit.author, commit.time);
        // After a reset a commit without `from` is a root.
        write!(out, "reset {SCRATCH}\n\ncommit {SCRATCH}\nmark :{}\n", index + 1)?;
        write!(out, "author {address}\ncommitter {address}\n")?;
        data(out, format!("{}\n", commit.message).as_bytes())?;
        for (position, parent) in commit.parents.iter().enumerate() {
            writeln!(out, "{} :{}", if position == 0 { "from" } else { "merge" }, parent + 1)?;
        }
        writeln!(out, "deleteall")?;
        for (path, entry) in &commit.tree {
            let path = quoted(path);
            match entry {
                Entry::File(bytes) => {
                    writeln!(out, "M 100644 inline {path}")?;
                    data(out, bytes)?;
                }
                Entry::Executable(bytes) => {
                    writeln!(out, "M 100755 inline {path}")?;
                    data(out, bytes)?;
                }
                Entry::Symlink(target) => {
                    writeln!(out, "M 120000 inline {path}")?;
                    data(out, target.as_bytes())?;
                }
                Entry::Submodule(commit) => writeln!(out, "M 160000 {commit} {path}")?,
            }
        }
        writeln!(out)
    }
}

const SCRATCH: &str = "refs/scratch/commit";

fn data(out: &mut Vec<u8>, bytes: &[u8]) -> std::io::Result<()> {
    writeln!(out, "data {}", bytes.len())?;
    out.extend_from_slice(bytes);
    writeln!(out)
}

fn address(name: &str, time: usize) -> String {
    format!("{name} <{}@example.com> {time} +0000", name.to_lowercase())
}

/// A path as fast-import reads it whatever it holds.
fn quoted(path: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            other => quoted.push_str(&format!("\\{other:03o}")),
        }
    }
    quoted + "\""
}

/// A ref's full name: a branch unless it says otherwise.
pub fn full_name(name: &str) -> String {
    if name.starts_with("refs/") { name.to_owned() } else { format!("refs/heads/{name}") }
}

/// Merges `theirs` into `ours` path by path; a path that both changed differently is a conflict and keeps ours.
fn merge(ours: &mut Tree, base: &Tree, theirs: &Tree) -> BTreeSet<String> {
    let mut conflicts = BTreeSet::new();
    let paths: BTreeSet<&String> = base.keys().chain(theirs.keys()).collect();
    for path in paths {
        let (old, new) = (base.get(path), theirs.get(path));
        if old == new || ours.get(path) == new {
            continue;
        }
        if ours.get(path) != old {
            conflicts.insert(path.clone());
            continue;
        }
        match new {
            Some(entry) => ours.insert(path.clone(), entry.clone()),
            None => ours.remove(path),
        };
    }
    conflicts
}

/// Applies a change to a tree and returns the paths it names.
pub fn apply(
    tree: &mut Tree,
    change: &Change,
    versions: &mut Option<String>,
    minute: usize,
) -> BTreeSet<String> {
    let mut touched = BTreeSet::new();
    for path in &change.delete {
        let gone = below(tree, path);
        assert!(!gone.is_empty() || !change.merge.is_empty(), "nothing to delete at {path}");
        for path in gone.into_iter().chain([path.clone()]) {
            tree.remove(&path);
            touched.insert(path);
        }
    }
    for (from, to) in &change.moves {
        let moved = below(tree, from);
        assert!(!moved.is_empty(), "nothing to move at {from}");
        for path in moved {
            let target = format!("{to}{}", &path[from.len()..]);
            let entry = tree.remove(&path).unwrap();
            tree.insert(target.clone(), entry);
            touched.extend([path, target]);
        }
        if let Some(directory) = versions.as_ref().filter(|directory| directory.starts_with(from.as_str())) {
            *versions = Some(format!("{to}{}", &directory[from.len()..]));
        }
    }
    let mut write = |path: String, entry: Entry| {
        touched.insert(path.clone());
        tree.insert(path, entry);
    };
    if let Some(directory) = &change.environment {
        *versions = Some(format!("{directory}/versions"));
        for (path, entry) in render::environment(directory) {
            write(path, entry);
        }
    }
    for (path, content) in &change.files {
        write(path.clone(), render::content(content));
    }
    for revision in &change.revisions {
        let directory = revision.directory.as_ref().or(versions.as_ref());
        let directory = directory.expect("a revision needs `in`, or an environment before it");
        let (file, entry) = render::revision(revision, minute);
        write(format!("{directory}/{file}"), entry);
    }
    touched
}

/// The paths that are `path` or below it.
fn below(tree: &Tree, path: &str) -> Vec<String> {
    let inside = format!("{path}/");
    tree.keys().filter(|key| *key == path || key.starts_with(&inside)).cloned().collect()
}
