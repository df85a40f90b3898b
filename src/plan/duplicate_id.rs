//! One id in several files: the one that landed first keeps it.

use std::collections::BTreeSet;

use super::database::restamp;
use super::evidence::{Standing, pair};
use super::publication::file_since;
use super::repair::{Editor, Repair, Scene};
use super::{Consequence, Step, StepKind};
use crate::diagnostic::Diagnostic;
use crate::dialect::alembic::file_names::{new_id, rename_for_id, renumber};
use crate::history::Reader;
use crate::revision::Script;
use crate::vcs::{Error, RepoPath};

pub(super) fn repair(
    scene: &Scene<'_>,
    reader: &mut Reader,
    finding: &Diagnostic,
) -> Result<Result<Repair, String>, Error> {
    let Some(id) = finding.revisions.first() else { return Ok(Err("it names no revision".into())) };
    let files: Vec<&Script> = scene.state.scripts_of(id).collect();
    // Who was first: on the trunk longest, then whoever base has, then by creation date and name.
    let mut order = Vec::new();
    for script in &files {
        let since = match scene.question.trunk {
            Some(trunk) => file_since(scene.repo, trunk, &script.path)?,
            None => None,
        };
        let in_base = scene.published.as_ref().is_some_and(|state| state.script_at(&script.path).is_some());
        let created = script.header.docstring.create_date.as_ref().map(|date| date.value.clone());
        order.push((
            (since.map_or(i64::MAX, |(_, time)| time), !in_base, created, script.path.clone()),
            *script,
        ));
    }
    order.sort_by(|one, two| one.0.cmp(&two.0));
    let objects = reader.objects();
    let Some((_, kept)) = order.first().cloned() else {
        return Ok(Err("it has no files".into()));
    };
    let mut editor = Editor::new(scene);
    let kept_standing = Standing::of_file(scene, kept)?;
    let mut given: BTreeSet<String> = BTreeSet::new();
    for (_, script) in order.iter().skip(1) {
        let number = scene.next_number()?;
        let taken = |id: &str| scene.is_taken(id) || given.contains(id);
        let seed = format!("{} {id}", script.path);
        let new = new_id(scene.naming.ids.as_ref(), id, number, &seed, taken);
        let followers = followers(scene, reader, kept, script, id)?;
        if let Err(reason) = editor.change_id(objects, &script.path, id, &new, &followers)? {
            return Ok(Err(reason));
        }
        let own = crate::revision::number_prefix(script.path.name());
        let renamed = rename_for_id(&script.path, id, &new).or_else(|| {
            own.filter(|_| scene.is_numbered()).and_then(|own| renumber(&script.path, own, number))
        });
        if let Some(to) = renamed
            && let Err(reason) = editor.rename(objects, &script.path, to)?
        {
            return Ok(Err(reason));
        }
        let evidence =
            pair(scene.publication.trunk_name(), &kept_standing, &Standing::of_file(scene, script)?);
        editor.step(Step {
            kind: StepKind::NewId,
            revision: id.clone(),
            path: script.path.clone(),
            new_path: editor.target(&script.path),
            from: id.clone(),
            to: new.clone(),
            reason: format!(
                "{} has the id too, and came first; a merge revision would be the wrong cure: both files would keep one \
                 id, and Alembic would go on loading one of them",
                kept.path
            ),
            evidence,
        });
        editor.repair.database.push(Consequence {
            stamp: id.clone(),
            effect: format!(
                "where it is {} that ran under this id, 'alembic upgrade head' would run it once more: tell the database \
                 the new id first; where it is {}, leave it",
                script.path, kept.path
            ),
            sql: Some(restamp(id, &new)),
        });
        given.insert(new);
    }
    editor.finish(objects).map(Ok)
}

/// Files that mean `script` when they name the id: where head's branch knows only this one of the
/// two, those that came with it.
fn followers(
    scene: &Scene<'_>,
    reader: &Reader,
    kept: &Script,
    script: &Script,
    id: &str,
) -> Result<Vec<RepoPath>, Error> {
    let kept_is_elsewhere = match scene.choices.author {
        Some(tree) => reader.objects().entry(tree, &kept.path)?.is_none(),
        None => scene.head.script_at(&kept.path).is_none(),
    };
    Ok(scene
        .head
        .scripts
        .iter()
        .filter(|other| other.path != script.path && !scene.publication.is_published(&other.revision))
        .filter(|other| other.down_revisions().chain(other.depends_on()).any(|named| named == id))
        .filter(|_| kept_is_elsewhere)
        .map(|other| other.path.clone())
        .collect())
}
