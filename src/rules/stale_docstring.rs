use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::{Diagnostic, Severity};
use std::collections::BTreeSet;

use crate::diagnostic::Place;

/// The ids of a `Revises:` line.
fn ids(text: &str) -> BTreeSet<&str> {
    text.split([',', ' ', '(', ')', '\'', '"'])
        .filter(|id| !id.is_empty() && !matches!(*id, "None" | "<base>" | "base"))
        .collect()
}

fn joined(ids: &BTreeSet<&str>) -> String {
    ids.iter().copied().collect::<Vec<_>>().join(", ")
}

/// The docstring names other ids than the code.
pub(super) struct StaleDocstring;

static META: RuleMeta = RuleMeta {
    name: "stale-docstring",
    summary: "The docstring names other ids than the code",
    severity: Severity::Info,
    explanation:
        "Alembic's template writes `Revision ID:` and `Revises:` into the docstring. Only the variables count,
so nothing breaks; but people read the docstring, and one that names another parent than
`down_revision` does is usually what a hand-made rebase left behind.",
};

impl Rule for StaleDocstring {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for script in &cx.state.scripts {
            let docstring = &script.header.docstring;
            // An empty parent is a fault of its own, which the docstring repeats faithfully.
            let parents: BTreeSet<&str> = script.down_revisions().filter(|id| !id.is_empty()).collect();
            let (mut wrong, mut right) = (Vec::new(), Vec::new());
            if let Some(stated) =
                docstring.revision.as_ref().filter(|stated| *stated.value != *script.revision)
            {
                wrong.push(format!("Revision ID: {}", stated.value));
                right.push(format!("its id is {}", script.revision));
            }
            if let Some(stated) = &docstring.revises
                && script.header.down_revision.is_some()
                && ids(&stated.value) != parents
            {
                wrong.push(format!("Revises: {}", stated.value));
                right.push(match parents.len() {
                    0 => "it has no parent".to_owned(),
                    1 => format!("its parent is {}", joined(&parents)),
                    _ => format!("its parents are {}", joined(&parents)),
                });
            }
            if wrong.is_empty() {
                continue;
            }
            sink.push(
                Diagnostic::new(
                    META.name,
                    META.severity,
                    format!(
                        "the docstring of '{}' says \"{}\"; {}",
                        script.revision,
                        wrong.join("\", \""),
                        right.join(", ")
                    ),
                )
                .about(script.path.to_string())
                .revisions([&*script.revision])
                .at(Place::line(&script.path, 1)),
            );
        }
    }
}
