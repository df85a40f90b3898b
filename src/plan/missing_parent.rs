//! A parent that no file states: brought back, re-pointed, or told as never having been.

use std::collections::BTreeSet;

use super::evidence::{Standing, alone};
use super::heads;
use super::publication::told;
use super::repair::{Editor, Repair, Scene};
use super::{Consequence, Step, StepKind};
use crate::diagnostic::Diagnostic;
use crate::history::{Reader, timeline};
use crate::python::grade::Grade;
use crate::revision::Script;
use crate::rules::crowded_heads;
use crate::vcs::{BlobId, CommitId, Error, RepoPath, Walk};

/// A file of the history that states the missing id.
struct Found {
    path: RepoPath,
    blob: BlobId,
    commit: CommitId,
}

pub(super) fn repair(
    scene: &Scene<'_>,
    reader: &mut Reader,
    finding: &Diagnostic,
) -> Result<Result<Repair, String>, Error> {
    let wanted = scene
        .state
        .graph
        .missing()
        .iter()
        .find(|missing| format!("{} {}", missing.revision, missing.missing) == finding.subject);
    let Some(missing) = wanted.cloned() else { return Ok(Err("the parent is there by now".into())) };
    let Some(child) = scene.state.script_at(&missing.path) else { return Ok(Err("the file is gone".into())) };
    let found = match missing.missing.is_empty() {
        true => None,
        false => search(scene, reader, &missing.missing)?,
    };
    let trunk = scene.publication.trunk_name();
    let standing = alone(trunk, &Standing::of_file(scene, child)?.called(&child.revision));
    let mut editor = Editor::new(scene);
    if let Some(found) = &found {
        let evidence =
            format!("'{}' was {} in {}", missing.missing, found.path, told(scene.repo, found.commit)?);
        if let Some(now) = renamed_to(scene, reader, found)? {
            let reason = format!("'{}' is called '{}' by now", missing.missing, now.revision);
            return repoint(
                scene,
                reader,
                editor,
                child,
                &missing.missing,
                &now.revision.clone(),
                reason,
                [vec![evidence], standing].concat(),
            );
        }
        if scene.choices.lost_stay_lost {
            return Ok(Err(format!("'{}' is not there yet", missing.missing)));
        }
        if reader.objects().entry(scene.head_tree, &found.path)?.is_some() {
            return Ok(Err(format!("{} stands where the lost file '{}' was", found.path, missing.missing)));
        }
        let text = reader.objects().needed_blob(found.blob)?;
        editor.step(Step {
            kind: StepKind::Restore,
            revision: missing.missing.clone(),
            path: found.path.clone(),
            new_path: None,
            from: "absent".into(),
            to: missing.missing.clone(),
            reason: format!("'{}' needs it, and databases that stand at it do", missing.revision),
            evidence: [vec![evidence], standing].concat(),
        });
        editor.create(found.path.clone(), text);
        return editor.finish(reader.objects()).map(Ok);
    }
    let mut evidence = vec![match missing.missing.as_str() {
        "" => "the parent is the empty string".to_owned(),
        id => format!("'{id}' is nowhere in the history of this repository"),
    }];
    evidence.extend(standing);
    let stem = scene.state.scripts.iter().find(|script| {
        script.path.name().strip_suffix(b".py").is_some_and(|stem| stem == missing.missing.as_bytes())
    });
    if let Some(named) = stem {
        let to = named.revision.to_string();
        let reason = format!("{} is the file of that name; its id is '{to}'", named.path);
        return repoint(scene, reader, editor, child, &missing.missing, &to, reason, evidence);
    }
    // The nearest real parent: the only head that is not above the child itself.
    let above = scene.state.graph.descendants(&missing.revision);
    let heads: Vec<&String> =
        scene.state.graph.heads().iter().filter(|head| !above.contains(head.as_str())).collect();
    match heads.as_slice() {
        [] => repoint(
            scene,
            reader,
            editor,
            child,
            &missing.missing,
            "",
            "there is nothing else it could extend, so it is a base".into(),
            evidence,
        ),
        [only] => {
            let to = (*only).clone();
            repoint(
                scene,
                reader,
                editor,
                child,
                &missing.missing,
                &to,
                format!("'{to}' is the only other head"),
                evidence,
            )
        }
        several => {
            // Heads that should be one are joined first; then there is one that can be meant.
            let several: BTreeSet<&str> = several.iter().map(|head| head.as_str()).collect();
            let crowded = crowded_heads(&scene.state).into_iter().map(|group| group.heads);
            let crowded = crowded
                .map(|heads| heads.into_iter().filter(|head| several.contains(head.as_str())).collect())
                .find(|heads: &BTreeSet<String>| heads.len() > 1);
            if let Some(heads) = crowded
                && let Ok(repair) = heads::join(scene, reader, heads)?
            {
                return Ok(Ok(repair));
            }
            Ok(Err(format!(
                "'{}' never existed here, and {} other heads could be meant: set down_revision of '{}' by hand",
                missing.missing,
                several.len(),
                missing.revision
            )))
        }
    }
}

/// Names `to` (or nothing, where it is empty) instead of `from`.
#[allow(clippy::too_many_arguments, reason = "one call a verdict, each with its own words")]
fn repoint(
    scene: &Scene<'_>,
    reader: &mut Reader,
    mut editor: Editor<'_>,
    child: &Script,
    from: &str,
    to: &str,
    reason: String,
    evidence: Vec<String>,
) -> Result<Result<Repair, String>, Error> {
    let mut parents: Vec<String> =
        child.down_revisions().map(|parent| if parent == from { to } else { parent }.to_owned()).collect();
    parents.retain(|parent| !parent.is_empty());
    if let Err(refused) = editor.reparent(reader.objects(), &child.path, &parents)? {
        return Ok(Err(refused));
    }
    editor.step(Step {
        kind: StepKind::Reparent,
        revision: child.revision.to_string(),
        path: child.path.clone(),
        new_path: None,
        from: if from.is_empty() { "\"\"".to_owned() } else { from.to_owned() },
        to: if parents.is_empty() { "None".to_owned() } else { parents.join(", ") },
        reason,
        evidence,
    });
    if scene.publication.is_published(&child.revision) {
        editor.repair.database.push(Consequence {
            stamp: child.revision.to_string(),
            effect: "a database that stands here stays here; Alembic could load no graph with the old parent"
                .into(),
            sql: None,
        });
    }
    editor.finish(reader.objects()).map(Ok)
}

/// The revision that has the lost one's file or content under another id.
fn renamed_to<'s>(scene: &'s Scene<'_>, reader: &Reader, found: &Found) -> Result<Option<&'s Script>, Error> {
    if let Some(script) = scene.state.script_at(&found.path) {
        return Ok(Some(script));
    }
    let slug = |path: &RepoPath| {
        path.name().split(|byte| *byte == b'_').skip(1).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    for script in scene.state.scripts.iter().filter(|script| slug(&script.path) == slug(&found.path)) {
        if reader.headers().grade(reader.objects(), found.blob, script.blob)? <= Grade::Header {
            return Ok(Some(script));
        }
    }
    Ok(None)
}

/// The newest state of any branch that holds the id.
fn search(scene: &Scene<'_>, reader: &mut Reader, id: &str) -> Result<Option<Found>, Error> {
    let timeline = timeline(scene.repo, reader, Walk::All)?;
    let mut seen = BTreeSet::new();
    for emission in timeline.emissions.iter().rev() {
        let Some(state) = emission.state.filter(|state| seen.insert(*state)) else { continue };
        if let Some(script) = timeline.scripts(state).into_iter().find(|script| *script.revision == *id) {
            let commit = timeline.history.commits[emission.commit as usize].id;
            return Ok(Some(Found { path: script.path.clone(), blob: script.blob, commit }));
        }
    }
    Ok(None)
}
