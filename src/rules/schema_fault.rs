//! Findings out of what the replay says a database would refuse.

use super::{RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::schema::fault::Sureness;
use crate::schema::{self, FaultKind, ReplayFault};

/// The replay's faults of the kinds that `mine` picks, in the order of the replay.
pub(super) fn told<'a>(
    cx: &SchemaCx<'a>,
    mine: impl Fn(FaultKind) -> bool,
) -> impl Iterator<Item = &'a ReplayFault> {
    cx.faults.iter().filter(move |fault| mine(fault.kind))
}

/// A finding of one fault: what the database would say, both places, and the revisions that hold them.
pub(super) fn worded(meta: &'static RuleMeta, fault: &ReplayFault) -> Diagnostic {
    // Something that was not read could still explain it: people may look, the hook does not speak.
    let severity = match fault.sureness {
        Sureness::Certain => meta.severity,
        Sureness::Likely => Severity::Info,
    };
    let objects: Vec<&str> = fault.objects.iter().map(|object| &**object).collect();
    let mut diagnostic = Diagnostic::new(meta.name, severity, fault.message.clone())
        .about(format!("{:?} {}", fault.kind, objects.join(" ")))
        .at(place(&fault.place));
    if let Some(earlier) = &fault.earlier {
        diagnostic = diagnostic
            .at(place(earlier))
            .because(format!("the other side is {}:{}", earlier.path, earlier.line));
    }
    let revisions = [Some(&fault.place), fault.earlier.as_ref()];
    let revisions = revisions.into_iter().flatten().filter_map(|place| place.revision.as_deref());
    let diagnostic = diagnostic.revisions(revisions);
    let diagnostic = match fault.stops && fault.sureness == Sureness::Certain {
        true => diagnostic.because("an upgrade from an empty database stops here"),
        false => diagnostic,
    };
    match &fault.doubt {
        Some(doubt) => diagnostic.because(doubt.to_string()),
        None => diagnostic,
    }
}

fn place(place: &schema::Place) -> Place {
    Place::line(&place.path, place.line)
}
