//! Docstrings that name other ids than the code: their lines follow the code.

use super::evidence::{Standing, alone};
use super::publication::landed;
use super::repair::{Editor, Repair, Scene};
use super::{Step, StepKind};
use crate::diagnostic::Diagnostic;
use crate::history::Reader;
use crate::revision::Script;
use crate::vcs::Error;

/// Mends all of `findings`, as one repair: none of them changes what another one means.
pub(super) fn repair(
    scene: &Scene<'_>,
    reader: &mut Reader,
    findings: &[&Diagnostic],
) -> Result<Result<Repair, String>, Error> {
    let scripts: Vec<&Script> =
        findings.iter().filter_map(|finding| scene.head.script_at(&finding.places.first()?.path)).collect();
    // Looked up together: one walk along the trunk answers for all.
    let ids = scripts.iter().map(|script| script.revision.to_string()).collect();
    let landings = landed(scene.repo, reader, &scene.state, scene.question.trunk, &ids)?;
    let standings = Standing::of_ids(scene, &landings, &ids)?;
    let objects = reader.objects();
    let mut editor = Editor::new(scene);
    let mut refused = "none of the files is in head's tree".to_owned();
    for finding in findings {
        let place = finding.places.first();
        let Some(script) = place.and_then(|place| scene.head.script_at(&place.path)) else { continue };
        let parents: Vec<String> = script.down_revisions().map(str::to_owned).collect();
        match editor.mend_docstring(objects, &script.path, &script.revision, &parents)? {
            Ok(true) => {
                let (from, to) = lines(script, &parents);
                editor.step(Step {
                    kind: StepKind::Docstring,
                    revision: script.revision.to_string(),
                    path: script.path.clone(),
                    new_path: None,
                    from,
                    to,
                    reason: "people read the docstring and Alembic the code, so only the docstring changes"
                        .into(),
                    evidence: standings
                        .get(&*script.revision)
                        .map(|one| alone(scene.publication.trunk_name(), one))
                        .unwrap_or_default(),
                });
                editor.repair.also.push(finding.subject.clone());
            }
            Ok(false) => {
                refused = format!("{}: its lines cannot be told from the rest of the text", script.path)
            }
            Err(reason) => refused = reason,
        }
    }
    if editor.repair.steps.is_empty() {
        return Ok(Err(refused));
    }
    editor.finish(objects).map(Ok)
}

/// The lines that there are, as they were and as they will be.
fn lines(script: &Script, parents: &[String]) -> (String, String) {
    let stated = &script.header.docstring;
    let revises = if parents.is_empty() { "None".to_owned() } else { parents.join(", ") };
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for (name, line, now) in [
        ("Revision ID", &stated.revision, script.revision.to_string()),
        ("Revises", &stated.revises, revises),
    ] {
        if let Some(line) = line {
            from.push(format!("{name}: {}", line.value));
            to.push(format!("{name}: {now}"));
        }
    }
    (from.join("; "), to.join("; "))
}
