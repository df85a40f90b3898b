//! Findings out of what PostgreSQL would refuse of the models' own tables.

use super::{RuleMeta, SchemaCx};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::schema::{self, FaultKind, Name};

/// A place of a schema as a place of a report.
pub(super) fn place(place: &schema::Place) -> Place {
    Place::line(&place.path, place.line)
}

/// `path:line`.
pub(super) fn spot(place: &schema::Place) -> String {
    format!("{}:{}", place.path, place.line)
}

/// Keys of models whose types cannot be compared.
pub(super) fn mismatches(meta: &'static RuleMeta, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
    let Some(models) = cx.models else { return };
    for fault in models.faults.iter().filter(|fault| fault.kind == FaultKind::TypeMismatch) {
        let objects: Vec<&str> = fault.objects.iter().map(|object| &**object).collect();
        let severity = if models.doubt.is_none() { meta.severity } else { Severity::Info };
        let mut finding = Diagnostic::new(meta.name, severity, format!("in the models: {}", fault.message))
            .about(format!("models {}", objects.join(" ")))
            .at(place(&fault.place));
        if let (Some(earlier), Some(key)) = (&fault.earlier, fault.objects.get(1)) {
            finding = finding.at(place(earlier)).because(format!("{key} is declared at {}", spot(earlier)));
        }
        if let [child, key, ..] = objects.as_slice() {
            finding = finding.because(format!("give {child} the type of {key}"));
        }
        sink.push(match &models.doubt {
            Some(doubt) => finding.because(format!("not certain: {doubt}")),
            None => finding,
        });
    }
}

/// Keys of models that refer to a table or column that no model declares.
pub(super) fn missing_targets(meta: &'static RuleMeta, cx: &SchemaCx<'_>, sink: &mut Vec<Diagnostic>) {
    let Some(models) = cx.models.filter(|models| models.is_closed()) else { return };
    for fault in &models.faults {
        let Some(target) = fault.objects.first() else { continue };
        let message = match fault.kind {
            FaultKind::TargetTableMissing => {
                format!("in the models: a foreign key refers to the table {target}, and no model declares it")
            }
            FaultKind::TargetColumnMissing => {
                format!("in the models: a foreign key refers to {target}, and its model has no such column")
            }
            _ => continue,
        };
        let mut finding = Diagnostic::new(meta.name, meta.severity, message)
            .about(format!("models {}", fault.objects.join(" ")))
            .at(place(&fault.place))
            .because(
                "SQLAlchemy says NoReferencedTableError or NoReferencedColumnError when it maps the class",
            )
            .because(format!("PostgreSQL would say: {}", fault.message));
        if let Some(earlier) = fault.earlier.as_ref().filter(|earlier| **earlier != fault.place) {
            finding =
                finding.at(place(earlier)).because(format!("the table is declared at {}", spot(earlier)));
        }
        if let Some((_, at)) = models.commented.iter().find(|(name, _)| name == target) {
            finding = finding.at(place(at)).because(format!("its class is commented out at {}", spot(at)));
        }
        let other = models
            .declared
            .iter()
            .find(|table| (!table.targeted || !table.reached) && table.name.to_string() == **target);
        if let Some(other) = other {
            let why = match other.targeted {
                true => "which env.py does not import",
                false => "which belongs to another metadata",
            };
            finding = finding.at(place(&other.place)).because(format!(
                "{target} is that of {}, {why}: {}",
                other.class,
                spot(&other.place)
            ));
        }
        let table = Name::plain(target);
        if let Some(known) = cx.schema.table(&table) {
            finding = finding.because(format!("the migrations create it at {}", spot(&known.place)));
        }
        sink.push(finding);
    }
}
