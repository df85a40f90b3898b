//! The revision graph of one state. Tolerates every broken state and reports it whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use petgraph::algo::{is_cyclic_directed, tarjan_scc};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Script;
use crate::vcs::RepoPath;

/// One id stated by several files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The id.
    pub revision: String,
    /// Its files, sorted.
    pub paths: Vec<RepoPath>,
}

/// A reference to an id that no file states.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The revision that refers.
    pub revision: String,
    /// Its file.
    pub path: RepoPath,
    /// The id that is not there.
    pub missing: String,
}

/// Files whose names start with the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberClash {
    /// The number.
    pub prefix: u32,
    /// The files, sorted.
    pub paths: Vec<RepoPath>,
}

/// The graph of one environment at one state. Edges point from a revision to its parents.
#[derive(Clone, Debug, Default)]
pub struct RevisionGraph {
    /// Sorted; a node's index is its id's place here.
    ids: Vec<Arc<str>>,
    graph: DiGraph<(), ()>,
    heads: Vec<String>,
    bases: Vec<String>,
    branch_points: Vec<String>,
    merge_points: Vec<String>,
    duplicates: Vec<Duplicate>,
    missing: Vec<Missing>,
    missing_depends: Vec<Missing>,
    cycles: Vec<Vec<String>>,
    dependency_cycles: Vec<Vec<String>>,
    own_labels: BTreeMap<String, BTreeSet<String>>,
}

impl RevisionGraph {
    /// Builds the graph. With duplicate ids the edges of all files with that id count.
    pub fn new(scripts: &[Arc<Script>]) -> Self {
        let mut ids: Vec<Arc<str>> = scripts.iter().map(|script| Arc::clone(&script.revision)).collect();
        ids.sort_unstable();
        ids.dedup();
        let index: FxHashMap<&str, u32> = (0..).zip(&ids).map(|(at, id)| (&**id, at)).collect();
        let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(ids.len(), ids.len() + 8);
        for _ in &ids {
            graph.add_node(());
        }
        let mut files: Vec<u32> = vec![0; ids.len()];
        let mut is_named = vec![false; ids.len()];
        let (mut bases, mut merge_points) = (BTreeSet::new(), BTreeSet::new());
        let (mut missing, mut missing_depends) = (Vec::new(), Vec::new());
        let mut dependencies = Vec::new();
        let mut own_labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let labels: FxHashSet<&str> = scripts.iter().flat_map(|script| script.branch_labels()).collect();
        let mut parents: Vec<&str> = Vec::new();
        for script in scripts {
            let from = index[&*script.revision];
            files[from as usize] += 1;
            parents.clear();
            parents.extend(script.down_revisions());
            parents.sort_unstable();
            parents.dedup();
            match parents.len() {
                0 => _ = bases.insert(from),
                1 => {}
                _ => _ = merge_points.insert(from),
            }
            for parent in &parents {
                match index.get(parent) {
                    Some(to) => {
                        is_named[*to as usize] = true;
                        let (from, to) = (NodeIndex::new(from as usize), NodeIndex::new(*to as usize));
                        // Two files of one id may name the same parent.
                        if files[from.index()] == 1 || graph.find_edge(from, to).is_none() {
                            graph.add_edge(from, to, ());
                        }
                    }
                    None => missing.push(Self::absent(script, parent)),
                }
            }
            for dependency in script.depends_on() {
                match index.get(dependency) {
                    Some(to) => dependencies.push((from, *to)),
                    None if labels.contains(dependency) => {}
                    None => missing_depends.push(Self::absent(script, dependency)),
                }
            }
            // A label that only running the file would tell still is one: its expression stands for it.
            let unknown = script.header.dynamic.iter().filter(|it| it.name == "branch_labels");
            let unknown = unknown.filter(|it| it.resolved.is_none()).map(|it| format!("<{}>", it.expression));
            for label in script.branch_labels().map(str::to_owned).chain(unknown) {
                own_labels.entry(script.revision.to_string()).or_default().insert(label);
            }
        }
        missing.sort();
        missing_depends.sort();
        let name = |at: u32| ids[at as usize].to_string();
        let all = 0..ids.len() as u32;
        let children = |at: u32| {
            graph
                .neighbors_directed(NodeIndex::new(at as usize), petgraph::Direction::Incoming)
                .take(2)
                .count()
        };
        let doubled: FxHashSet<&str> =
            all.clone().filter(|at| files[*at as usize] > 1).map(|at| &*ids[at as usize]).collect();
        let mut duplicates: BTreeMap<&str, Vec<RepoPath>> = BTreeMap::new();
        if !doubled.is_empty() {
            for script in scripts.iter().filter(|script| doubled.contains(&*script.revision)) {
                duplicates.entry(&script.revision).or_default().push(script.path.clone());
            }
        }
        let cycles = cycles(&ids, &graph);
        let mut dependency_cycles = Vec::new();
        if !dependencies.is_empty() {
            let mut whole = graph.clone();
            for (from, to) in dependencies {
                whole.update_edge(NodeIndex::new(from as usize), NodeIndex::new(to as usize), ());
            }
            dependency_cycles = self::cycles(&ids, &whole);
            dependency_cycles.retain(|cycle| !cycles.contains(cycle));
        }
        Self {
            heads: all.clone().filter(|at| !is_named[*at as usize]).map(name).collect(),
            bases: bases.into_iter().map(name).collect(),
            branch_points: all.filter(|at| children(*at) > 1).map(name).collect(),
            merge_points: merge_points.into_iter().map(name).collect(),
            duplicates: duplicates
                .into_iter()
                .map(|(revision, mut paths)| {
                    paths.sort();
                    Duplicate { revision: revision.to_owned(), paths }
                })
                .collect(),
            missing,
            missing_depends,
            cycles,
            dependency_cycles,
            own_labels,
            graph,
            ids,
        }
    }

    fn absent(script: &Script, id: &str) -> Missing {
        Missing { revision: script.revision.to_string(), path: script.path.clone(), missing: id.to_owned() }
    }

    fn node(&self, id: &str) -> Option<NodeIndex> {
        self.ids.binary_search_by(|known| (**known).cmp(id)).ok().map(NodeIndex::new)
    }

    fn id(&self, node: NodeIndex) -> &str {
        &self.ids[node.index()]
    }

    /// Ids that no revision names in `down_revision`, sorted.
    pub fn heads(&self) -> &[String] {
        &self.heads
    }

    /// Ids of revisions without `down_revision`, sorted. A missing parent does not make a base.
    pub fn bases(&self) -> &[String] {
        &self.bases
    }

    /// Ids that two or more revisions name as a parent, sorted.
    pub fn branch_points(&self) -> &[String] {
        &self.branch_points
    }

    /// Ids of revisions with two or more parents, sorted.
    pub fn merge_points(&self) -> &[String] {
        &self.merge_points
    }

    /// Ids that two or more files state, sorted by id.
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// Parents that no file states, sorted by child.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Dependencies that are neither an id nor a branch label here.
    pub fn missing_depends(&self) -> &[Missing] {
        &self.missing_depends
    }

    /// Every cycle over `down_revision`, as the sorted ids of its members.
    pub fn cycles(&self) -> &[Vec<String>] {
        &self.cycles
    }

    /// Cycles that exist only with `depends_on` counted.
    pub fn dependency_cycles(&self) -> &[Vec<String>] {
        &self.dependency_cycles
    }

    /// Whether some file states `id`.
    pub fn contains(&self, id: &str) -> bool {
        self.node(id).is_some()
    }

    /// All ids, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(|id| &**id)
    }

    /// The parents of `id` that exist, sorted.
    pub fn parents(&self, id: &str) -> Vec<&str> {
        self.neighbours(id, petgraph::Direction::Outgoing)
    }

    /// The children of `id`, sorted.
    pub fn children(&self, id: &str) -> Vec<&str> {
        self.neighbours(id, petgraph::Direction::Incoming)
    }

    fn neighbours(&self, id: &str, direction: petgraph::Direction) -> Vec<&str> {
        let Some(node) = self.node(id) else { return Vec::new() };
        let mut found: Vec<&str> =
            self.graph.neighbors_directed(node, direction).map(|node| self.id(node)).collect();
        found.sort_unstable();
        found
    }

    /// `id` and everything below it, over `down_revision`.
    pub fn ancestors(&self, id: &str) -> BTreeSet<&str> {
        let Some(node) = self.node(id) else { return BTreeSet::new() };
        let mut found = BTreeSet::new();
        let mut search = Dfs::new(&self.graph, node);
        while let Some(node) = search.next(&self.graph) {
            found.insert(self.id(node));
        }
        found
    }

    /// `id` and everything above it, over `down_revision`.
    pub fn descendants(&self, id: &str) -> BTreeSet<&str> {
        let Some(node) = self.node(id) else { return BTreeSet::new() };
        let reversed = Reversed(&self.graph);
        let mut found = BTreeSet::new();
        let mut search = Dfs::new(reversed, node);
        while let Some(node) = search.next(reversed) {
            found.insert(self.id(node));
        }
        found
    }

    /// All ids, every parent before its children; ids of a cycle stand together.
    pub fn topological(&self) -> Vec<&str> {
        // Tarjan's components come children-of-the-edge first, and edges point to parents.
        tarjan_scc(&self.graph)
            .into_iter()
            .flat_map(|mut component| {
                component.sort_unstable();
                component
            })
            .map(|node| self.id(node))
            .collect()
    }

    /// Branch labels of each head: those that it or an ancestor states. Alembic hands labels down
    /// to every descendant in the same way.
    pub fn head_labels(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        self.heads
            .iter()
            .map(|head| {
                let labels = match self.own_labels.is_empty() {
                    true => BTreeSet::new(),
                    false => self
                        .ancestors(head)
                        .into_iter()
                        .filter_map(|id| self.own_labels.get(id))
                        .flatten()
                        .map(String::as_str)
                        .collect(),
                };
                (head.as_str(), labels)
            })
            .collect()
    }

    /// The labels that the files of `id` state themselves.
    pub fn own_labels(&self, id: &str) -> impl Iterator<Item = &str> {
        self.own_labels.get(id).into_iter().flatten().map(String::as_str)
    }
}

fn cycles(ids: &[Arc<str>], graph: &DiGraph<(), ()>) -> Vec<Vec<String>> {
    // Told sooner than components, and nearly always so.
    if !is_cyclic_directed(graph) {
        return Vec::new();
    }
    let mut found: Vec<Vec<String>> = tarjan_scc(graph)
        .into_iter()
        .filter(|component| match component.as_slice() {
            [only] => graph.contains_edge(*only, *only),
            _ => true,
        })
        .map(|component| {
            let mut ids: Vec<String> =
                component.into_iter().map(|node| ids[node.index()].to_string()).collect();
            ids.sort_unstable();
            ids
        })
        .collect();
    found.sort();
    found
}

/// The number that a file's name starts with: 1 to 5 digits, an optional `v` before them, and `_`,
/// `-` or `.` after them. A name that starts with a date has none.
pub fn number_prefix(name: &[u8]) -> Option<u32> {
    let rest = name.strip_prefix(b"v").or_else(|| name.strip_prefix(b"V")).unwrap_or(name);
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=5).contains(&digits) || !matches!(rest.get(digits), Some(b'_' | b'-' | b'.')) || is_date(name) {
        return None;
    }
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// `2024_01…`, `2024-01…`, `202401…`: a year, perhaps a separator, a month.
fn is_date(name: &[u8]) -> bool {
    let Some((year, rest)) = name.split_at_checked(4) else { return false };
    let century = year.starts_with(b"19") || year.starts_with(b"20");
    let rest = match rest.first() {
        Some(b'_' | b'-' | b'.') => &rest[1..],
        _ => rest,
    };
    let month = matches!(rest, [b'0', b'1'..=b'9', ..] | [b'1', b'0'..=b'2', ..]);
    century && year.iter().all(u8::is_ascii_digit) && month
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_prefixes() {
        let cases: [(&str, Option<u32>); 14] = [
            ("003_users.py", Some(3)),
            ("3-users.py", Some(3)),
            ("v12.users.py", Some(12)),
            ("V0012_users.py", Some(12)),
            ("00042_users.py", Some(42)),
            ("123456_users.py", None),
            ("003users.py", None),
            ("users_003.py", None),
            ("2024_01_31_users.py", None),
            ("2024-1201-users.py", None),
            ("20240131_users.py", None),
            ("2024_users.py", Some(2024)),
            ("1845_01_users.py", Some(1845)),
            ("2a5f_users.py", None),
        ];
        for (name, expected) in cases {
            assert_eq!(number_prefix(name.as_bytes()), expected, "{name}");
        }
    }
}
