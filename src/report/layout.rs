//! What a drawing of a graph consists of: nodes, edges that make no cycle, and an order from the
//! newest down. Every broken state has a layout.

use std::collections::{HashMap, HashSet};

use super::model::{EnvironmentGraph, GraphDocument, Revision};
use super::style::{plain_id, shown};
use crate::text::printable;

/// An id in a drawing: one that files state, or one that is only referred to.
pub(super) struct Node<'a> {
    /// The id.
    pub(super) id: &'a str,
    /// The files that state it, by path; none for a missing parent.
    pub(super) files: Vec<&'a Revision>,
    /// Its parents, as indexes of nodes, in the files' order.
    pub(super) parents: Vec<usize>,
    /// Parents whose edges close a cycle, and so are not among `parents`.
    pub(super) cut: Vec<usize>,
    /// What the graph calls it.
    pub(super) marks: Marks,
}

/// What the graph calls a revision.
#[derive(Clone, Copy, Default)]
pub(super) struct Marks {
    /// A head.
    pub(super) head: bool,
    /// A base.
    pub(super) base: bool,
    /// A branch point.
    pub(super) branch_point: bool,
    /// A merge point.
    pub(super) merge_point: bool,
}

impl Marks {
    /// The names of those that hold.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (self.head, "head"),
            (self.base, "base"),
            (self.branch_point, "branch point"),
            (self.merge_point, "merge point"),
        ]
        .into_iter()
        .filter_map(|(holds, name)| holds.then_some(name))
    }
}

impl Node<'_> {
    /// Whether no file states it.
    pub(super) fn is_missing(&self) -> bool {
        self.files.is_empty()
    }

    /// Branch labels of all its files, sorted.
    pub(super) fn labels(&self) -> Vec<&str> {
        sorted(self.files.iter().flat_map(|file| &file.branch_labels))
    }

    /// Dependencies of all its files, sorted.
    pub(super) fn depends_on(&self) -> Vec<&str> {
        sorted(self.files.iter().flat_map(|file| &file.depends_on))
    }
}

fn sorted<'a>(all: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut all: Vec<&str> = all.map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// An environment, ready to be drawn.
pub(super) struct Layout<'a> {
    /// Stated ids and missing parents.
    pub(super) nodes: Vec<Node<'a>>,
    /// Indexes of all nodes, children before their parents; a line of development stays together.
    pub(super) order: Vec<usize>,
}

impl<'a> Layout<'a> {
    /// Lays out one environment.
    pub(super) fn new(graph: &'a EnvironmentGraph) -> Self {
        let mut nodes = nodes(graph);
        cut_cycles(&mut nodes, graph);
        let order = order(&nodes);
        Self { nodes, order }
    }

    /// What a box that stands for a node says, a line each; safe to print.
    pub(super) fn caption(&self, node: &Node<'_>) -> Vec<String> {
        let mut lines = vec![plain_id(node.id)];
        let marks: Vec<&str> = node.marks.names().collect();
        if !marks.is_empty() {
            lines.push(format!("({})", marks.join(", ")));
        }
        let labels = node.labels();
        if !labels.is_empty() {
            lines.push(format!("[{}]", labels.into_iter().map(shown).collect::<Vec<_>>().join(", ")));
        }
        if node.is_missing() {
            lines.push("missing: no file states it".to_owned());
        }
        if node.files.len() > 1 {
            lines.push(format!("duplicate: {} files state it", node.files.len()));
        }
        for file in &node.files {
            lines.extend(file.message.as_deref().map(shown));
            let name = file.path.rsplit_once('/').map_or(file.path.as_str(), |(_, name)| name);
            lines.push(printable(name));
        }
        lines
    }

    /// Edges from a revision to what it depends on, as indexes of nodes. What is no id here, a
    /// branch label or nothing at all, has no edge.
    pub(super) fn dependencies(&self) -> Vec<(usize, usize)> {
        let by_id: HashMap<&str, usize> =
            self.nodes.iter().enumerate().map(|(index, node)| (node.id, index)).collect();
        let targets = |node: &Node<'_>| -> Vec<usize> {
            node.depends_on().into_iter().filter_map(|id| by_id.get(id).copied()).collect()
        };
        let edges = self.nodes.iter().enumerate();
        edges.flat_map(|(from, node)| targets(node).into_iter().map(move |to| (from, to))).collect()
    }
}

/// What a drawing in boxes is about: the document's heading.
pub(super) fn subject(doc: &GraphDocument) -> String {
    match &doc.commit {
        Some(commit) => format!("migrations at {}", printable(commit)),
        None => "migrations in the work tree".to_owned(),
    }
}

fn nodes(graph: &EnvironmentGraph) -> Vec<Node<'_>> {
    let set = |ids: &'_ [String]| -> HashSet<String> { ids.iter().cloned().collect() };
    let facts = &graph.facts;
    let (heads, bases) = (set(&facts.heads), set(&facts.bases));
    let (branch_points, merge_points) = (set(&facts.branch_points), set(&facts.merge_points));

    let mut nodes: Vec<Node<'_>> = Vec::with_capacity(graph.revisions.len());
    let mut index: HashMap<&str, usize> = HashMap::with_capacity(graph.revisions.len());
    for file in &graph.revisions {
        let node = node_of(&file.revision, &mut nodes, &mut index);
        nodes[node].files.push(file);
        nodes[node].marks = Marks {
            head: heads.contains(&file.revision),
            base: bases.contains(&file.revision),
            branch_point: branch_points.contains(&file.revision),
            merge_point: merge_points.contains(&file.revision),
        };
    }
    let mut seen = HashSet::new();
    for file in &graph.revisions {
        let node = node_of(&file.revision, &mut nodes, &mut index);
        for parent in &file.down_revision {
            let parent = node_of(parent, &mut nodes, &mut index);
            if seen.insert((node, parent)) {
                nodes[node].parents.push(parent);
            }
        }
    }
    nodes
}

/// The index of `id`'s node, which is made where there is none.
fn node_of<'a>(id: &'a str, nodes: &mut Vec<Node<'a>>, index: &mut HashMap<&'a str, usize>) -> usize {
    *index.entry(id).or_insert_with(|| {
        let marks = Marks::default();
        nodes.push(Node { id, files: Vec::new(), parents: Vec::new(), cut: Vec::new(), marks });
        nodes.len() - 1
    })
}

/// Moves the edges that lead back to where a search from the heads came from to `cut`.
fn cut_cycles(nodes: &mut [Node<'_>], graph: &EnvironmentGraph) {
    let mut state = vec![State::New; nodes.len()];
    let cyclic: HashSet<&str> = graph.facts.cycles.iter().flatten().map(String::as_str).collect();
    let is_head = |node: &Node<'_>| node.marks.head;
    let is_cyclic = |node: &Node<'_>| cyclic.contains(node.id);
    // What no head reaches hangs below a cycle, so that cycles come next: a search that starts
    // there meets everything from above, and cuts the edge that leads up.
    let starts = (0..nodes.len())
        .filter(|&node| is_head(&nodes[node]))
        .chain((0..nodes.len()).filter(|&node| is_cyclic(&nodes[node])))
        .chain(0..nodes.len())
        .collect::<Vec<_>>();
    for start in starts {
        if !matches!(state[start], State::New) {
            continue;
        }
        state[start] = State::Open;
        let mut path = vec![(start, 0)];
        while let Some((node, next)) = path.last_mut() {
            let Some(&parent) = nodes[*node].parents.get(*next) else {
                state[*node] = State::Done;
                path.pop();
                continue;
            };
            match state[parent] {
                State::Open => {
                    nodes[*node].parents.remove(*next);
                    nodes[*node].cut.push(parent);
                    continue;
                }
                State::New => {
                    *next += 1;
                    state[parent] = State::Open;
                    path.push((parent, 0));
                }
                State::Done => *next += 1,
            }
        }
    }
}

#[derive(Clone, Copy)]
enum State {
    New,
    Open,
    Done,
}

/// Kahn's algorithm with a stack, as `git log --topo-order` does it: a line of development is
/// followed down to where another one still has to join.
fn order(nodes: &[Node<'_>]) -> Vec<usize> {
    let mut children = vec![0_usize; nodes.len()];
    for parent in nodes.iter().flat_map(|node| &node.parents) {
        children[*parent] += 1;
    }
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|&node| children[node] == 0).collect();
    let date = |node: &usize| nodes[*node].files.iter().filter_map(|file| file.create_date.as_deref()).max();
    ready.sort_by(|a, b| date(a).cmp(&date(b)).then_with(|| nodes[*b].id.cmp(nodes[*a].id)));
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(node) = ready.pop() {
        order.push(node);
        for &parent in &nodes[node].parents {
            children[parent] -= 1;
            if children[parent] == 0 {
                ready.push(parent);
            }
        }
    }
    order
}
