//! `onehead branches` for people: what each branch would bring, then what collides.

use std::io;

use anstyle::Style;

use super::model::{BranchCollision, BranchEnvironment, BranchRecord, BranchesDocument, Severity};
use super::style::{
    BAD, DIM, GOOD, HEADING, UNUSUAL, count, day, ids, paint, plain_id, short, shown, some_ids, table,
};
use crate::text::printable;

/// Refs of one tip, or branches of one side, that are named.
const NAMED: usize = 3;

/// Writes the trunk's state, a row for each branch, the newest first, and the collisions; at most `limit` rows of
/// each.
///
/// # Errors
/// Those of `out`.
pub fn branches_text(doc: &BranchesDocument, limit: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let bringing = doc.branches.iter().filter(|branch| branch.unknown.is_none()).count();
    let unknown = doc.branches.len() - bringing;
    let tips = count(doc.tips, "branch", "branches");
    let mut parts = vec![
        format!("{bringing} {} migrations", bring(bringing)),
        format!("{} {} none", doc.idle, bring(doc.idle)),
        format!("{} in {} already", doc.landed, shown(&doc.trunk)),
    ];
    if unknown > 0 {
        parts.push(format!("{unknown} unknown"));
    }
    writeln!(out, "{tips} beside {} at {}: {}", shown(&doc.trunk), short(&doc.commit), parts.join(", "))?;
    for environment in &doc.environments {
        let number = environment.next_number.map(|number| format!("; next free number {number}"));
        let heads = ids(&environment.heads);
        let word = if environment.heads.len() == 1 { "head" } else { "heads" };
        let name = paint(HEADING, shown(&environment.name));
        writeln!(out, "{name}: {word} {heads}{}", number.unwrap_or_default())?;
    }
    write_branches(doc, limit, out)?;
    write_collisions(doc, limit, out)
}

fn bring(branches: usize) -> &'static str {
    if branches == 1 { "brings" } else { "bring" }
}

fn write_branches(doc: &BranchesDocument, limit: usize, out: &mut dyn io::Write) -> io::Result<()> {
    if doc.branches.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<&BranchRecord> = doc.branches.iter().collect();
    rows.sort_by(|one, two| two.time.cmp(&one.time));
    let several = doc.environments.len() > 1;
    let mut table = table();
    table.set_header(["branch", "tip", "brings", "alone"]);
    let mut styles = vec![DIM];
    for branch in rows.iter().take(limit) {
        let brings: Vec<String> = branch.environments.iter().map(|part| brings(part, several)).collect();
        table.add_row([
            names(branch.refs.iter().map(String::as_str)),
            day(&branch.time),
            brings.join("; "),
            alone(branch),
        ]);
        styles.push(style(branch));
    }
    writeln!(out)?;
    for (line, style) in table.lines().zip(styles) {
        writeln!(out, " {}", paint(style, line.trim_end()))?;
    }
    more(rows.len(), limit, out)
}

fn more(all: usize, limit: usize, out: &mut dyn io::Write) -> io::Result<()> {
    match all.saturating_sub(limit) {
        0 => Ok(()),
        rest => writeln!(out, " {}", paint(DIM, format!("and {rest} more (--limit 0 shows all)"))),
    }
}

fn names<'a>(refs: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = refs.len().saturating_sub(NAMED);
    let named = refs.take(NAMED).map(|name| shown(short_ref(name))).collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

/// A ref as git's commands show it.
fn short_ref(name: &str) -> &str {
    ["refs/heads/", "refs/remotes/", "refs/"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}

fn brings(part: &BranchEnvironment, several: bool) -> String {
    let mut parts = Vec::new();
    if !part.added.is_empty() {
        parts.push(some_ids(part.added.iter().map(|claim| claim.revision.as_str())));
    }
    for (verb, number) in [
        ("edits", part.edited.len()),
        ("moves", part.moved.len()),
        ("removes", part.removed.len()),
        ("unreadable:", part.unreadable.len()),
    ] {
        if number > 0 {
            parts.push(format!("{verb} {number}"));
        }
    }
    let name = if several { format!("{}: ", shown(&part.name)) } else { String::new() };
    format!("{name}{}", parts.join("; "))
}

/// What happens when it lands alone.
fn alone(branch: &BranchRecord) -> String {
    if let Some(reason) = &branch.unknown {
        return format!("unknown: {}", printable(reason));
    }
    let mut told: Vec<String> = Vec::new();
    for part in &branch.environments {
        for finding in &part.findings {
            let mut text = printable(&finding.rule);
            if let ("multiple-heads", Some(behind)) = (finding.rule.as_str(), part.behind.first()) {
                text.push_str(&format!(" (extends {})", plain_id(&behind.down_revision)));
            }
            if !told.contains(&text) {
                told.push(text);
            }
        }
    }
    if told.is_empty() { "lands".to_owned() } else { told.join(", ") }
}

fn style(branch: &BranchRecord) -> Style {
    let severities =
        branch.environments.iter().flat_map(|part| &part.findings).map(|finding| finding.severity);
    match (severities.min(), &branch.unknown) {
        (Some(Severity::Error), _) => BAD,
        (Some(_), _) | (None, Some(_)) => UNUSUAL,
        (None, None) => GOOD,
    }
}

fn write_collisions(doc: &BranchesDocument, limit: usize, out: &mut dyn io::Write) -> io::Result<()> {
    if doc.collisions.is_empty() {
        return Ok(());
    }
    let sides = "any two of different lines collide";
    writeln!(out, "\n{} ({sides})", paint(HEADING, "When both land"))?;
    let several = doc.environments.len() > 1;
    for collision in doc.collisions.iter().take(limit) {
        write_collision(collision, several, limit, out)?;
    }
    more(doc.collisions.len(), limit, out)
}

fn write_collision(
    collision: &BranchCollision,
    several: bool,
    limit: usize,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let style = if collision.severity == Severity::Error { BAD } else { UNUSUAL };
    let place = if several { format!(" in {}", shown(&collision.environment)) } else { String::new() };
    writeln!(out, " {}{place}: {}", paint(style, collision.rule), printable(&collision.message))?;
    for side in collision.sides.iter().take(limit) {
        let what = match side.revisions.is_empty() {
            true => side.paths.iter().map(|path| printable(path)).collect::<Vec<_>>().join(", "),
            false => ids(&side.revisions),
        };
        writeln!(out, "   {what}  {}", names(side.branches.iter().map(String::as_str)))?;
    }
    match collision.sides.len().saturating_sub(limit) {
        0 => Ok(()),
        rest => writeln!(out, "   {}", paint(DIM, format!("and {rest} more"))),
    }
}
