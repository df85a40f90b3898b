//! Two files with one number: what is not published takes the next free one.

use super::database::restamp;
use super::evidence::{Standing, pair};
use super::repair::{Editor, Repair, Scene};
use super::{Consequence, Step, StepKind};
use crate::diagnostic::Diagnostic;
use crate::dialect::alembic::file_names::{renumber, renumber_id};
use crate::history::Reader;
use crate::revision::{Script, number_prefix};
use crate::vcs::{Error, RepoPath};

pub(super) fn repair(
    scene: &Scene<'_>,
    reader: &mut Reader,
    finding: &Diagnostic,
) -> Result<Result<Repair, String>, Error> {
    let paths: Vec<&RepoPath> = finding.places.iter().map(|place| &place.path).collect();
    let scripts: Vec<&Script> = paths.iter().filter_map(|path| scene.state.script_at(path)).collect();
    let published = |script: &Script| {
        scene.published.as_ref().is_some_and(|state| state.script_at(&script.path).is_some())
    };
    // Whoever is published keeps the number, and of several who landed first.
    let mut order = Vec::new();
    for script in scripts {
        order.push((Standing::of_file(scene, script)?, script));
    }
    order.sort_by_key(|(standing, script)| (!published(script), standing.landed_at(), script.path.clone()));
    let Some(((standing, kept), others)) = order.split_first() else {
        return Ok(Err("none of the files is a revision".into()));
    };
    let trunk = scene.publication.trunk_name();
    let mut editor = Editor::new(scene);
    for (number, (later, script)) in (scene.next_number()?..).zip(others) {
        if published(script) && scene.choices.strategy != super::Strategy::Renumber {
            return Ok(Err(format!(
                "{} and {} are both published; --strategy renumber renames the later one all the same",
                kept.path, script.path
            )));
        }
        let reason =
            format!("{} has the number already; {number} is the next free one over all branches", kept.path);
        let facts = pair(trunk, standing, later);
        if let Err(refused) = renumber_script(scene, reader, &mut editor, script, number, &reason, &facts)? {
            return Ok(Err(refused));
        }
    }
    editor.finish(reader.objects()).map(Ok)
}

/// Gives `script` the number `number` in its name and, where the id carries one, in its id.
pub(super) fn renumber_script(
    scene: &Scene<'_>,
    reader: &Reader,
    editor: &mut Editor<'_>,
    script: &Script,
    number: u32,
    reason: &str,
    evidence: &[String],
) -> Result<Result<(), String>, Error> {
    let objects = reader.objects();
    let own = number_prefix(script.path.name());
    let new_id = renumber_id(&script.revision, number).filter(|id| *id != *script.revision);
    if let Some(id) = &new_id {
        if scene.is_taken(id) {
            return Ok(Err(format!("the id '{id}' is taken")));
        }
        let names = |other: &&std::sync::Arc<Script>| {
            other.down_revisions().chain(other.depends_on()).any(|named| named == &*script.revision)
        };
        let followers: Vec<RepoPath> =
            scene.head.scripts.iter().filter(names).map(|other| other.path.clone()).collect();
        if let Err(refused) = editor.change_id(objects, &script.path, &script.revision, id, &followers)? {
            return Ok(Err(refused));
        }
        editor.repair.database.push(Consequence {
            stamp: script.revision.to_string(),
            effect: format!(
                "'alembic upgrade head' stops with \"Can't locate revision identified by '{}'\" until the database is \
                 told the new id",
                script.revision
            ),
            sql: Some(restamp(&script.revision, id)),
        });
    }
    if let Some(to) = own.and_then(|own| renumber(&script.path, own, number))
        && let Err(refused) = editor.rename(objects, &script.path, to)?
    {
        return Ok(Err(refused));
    }
    editor.step(Step {
        kind: StepKind::Renumber,
        revision: script.revision.to_string(),
        path: script.path.clone(),
        new_path: editor.target(&script.path),
        from: match (&new_id, own) {
            (None, Some(own)) => own.to_string(),
            _ => script.revision.to_string(),
        },
        to: new_id.unwrap_or_else(|| number.to_string()),
        reason: reason.to_owned(),
        evidence: evidence.to_vec(),
    });
    Ok(Ok(()))
}
