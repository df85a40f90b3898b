use super::listing;
use super::{Rule, RuleCx, RuleMeta};
use crate::diagnostic::Place;
use crate::diagnostic::{Diagnostic, Severity};
use crate::revision::Script;

/// Two files of one directory start with the same number.
pub(super) struct DuplicateNumber;

static META: RuleMeta = RuleMeta {
    name: "duplicate-number",
    summary: "Two files of one directory start with the same number",
    severity: Severity::Warning,
    explanation:
        "Files numbered by hand (`003_users.py`) are taken by people as a sequence. Two files with the same
number usually mean that two branches claimed the next free one; the order that the numbers suggest
is then not the order in which the revisions run.

It is an error where the number is the whole revision id, as the next rename or copy makes the ids
collide too.",
};

impl Rule for DuplicateNumber {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &RuleCx<'_>, sink: &mut Vec<Diagnostic>) {
        for clash in cx.state.number_clashes() {
            let scripts: Vec<&Script> =
                clash.paths.iter().filter_map(|path| cx.state.script_at(path)).collect();
            let is_id = |script: &&Script| {
                script.revision.trim_start_matches(['v', 'V']).parse::<u32>() == Ok(clash.prefix)
            };
            let severity = if scripts.iter().any(is_id) { Severity::Error } else { META.severity };
            let names: Vec<String> = clash.paths.iter().map(|path| path.name().to_string()).collect();
            let mut diagnostic = Diagnostic::new(
                META.name,
                severity,
                format!("number {} is taken by {}", clash.prefix, listing(&names)),
            )
            .about(format!("{} {}", clash.paths[0].parent(), clash.prefix))
            .extent(clash.paths.len())
            .revisions(scripts.iter().map(|script| &*script.revision));
            for path in &clash.paths {
                diagnostic =
                    diagnostic.at(Place::line(path, cx.state.script_at(path).map_or(1, |s| s.header.line)));
            }
            sink.push(diagnostic);
        }
    }
}
