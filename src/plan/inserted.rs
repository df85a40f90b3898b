//! A new revision below a published one: the published one keeps its parents, the new one goes on top.

use std::collections::BTreeSet;

use super::evidence::{Standing, alone};
use super::repair::{Editor, Repair, Scene};
use super::{Step, StepKind};
use crate::diagnostic::Diagnostic;
use crate::history::Reader;
use crate::vcs::Error;

/// Gives the published revisions right above the new one the parents that they are published with. The
/// new one is a head then, and is joined as any other.
pub(super) fn repair(
    scene: &Scene<'_>,
    reader: &mut Reader,
    finding: &Diagnostic,
) -> Result<Result<Repair, String>, Error> {
    let graph = &scene.state.graph;
    let (Some(new), Some(published)) = (finding.revisions.first(), &scene.published) else {
        return Ok(Err("nothing is published".into()));
    };
    let by_hand = |id: &str, why: &str| {
        format!("{why}: give '{id}' its published parents back by hand, and put '{new}' on top of the head")
    };
    let mut editor = Editor::new(scene);
    for id in graph.descendants(new) {
        let (Some(now), Some(before)) = (scene.state.script(id), published.script(id)) else { continue };
        let to: Vec<String> = before.down_revisions().map(str::to_owned).collect();
        let same = now.down_revisions().collect::<BTreeSet<_>>() == to.iter().map(String::as_str).collect();
        // Only what came between is taken out; a parent that changed otherwise is another fault.
        let unpublished = graph.parents(id).into_iter().any(|parent| !published.graph.contains(parent));
        if same || !unpublished {
            continue;
        }
        if let Some(lost) = to.iter().find(|parent| !graph.contains(parent)) {
            return Ok(Err(by_hand(id, &format!("its parent '{lost}' is gone"))));
        }
        if let Err(reason) = editor.reparent(reader.objects(), &now.path, &to)? {
            return Ok(Err(by_hand(id, &reason)));
        }
        let standing = Standing::of_file(scene, before)?.called(id);
        editor.step(Step {
            kind: StepKind::Reparent,
            revision: id.to_owned(),
            path: now.path.clone(),
            new_path: None,
            from: now.down_revisions().collect::<Vec<_>>().join(", "),
            to: if to.is_empty() { "None".into() } else { to.join(", ") },
            reason: format!(
                "'{id}' is published so; a database that ran it would never run '{new}', which therefore goes on top"
            ),
            evidence: alone(scene.publication.trunk_name(), &standing),
        });
    }
    if editor.repair.steps.is_empty() {
        return Ok(Err(format!(
            "no published revision got another parent: put '{new}' on top of the head by hand"
        )));
    }
    editor.finish(reader.objects()).map(Ok)
}
