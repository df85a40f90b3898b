//! Revisions that are each other's ancestors: the edge that something else contradicts is the wrong one.

use super::database::named;
use super::evidence::{Standing, alone};
use super::repair::{Editor, Repair, Scene};
use super::{Consequence, Step, StepKind};
use crate::diagnostic::Diagnostic;
use crate::history::Reader;
use crate::revision::Script;
use crate::vcs::Error;

/// A member that gets other parents, and why.
struct Way<'s> {
    script: &'s Script,
    to: Vec<String>,
    reason: String,
}

pub(super) fn repair(
    scene: &Scene<'_>,
    reader: &mut Reader,
    finding: &Diagnostic,
) -> Result<Result<Repair, String>, Error> {
    let members = &finding.revisions;
    let graph = &scene.state.graph;
    let named = quoted(members);
    if !graph.cycles().iter().any(|cycle| cycle == members) {
        return Ok(Err(format!(
            "depends_on closes the circle; take it out of one of {named} by hand, where the order does not need it"
        )));
    }
    if let Some(doubled) = graph.duplicates().iter().find(|one| members.contains(&one.revision)) {
        return Ok(Err(format!(
            "it is a consequence of the duplicate id '{}': once that is mended by hand, run onehead fix again",
            doubled.revision
        )));
    }
    let scripts: Vec<&Script> = members.iter().filter_map(|id| scene.state.script(id)).collect();
    let mut ways: Vec<Way<'_>> = scripts.iter().filter_map(|&script| as_published(scene, script)).collect();
    if ways.is_empty() {
        ways = scripts.iter().filter_map(|&script| as_made(scene, script)).collect();
        if ways.len() > 1 {
            let all: Vec<String> = ways.iter().map(|way| way.script.revision.to_string()).collect();
            return Ok(Err(format!(
                "the docstrings of {} name other parents than the code: set down_revision right in one of them by hand",
                quoted(&all)
            )));
        }
    }
    if let ([], [only]) = (ways.as_slice(), scripts.as_slice()) {
        match own_parent(scene, only) {
            Ok(way) => ways.push(way),
            Err(reason) => return Ok(Err(reason)),
        }
    }
    if ways.is_empty() {
        return Ok(Err(format!(
            "nothing tells which edge is wrong: set down_revision of one of {named} by hand to what it was made on"
        )));
    }
    let mut editor = Editor::new(scene);
    for Way { script, to, reason } in ways {
        if let Err(reason) = editor.reparent(reader.objects(), &script.path, &to)? {
            return Ok(Err(reason));
        }
        let standing = Standing::of_file(scene, script)?.called(&script.revision);
        editor.step(Step {
            kind: StepKind::Reparent,
            revision: script.revision.to_string(),
            path: script.path.clone(),
            new_path: None,
            from: script.down_revisions().collect::<Vec<_>>().join(", "),
            to: if to.is_empty() { "None".into() } else { to.join(", ") },
            reason,
            evidence: alone(scene.publication.trunk_name(), &standing),
        });
        if scene.publication.is_published(&script.revision) {
            editor.repair.database.push(Consequence {
                stamp: script.revision.to_string(),
                effect:
                    "a database that stands here stays here; with the circle Alembic stopped or never ended"
                        .into(),
                sql: None,
            });
        }
    }
    editor.finish(reader.objects()).map(Ok)
}

/// Whether these parents exist and open the circle.
fn opens(scene: &Scene<'_>, script: &Script, to: &[String]) -> bool {
    let graph = &scene.state.graph;
    let above = graph.descendants(&script.revision);
    let differs = !script.down_revisions().eq(to.iter().map(String::as_str));
    differs
        && to.iter().all(|parent| graph.contains(parent) && !above.contains(parent.as_str()))
        && (!to.is_empty() || graph.bases().is_empty())
}

/// The parents that it is published with.
fn as_published<'s>(scene: &Scene<'_>, script: &'s Script) -> Option<Way<'s>> {
    let published = scene.published.as_ref()?.script(&script.revision)?;
    let to: Vec<String> = published.down_revisions().map(str::to_owned).collect();
    let reason = match to.as_slice() {
        [] => format!("'{}' is published as a base", script.revision),
        several => format!("'{}' is published with the parent {}", script.revision, quoted(several)),
    };
    opens(scene, script, &to).then_some(Way { script, to, reason })
}

/// The parents in its docstring, which Alembic wrote when the file was made.
fn as_made<'s>(scene: &Scene<'_>, script: &'s Script) -> Option<Way<'s>> {
    let line = script.header.docstring.revises.as_ref()?;
    let names = line.value.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "None");
    let to: Vec<String> = names.map(str::to_owned).collect();
    let reason = match to.as_slice() {
        [] => format!("the docstring says that '{}' was made as a base", script.revision),
        several => format!("the docstring says that '{}' was made on {}", script.revision, quoted(several)),
    };
    opens(scene, script, &to).then_some(Way { script, to, reason })
}

/// What remains where a revision is its own parent.
fn own_parent<'s>(scene: &Scene<'_>, script: &'s Script) -> Result<Way<'s>, String> {
    let rest: Vec<String> =
        script.down_revisions().filter(|parent| **parent != *script.revision).map(str::to_owned).collect();
    if opens(scene, script, &rest) && !rest.is_empty() {
        let reason = format!("'{}' cannot be its own parent; the other parents stay", script.revision);
        return Ok(Way { script, to: rest, reason });
    }
    let graph = &scene.state.graph;
    let above = graph.descendants(&script.revision);
    let heads: Vec<&String> = graph.heads().iter().filter(|head| !above.contains(head.as_str())).collect();
    match heads.as_slice() {
        [] if graph.bases().is_empty() => Ok(Way {
            script,
            to: Vec::new(),
            reason: "there is nothing else it could extend, so it is a base".into(),
        }),
        [only] => Ok(Way {
            script,
            to: vec![(*only).clone()],
            reason: format!(
                "'{}' cannot be its own parent, and '{only}' is the only other head",
                script.revision
            ),
        }),
        _ => Err(format!(
            "nothing tells what '{}' extends: set its down_revision by hand to what it was made on",
            script.revision
        )),
    }
}

fn quoted(ids: &[String]) -> String {
    named(&ids.iter().map(String::as_str).collect::<Vec<_>>())
}
