//! Several heads: what is not published moves onto what is; what is published is merged.

use std::collections::BTreeSet;

use super::database;
use super::evidence::{Standing, alone, pair};
use super::new_revision::{Wanted, new_revision};
use super::number::renumber_script;
use super::publication::landed;
use super::repair::{Editor, Repair, Scene};
use super::{Consequence, Step, StepKind, Strategy};
use crate::diagnostic::Diagnostic;
use crate::dialect::alembic::file_names::{claimed_number, next_number};
use crate::history::Reader;
use crate::vcs::Error;

pub(super) fn repair(
    scene: &Scene<'_>,
    reader: &mut Reader,
    finding: &Diagnostic,
) -> Result<Result<Repair, String>, Error> {
    join(scene, reader, finding.revisions.iter().cloned().collect())
}

/// Makes fewer of these heads.
pub(super) fn join(
    scene: &Scene<'_>,
    reader: &mut Reader,
    ids: BTreeSet<String>,
) -> Result<Result<Repair, String>, Error> {
    let graph = &scene.state.graph;
    if scene.choices.strategy == Strategy::Renumber {
        return Ok(Err("--strategy renumber mends numbers only: run onehead fix without it".into()));
    }
    if !graph.cycles().is_empty() {
        return Ok(Err("the revisions lead in a circle: once that is mended, run onehead fix again".into()));
    }
    let landings = landed(scene.repo, reader, &scene.state, scene.question.trunk, &ids)?;
    // The head that keeps its place first: published before unpublished, earlier before later.
    let mut order = Vec::new();
    for id in &ids {
        let landing = landings.get(id);
        let time = match landing {
            Some(landing) => {
                scene.repo.objects().commit(landing.commit)?.map_or(i64::MAX, |commit| commit.time)
            }
            None => i64::MAX,
        };
        let created = scene.state.script(id).and_then(|script| script.header.docstring.create_date.clone());
        order.push((!scene.publication.is_published(id), time, created.map(|date| date.value), id.clone()));
    }
    order.sort();
    let heads: Vec<String> = order.into_iter().map(|(.., id)| id).collect();
    // One at a time: the next reading of the graph tells what is left.
    let Some((moving, others)) = heads.split_last() else { return Ok(Err("it names no heads".into())) };
    let chain = |head: &str, other: &str| -> Vec<String> {
        let below: BTreeSet<&str> = graph.ancestors(other);
        let members = graph.ancestors(head);
        graph
            .topological()
            .into_iter()
            .filter(|id| members.contains(id) && !below.contains(id))
            .map(str::to_owned)
            .collect()
    };
    let published = |members: &[String]| members.iter().any(|id| scene.publication.is_published(id));
    // Where there are several, the one that what is not published stands on already.
    let below = others.iter().find(|head| !published(&chain(moving, head)));
    let Some(kept) = below.or(others.first()) else { return Ok(Err("there is one head".into())) };
    let standings = Standing::of_ids(scene, &landings, &ids)?;
    let trunk = scene.publication.trunk_name();
    let mut facts = match (standings.get(kept), standings.get(moving)) {
        (Some(kept), Some(moving)) => pair(trunk, kept, moving),
        _ => Vec::new(),
    };
    let (ours, theirs) = (chain(kept, moving), chain(moving, kept));
    // The first of the members that a release or a database has, as a sentence.
    let gone_out = |members: &[String]| -> Result<Option<String>, Error> {
        for id in members.iter().rev() {
            if let Some(at) = scene.publication.deployed_by(id) {
                return Ok(Some(format!("'{at}' is deployed")));
            }
            let Some(script) = scene.state.script(id).filter(|_| scene.publication.is_published(id)) else {
                continue;
            };
            let landing = landings.get(id).map(|landing| landing.commit);
            if let Some(tag) = scene.tags.first_with(scene.repo, landing, &script.path)? {
                return Ok(Some(format!("{tag} contains '{id}'")));
            }
        }
        Ok(None)
    };
    // Of a head that is not published, what is published stays where it is.
    let own = |members: &[String]| -> Vec<String> {
        members.iter().filter(|id| !scene.publication.is_published(id)).cloned().collect()
    };
    let both = scene.publication.is_published(kept) && scene.publication.is_published(moving);
    let far = match both {
        true => (gone_out(&ours)?, gone_out(&theirs)?),
        false => (None, None),
    };
    for fact in [&far.0, &far.1].into_iter().flatten() {
        if !facts.iter().any(|known| known.contains(fact.as_str())) {
            facts.push(fact.clone());
        }
    }
    let (moves, stays, members) = match (scene.choices.strategy, &far) {
        (Strategy::Merge, _) => (None, kept, Vec::new()),
        _ if !scene.publication.is_published(moving) => (Some(moving), kept, own(&theirs)),
        _ if !scene.publication.is_published(kept) => (Some(kept), moving, own(&ours)),
        (Strategy::Reparent, (Some(_), Some(_))) => {
            return Ok(Err(format!(
                "databases may have run both '{kept}' and '{moving}', so only a merge revision changes nothing that \
                 has run ({})",
                facts.join("; ")
            )));
        }
        (_, (None, Some(_))) => (Some(kept), moving, ours),
        (Strategy::Reparent, _) => (Some(moving), kept, theirs),
        (_, (Some(_), None)) => (Some(moving), kept, theirs),
        _ => (None, kept, Vec::new()),
    };
    match moves {
        Some(head) => move_chain(scene, reader, head, stays, &members, &facts, &ids),
        None => {
            for id in heads.iter().filter(|id| *id != kept && *id != moving) {
                facts.extend(standings.get(id).map(|one| alone(trunk, one)).unwrap_or_default());
            }
            merge(scene, reader, &heads, &facts)
        }
    }
}

/// Puts the chain that ends in `head` on top of `onto`, renumbered where the environment numbers.
fn move_chain(
    scene: &Scene<'_>,
    reader: &mut Reader,
    head: &str,
    onto: &str,
    members: &[String],
    facts: &[String],
    heads: &BTreeSet<String>,
) -> Result<Result<Repair, String>, Error> {
    let mut editor = Editor::new(scene);
    let inside: BTreeSet<&str> = members.iter().map(String::as_str).collect();
    let graph = &scene.state.graph;
    let below = graph.ancestors(onto);
    for id in members {
        for script in scene.state.scripts_of(id) {
            let parents: Vec<String> = script.down_revisions().map(str::to_owned).collect();
            if !parents.is_empty() && parents.iter().all(|parent| inside.contains(parent.as_str())) {
                continue;
            }
            let mut to: Vec<&str> = Vec::new();
            for parent in parents.iter().map(String::as_str) {
                // A published parent that the other side does not have stays one: this becomes a merge point.
                let stays = inside.contains(parent) || graph.contains(parent) && !below.contains(parent);
                to.push(if stays { parent } else { onto });
            }
            if parents.iter().all(|parent| !inside.contains(parent.as_str())) && !to.contains(&onto) {
                to.push(onto);
            }
            let mut seen = BTreeSet::new();
            to.retain(|parent| seen.insert(*parent));
            let mut to: Vec<String> = to.into_iter().map(str::to_owned).collect();
            if to.is_empty() {
                to.push(onto.to_owned());
            }
            if let Err(reason) = editor.reparent(reader.objects(), &script.path, &to)? {
                return Ok(Err(reason));
            }
            editor.step(Step {
                kind: StepKind::Reparent,
                revision: id.clone(),
                path: script.path.clone(),
                new_path: None,
                from: if parents.is_empty() { "None".into() } else { parents.join(", ") },
                to: to.join(", "),
                reason: match (scene.publication.is_published(id), id == head) {
                    (true, _) => format!("'{onto}' keeps its place; '{head}' moves onto it"),
                    (false, true) => format!("'{id}' is not published, so it moves onto '{onto}'"),
                    (false, false) => {
                        format!("'{id}' up to '{head}' are not published, so they move onto '{onto}'")
                    }
                },
                evidence: facts.iter().cloned().chain(lost(scene, id)).collect(),
            });
        }
    }
    let renumbered = match scene.is_numbered() {
        true => renumber_chain(scene, reader, &mut editor, members, onto, facts)?,
        false => Ok(()),
    };
    if let Err(reason) = renumbered {
        return Ok(Err(reason));
    }
    editor.repair.database = database::moved(scene, members, onto, &editor.repair.id_changes);
    let changed = editor.repair.id_changes.iter().find(|(from, _)| from == head).map(|(_, to)| to.clone());
    editor.markers(reader.objects(), heads, &changed.unwrap_or_else(|| head.to_owned()))?;
    editor.finish(reader.objects()).map(Ok)
}

/// Parents of `id` that no file states.
fn lost(scene: &Scene<'_>, id: &str) -> impl Iterator<Item = String> {
    let missing = scene.state.graph.missing().iter().filter(move |missing| missing.revision == id);
    missing.map(|missing| format!("no file states '{}', which '{}' names", missing.missing, missing.revision))
}

/// Gives members whose number is not above all numbers below them the next free ones.
fn renumber_chain(
    scene: &Scene<'_>,
    reader: &Reader,
    editor: &mut Editor<'_>,
    members: &[String],
    onto: &str,
    facts: &[String],
) -> Result<Result<(), String>, Error> {
    let number = |id: &str| {
        let script = scene.state.script(id)?;
        claimed_number(&script.path, id)
    };
    let below = scene.state.graph.ancestors(onto).into_iter().filter_map(number).max();
    let mut highest = below.unwrap_or(0);
    let mut next: Option<u32> = None;
    for id in members {
        let Some(own) = number(id) else { continue };
        if own > highest && next.is_none() {
            highest = own;
            continue;
        }
        if scene.publication.is_published(id) {
            // A published id stays; its number merely no longer tells the order.
            continue;
        }
        let free = match next {
            Some(next) => next,
            None => next_number(scene.claimed_numbers()?.into_iter().chain([highest])),
        };
        let Some(script) = scene.state.script(id) else { continue };
        let reason = format!("it runs after '{onto}'; {free} is the next free number over all branches");
        if let Err(reason) = renumber_script(scene, reader, editor, script, free, &reason, facts)? {
            return Ok(Err(reason));
        }
        next = Some(free + 1);
    }
    Ok(Ok(()))
}

/// A new revision that merges the heads, as the repository's own template writes it.
fn merge(
    scene: &Scene<'_>,
    reader: &mut Reader,
    heads: &[String],
    facts: &[String],
) -> Result<Result<Repair, String>, Error> {
    if let Some(absent) = heads.iter().find(|head| !scene.head.graph.contains(head)) {
        return Ok(Err(format!(
            "'{absent}' is only in base: merge base into head first, then run onehead fix again"
        )));
    }
    let message = format!("merge {}", heads.join(" and "));
    let parents = heads.to_vec();
    let wanted = Wanted {
        beside: &heads[0],
        message: &message,
        slug: "merge heads",
        parents: &parents,
        number: scene.next_number()?,
        body: None,
    };
    let (id, file) = match new_revision(scene, reader, &wanted)? {
        Ok(made) => made,
        Err(reason) => return Ok(Err(reason)),
    };
    if file.by_default {
        return Ok(Err(format!(
            "{} (write the merge revision with 'alembic merge heads')",
            file.notes.join("; ")
        )));
    }
    let mut editor = Editor::new(scene);
    editor.repair.notes.extend(file.notes);
    editor.step(Step {
        kind: StepKind::MergeRevision,
        revision: id.clone(),
        path: file.path.clone(),
        new_path: None,
        from: heads.join(", "),
        to: id.clone(),
        reason: match heads.iter().all(|head| scene.publication.is_published(head)) {
            true => {
                "all are published, and databases may have run any: merging them changes nothing that has run"
            }
            false => "as asked for: merging the heads changes no revision that is there",
        }
        .into(),
        evidence: facts.to_vec(),
    });
    editor.repair.database.push(Consequence {
        stamp: heads.join(", "),
        effect: "a database at any of these heads runs the others' revisions and then the merge".into(),
        sql: None,
    });
    editor.create(file.path, file.text);
    let old: BTreeSet<String> = heads.iter().cloned().collect();
    editor.markers(reader.objects(), &old, &id)?;
    editor.finish(reader.objects()).map(Ok)
}
