use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};

/// A revision depends on an id that no file states.
pub(super) struct MissingDependency;

static META: RuleMeta = RuleMeta {
    name: "missing-dependency",
    summary: "A revision depends on an id that no file states",
    severity: Severity::Warning,
    explanation:
        "`depends_on` names an id or branch label that no file of the environment has. Alembic stops with a
KeyError when it builds its map, unless another version location, such as a plugin's, brings the id
when the application runs. That is why it is a warning only where the id once existed in this
repository's own history, and an information otherwise.",
};

impl Rule for MissingDependency {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for missing in cx.state.graph.missing_depends() {
            let script = cx.state.scripts_of(&missing.revision).find(|script| script.path == missing.path);
            let seen = cx.history.seen.get(&missing.missing);
            let severity = if seen.is_some() { META.severity } else { Severity::Info };
            let mut diagnostic = Diagnostic::new(
                META.name,
                severity,
                format!("'{}' depends on '{}', which no file states here", missing.revision, missing.missing),
            )
            .about(format!("{} {}", missing.revision, missing.missing))
            .revisions([&missing.revision])
            .at(Place::line(&missing.path, script.map_or(1, |script| script.header.line)));
            diagnostic = match seen {
                Some(seen) => diagnostic.because(format!("'{}' was {seen}", missing.missing)),
                None => diagnostic.because("it may come from another package's version location".to_owned()),
            };
            sink.push(diagnostic);
        }
    }
}
