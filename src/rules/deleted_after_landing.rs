use super::{DecidedBy, Rule, RuleCx, RuleMeta};
use crate::diagnostic::{Diagnostic, Severity};
use std::collections::BTreeSet;

use crate::diagnostic::Place;
use crate::vcs::RepoPath;

/// A published revision was deleted.
pub(super) struct DeletedAfterLanding;

static META: RuleMeta = RuleMeta {
    name: "deleted-after-landing",
    summary: "A published revision was deleted",
    severity: Severity::Error,
    explanation: "A database that stands at a deleted revision is stranded: \"Can't locate revision identified by '…'\".
It is an error where a remaining revision or a release still needs the deleted one, and a warning
otherwise: every database must then be past it, or not have run it.

Several deletions at once are told as one, as when old revisions are squashed into a new base.",
};

impl Rule for DeletedAfterLanding {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Merge
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(merge) = &cx.merge else { return };
        let gone: Vec<&(String, RepoPath)> =
            merge.published_changes.removed.iter().filter(|(id, _)| !cx.state.graph.contains(id)).collect();
        let Some((first, _)) = gone.first() else { return };
        let ids: BTreeSet<&str> = gone.iter().map(|(id, _)| id.as_str()).collect();
        let needed: Vec<String> = cx
            .state
            .graph
            .missing()
            .iter()
            .filter(|missing| ids.contains(missing.missing.as_str()))
            .map(|missing| format!("'{}' still names '{}' as its parent", missing.revision, missing.missing))
            .collect();
        let released: Vec<String> = ids
            .iter()
            .filter_map(|id| Some(format!("'{id}' is in the release {}", cx.history.released.get(*id)?)))
            .take(5)
            .collect();
        let severity = match needed.is_empty() && released.is_empty() {
            true => Severity::Warning,
            false => META.severity,
        };
        let message = match ids.len() {
            1 => format!(
                "'{first}' is published and would be deleted: a database that stands at it is stranded"
            ),
            count => format!(
                "{count} published revisions would be deleted: a database that stands at one of them is stranded"
            ),
        };
        let mut diagnostic = Diagnostic::new(META.name, severity, message)
            .about(ids.iter().copied().collect::<Vec<_>>().join(" "))
            .revisions(ids.iter().copied());
        diagnostic.places = gone.iter().map(|(_, path)| Place::line(path, 1)).collect();
        diagnostic.evidence = needed.into_iter().chain(released).collect();
        sink.push(diagnostic);
    }
}
