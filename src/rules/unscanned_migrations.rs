use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// A directory with migrations is not scanned.
pub(super) struct UnscannedMigrations;

static META: RuleMeta = RuleMeta {
    name: "unscanned-migrations",
    summary: "A directory with migrations is not scanned",
    severity: Severity::Warning,
    explanation: "Alembic looks for files directly in its version locations. A sub-directory with migrations is left out
unless `recursive_version_locations` is set or `version_locations` names it: its revisions never run,
and nothing says so. Where it is an archive on purpose, keep it outside the script directory.",
};

impl Rule for UnscannedMigrations {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for (directory, files) in &cx.state.unscanned {
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!(
                        "{directory} holds {files} migration{} that Alembic does not scan",
                        if *files == 1 { "" } else { "s" }
                    ),
                )
                .about(directory.to_string())
                .at(Place::line(directory, 1)),
            );
        }
    }
}
