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
        let count = bits.len() as u64 * 8;
        (0..hashes).all(|number| {
            let hash = self.0.wrapping_add(number.wrapping_mul(self.1));
            let bit = u64::from(hash) % count;
            bits[(bit / 8) as usize] & (1 << (bit % 8)) != 0
        })
    }
}
