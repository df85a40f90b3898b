use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::{Diagnostic, Severity};
use std::collections::BTreeSet;

use super::listing;
use crate::diagnostic::Place;

/// A revision id holds characters that Alembic refuses.
pub(super) struct InvalidRevisionId;

static META: RuleMeta = RuleMeta {
    name: "invalid-revision-id",
    summary: "A revision id holds characters that Alembic refuses",
    severity: Severity::Error,
    explanation: "Alembic uses `@`, `-`, `+` and `:` to address revisions (`label@head`, `head-1`, `a:b`) and refuses them
in ids: \"Character(s) '-' not allowed in revision identifier\". An empty id and an id that is no string
cannot be loaded either.",
};

impl Rule for InvalidRevisionId {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for script in &cx.state.scripts {
            let refused: BTreeSet<char> =
                script.revision.chars().filter(|c| matches!(c, '@' | '-' | '+' | ':')).collect();
            let is_string = script
                .header
                .revision
                .as_ref()
                .is_none_or(|id| id.literal || !script.header.dynamic.is_empty());
            let message = match (script.revision.is_empty(), refused.is_empty(), is_string) {
                (true, ..) => format!("{} has an empty revision id", script.path),
                (_, false, _) => format!(
                    "id '{}' holds {}: Alembic refuses to load it",
                    script.revision,
                    listing(refused.iter().map(ToString::to_string))
                ),
                (.., false) => format!("id {} is no string: Alembic cannot load it", script.revision),
                _ => continue,
            };
            sink.push(
                Diagnostic::new(META.name, META.severity, message)
                    .about(script.path.to_string())
                    .revisions([&*script.revision])
                    .at(Place::line(&script.path, script.header.line)),
            );
        }
    }
}
