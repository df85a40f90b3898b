//! `onehead rebase` for people: what becomes of each commit, then the plan.

use std::io;

use super::model::{PlanDocument, RebasedCommit};
use super::plan_text::what_and_why;
use super::style::{DIM, GOOD, HEADING, UNUSUAL, count, paint};
use crate::text::printable;

/// Writes what is, or would be, rebased. `branch` and `upstream` are names for people.
///
/// # Errors
/// Those of `out`.
pub fn rebase_text(
    doc: &PlanDocument,
    (branch, upstream): (&str, &str),
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let commits = doc.commits.as_deref().unwrap_or_default();
    let (branch, upstream) = (printable(branch), printable(upstream));
    writeln!(
        out,
        "{}",
        paint(HEADING, format!("{branch}: {} onto {upstream}", count(commits.len(), "commit", "commits")))
    )?;
    for commit in commits {
        writeln!(out, "  {}", line(commit))?;
    }
    if !doc.steps.is_empty() || !doc.refused.is_empty() || !doc.notes.is_empty() {
        writeln!(out)?;
        what_and_why(doc, out)?;
    }
    writeln!(out)?;
    if !doc.steps.is_empty() {
        let heads = |ids: &[String]| ids.iter().map(|id| printable(id)).collect::<Vec<_>>().join(", ");
        writeln!(
            out,
            "{}: heads {} -> {}",
            count(doc.steps.len(), "step", "steps"),
            heads(&doc.heads_before),
            heads(&doc.heads_after)
        )?;
    }
    match &doc.result {
        None if commits.iter().all(|commit| commit.fate == "kept") && doc.steps.is_empty() => {
            writeln!(out, "{}", paint(GOOD, format!("{branch} is on top of {upstream} already")))
        }
        None => writeln!(out, "nothing was written (--dry-run)"),
        Some(result) => {
            let commit = result.commit.as_deref().unwrap_or_default();
            writeln!(out, "{} is now {}", branch, commit.get(..10).unwrap_or(commit))?;
            if let Some(undo) = &result.undo_ref {
                writeln!(out, "  to take it back: onehead rebase --undo   ({})", printable(undo))?;
            }
            Ok(())
        }
    }
}

fn line(commit: &RebasedCommit) -> String {
    let short = |id: &str| id.get(..10).unwrap_or(id).to_owned();
    let old = short(&commit.old);
    let what = match (commit.fate, &commit.new) {
        ("picked", Some(new)) => format!("{old} -> {}", short(new)),
        ("picked", None) => format!("{old} -> new"),
        ("kept", _) => format!("{old} kept"),
        _ => format!("{old} left out"),
    };
    let why = match commit.fate {
        "upstream" => Some("upstream has the same change"),
        "emptied" => Some("nothing of it is left"),
        "contained" => Some("a merge that is not needed any more"),
        _ => None,
    };
    let mut line = format!("{what}  {}", printable(&commit.subject));
    if commit.repaired {
        line.push_str(&format!("  {}", paint(GOOD, "[migrations moved]")));
    }
    if let Some(why) = why {
        line.push_str(&format!(
            "  {}",
            paint(if commit.fate == "emptied" { UNUSUAL } else { DIM }, format!("({why})"))
        ));
    }
    line
}
