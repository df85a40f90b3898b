//! `onehead heads` for people: one head a line.

use std::io;

use super::model::{CommitSummary, EnvironmentHeads, Head, HeadsDocument};
use super::style::{BAD, DIM, GOOD, HEADING, MARK, UNUSUAL, count, day, id, paint, short, shown};
use crate::text::printable;

/// Writes a line for each head: its environment where there are several, id, labels, file,
/// message and landing. A last line tells of every environment that has more than it should.
///
/// # Errors
/// Those of `out`.
pub fn heads_text(doc: &HeadsDocument, out: &mut dyn io::Write) -> io::Result<()> {
    if doc.environments.is_empty() {
        return match &doc.commit {
            Some(commit) => writeln!(out, "No migrations at {}.", short(commit)),
            None => writeln!(out, "No migrations in the work tree."),
        };
    }
    let several = doc.environments.len() > 1;
    for environment in &doc.environments {
        let name =
            if several { format!("{}  ", paint(HEADING, shown(&environment.name))) } else { String::new() };
        if environment.heads.is_empty() {
            writeln!(out, "{name}{}", paint(UNUSUAL, "no head"))?;
        }
        for head in &environment.heads {
            writeln!(out, "{name}{}", line(head))?;
        }
    }
    for environment in doc.environments.iter().filter(|environment| environment.too_many) {
        too_many(environment, doc.commit.as_deref(), out)?;
    }
    Ok(())
}

fn line(head: &Head) -> String {
    let mut parts = vec![id(&head.revision).to_string()];
    if !head.labels.is_empty() {
        let labels: Vec<String> = head.labels.iter().map(|label| shown(label)).collect();
        parts.push(paint(GOOD, format!("[{}]", labels.join(", "))).to_string());
    }
    parts.push(printable(&head.path));
    parts.extend(head.message.as_deref().map(shown));
    parts.push(match &head.landed {
        Some(commit) => paint(DIM, landed(commit)).to_string(),
        None => paint(MARK, "not on the trunk").to_string(),
    });
    parts.join("  ")
}

fn landed(commit: &CommitSummary) -> String {
    format!("landed {} by {} in {}", day(&commit.time), shown(&commit.author), short(&commit.commit))
}

fn too_many(environment: &EnvironmentHeads, commit: Option<&str>, out: &mut dyn io::Write) -> io::Result<()> {
    let heads = count(environment.heads.len(), "head", "heads");
    let commit = commit.map(|commit| format!(" {}", short(commit))).unwrap_or_default();
    writeln!(
        out,
        "{} has {heads}, more than it should; to see where they part: onehead graph{commit}",
        paint(BAD, shown(&environment.name)),
    )
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::model::VERSION;
    use crate::report::sample::{plain, strings};

    fn head(id: &str, landed: bool) -> Head {
        Head {
            revision: id.to_owned(),
            path: format!("migrations/versions/{id}.py"),
            message: Some(format!("Add {id}")),
            labels: Vec::new(),
            landed: landed.then(|| CommitSummary {
                commit: "1234567890abcdef1234567890abcdef12345678".to_owned(),
                time: "2024-01-31T10:02:03Z".to_owned(),
                author: "A. Author".to_owned(),
                subject: "Add it".to_owned(),
            }),
        }
    }

    fn environment(name: &str, heads: Vec<Head>) -> EnvironmentHeads {
        EnvironmentHeads {
            name: name.to_owned(),
            directory: "migrations".to_owned(),
            too_many: heads.len() > 1,
            heads,
        }
    }

    fn text(commit: Option<&str>, environments: Vec<EnvironmentHeads>) -> String {
        let commit = commit.map(str::to_owned);
        let doc = HeadsDocument { schema: "onehead/heads/v1", version: VERSION, commit, environments };
        plain(|out| heads_text(&doc, out))
    }

    #[test]
    fn no_environment_and_no_head() {
        assert_snapshot!(text(None, Vec::new()), @"No migrations in the work tree.");
        assert_snapshot!(text(Some("0123456789abcdef"), Vec::new()), @"No migrations at 0123456789.");
        assert_snapshot!(text(None, vec![environment("alembic", Vec::new())]), @"no head");
    }

    #[test]
    fn one_head() {
        assert_snapshot!(text(None, vec![environment("alembic", vec![head("3c", true)])]), @"3c  migrations/versions/3c.py  Add 3c  landed 2024-01-31 by A. Author in 1234567890");
    }

    #[test]
    fn too_many_heads() {
        let heads = vec![head("3c", true), head("3d", false)];
        assert_snapshot!(text(Some("0123456789abcdef"), vec![environment("alembic", heads)]), @"
        3c  migrations/versions/3c.py  Add 3c  landed 2024-01-31 by A. Author in 1234567890
        3d  migrations/versions/3d.py  Add 3d  not on the trunk
        alembic has 2 heads, more than it should; to see where they part: onehead graph 0123456789
        ");
    }

    #[test]
    fn several_environments_and_labels() {
        let mut expand = head("1a", true);
        expand.labels = strings(&["expand", "online"]);
        expand.message = None;
        let mut labelled = environment("alembic", vec![expand, head("1b", true)]);
        labelled.too_many = false;
        let empty = environment("new", Vec::new());
        assert_snapshot!(text(None, vec![labelled, environment("billing", vec![head("9", true)]), empty]), @"
        alembic  1a  [expand, online]  migrations/versions/1a.py  landed 2024-01-31 by A. Author in 1234567890
        alembic  1b  migrations/versions/1b.py  Add 1b  landed 2024-01-31 by A. Author in 1234567890
        billing  9  migrations/versions/9.py  Add 9  landed 2024-01-31 by A. Author in 1234567890
        new  no head
        ");
    }

    #[test]
    fn hostile_texts_are_escaped() {
        let mut hostile = head("\u{1b}[2J", true);
        hostile.labels = strings(&["\n"]);
        hostile.message = Some("\u{202e}".to_owned());
        if let Some(landed) = &mut hostile.landed {
            landed.author = "\u{7}Eve".to_owned();
            landed.time = "\r".to_owned();
        }
        assert_snapshot!(text(None, vec![environment("\u{9b}", vec![hostile, head("", false)])]), @r#"
        \u{1b}[2J  [\u{a}]  migrations/versions/\u{1b}[2J.py  \u{202e}  landed \u{d} by \u{7}Eve in 1234567890
        ""  migrations/versions/.py  Add   not on the trunk
        \u{9b} has 2 heads, more than it should; to see where they part: onehead graph
        "#);
    }
}
