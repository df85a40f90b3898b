//! `onehead locate` for people.

use std::io;

use super::model::{CommitSummary, LocateDocument, LocateEvent};
use super::style::{BAD, DIM, HEADING, MARK, count, day, id, paint, short, shown};
use crate::text::printable;

/// Refs told by name.
const MOST_REFS: usize = 12;

/// Writes where the revision is, its story, who holds it, and the commands that bring it back.
///
/// # Errors
/// Those of `out`.
pub fn locate_text(doc: &LocateDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let at = match &doc.commit {
        Some(commit) => format!("at {}", short(commit)),
        None => "in the work tree".to_owned(),
    };
    let revision = id(&doc.revision);
    if !doc.found {
        let searched = match doc.lost {
            Some(_) => "no ref, no reflog entry and no other commit of this copy ever held it",
            None => {
                "no ref and no reflog entry ever held it; --lost looks through commits that nothing leads to, too"
            }
        };
        return writeln!(out, "{revision} never existed here: {searched}");
    }
    for present in &doc.present {
        let place = format!("{}:{}", printable(&present.path), present.line);
        writeln!(out, "{revision} is {at}: {place}  {}", paint(DIM, shown(&present.environment)))?;
    }
    if doc.present.is_empty() {
        writeln!(out, "{revision} is {} {at}", paint(BAD, "not"))?;
    }
    if !doc.history.is_empty() {
        writeln!(out, "\n{}", paint(HEADING, "history"))?;
        for event in &doc.history {
            writeln!(out, "  {}", line(event))?;
        }
    }
    if !doc.refs.is_empty() || (!doc.reflog.is_empty() && doc.present.is_empty()) || doc.lost.is_some() {
        writeln!(out, "\n{}", paint(HEADING, "held by"))?;
    }
    for holder in doc.refs.iter().take(MOST_REFS) {
        writeln!(out, "  {}  {}", shown(&holder.name), paint(DIM, short(&holder.commit)))?;
    }
    if let Some(more) = doc.refs.len().checked_sub(MOST_REFS + 1) {
        writeln!(out, "  and {}", count(more + 1, "more ref", "more refs"))?;
    }
    // Where a ref holds it, or it is there, the reflog adds nothing for people.
    for holder in doc.reflog.iter().filter(|_| doc.refs.is_empty() && doc.present.is_empty()) {
        let reached = paint(MARK, "the reflog alone leads there");
        writeln!(out, "  {}  {}  {reached}", shown(&holder.name), paint(DIM, short(&holder.commit)))?;
    }
    for commit in doc.lost.iter().flatten() {
        writeln!(out, "  {}  {}", paint(MARK, "nothing leads to"), summary(commit))?;
    }
    if doc.lost.as_ref().is_some_and(Vec::is_empty) && doc.refs.is_empty() && doc.reflog.is_empty() {
        writeln!(out, "  nobody")?;
    }
    if doc.present.is_empty() {
        let nearest: Vec<String> = doc.nearest_ancestors.iter().map(|known| id(known).to_string()).collect();
        match nearest.is_empty() {
            true => writeln!(out, "\nNone of its ancestors is {at}.")?,
            false => writeln!(out, "\nIts nearest ancestor {at}: {}", nearest.join(", "))?,
        }
    }
    for suggestion in &doc.commands {
        writeln!(out, "\n{}:", printable(&suggestion.purpose))?;
        for command in &suggestion.commands {
            writeln!(out, "  {}", printable(command))?;
        }
    }
    Ok(())
}

fn line(event: &LocateEvent) -> String {
    let path = printable(&event.path);
    let what = match (&event.from_path, event.grade, event.event) {
        (Some(from), ..) => format!("moved from {} to {path}", printable(from)),
        (None, Some(grade), _) => format!("edited ({grade}) in {path}"),
        (None, None, "reparented") => format!("re-parented from {} to {}", ids(&event.from), ids(&event.to)),
        (None, None, kind) => format!("{kind} {path}"),
    };
    format!("{what}  {}", paint(DIM, summary(&event.commit)))
}

fn ids(ids: &[String]) -> String {
    if ids.is_empty() {
        "no parent".to_owned()
    } else {
        ids.iter().map(|known| shown(known)).collect::<Vec<_>>().join(", ")
    }
}

fn summary(commit: &CommitSummary) -> String {
    format!(
        "{} by {} on {} (\"{}\")",
        short(&commit.commit),
        shown(&commit.author),
        day(&commit.time),
        shown(&commit.subject)
    )
}
