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
        .about(objects.join(" "))
        .at(place(&fault.place));
    if let Some(earlier) = &fault.earlier {
        let whose = earlier.revision.as_deref().map_or_else(String::new, |id| format!(" in '{id}'"));
        let what = other_side(fault);
        diagnostic = diagnostic
            .at(place(earlier))
            .because(format!("{what}{whose}, {}:{}", earlier.path, earlier.line));
    }
    let revisions = [Some(&fault.place), fault.earlier.as_ref()];
    let revisions = revisions.into_iter().flatten().filter_map(|place| place.revision.as_deref());
    let diagnostic = diagnostic.revisions(revisions);
    let diagnostic = match (&fault.doubt, fault.stops) {
        (Some(doubt), _) => return diagnostic.because(format!("not certain: {doubt}")),
        (None, true) => diagnostic.because("an upgrade from an empty database stops here"),
        (None, false) => diagnostic.because(
            "an upgrade from an empty database in one run goes well; the later revision on its own is refused",
        ),
    };
    match repair(fault) {
        Some(repair) => diagnostic.because(repair),
        None => diagnostic,
    }
}

/// What the second place is.
fn other_side(fault: &ReplayFault) -> String {
    let object = fault.objects.first().map_or("it", |object| &**object);
    match fault.kind {
        FaultKind::TypeMismatch => {
            let key = fault.objects.get(1).map_or("the key", |object| &**object);
            format!("{key} got its type")
        }
        FaultKind::TableMissing | FaultKind::IndexMissing | FaultKind::TypeMissing => {
            format!("{object} was dropped or renamed")
        }
        FaultKind::TargetTableMissing => format!("{object} was dropped or renamed"),
        FaultKind::ColumnMissing | FaultKind::ConstraintMissing => "the table was made".to_owned(),
        FaultKind::TargetColumnMissing | FaultKind::TargetNotUnique => "the target was made".to_owned(),
        FaultKind::NewValueUsed => "the value was added".to_owned(),
        FaultKind::SecondPrimaryKey => "the first key was made".to_owned(),
        _ => format!("{object} was made first"),
    }
}

/// What would mend it.
fn repair(fault: &ReplayFault) -> Option<String> {
    let object = fault.objects.first()?;
    Some(match fault.kind {
        FaultKind::TableExists => format!("drop this creation of {object}, or guard it"),
        FaultKind::ColumnExists => format!("drop this addition of {object}, or guard it"),
        FaultKind::IndexExists | FaultKind::ConstraintExists => {
            "give this one another name, or drop it".to_owned()
        }
        FaultKind::TypeExists | FaultKind::TypeExistsLater => {
            format!("write postgresql.ENUM(..., name=\"{object}\", create_type=False) here")
        }
        FaultKind::TypeMissing => {
            "call .create(op.get_bind(), checkfirst=True) on the type before".to_owned()
        }
        FaultKind::TypeMismatch => {
            let key = fault.objects.get(1)?;
            format!("give {object} the type of {key}")
        }
        FaultKind::TargetTableMissing => format!("create {object} before, or mend the name"),
        _ => return None,
    })
}

fn place(place: &schema::Place) -> Place {
    Place::line(&place.path, place.line)
}
