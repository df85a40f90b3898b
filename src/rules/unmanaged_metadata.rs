use super::{DecidedBy, ProjectCx, Rule, RuleMeta, listing};
use crate::diagnostic::{Diagnostic, Place, Severity};

/// Tables are declared on a metadata that nothing ever creates.
pub(super) struct UnmanagedMetadata;

static META: RuleMeta = RuleMeta {
    name: "unmanaged-metadata",
    summary: "Tables are declared on a metadata that nothing ever creates",
    severity: Severity::Warning,
    explanation: "Every environment's `target_metadata` is known, and none of them is the metadata that these tables belong to; no
`create_all()` of the application makes them either. Autogenerate never sees them, and no database gets them.

List the metadata in `target_metadata` (it may be a list), or derive the classes from the base that is there.",
};

impl Rule for UnmanagedMetadata {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn decided_by(&self) -> DecidedBy {
        DecidedBy::Project
    }

    fn check_project(&self, cx: &ProjectCx<'_>, sink: &mut Vec<Diagnostic>) {
        for group in &cx.project.unmanaged {
            let count = group.tables.len();
            let names: Vec<&str> = group
                .tables
                .iter()
                .take(5)
                .map(|table| table.table.as_deref().unwrap_or(&table.class))
                .collect();
            let mut diagnostic = Diagnostic::new(
                META.name,
                META.severity,
                format!(
                    "{count} table{} on {} ({}) belong{} to no target_metadata, and no create_all() makes {}: {}{}",
                    if count == 1 { "" } else { "s" },
                    group.name,
                    group.file,
                    if count == 1 { "s" } else { "" },
                    if count == 1 { "it" } else { "them" },
                    listing(&names),
                    if count > names.len() { format!(" and {} more", count - names.len()) } else { String::new() },
                ),
            )
            .about(format!("{} {}", group.file, group.name))
            .extent(count);
            for table in &group.tables {
                diagnostic = diagnostic.at(Place::line(&table.at.path, table.at.line));
            }
            sink.push(diagnostic);
        }
    }
}
