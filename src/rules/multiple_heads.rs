use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::{Diagnostic, Severity};
use std::collections::{BTreeMap, BTreeSet};

use super::listing;
use crate::diagnostic::Place;
use crate::history::Snapshot;
use crate::revision::ExpectedHeads;

/// Heads that should be fewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadGroup {
    /// The branch labels that they share; empty for unlabelled heads.
    pub label: String,
    /// The heads, sorted.
    pub heads: Vec<String>,
    /// How many there should be.
    pub intended: usize,
}

/// Groups of heads with more members than intended.
///
/// By default one head is intended for each distinct set of branch labels, as labels are how
/// Alembic tells branches apart. The configuration may give a number, or the ids or labels.
pub fn crowded_heads(state: &Snapshot) -> Vec<HeadGroup> {
    let labels = state.graph.head_labels();
    let all = || labels.keys().map(|head| (*head).to_owned()).collect::<Vec<_>>();
    match &state.environment.expected_heads {
        ExpectedHeads::Count(count) => match labels.len() > (*count).max(1) {
            true => vec![HeadGroup { label: String::new(), heads: all(), intended: (*count).max(1) }],
            false => Vec::new(),
        },
        ExpectedHeads::Named(names) => {
            let is_named = |head: &str, labels: &BTreeSet<&str>| {
                names.contains(head) || labels.iter().any(|label| names.contains(*label))
            };
            let others = labels.iter().filter(|(head, labels)| !is_named(head, labels)).count();
            // Ids move on, so what counts is that there are no more heads than names.
            match others > 0 && labels.len() > names.len() {
                true => vec![HeadGroup { label: String::new(), heads: all(), intended: names.len().max(1) }],
                false => Vec::new(),
            }
        }
        ExpectedHeads::ByLabel => {
            let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (head, labels) in &labels {
                let label = labels.iter().copied().collect::<Vec<_>>().join(", ");
                groups.entry(label).or_default().push((*head).to_owned());
            }
            groups
                .into_iter()
                .filter(|(_, heads)| heads.len() > 1)
                .map(|(label, heads)| HeadGroup { label, heads, intended: 1 })
                .collect()
        }
    }
}

/// There are more heads than there should be.
pub(super) struct MultipleHeads;

static META: RuleMeta = RuleMeta {
    name: "multiple-heads",
    summary: "There are more heads than there should be",
    severity: Severity::Error,
    explanation:
        "Two revisions that both extend the same parent are two heads. git merges them without a conflict, as
they are different files; the next deployment stops with \"Multiple head revisions are present for given
argument 'head'\".

Re-parent the one that is not published yet onto the other, or add a merge revision where both are.
Heads that are meant to be several, by branch labels or by `heads:` in onehead.yaml, are not reported.",
};

impl Rule for MultipleHeads {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let graph = &cx.state.graph;
        let unknown: Vec<&str> = cx
            .state
            .scripts
            .iter()
            .filter(|script| script.header.assigns_down_revision && script.header.down_revision.is_none())
            .map(|script| &*script.revision)
            .collect();
        for group in crowded_heads(cx.state) {
            let parents: BTreeSet<&str> = group.heads.iter().flat_map(|head| graph.parents(head)).collect();
            let common = parents
                .iter()
                .copied()
                .find(|parent| group.heads.iter().all(|head| graph.parents(head).contains(parent)));
            let story = match common {
                Some(parent) => {
                    let all = if group.heads.len() == 2 { "both" } else { "all" };
                    format!("{} {all} extend '{parent}'", listing(&group.heads))
                }
                None => format!("{} are heads", listing(&group.heads)),
            };
            let label =
                if group.label.is_empty() { String::new() } else { format!(" on branch {}", group.label) };
            // A parent that cannot be read may join the heads: then this is no certainty.
            let severity = if unknown.is_empty() { META.severity } else { Severity::Warning };
            let mut diagnostic = Diagnostic::new(
                META.name,
                severity,
                format!(
                    "{} heads{label} instead of {}: {story}; {}",
                    group.heads.len(),
                    group.intended,
                    consequence(cx.state, &group),
                ),
            )
            .about(format!("heads {}", group.label))
            .extent(group.heads.len())
            .revisions(group.heads.iter().map(String::as_str));
            for head in &group.heads {
                for script in cx.state.scripts_of(head) {
                    diagnostic = diagnostic.at(Place::line(&script.path, script.header.line));
                }
            }
            if !unknown.is_empty() {
                diagnostic = diagnostic.because(format!(
                    "the parents of {} cannot be known without running them",
                    listing(unknown.iter())
                ));
            }
            sink.push(diagnostic);
        }
    }
}

/// What Alembic makes of it. It reads the whole graph before it looks for heads, so a missing parent stops
/// it earlier.
fn consequence(state: &Snapshot, group: &HeadGroup) -> String {
    if let Some(missing) = state.graph.missing().first() {
        return format!(
            "Alembic stops before that, at the missing parent of '{}': repair that first",
            missing.revision
        );
    }
    let branch = group.label.split(", ").next().filter(|label| !label.is_empty() && !label.starts_with('<'));
    let target = branch.map_or_else(|| "head".to_owned(), |label| format!("{label}@head"));
    format!("'alembic upgrade {target}' stops with \"Multiple head revisions are present\"")
}
