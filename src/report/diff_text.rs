//! `onehead diff` for people: what changed in each environment's graph.

use std::io;

use super::model::{DiffDocument, EnvironmentDiff};
use super::style::{BAD, DIM, GOOD, HEADING, MARK, UNUSUAL, directory, id, ids, paint, short, shown};
use crate::text::printable;

/// Writes each environment that differs with a line for each change: `+` added, `-` removed, `>`
/// moved, `^` re-parented, `~` edited, with the grade of the edit.
///
/// # Errors
/// Those of `out`.
pub fn diff_text(doc: &DiffDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let (from, to) = (short(&doc.from), short(&doc.to));
    if doc.environments.is_empty() {
        return writeln!(out, "No migrations differ between {from} and {to}.");
    }
    for (number, environment) in doc.environments.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        write_environment(environment, &from, &to, out)?;
    }
    Ok(())
}

fn write_environment(
    diff: &EnvironmentDiff,
    from: &str,
    to: &str,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let place = directory(&diff.directory);
    writeln!(out, "{} in {place}, from {from} to {to}", paint(HEADING, shown(&diff.name)))?;
    match &diff.from_directory {
        None => writeln!(out, "  {}", paint(GOOD, "new environment"))?,
        Some(_) if !diff.exists => writeln!(out, "  {}", paint(BAD, "environment removed"))?,
        Some(before) if *before != diff.directory => {
            writeln!(out, "  {} from {}", paint(MARK, "environment moved"), directory(before))?;
        }
        Some(_) => {}
    }
    if diff.heads_before == diff.heads_after {
        writeln!(out, "  heads: {}", ids(&diff.heads_after))?;
    } else {
        writeln!(out, "  heads: {} → {}", ids(&diff.heads_before), ids(&diff.heads_after))?;
    }
    for added in &diff.added {
        writeln!(out, "  {} {}  {}", paint(GOOD, "+"), id(&added.revision), printable(&added.path))?;
    }
    for removed in &diff.removed {
        writeln!(out, "  {} {}  {}", paint(BAD, "-"), id(&removed.revision), printable(&removed.path))?;
    }
    for moved in &diff.moved {
        let (from, to) = (printable(&moved.from), printable(&moved.to));
        writeln!(out, "  {} {}  {from} → {to}", paint(MARK, ">"), id(&moved.revision))?;
    }
    for revision in &diff.reparented {
        let (from, to) = (ids(&revision.from), ids(&revision.to));
        let path = paint(DIM, printable(&revision.path));
        writeln!(out, "  {} {}  revises {from} → {to}  {path}", paint(UNUSUAL, "^"), id(&revision.revision))?;
    }
    for edited in &diff.edited {
        let (path, grade) = (printable(&edited.path), paint(UNUSUAL, format!("({})", edited.grade)));
        writeln!(out, "  {} {}  {path}  {grade}", paint(UNUSUAL, "~"), id(&edited.revision))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::model::{Edited, Moved, Reparented, RevisionAt, VERSION};
    use crate::report::sample::{plain, strings};

    fn environment() -> EnvironmentDiff {
        EnvironmentDiff {
            name: "alembic".to_owned(),
            directory: "migrations".to_owned(),
            from_directory: Some("migrations".to_owned()),
            exists: true,
            heads_before: strings(&["2b"]),
            heads_after: strings(&["2b"]),
            added: Vec::new(),
            removed: Vec::new(),
            moved: Vec::new(),
            reparented: Vec::new(),
            edited: Vec::new(),
        }
    }

    fn text(environments: Vec<EnvironmentDiff>) -> String {
        let (from, to) = ("aaaaaaaaaaaaaaaa".to_owned(), "bbbbbbbbbbbbbbbb".to_owned());
        let doc = DiffDocument { schema: "onehead/diff/v1", version: VERSION, from, to, environments };
        plain(|out| diff_text(&doc, out))
    }

    #[test]
    fn nothing_differs() {
        assert_snapshot!(text(Vec::new()), @"No migrations differ between aaaaaaaaaa and bbbbbbbbbb.");
    }

    #[test]
    fn every_change() {
        let mut diff = environment();
        diff.heads_after = strings(&["3c", "3d"]);
        diff.added = vec![RevisionAt { revision: "3c".to_owned(), path: "migrations/3c.py".to_owned() }];
        diff.removed = vec![RevisionAt { revision: "0".to_owned(), path: "migrations/0.py".to_owned() }];
        let (from, to) = ("migrations/1a.py".to_owned(), "migrations/1a_users.py".to_owned());
        diff.moved = vec![Moved { revision: "1a".to_owned(), from, to: to.clone() }];
        let (before, after) = (strings(&["0"]), Vec::new());
        diff.reparented =
            vec![Reparented { revision: "1a".to_owned(), path: to.clone(), from: before, to: after }];
        diff.edited = vec![Edited { revision: "1a".to_owned(), path: to, grade: "upgrade" }];
        assert_snapshot!(text(vec![diff]), @"
        alembic in migrations, from aaaaaaaaaa to bbbbbbbbbb
          heads: 2b → 3c, 3d
          + 3c  migrations/3c.py
          - 0  migrations/0.py
          > 1a  migrations/1a.py → migrations/1a_users.py
          ^ 1a  revises 0 → none  migrations/1a_users.py
          ~ 1a  migrations/1a_users.py  (upgrade)
        ");
    }

    #[test]
    fn environments_come_go_and_move() {
        let mut new = environment();
        new.from_directory = None;
        new.heads_before.clear();
        let mut gone = environment();
        gone.exists = false;
        gone.heads_after.clear();
        let mut moved = environment();
        moved.from_directory = Some(String::new());
        assert_snapshot!(text(vec![new, gone, moved]), @"
        alembic in migrations, from aaaaaaaaaa to bbbbbbbbbb
          new environment
          heads: none → 2b

        alembic in migrations, from aaaaaaaaaa to bbbbbbbbbb
          environment removed
          heads: 2b → none

        alembic in migrations, from aaaaaaaaaa to bbbbbbbbbb
          environment moved from .
          heads: 2b
        ");
    }

    #[test]
    fn hostile_texts_are_escaped() {
        let mut hostile = environment();
        hostile.name = "\u{1b}[2J".to_owned();
        hostile.added = vec![RevisionAt { revision: "\n".to_owned(), path: "\u{9b}".to_owned() }];
        hostile.heads_after = strings(&["\u{202e}"]);
        assert_snapshot!(text(vec![hostile]), @r"
        \u{1b}[2J in migrations, from aaaaaaaaaa to bbbbbbbbbb
          heads: 2b → \u{202e}
          + \u{a}  \u{9b}
        ");
    }
}
