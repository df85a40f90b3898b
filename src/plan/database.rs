//! What a repair means for databases that have run the revisions already, and what mends it.

use std::collections::BTreeSet;

use super::Consequence;
use super::repair::Scene;

/// Ids that are named one by one before the rest is counted.
const MOST_NAMED: usize = 3;

/// Lets a database at `from` stand at `to`.
pub(super) fn restamp(from: &str, to: &str) -> String {
    format!("UPDATE alembic_version SET version_num = {} WHERE version_num = {};", literal(to), literal(from))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A database that stands at one of `members` has not run what they now follow: `onto` and below.
/// `renamed` holds the ids that changed with the move.
pub(super) fn moved(
    scene: &Scene<'_>,
    members: &[String],
    onto: &str,
    renamed: &[(String, String)],
) -> Vec<Consequence> {
    let graph = &scene.state.graph;
    let inside: BTreeSet<&str> = members.iter().map(String::as_str).collect();
    let onto_and_below = graph.ancestors(onto);
    let order: Vec<&str> = graph.topological().into_iter().filter(|id| onto_and_below.contains(id)).collect();
    let mut all = Vec::new();
    for id in members {
        let now = renamed.iter().find(|(from, _)| from == id).map_or(id.as_str(), |(_, to)| to.as_str());
        let published = scene.publication.is_published(id);
        let top = members.last() == Some(id);
        // Nobody but the author has run the branch, and the author has run all of it.
        if !published && now == id && !top {
            continue;
        }
        let below = graph.ancestors(id);
        // Without a parent that exists Alembic loads nothing: no database got here.
        if graph.missing().iter().any(|missing| below.contains(missing.revision.as_str())) {
            continue;
        }
        let skipped: Vec<&str> = order.iter().filter(|one| !below.contains(*one)).copied().collect();
        if skipped.is_empty() {
            continue;
        }
        // What the chain stood on: of several, those that are not below another one.
        let parents = below.iter().filter(|one| inside.contains(*one)).flat_map(|one| graph.parents(one));
        let outside: BTreeSet<&str> = parents.filter(|one| !inside.contains(one)).collect();
        let lower: BTreeSet<&str> = outside
            .iter()
            .flat_map(|one| graph.ancestors(one).into_iter().filter(move |below| below != one))
            .collect();
        let stood: Vec<&str> = outside.difference(&lower).copied().collect();
        let again = restamp(onto, now);
        let sql = match stood.as_slice() {
            [] => Some(format!(
                "DELETE FROM alembic_version WHERE version_num = {}; /* alembic upgrade {onto} */ {again}",
                literal(id)
            )),
            [parent] => Some(format!("{} /* alembic upgrade {onto} */ {again}", restamp(id, parent))),
            // No one revision says what such a database has run.
            _ => None,
        };
        let who = match (now == id, published) {
            (false, _) => "'alembic upgrade head' does not know this id any more, and under the new one it",
            (true, true) => "'alembic upgrade head'",
            (true, false) => {
                "where the branch ran already, as in its author's database, 'alembic upgrade head'"
            }
        };
        let them = if skipped.len() == 1 { "it" } else { "them" };
        let cure = match sql {
            Some(_) => format!("stamp it back, run {them}, stamp it again"),
            None => format!("run {them} by hand, the stamp stays"),
        };
        all.push(Consequence {
            stamp: id.clone(),
            effect: format!("{who} would count {} as run: {cure}", named(&skipped)),
            sql,
        });
    }
    all
}

/// Ids in quotes, the first few of many.
pub(super) fn named(ids: &[&str]) -> String {
    let mut text = ids.iter().take(MOST_NAMED).map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = ids.len().checked_sub(MOST_NAMED) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
