//! What the audit page draws beside the audit document: the graph over time.
//!
//! Every revision that the trunk ever had is one node with one place; a state is the difference to the one before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use similar::TextDiff;

use super::convert;
use super::lanes::lanes;
use super::layout::Layout;
use super::model::{AuditDocument, EnvironmentGraph};
use crate::audit::{Account, Audit};
use crate::history::Snapshot;
use crate::revision::{RevisionGraph, Script};
use crate::text::time::rfc3339;
use crate::vcs::{BlobId, CommitDetails, CommitId, Error};

/// Bytes of differences that one page carries.
const MOST_DIFF_BYTES: usize = 4 << 20;

/// Lines of one difference.
const MOST_DIFF_LINES: usize = 400;

/// All that the page needs.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    audit: &'a AuditDocument,
    histories: Vec<History>,
}

/// One environment over time.
#[derive(Serialize)]
struct History {
    /// Columns of the drawing.
    lanes: usize,
    /// Revisions in the order of the rows, the newest first.
    nodes: Vec<Node>,
    /// States, oldest first.
    steps: Vec<Step>,
    /// Differences of changes after landing, by their number in the document.
    diffs: BTreeMap<usize, String>,
}

/// A revision.
#[derive(Serialize)]
struct Node {
    id: String,
    lane: usize,
    message: Option<String>,
    path: Option<String>,
    labels: Vec<String>,
    depends_on: Vec<String>,
    create_date: Option<String>,
    /// Whether it ever was a file of the trunk; else a parent that was missing.
    known: bool,
}

/// A state, as it differs from the one before.
#[derive(Serialize)]
struct Step {
    commit: String,
    time: String,
    author: String,
    subject: String,
    merge: bool,
    /// Nodes that are heads.
    heads: Vec<usize>,
    added: Vec<usize>,
    removed: Vec<usize>,
    /// Nodes whose parents are others than before, with their parents.
    parents: Vec<(usize, Vec<usize>)>,
    /// Nodes whose files changed.
    edited: Vec<usize>,
}

/// Reads commits and blobs for the page.
pub trait Sources {
    /// A commit's author, time and subject.
    ///
    /// # Errors
    /// When the object is damaged.
    fn commit(&self, id: CommitId) -> Result<Option<CommitDetails>, Error>;

    /// A blob's bytes.
    ///
    /// # Errors
    /// When the object is damaged.
    fn blob(&self, id: BlobId) -> Result<Option<Vec<u8>>, Error>;
}

/// Collects.
///
/// # Errors
/// Those of `sources`.
pub(super) fn page<'a>(
    audit: &Audit,
    document: &'a AuditDocument,
    sources: &dyn Sources,
) -> Result<Page<'a>, Error> {
    let mut left = MOST_DIFF_BYTES;
    let mut histories = Vec::new();
    // The document tells environments that exist first.
    let (exist, gone): (Vec<&Account>, Vec<&Account>) =
        audit.environments.iter().partition(|account| account.story.exists());
    for account in exist.into_iter().chain(gone) {
        histories.push(history(audit, account, sources, &mut left)?);
    }
    Ok(Page { audit: document, histories })
}

fn history(
    audit: &Audit,
    account: &Account,
    sources: &dyn Sources,
    left: &mut usize,
) -> Result<History, Error> {
    let snapshots: Vec<Snapshot> = account
        .story
        .steps
        .iter()
        .map(|step| audit.timeline.snapshot(&step.environment, step.state))
        .collect();
    let graph = union(&snapshots);
    let layout = Layout::new(&graph);
    let lanes = lanes(&layout);
    let mut row: HashMap<&str, usize> = HashMap::new();
    let mut nodes = Vec::with_capacity(layout.order.len());
    for &index in &layout.order {
        let node = &layout.nodes[index];
        row.insert(node.id, nodes.len());
        let file = node.files.first();
        nodes.push(Node {
            id: node.id.to_owned(),
            lane: lanes.of[index],
            message: file.and_then(|file| file.message.clone()),
            path: file.map(|file| file.path.clone()),
            labels: node.labels().into_iter().map(str::to_owned).collect(),
            depends_on: node.depends_on().into_iter().map(str::to_owned).collect(),
            create_date: file.and_then(|file| file.create_date.clone()),
            known: !node.is_missing(),
        });
    }
    let mut steps = Vec::with_capacity(snapshots.len());
    let mut before: BTreeMap<usize, (Vec<usize>, Vec<BlobId>)> = BTreeMap::new();
    for (step, snapshot) in account.story.steps.iter().zip(&snapshots) {
        let number = |id: &str| row.get(id).copied();
        let mut now: BTreeMap<usize, (Vec<usize>, Vec<BlobId>)> = BTreeMap::new();
        for script in &snapshot.scripts {
            let Some(at) = number(&script.revision) else { continue };
            let (parents, blobs) = now.entry(at).or_default();
            parents.extend(script.down_revisions().filter_map(number));
            blobs.push(script.blob);
        }
        let commit = &audit.timeline.history.commits[step.commit as usize];
        let details = sources.commit(commit.id)?;
        steps.push(Step {
            commit: commit.id.to_string(),
            time: rfc3339(commit.time),
            author: details.as_ref().map(|details| details.author.clone()).unwrap_or_default(),
            subject: details.map(|details| details.subject).unwrap_or_default(),
            merge: audit.acts.get(&step.commit).is_some_and(|act| act.is_merge),
            heads: snapshot.graph.heads().iter().filter_map(|id| number(id)).collect(),
            added: now.keys().filter(|at| !before.contains_key(at)).copied().collect(),
            removed: before.keys().filter(|at| !now.contains_key(at)).copied().collect(),
            parents: now
                .iter()
                .filter(|(at, (parents, _))| before.get(at).is_none_or(|(old, _)| old != parents))
                .map(|(at, (parents, _))| (*at, parents.clone()))
                .collect(),
            edited: now
                .iter()
                .filter(|(at, (_, blobs))| before.get(at).is_some_and(|(_, old)| old != blobs))
                .map(|(at, _)| *at)
                .collect(),
        });
        before = now;
    }
    Ok(History { lanes: lanes.width, nodes, steps, diffs: diffs(account, sources, left)? })
}

/// A graph of everything that the states ever held: of each id its last version.
fn union(snapshots: &[Snapshot]) -> EnvironmentGraph {
    let mut last: BTreeMap<&str, &std::sync::Arc<Script>> = BTreeMap::new();
    for snapshot in snapshots {
        for script in &snapshot.scripts {
            last.insert(&script.revision, script);
        }
    }
    let scripts: Vec<_> = last.into_values().cloned().collect();
    let newest = snapshots.last().cloned().unwrap_or_default();
    convert::environment_graph(&Snapshot {
        graph: Arc::new(RevisionGraph::new(&scripts)),
        scripts,
        files: Vec::new(),
        unreadable: Vec::new(),
        unscanned: Vec::new(),
        ..newest
    })
}

/// What changes after landing changed, as unified differences, by the change's number.
fn diffs(
    account: &Account,
    sources: &dyn Sources,
    left: &mut usize,
) -> Result<BTreeMap<usize, String>, Error> {
    let mut found = BTreeMap::new();
    for (at, published) in account.changes.iter().enumerate() {
        let change = &published.change;
        let (Some(before), Some(after)) = (change.before, change.after) else { continue };
        let (Some(before), Some(after)) = (sources.blob(before)?, sources.blob(after)?) else { continue };
        let (before, after) = (String::from_utf8_lossy(&before), String::from_utf8_lossy(&after));
        if before.len().max(after.len()) > *left {
            continue;
        }
        let difference = TextDiff::from_lines(&*before, &*after);
        let unified = difference.unified_diff().context_radius(3).to_string();
        let mut lines = unified.lines();
        let mut text: Vec<&str> = lines.by_ref().take(MOST_DIFF_LINES).collect();
        if lines.next().is_some() {
            text.push("… and more");
        }
        let text = text.join("\n");
        *left = left.saturating_sub(text.len());
        if !text.is_empty() {
            found.insert(at, text);
        }
    }
    Ok(found)
}
