use super::listing;
use super::{DecidedBy, Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// A published revision got other parents.
pub(super) struct ReparentedAfterLanding;

static META: RuleMeta = RuleMeta {
    name: "reparented-after-landing",
    summary: "A published revision got other parents",
    severity: Severity::Error,
    explanation:
        "Databases remember only the id they stand at. When a published revision moves onto another parent,
a database that ran it counts the new parent as done although it never ran it, and one that stands
between may run things in another order.

Where both heads are published, a merge revision changes nothing that has run. Re-parenting that
mends a trunk with several heads is a warning: right if no database has run the revision.",
};

impl Rule for ReparentedAfterLanding {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Merge
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        let Some(merge) = &cx.merge else { return };
        let (now, before) = (&cx.state.graph, &merge.base.graph);
        let mends = now.cycles().len() <= before.cycles().len()
            && (now.heads().len() < before.heads().len() || now.missing().len() < before.missing().len());
        let severity = if mends { Severity::Warning } else { META.severity };
        for change in &merge.published_changes.reparented {
            let name = |ids: &[String]| if ids.is_empty() { "no parent".to_owned() } else { listing(ids) };
            let line = cx.state.script(&change.revision).map_or(1, |script| script.header.line);
            let mut diagnostic = Diagnostic::new(
                META.name,
                severity,
                format!(
                    "'{}' is published, and its parent changes from {} to {}",
                    change.revision,
                    name(&change.from),
                    name(&change.to)
                ),
            )
            .about(&change.revision)
            .revisions([&change.revision])
            .at(Place::line(&change.path, line));
            if mends {
                diagnostic = diagnostic.because("it mends a fault that base has".to_owned());
            }
            sink.push(diagnostic);
        }
    }
}
