//! The commit-graph, and what its changed-path filters say.
//!
//! Such a file gives the tree, parents and time of each commit without the commit. With `--changed-paths` git writes a
//! Bloom filter for each, too: it holds the path of every file in which the commit differs from its first parent, and
//! of all directories above. Where a filter lacks a path, nothing changed there. See "gitformat-commit-graph".
//!
//! What git itself would not use is not used, and what does not fit together is no filter: then trees are read. A
//! filter speaks of files. Directories without any, which git never makes, come and go unseen.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::ByteSlice as _;
use gix::commitgraph::Graph;
use gix::{hash, oid};
use gix_chunk::file::Index;

use super::RepoPath;

/// A commit-graph that holds good for its repository.
pub(super) struct CommitGraph {
    /// Commits by position.
    pub(super) graph: Graph,
    /// The filters, where there are some.
    pub(super) changed: Option<Arc<ChangedPaths>>,
}

impl CommitGraph {
    /// The commit-graph of `repo` or, where it has none, of an object directory that it borrows from; `None` where git
    /// would not use it, either: when it is told not to, or when commits have other parents than they say.
    pub(super) fn open(repo: &gix::Repository) -> Option<Self> {
        let config = repo.config_snapshot();
        let replaced = repo.objects.store_ref().replacements().next().is_some();
        let grafted = repo.common_dir().join("info/grafts").exists();
        let refused = config.boolean("core.commitGraph") == Some(false);
        if refused || replaced || grafted || repo.is_shallow().unwrap_or(true) {
            return None;
        }
        let own = repo.objects.store_ref().path().to_owned();
        let borrowed = repo.current_dir().to_owned();
        let borrowed = gix::odb::alternate::resolve(own.clone(), &borrowed).unwrap_or_default();
        let (info, graph) = std::iter::once(own).chain(borrowed).find_map(|objects| {
            let info = objects.join("info");
            let graph = Graph::at(&info, repo.object_hash(), None).ok()?;
            Some((info, graph))
        })?;
        let read = config.boolean("commitGraph.readChangedPaths").unwrap_or(true);
        let version = config.integer("commitGraph.changedPathsVersion").unwrap_or(if read { -1 } else { 0 });
        let changed = ChangedPaths::read(&graph, &info, repo.object_hash(), version).map(Arc::new);
        Some(Self { graph, changed })
    }
}

/// The filters of a commit-graph's files.
#[derive(Debug)]
pub(super) struct ChangedPaths {
    /// In the order of positions.
    layers: Vec<Layer>,
}

/// One file of a commit-graph.
#[derive(Debug)]
struct Layer {
    bytes: Vec<u8>,
    ids: Range<usize>,
    commits: u32,
    filters: Option<Filters>,
}

/// Where the filters of a file are.
#[derive(Clone, Debug)]
struct Filters {
    /// Per commit, where its filter ends: four bytes.
    ends: Range<usize>,
    bits: Range<usize>,
    version: u32,
    /// Bits that a path sets.
    hashes: u32,
}

/// Before the filters: version, number of hashes, bits for an entry.
const FILTERS_HEADER: usize = 12;

/// git uses 7.
const MOST_HASHES: u32 = 64;

impl ChangedPaths {
    /// The filters of `graph`, whose files are below the directory `info`. `version`: the only one that is used, or -1
    /// for any, 0 for none (`commitGraph.changedPathsVersion`).
    fn read(graph: &Graph, info: &Path, hash: hash::Kind, version: i64) -> Option<Self> {
        if version == 0 {
            return None;
        }
        let files = match info.join("commit-graph") {
            whole if whole.exists() => vec![whole],
            _ => chain(&info.join("commit-graphs"))?,
        };
        let mut layers = Vec::with_capacity(files.len());
        for file in files {
            layers.push(Layer::parse(std::fs::read(file).ok()?, hash, version)?);
        }
        if layers.iter().all(|layer| layer.filters.is_none()) {
            return None;
        }
        // git may have put other files in place since `graph` was opened.
        let ids = layers.iter().flat_map(|layer| layer.bytes[layer.ids.clone()].chunks(hash.len_in_bytes()));
        let is_same = graph.iter_ids().map(oid::as_bytes).eq(ids);
        is_same.then_some(Self { layers })
    }

    /// Whether the commit at `position` certainly has, at each of `paths`, what its first parent has; of a root commit,
    /// nothing.
    pub(super) fn leaves_alone(&self, position: u32, paths: &HashedPaths) -> bool {
        let mut local = position;
        for layer in &self.layers {
            match local.checked_sub(layer.commits) {
                Some(rest) => local = rest,
                None => return layer.leaves_alone(local, paths).unwrap_or(false),
            }
        }
        false
    }
}

/// The files that `commit-graph-chain` in `directory` names, the oldest first.
fn chain(directory: &Path) -> Option<Vec<PathBuf>> {
    let names = std::fs::read_to_string(directory.join("commit-graph-chain")).ok()?;
    let is_id = |name: &str| name.bytes().all(|byte| byte.is_ascii_hexdigit());
    names.lines().map(|name| is_id(name).then(|| directory.join(format!("graph-{name}.graph")))).collect()
}

impl Layer {
    fn parse(bytes: Vec<u8>, hash: hash::Kind, version: i64) -> Option<Self> {
        let header = bytes.first_chunk::<8>()?;
        if &header[..5] != b"CGPH\x01" {
            return None;
        }
        let index = Index::from_bytes(&bytes, header.len(), header[6].into()).ok()?;
        if index.highest_offset() + hash.len_in_bytes() as u64 != bytes.len() as u64 {
            return None;
        }
        let chunk = |name| index.usize_offset_by_id(name).ok();
        let ids = chunk(*b"OIDL")?;
        let commits = u32::try_from(ids.len() / hash.len_in_bytes()).ok()?;
        let filters = chunk(*b"BIDX").zip(chunk(*b"BDAT")).and_then(|(ends, data)| {
            let fits = ends.len() == commits as usize * 4 && data.len() >= FILTERS_HEADER;
            let header = |at| number(&bytes, data.start + at).filter(|_| fits);
            let (version_is, hashes) = (header(0)?, header(4)?);
            let found =
                Filters { ends, bits: data.start + FILTERS_HEADER..data.end, version: version_is, hashes };
            let asked = version == -1 || version == i64::from(found.version);
            let known = matches!(found.version, 1 | 2) && (1..=MOST_HASHES).contains(&found.hashes);
            (asked && known).then_some(found)
        });
        Some(Self { bytes, ids, commits, filters })
    }

    /// `None` where there is no telling.
    fn leaves_alone(&self, commit: u32, paths: &HashedPaths) -> Option<bool> {
        let filters = self.filters.as_ref()?;
        let ends = &self.bytes[filters.ends.clone()];
        let end = number(ends, commit as usize * 4)? as usize;
        let start = match commit.checked_sub(1) {
            Some(before) => number(ends, before as usize * 4)? as usize,
            None => 0,
        };
        // Nothing: it was not computed.
        let bits = self.bytes[filters.bits.clone()].get(start..end).filter(|bits| !bits.is_empty())?;
        let paths = paths.of_version(filters.version)?;
        Some(!paths.iter().any(|path| path.iter().all(|part| part.may_be_in(bits, filters.hashes))))
    }
}

/// The number of four bytes at `at`, as all of a commit-graph's.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Paths as filters know them.
#[derive(Debug)]
pub(super) struct HashedPaths {
    /// Each followed by the directories above it, as a filter that has a path has these, too. `None` where a filter
    /// cannot tell: no filter has the root.
    paths: Option<Vec<Vec<HashedPath>>>,
    /// Whether version 1, which took bytes for signed, has the same hashes.
    ascii: bool,
}

#[derive(Debug)]
struct HashedPath(u32, u32);

impl HashedPaths {
    pub(super) fn new(paths: &[RepoPath]) -> Self {
        let ascii = paths.iter().all(|path| path.as_bytes().is_ascii());
        let hashed = |path: &RepoPath| {
            let (path, mut ends) = (bstr::join("/", path.components()), Vec::new());
            ends.extend(path.find_iter("/"));
            ends.extend((!path.is_empty()).then_some(path.len()));
            ends.reverse();
            (!ends.is_empty()).then(|| ends.iter().map(|end| HashedPath::new(&path[..*end])).collect())
        };
        let paths = paths.iter().map(hashed);
        Self { paths: paths.collect(), ascii }
    }

    fn of_version(&self, version: u32) -> Option<&[Vec<HashedPath>]> {
        self.paths.as_deref().filter(|_| version == 2 || self.ascii)
    }
}

impl HashedPath {
    fn new(path: &[u8]) -> Self {
        // Reading from memory does not fail.
        let hash = |seed| murmur3::murmur3_32(&mut &*path, seed).unwrap_or_default();
        Self(hash(0x293a_e76f), hash(0x7e64_6e2c))
    }

    fn may_be_in(&self, bits: &[u8], hashes: u32) -> bool {
        let Some(count) = u32::try_from(bits.len()).ok().and_then(|bytes| bytes.checked_mul(8)) else {
            return true;
        };
        (0..hashes).all(|number| {
            let bit = self.0.wrapping_add(number.wrapping_mul(self.1)) % count;
            bits[(bit / 8) as usize] & (1 << (bit % 8)) != 0
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::{ChangedPaths, CommitGraph, HashedPath, HashedPaths};
    use crate::vcs::testing::Scratch;
    use crate::vcs::{RepoPath, Walk, Watch, WatchedStates, walk};

    #[test]
    fn paths_are_hashed_as_git_does() {
        // From git's own tests of its filters.
        let hash = |text: &str| murmur3::murmur3_32(&mut text.as_bytes(), 0).unwrap();
        assert_eq!(hash(""), 0);
        assert_eq!(hash("Hello world!"), 0x627b_0c2c);
        assert_eq!(hash("The quick brown fox jumps over the lazy dog"), 0x2e4f_f723);
        let bits = |path: &str| {
            let HashedPath(one, two) = HashedPath::new(path.as_bytes());
            (0..7_u32).map(|number| one.wrapping_add(number.wrapping_mul(two))).collect::<Vec<_>>()
        };
        let of_nothing: [u32; 7] =
            [0x5615_800c, 0x5b96_6560, 0x6117_4ab4, 0x6698_3008, 0x6c19_155c, 0x7199_fab0, 0x771a_e004];
        assert_eq!(bits(""), of_nothing);
    }

    /// A history of three commits and a merge; `accents` puts a file whose name is not ASCII into the last.
    fn history(accents: bool) -> Scratch {
        let scratch = Scratch::new();
        let mut import = String::new();
        let commit = |mark: u32, from: &str, files: &[(&str, &str)]| {
            let mut text = format!("commit refs/heads/main\nmark :{mark}\ncommitter A <a@b> {mark} +0000\n");
            text.push_str(&format!("data 1\nx\n{from}"));
            for (path, content) in files {
                text.push_str(&match *content {
                    "" => format!("D {path}\n"),
                    content => format!("M 644 inline {path}\ndata {}\n{content}\n", content.len()),
                });
            }
            text
        };
        import.push_str(&commit(1, "", &[("a/b/c.py", "1"), ("a/d.py", "1"), ("top.ini", "1")]));
        import.push_str(&commit(2, "from :1\n", &[("a/b/c.py", "2")]));
        import.push_str(&commit(3, "from :1\n", &[("e/f.py", "1"), ("a/d.py", "")]));
        import.push_str(&commit(4, "from :2\nmerge :3\n", &[("e/f.py", "1"), ("a/d.py", "")]));
        let last = if accents { "a/é/g.py" } else { "a/h/g.py" };
        import.push_str(&commit(5, "from :4\n", &[(last, "1")]));
        // So many files that the filter says nothing.
        let many: Vec<String> = (0..600).map(|at| format!("many/{at}.py")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), "1")).collect();
        import.push_str(&commit(6, "from :5\n", &many));
        import.push_str(&commit(7, "from :6\n", &[]));
        scratch.git(&["fast-import", "--quiet"], &import);
        scratch
    }

    fn write(scratch: &Scratch, version: u32, more: &[&str]) {
        let version = format!("commitGraph.changedPathsVersion={version}");
        let args = ["-c", &version, "commit-graph", "write", "--changed-paths"];
        scratch.git(&[&args[..], more].concat(), "");
    }

    fn open(scratch: &Scratch) -> Option<CommitGraph> {
        CommitGraph::open(scratch.repo().gix())
    }

    const PATHS: [&str; 9] =
        ["a", "a/b", "a/b/c.py", "a/d.py", "e/f.py", "top.ini", "a/é", "many/7.py", "elsewhere/x.py"];

    /// Per commit in the order of time: the paths that it certainly leaves alone.
    fn left_alone(scratch: &Scratch) -> Vec<Vec<&'static str>> {
        let Some(CommitGraph { graph, changed: Some(changed) }) = open(scratch) else { return Vec::new() };
        let mut told = BTreeMap::new();
        for (position, commit) in (0..).zip(graph.iter_commits()) {
            let mut paths = PATHS.to_vec();
            let alone =
                |path: &str| changed.leaves_alone(position, &HashedPaths::new(&[RepoPath::from(path)]));
            paths.retain(|path| alone(path));
            told.insert(commit.committer_timestamp(), paths);
        }
        told.into_values().collect()
    }

    /// The same by git's comparison.
    fn unchanged(scratch: &Scratch) -> Vec<Vec<&'static str>> {
        let list = scratch.git(&["rev-list", "--reverse", "--date-order", "main"], "");
        let changed = |commit: &str, path: &str| {
            let args = ["diff-tree", "--root", "--diff-merges=first-parent", "-r", "--name-only"];
            !scratch.git(&[&args[..], &["--no-commit-id", commit, "--", path]].concat(), "").is_empty()
        };
        let paths = |commit| PATHS.into_iter().filter(|path| !changed(commit, path)).collect();
        list.lines().map(paths).collect()
    }

    /// Asserts that what is told is so, and that it is nearly all there is to tell.
    fn assert_told(told: &[Vec<&str>], unchanged: &[Vec<&str>]) {
        assert_eq!(told.len(), unchanged.len());
        let mut silent = 0;
        for (told, unchanged) in told.iter().zip(unchanged) {
            assert!(told.iter().all(|path| unchanged.contains(path)), "{told:?} of {unchanged:?}");
            silent += unchanged.len() - told.len();
        }
        assert!(silent <= 2, "{told:?}");
    }

    #[test]
    fn a_filter_knows_each_path_that_changed() {
        for accents in [false, true] {
            let scratch = history(accents);
            assert!(open(&scratch).is_none());
            let unchanged = unchanged(&scratch);
            assert_eq!(unchanged.len(), 7);
            for version in [1, 2] {
                for more in [&["--reachable"][..], &["--reachable", "--split=replace"]] {
                    write(&scratch, version, more);
                    let mut expected = unchanged.clone();
                    expected[5].clear();
                    if version == 1 {
                        expected.iter_mut().for_each(|paths| paths.retain(|path| path.is_ascii()));
                    }
                    assert_told(&left_alone(&scratch), &expected);
                    let _ = std::fs::remove_file(scratch.path().join(".git/objects/info/commit-graph"));
                }
            }
        }
    }

    #[test]
    fn paths_asked_together_are_left_alone_together() {
        let scratch = history(false);
        write(&scratch, 2, &["--reachable"]);
        let CommitGraph { graph, changed } = open(&scratch).unwrap();
        let changed = changed.unwrap();
        let second = scratch.repo().resolve("main~3^1").unwrap();
        let position = graph.lookup(second.0).unwrap().0;
        let alone = |paths: &[&str]| {
            let paths: Vec<RepoPath> = paths.iter().map(|path| RepoPath::from(*path)).collect();
            changed.leaves_alone(position, &HashedPaths::new(&paths))
        };
        assert!(alone(&["top.ini", "e"]) && alone(&[]));
        assert!(!alone(&["top.ini", "a/b"]) && !alone(&["e", ""]));
        assert!(!changed.leaves_alone(u32::MAX, &HashedPaths::new(&[RepoPath::from("e")])));
    }

    #[test]
    fn files_of_a_chain_have_filters_of_their_own() {
        let scratch = history(false);
        let mut expected = unchanged(&scratch);
        let info = scratch.path().join(".git/objects/info");
        let add = |commit: &str, version: &str, more: &[&str]| {
            let args = ["-c", version, "commit-graph", "write", "--stdin-commits", "--split=no-merge"];
            scratch.git(&[&args[..], more].concat(), &scratch.git(&["rev-parse", commit], ""));
        };
        let (one, two) = ("commitGraph.changedPathsVersion=1", "commitGraph.changedPathsVersion=2");
        add("main~3", two, &["--changed-paths"]);
        add("main~1", one, &["--no-changed-paths"]);
        add("main", one, &["--changed-paths"]);
        let chain = std::fs::read_to_string(info.join("commit-graphs/commit-graph-chain")).unwrap();
        assert_eq!(chain.lines().count(), 3);
        expected[4].clear();
        expected[5].clear();
        let told = left_alone(&scratch);
        assert_told(&told[..6], &expected[..6]);
        // git may choose either version for the last.
        assert!(told[6].iter().all(|path| expected[6].contains(path)));
        // Only the first is left of the chain.
        std::fs::write(info.join("commit-graphs/commit-graph-chain"), chain.lines().next().unwrap()).unwrap();
        assert_eq!(left_alone(&scratch), told[..4]);
        std::fs::write(info.join("commit-graphs/commit-graph-chain"), "../../../HEAD\n").unwrap();
        assert!(open(&scratch).is_none());
    }

    #[test]
    fn a_walk_sees_the_same_by_commits_and_by_filters() {
        let scratch = history(true);
        let watch = |paths: &[&str]| Watch::new(paths.iter().map(|path| RepoPath::from(*path)));
        let see = |paths: &[&str]| {
            let (repo, watch) = (scratch.repo(), watch(paths));
            let (history, walked) = walk(&repo, Walk::All, &watch).unwrap();
            let resolved = WatchedStates::resolve(&repo, &history, &watch).unwrap();
            let told = |states: &WatchedStates| -> Vec<Vec<_>> {
                let entry = |state: u32| (0..paths.len()).map(|path| states.entry(state, path)).collect();
                states.of_commit.iter().map(|state| entry(*state)).collect()
            };
            assert_eq!(told(&walked), told(&resolved));
            let commits = history.commits.into_iter();
            let commits = commits.map(|commit| (commit.id, commit.tree, commit.parents, commit.time));
            (commits.collect::<Vec<_>>(), told(&walked))
        };
        let questions: Vec<Vec<&str>> =
            PATHS.iter().map(|path| vec![*path]).chain([PATHS.to_vec(), vec![""], Vec::new()]).collect();
        let without: Vec<_> = questions.iter().map(|paths| see(paths)).collect();
        assert_eq!(without[0].0.len(), 7);
        for covered in ["main~4", "main~3", "main~1", "main"] {
            for version in ["commitGraph.changedPathsVersion=1", "commitGraph.changedPathsVersion=2"] {
                let write = ["-c", version, "commit-graph", "write", "--changed-paths", "--stdin-commits"];
                scratch.git(&write, &scratch.git(&["rev-parse", covered], ""));
                assert!(open(&scratch).is_some_and(|graph| graph.changed.is_some()));
                let with: Vec<_> = questions.iter().map(|paths| see(paths)).collect();
                assert_eq!(with, without, "{covered} {version}");
            }
        }
    }

    #[test]
    fn parents_that_no_file_has_are_read_from_the_commit() {
        let scratch = history(false);
        let see = || {
            let repo = scratch.repo();
            let (history, _) = walk(&repo, Walk::All, &Watch::new([RepoPath::from("a")])).unwrap();
            let commits = history.commits.into_iter();
            commits.map(|commit| (commit.id, commit.tree, commit.parents, commit.time)).collect::<Vec<_>>()
        };
        let expected = see();
        write(&scratch, 2, &["--reachable"]);
        assert_eq!(see(), expected);
        let file = scratch.path().join(".git/objects/info/commit-graph");
        let sound = std::fs::read(&file).unwrap();
        let entry = sound.windows(4).position(|window| window == b"CDAT").unwrap();
        let data = u64::from_be_bytes(*sound[entry + 4..].first_chunk().unwrap()) as usize;
        std::fs::remove_file(&file).unwrap();
        for parent in [7_u32, 0x0100_0000, 0x6fff_ffff, 0x8000_0000, 0xffff_ffff] {
            let mut damaged = sound.clone();
            for commit in 0..7 {
                // Of a commit: the tree, two parents, the generation and the time.
                let at = data + commit * 36 + 20;
                if damaged[at..at + 4] != 0x7000_0000_u32.to_be_bytes() {
                    damaged[at..at + 4].copy_from_slice(&parent.to_be_bytes());
                }
            }
            std::fs::write(&file, damaged).unwrap();
            assert_eq!(see(), expected, "{parent:x}");
        }
    }

    #[test]
    fn what_git_would_not_use_is_not_used() {
        let scratch = history(false);
        write(&scratch, 1, &["--reachable"]);
        let found = |key: &str, value: &str| {
            scratch.git(&["config", key, value], "");
            let found = open(&scratch).map(|graph| graph.changed.is_some());
            scratch.git(&["config", "--unset", key], "");
            found
        };
        assert_eq!(found("commitGraph.readChangedPaths", "true"), Some(true));
        assert_eq!(found("core.commitGraph", "false"), None);
        assert_eq!(found("commitGraph.readChangedPaths", "false"), Some(false));
        assert_eq!(found("commitGraph.changedPathsVersion", "0"), Some(false));
        assert_eq!(found("commitGraph.changedPathsVersion", "1"), Some(true));
        assert_eq!(found("commitGraph.changedPathsVersion", "2"), Some(false));
        let grafts = scratch.path().join(".git/info/grafts");
        std::fs::create_dir_all(grafts.parent().unwrap()).unwrap();
        std::fs::write(&grafts, "").unwrap();
        assert!(open(&scratch).is_none());
        std::fs::remove_file(&grafts).unwrap();
        assert!(open(&scratch).is_some());
        scratch.git(&["replace", "main", "main~1"], "");
        assert!(open(&scratch).is_none());
    }

    #[test]
    fn a_borrowed_commit_graph_serves_too() {
        let lender = history(false);
        write(&lender, 1, &["--reachable"]);
        let borrower = Scratch::new();
        let info = borrower.path().join(".git/objects/info");
        std::fs::create_dir_all(&info).unwrap();
        let objects = lender.path().join(".git/objects");
        std::fs::write(info.join("alternates"), format!("{}\n", objects.display())).unwrap();
        assert_eq!(left_alone(&borrower), left_alone(&lender));
        assert_eq!(left_alone(&borrower).len(), 7);
    }

    #[test]
    fn a_damaged_file_says_nothing_and_does_no_harm() {
        let scratch = history(false);
        write(&scratch, 2, &["--reachable"]);
        let info = scratch.path().join(".git/objects/info");
        let file: PathBuf = info.join("commit-graph");
        let sound = std::fs::read(&file).unwrap();
        let CommitGraph { graph, changed } = open(&scratch).unwrap();
        assert!(changed.is_some());
        let paths = HashedPaths::new(&[RepoPath::from("a/b/c.py")]);
        let read = |bytes: &[u8]| {
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, bytes).unwrap();
            let changed = ChangedPaths::read(&graph, &info, gix::hash::Kind::Sha1, -1);
            (0..8)
                .filter(|position| changed.as_ref().is_some_and(|it| it.leaves_alone(*position, &paths)))
                .count()
        };
        let all = read(&sound);
        assert!(all > 0);
        for length in (0..sound.len()).step_by(7) {
            assert_eq!(read(&sound[..length]), 0, "cut off at {length}");
        }
        let chunk = |name: &[u8]| {
            let entry = sound.windows(4).position(|window| window == name).unwrap();
            u64::from_be_bytes(*sound[entry + 4..].first_chunk().unwrap()) as usize
        };
        let mut damaged = sound.clone();
        for at in 0..chunk(b"OIDF") {
            damaged[at] ^= 0xff;
            read(&damaged);
            damaged[at] = sound[at];
        }
        // Ends of filters beyond the end of all, and before their starts.
        for number in [u32::MAX, 0x7fff_ffff, 100_000] {
            let mut damaged = sound.clone();
            let ends = chunk(b"BIDX")..chunk(b"BDAT");
            damaged[ends].chunks_mut(4).for_each(|end| end.copy_from_slice(&number.to_be_bytes()));
            assert_eq!(read(&damaged), 0);
        }
        // Another version, no hashes, too many of them.
        for (at, number) in [(0, 3_u32), (0, 0), (4, 0), (4, u32::MAX)] {
            let mut damaged = sound.clone();
            let header = chunk(b"BDAT") + at;
            damaged[header..header + 4].copy_from_slice(&number.to_be_bytes());
            assert_eq!(read(&damaged), 0);
        }
        // Commits that are not those of the graph that is open.
        let mut damaged = sound.clone();
        damaged[chunk(b"OIDL")] ^= 1;
        assert_eq!(read(&damaged), 0);
        assert_eq!(read(&sound), all);
    }
}
