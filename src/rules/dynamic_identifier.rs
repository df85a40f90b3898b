use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};
use crate::revision::Resolved;

/// A header field is computed.
pub(super) struct DynamicIdentifier;

static META: RuleMeta = RuleMeta {
    name: "dynamic-identifier",
    summary: "A header field is computed",
    severity: Severity::Info,
    explanation: "`revision`, `down_revision`, `depends_on` or `branch_labels` is not a literal. Values that constants of
the same file give are followed and reported for information; anything else is unknown to every tool
that does not run the file, and is never guessed. Write literals: `alembic revision` does.",
};

impl Rule for DynamicIdentifier {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for script in &cx.state.scripts {
            for value in &script.header.dynamic {
                let known = match &value.resolved {
                    Some(Resolved::Text(text)) => format!("it comes to '{text}'"),
                    Some(Resolved::List(list)) => format!("it comes to {}", list.join(", ")),
                    Some(Resolved::None) => "it comes to None".to_owned(),
                    None => "its value cannot be known without running the file".to_owned(),
                };
                sink.push(
                    Diagnostic::new(
                        META.name,
                        META.severity,
                        format!(
                            "{} of '{}' is computed ({}): {known}",
                            value.name, script.revision, value.expression
                        ),
                    )
                    .about(format!("{} {}", script.path, value.name))
                    .revisions([&*script.revision])
                    .at(Place::line(&script.path, script.header.line)),
                );
            }
        }
    }
}
