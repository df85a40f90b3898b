//! The revision graph of one state. Tolerates every broken state and reports it whole.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};

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
    graph: DiGraph<String, ()>,
    nodes: HashMap<String, NodeIndex>,
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
    pub fn new(scripts: &[Script]) -> Self {
        let mut this = Self::default();
        let mut paths: HashMap<&str, Vec<&RepoPath>> = HashMap::with_capacity(scripts.len());
        for script in scripts {
            paths.entry(&script.revision).or_default().push(&script.path);
        }
        let mut ids: Vec<&str> = paths.keys().copied().collect();
        ids.sort_unstable();
        for id in &ids {
            let node = this.graph.add_node((*id).to_owned());
            this.nodes.insert((*id).to_owned(), node);
        }
        let labels: HashSet<&str> = scripts.iter().flat_map(Script::branch_labels).collect();
        let mut named = HashSet::new();
        let mut children: HashMap<&str, HashSet<&str>> = HashMap::new();
        let (mut bases, mut merge_points) = (BTreeSet::new(), BTreeSet::new());
        let mut dependencies = Vec::new();
        for script in scripts {
            let from = this.nodes[&script.revision];
            let parents: BTreeSet<&str> = script.down_revisions().collect();
            if parents.is_empty() {
                bases.insert(script.revision.clone());
            }
            if parents.len() > 1 {
                merge_points.insert(script.revision.clone());
            }
            for parent in parents {
                named.insert(parent);
                match this.nodes.get(parent) {
                    Some(to) => {
                        this.graph.update_edge(from, *to, ());
                        children.entry(parent).or_default().insert(&script.revision);
                    }
                    None => this.missing.push(missing(script, parent)),
                }
            }
            for dependency in script.depends_on() {
                match this.nodes.get(dependency) {
                    Some(to) => dependencies.push((from, *to)),
                    None if labels.contains(dependency) => {}
                    None => this.missing_depends.push(missing(script, dependency)),
                }
            }
            let own: BTreeSet<String> = script.branch_labels().map(str::to_owned).collect();
            if !own.is_empty() {
                this.own_labels.entry(script.revision.clone()).or_default().extend(own);
            }
        }
        this.heads = ids.iter().filter(|id| !named.contains(**id)).map(|id| (*id).to_owned()).collect();
        this.bases = bases.into_iter().collect();
        this.merge_points = merge_points.into_iter().collect();
        this.branch_points = ids
            .iter()
            .filter(|id| children.get(**id).is_some_and(|children| children.len() > 1))
            .map(|id| (*id).to_owned())
            .collect();
        this.duplicates = ids
            .iter()
            .filter_map(|id| {
                let files = &paths[id];
                (files.len() > 1).then(|| {
                    let mut paths: Vec<RepoPath> = files.iter().map(|path| (*path).clone()).collect();
                    paths.sort();
                    Duplicate { revision: (*id).to_owned(), paths }
                })
            })
            .collect();
        this.missing.sort();
        this.missing_depends.sort();
        this.cycles = cycles(&this.graph);
        if !dependencies.is_empty() {
            let mut whole = this.graph.clone();
            for (from, to) in dependencies {
                whole.update_edge(from, to, ());
            }
            this.dependency_cycles = cycles(&whole);
            this.dependency_cycles.retain(|cycle| !this.cycles.contains(cycle));
        }
        this
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
        self.nodes.contains_key(id)
    }

    /// All ids, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.graph.node_weights().map(String::as_str)
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
        let Some(node) = self.nodes.get(id) else { return Vec::new() };
        let mut found: Vec<&str> =
            self.graph.neighbors_directed(*node, direction).map(|node| self.graph[node].as_str()).collect();
        found.sort_unstable();
        found
    }

    /// `id` and everything below it, over `down_revision`.
    pub fn ancestors(&self, id: &str) -> BTreeSet<&str> {
        let Some(node) = self.nodes.get(id) else { return BTreeSet::new() };
        let mut found = BTreeSet::new();
        let mut search = Dfs::new(&self.graph, *node);
        while let Some(node) = search.next(&self.graph) {
            found.insert(self.graph[node].as_str());
        }
        found
    }

    /// `id` and everything above it, over `down_revision`.
    pub fn descendants(&self, id: &str) -> BTreeSet<&str> {
        let Some(node) = self.nodes.get(id) else { return BTreeSet::new() };
        let reversed = Reversed(&self.graph);
        let mut found = BTreeSet::new();
        let mut search = Dfs::new(reversed, *node);
        while let Some(node) = search.next(reversed) {
            found.insert(self.graph[node].as_str());
        }
        found
    }

    /// All ids, every parent before its children; ids of a cycle stand together.
    pub fn topological(&self) -> Vec<&str> {
        // Tarjan's components come children-of-the-edge first, and edges point to parents.
        tarjan_scc(&self.graph)
            .into_iter()
            .flat_map(|mut component| {
                component.sort_unstable_by_key(|node| &self.graph[*node]);
                component
            })
            .map(|node| self.graph[node].as_str())
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

fn missing(script: &Script, id: &str) -> Missing {
    Missing { revision: script.revision.clone(), path: script.path.clone(), missing: id.to_owned() }
}

fn cycles(graph: &DiGraph<String, ()>) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = tarjan_scc(graph)
        .into_iter()
        .filter(|component| match component.as_slice() {
            [only] => graph.contains_edge(*only, *only),
            _ => true,
        })
        .map(|component| {
            let mut ids: Vec<String> = component.into_iter().map(|node| graph[node].clone()).collect();
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
