//! A docstring that names other ids than the code: its lines follow the code.

use super::evidence::{Standing, alone};
use super::repair::{Editor, Repair, Scene};
use super::{Step, StepKind};
use crate::diagnostic::Diagnostic;
use crate::history::Reader;
use crate::vcs::Error;

pub(super) fn repair(
    scene: &Scene<'_>,
    reader: &mut Reader,
    finding: &Diagnostic,
) -> Result<Result<Repair, String>, Error> {
    let Some(script) = finding.places.first().and_then(|place| scene.head.script_at(&place.path)) else {
        return Ok(Err("the file is not in head's tree".into()));
    };
    let stated = &script.header.docstring;
    let was: Vec<String> = [("Revision ID", &stated.revision), ("Revises", &stated.revises)]
        .into_iter()
        .filter_map(|(name, line)| line.as_ref().map(|line| format!("{name}: {}", line.value)))
        .collect();
    let parents: Vec<String> = script.down_revisions().map(str::to_owned).collect();
    let mut editor = Editor::new(scene);
    match editor.mend_docstring(reader.objects(), &script.path, &script.revision, &parents)? {
        Ok(true) => {}
        Ok(false) => return Ok(Err("its lines cannot be told from the rest of the text".into())),
        Err(reason) => return Ok(Err(reason)),
    }
    let revises = match parents.is_empty() {
        true => "None".to_owned(),
        false => parents.join(", "),
    };
    let is = [stated.revision.as_ref().map(|_| format!("Revision ID: {}", script.revision))]
        .into_iter()
        .chain([stated.revises.as_ref().map(|_| format!("Revises: {revises}"))]);
    editor.step(Step {
        kind: StepKind::Docstring,
        revision: script.revision.to_string(),
        path: script.path.clone(),
        new_path: None,
        from: was.join("; "),
        to: is.flatten().collect::<Vec<_>>().join("; "),
        reason: "people read the docstring, Alembic reads the code: only the docstring's lines change".into(),
        evidence: alone(scene.publication.trunk_name(), &Standing::of_file(scene, script)?),
    });
    editor.finish(reader.objects()).map(Ok)
}
