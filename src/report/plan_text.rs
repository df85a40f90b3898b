//! `onehead fix` for people: what would be done and why, what it means for databases, the difference.

use std::io;

use super::model::PlanDocument;
use super::style::{BAD, DIM, GOOD, HEADING, MARK, UNUSUAL, count, paint};
use crate::text::printable;

/// Writes the plan.
///
/// # Errors
/// Those of `out`.
pub fn plan_text(doc: &PlanDocument, out: &mut dyn io::Write) -> io::Result<()> {
    what_and_why(doc, out)?;
    let heads = |ids: &[String]| ids.iter().map(|id| printable(id)).collect::<Vec<_>>().join(", ");
    match (doc.steps.len(), &doc.result) {
        (0, _) if doc.refused.is_empty() => writeln!(out, "{}", paint(GOOD, "nothing to repair")),
        (0, _) => writeln!(out, "\n{}", paint(BAD, "nothing that onehead would repair by itself")),
        (steps, None) => writeln!(
            out,
            "\n{}: heads {} -> {}\n  next: onehead fix --commit{}   (or --write, or --patch)",
            count(steps, "step", "steps"),
            heads(&doc.heads_before),
            heads(&doc.heads_after),
            match doc.steps.iter().any(|step| step.kind == "baseline-revision") {
                true => " --baseline-revision",
                false => "",
            }
        ),
        (steps, Some(result)) => {
            writeln!(
                out,
                "\n{}: heads {} -> {}",
                count(steps, "step", "steps"),
                heads(&doc.heads_before),
                heads(&doc.heads_after)
            )?;
            if let (Some(branch), Some(commit)) = (&result.branch, &result.commit) {
                let short = commit.get(..10).unwrap_or(commit);
                writeln!(out, "  {} is now {short}", printable(branch))?;
            }
            if let Some(undo) = &result.undo_ref {
                writeln!(out, "  to take it back: onehead fix --undo   ({})", printable(undo))?;
            }
            if result.branch.is_some() && !result.files.is_empty() {
                writeln!(out, "  it is checked out: index and work tree have followed")?;
            } else if !result.files.is_empty() {
                let files: Vec<String> = result.files.iter().map(|file| shell(file)).collect();
                writeln!(out, "  next: git add -- {}", files.join(" "))?;
            }
            Ok(())
        }
    }
}

/// The steps with their reasons, what they mean for databases, the difference, and what is left alone.
pub(super) fn what_and_why(doc: &PlanDocument, out: &mut dyn io::Write) -> io::Result<()> {
    for (number, step) in (1..).zip(&doc.steps) {
        let file = match &step.new_path {
            Some(to) => format!("{} -> {}", printable(&step.path), printable(to)),
            None => printable(&step.path),
        };
        writeln!(
            out,
            "{}",
            paint(HEADING, format!("{number}. {} {}", step.kind, printable(&step.revision)))
        )?;
        writeln!(out, "     {} {file}", paint(MARK, "in"))?;
        writeln!(out, "     {} -> {}", printable(&step.from), printable(&step.to))?;
        writeln!(out, "     {}", printable(&step.reason))?;
        for fact in &step.evidence {
            writeln!(out, "     {} {}", paint(DIM, "-"), printable(fact))?;
        }
    }
    if !doc.mentions.is_empty() {
        writeln!(out, "\n{}", paint(HEADING, "named elsewhere, and left to you"))?;
        for mention in &doc.mentions {
            let now = match mention.shared {
                true => format!("{} may mean {} now", printable(&mention.from), printable(&mention.to)),
                false => format!("{} is {} now", printable(&mention.from), printable(&mention.to)),
            };
            writeln!(
                out,
                "  {} {now}\n    {}",
                paint(MARK, format!("{}:{}:", printable(&mention.path), mention.line)),
                paint(DIM, printable(&mention.text))
            )?;
        }
    }
    if !doc.database.is_empty() {
        writeln!(out, "\n{}", paint(HEADING, "databases"))?;
        for consequence in &doc.database {
            writeln!(out, "  stamped {}: {}", printable(&consequence.stamp), printable(&consequence.effect))?;
            if let Some(sql) = &consequence.sql {
                writeln!(out, "    {}", printable(sql))?;
            }
        }
    }
    for note in &doc.notes {
        writeln!(out, "\n{}: {}", paint(UNUSUAL, "note"), printable(note))?;
    }
    if !doc.files.is_empty() {
        writeln!(out)?;
    }
    for file in &doc.files {
        for line in file.diff.lines() {
            let style = match line.as_bytes().first() {
                Some(b'+') => GOOD,
                Some(b'-') => BAD,
                Some(b'@') => MARK,
                Some(b' ') => {
                    writeln!(out, "{line}")?;
                    continue;
                }
                _ => HEADING,
            };
            writeln!(out, "{}", paint(style, line))?;
        }
    }
    for refused in &doc.refused {
        writeln!(
            out,
            "\n{}: {}\n  {}",
            paint(UNUSUAL, format!("left alone [{}]", printable(&refused.rule))),
            printable(&refused.message),
            printable(&refused.reason)
        )?;
    }
    Ok(())
}

/// A file name as a shell takes it.
fn shell(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
    if plain { name.to_owned() } else { format!("'{}'", printable(name).replace('\'', "'\\''")) }
}
