use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// Ten or more hex digits, among them a letter: Alembic's own ids, and no date.
fn looks_like_id(text: &str) -> bool {
    text.len() >= 10
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// A file is named by another id than it states.
pub(super) struct FilenameMismatch;

static META: RuleMeta = RuleMeta {
    name: "filename-mismatch",
    summary: "A file is named by another id than it states",
    severity: Severity::Info,
    explanation:
        "The name starts with something that looks like a revision id and is not the id in the file. Alembic
does not care; people who look for the file by its id do. It happens when a file is copied, or when an
id is changed and the name is not.",
};

impl Rule for FilenameMismatch {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for script in &cx.state.scripts {
            let name = script.path.name().to_string();
            let Some(stem) = name.strip_suffix(".py") else { continue };
            let Some((token, _)) = stem.split_once(['_', '-']) else { continue };
            if !looks_like_id(token) || !looks_like_id(&script.revision) || name.contains(&*script.revision) {
                continue;
            }
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!("{name} is named by '{token}' and states the id '{}'", script.revision),
                )
                .about(script.path.to_string())
                .revisions([&*script.revision])
                .at(Place::line(&script.path, script.header.line)),
            );
        }
    }
}
