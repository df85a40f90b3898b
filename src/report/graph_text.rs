//! `onehead graph` for people: a drawing with lanes, newest on top, and what is wrong below it.

use std::io;

use renderdag::{Ancestor, GraphRowRenderer, Renderer as _};

use super::layout::{Layout, Node};
use super::model::{EnvironmentGraph, GraphDocument, GraphFacts, ResolvedValue, Revision};
use super::style::{
    BAD, DIM, GOOD, HEADING, MARK, UNUSUAL, count, directory, id, paint, plain_id, short, shown, some_ids,
    table, write_table,
};
use crate::text::printable;

/// No terminal shows more; a row that needs more lanes names its parents instead.
const LANES: u64 = 60;

/// Writes every environment's graph, each with a heading.
///
/// # Errors
/// Those of `out`.
pub fn graph_text(doc: &GraphDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let state = match &doc.commit {
        Some(commit) => format!("at {}", short(commit)),
        None => "in the work tree".to_owned(),
    };
    if doc.environments.is_empty() {
        return writeln!(out, "No migrations {state}.");
    }
    for (number, graph) in doc.environments.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        heading(graph, &state, out)?;
        drawing(graph, out)?;
        sections(graph, out)?;
    }
    Ok(())
}

fn heading(graph: &EnvironmentGraph, state: &str, out: &mut dyn io::Write) -> io::Result<()> {
    let heads = count(graph.facts.heads.len(), "head", "heads");
    let heads = match graph.facts.heads.len() {
        1 => paint(GOOD, heads),
        _ => paint(UNUSUAL, heads),
    };
    writeln!(
        out,
        "{} in {} {state}: {}, {heads}",
        paint(HEADING, shown(&graph.name)),
        directory(&graph.directory),
        count(graph.revisions.len(), "revision", "revisions"),
    )
}

fn drawing(graph: &EnvironmentGraph, out: &mut dyn io::Write) -> io::Result<()> {
    let layout = Layout::new(graph);
    if !layout.order.is_empty() {
        writeln!(out)?;
    }
    let mut lanes = GraphRowRenderer::new().output().with_min_row_height(1).build_box_drawing();
    for &index in &layout.order {
        let node = &layout.nodes[index];
        let mut text = text(node, &layout, graph);
        let mut parents: Vec<_> = node.parents.iter().copied().map(Ancestor::Parent).collect();
        if lanes.width(Some(&index), Some(&parents)) > LANES * 2 {
            parents.clear();
            let named = some_ids(node.parents.iter().map(|&parent| layout.nodes[parent].id));
            text.push_str(&format!("\n{}", paint(UNUSUAL, format!("(too many lanes: revises {named})"))));
        }
        out.write_all(lanes.next_row(index, parents, glyph(node), text).as_bytes())?;
    }
    Ok(())
}

fn glyph(node: &Node<'_>) -> String {
    match node {
        _ if node.is_missing() => paint(BAD, "✗").to_string(),
        _ if node.files.len() > 1 => paint(BAD, "!").to_string(),
        _ if node.marks.head => paint(MARK, "●").to_string(),
        _ => "○".to_owned(),
    }
}

/// What stands beside a node: one line, and one more for each file of a duplicate id and for
/// each edge that is not drawn.
fn text(node: &Node<'_>, layout: &Layout<'_>, graph: &EnvironmentGraph) -> String {
    let mut text = id(node.id).to_string();
    let labels = node.labels();
    if !labels.is_empty() {
        let labels = labels.into_iter().map(shown).collect::<Vec<_>>().join(", ");
        text.push_str(&format!(" {}", paint(GOOD, format!("[{labels}]"))));
    }
    for mark in node.marks.names() {
        text.push_str(&format!(" {}", paint(MARK, format!("({mark})"))));
    }
    let depends_on = node.depends_on();
    if !depends_on.is_empty() {
        let named = some_ids(depends_on.into_iter());
        text.push_str(&format!(" {}", paint(DIM, format!("(depends on {named})"))));
    }
    match node.files.as_slice() {
        [] => text.push_str(&format!(" {}", paint(BAD, "(missing: no file states it)"))),
        [file] => text.push_str(&described(file, graph)),
        files => {
            text.push_str(&format!(
                " {}",
                paint(BAD, format!("(duplicate: {} files state it)", files.len()))
            ));
            for file in files {
                text.push_str(&format!("\n ·{}", described(file, graph)));
            }
        }
    }
    for &parent in &node.cut {
        let above = plain_id(layout.nodes[parent].id);
        let note = match std::ptr::eq(&raw const layout.nodes[parent], node) {
            true => format!("(cycle: revises itself, {above})"),
            false => format!("(cycle: revises {above} further up; that line is left out)"),
        };
        text.push_str(&format!("\n{}", paint(BAD, note)));
    }
    text
}

/// ` message  file`.
fn described(file: &Revision, graph: &EnvironmentGraph) -> String {
    let message = file.message.as_deref().map(|message| format!(" {}", shown(message))).unwrap_or_default();
    format!("{message}  {}", paint(DIM, file_name(&file.path, graph)))
}

/// A file's path below its version location where there is only one, else below the directory.
fn file_name(path: &str, graph: &EnvironmentGraph) -> String {
    let directory = match graph.version_locations.as_slice() {
        [only] => only,
        _ => &graph.directory,
    };
    let below = path.strip_prefix(directory.as_str()).and_then(|rest| rest.strip_prefix('/'));
    printable(below.unwrap_or(path))
}

fn sections(graph: &EnvironmentGraph, out: &mut dyn io::Write) -> io::Result<()> {
    let GraphFacts {
        heads: _,
        bases: _,
        branch_points: _,
        merge_points: _,
        duplicates,
        missing,
        missing_depends,
        cycles,
        dependency_cycles,
        duplicate_prefixes,
        dynamic,
        unreadable,
    } = &graph.facts;

    let mut section = Section { out };
    section.write(
        "Ids that several files state",
        ["id", "file"],
        duplicates.iter().flat_map(|duplicate| {
            first_only(plain_id(&duplicate.revision), duplicate.paths.iter().map(|path| printable(path)))
        }),
    )?;
    section.write(
        "Parents that no file states",
        ["missing", "revised by", "file"],
        missing.iter().map(|missing| {
            [plain_id(&missing.down_revision), plain_id(&missing.revision), printable(&missing.path)]
        }),
    )?;
    section.write(
        "Dependencies that no file states",
        ["missing", "needed by", "file"],
        missing_depends.iter().map(|missing| {
            [plain_id(&missing.depends_on), plain_id(&missing.revision), printable(&missing.path)]
        }),
    )?;
    section.write("Cycles", ["revisions"], cycles.iter().map(|cycle| [cycle_ids(cycle)]))?;
    section.write(
        "Cycles through depends_on",
        ["revisions"],
        dependency_cycles.iter().map(|cycle| [cycle_ids(cycle)]),
    )?;
    section.write(
        "Files with the same number",
        ["number", "file"],
        duplicate_prefixes.iter().flat_map(|clash| {
            first_only(clash.prefix.to_string(), clash.paths.iter().map(|path| printable(path)))
        }),
    )?;
    section.write(
        "Values that are not literals",
        ["file", "field", "expression", "comes to"],
        dynamic.iter().map(|dynamic| {
            [
                printable(&dynamic.path),
                dynamic.name.to_owned(),
                shown(&dynamic.expression),
                resolved(dynamic.resolved.as_ref()),
            ]
        }),
    )?;
    section.write(
        "Files not read in full",
        ["file", "why"],
        unreadable.iter().map(|file| [printable(&file.path), printable(&file.reason)]),
    )?;
    section.write(
        "Directories with migrations that are not scanned",
        ["directory", "files"],
        graph
            .unscanned
            .iter()
            .map(|unscanned| [directory(&unscanned.directory), unscanned.files.to_string()]),
    )
}

/// Rows of two columns, the first column filled in the first row alone.
fn first_only(name: String, values: impl Iterator<Item = String>) -> impl Iterator<Item = [String; 2]> {
    values.enumerate().map(move |(row, value)| [if row == 0 { name.clone() } else { String::new() }, value])
}

fn cycle_ids(cycle: &[String]) -> String {
    some_ids(cycle.iter().map(String::as_str))
}

fn resolved(value: Option<&ResolvedValue>) -> String {
    match value {
        None => "unknown".to_owned(),
        Some(ResolvedValue::Text(text)) => shown(text),
        Some(ResolvedValue::List(all)) => some_ids(all.iter().map(String::as_str)),
    }
}

struct Section<'a> {
    out: &'a mut dyn io::Write,
}

impl Section<'_> {
    /// Writes a title and a table, or nothing at all where there are no rows. A table of one
    /// column needs no header.
    fn write<const COLUMNS: usize>(
        &mut self,
        title: &str,
        header: [&str; COLUMNS],
        rows: impl Iterator<Item = [String; COLUMNS]>,
    ) -> io::Result<()> {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        writeln!(self.out, "\n{}", paint(UNUSUAL, title))?;
        let mut table = table();
        if COLUMNS > 1 {
            table.set_header(header);
        }
        table.add_rows(rows);
        write_table(&table, self.out)
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::model::{DuplicatePrefix, Dynamic, MissingDependency, UnreadableFile, Unscanned};
    use crate::report::sample::{environment, graph, plain, revision, strings};

    fn text(environments: Vec<EnvironmentGraph>) -> String {
        let doc = graph(environments);
        plain(|out| graph_text(&doc, out))
    }

    #[test]
    fn nothing_to_draw() {
        let mut doc = graph(Vec::new());
        doc.commit = None;
        assert_snapshot!(plain(|out| graph_text(&doc, out)), @"No migrations in the work tree.");
        doc.environments.push(environment(Vec::new()));
        assert_snapshot!(plain(|out| graph_text(&doc, out)), @"alembic in migrations in the work tree: 0 revisions, 0 heads");
    }

    #[test]
    fn a_line() {
        assert_snapshot!(text(vec![environment(vec![
            revision("1a", &[], "Create users"),
            revision("2b", &["1a"], "Add mail"),
            revision("3c", &["2b"], "Add invoices"),
        ])]), @"
        alembic in migrations at 0123456789: 3 revisions, 1 head

        ●  3c (head) Add invoices  3c_add_invoices.py
        ○  2b Add mail  2b_add_mail.py
        ○  1a (base) Create users  1a_create_users.py
        ");
    }

    #[test]
    fn branch_and_merge() {
        assert_snapshot!(text(vec![environment(vec![
            revision("1a", &[], "Create users"),
            revision("2b", &["1a"], "Add mail"),
            revision("2c", &["1a"], "Add phone"),
            revision("2d", &["2c"], "Index phone"),
            revision("3e", &["2b", "2d"], "Merge"),
            revision("4f", &["3e"], "Add invoices"),
        ])]), @"
        alembic in migrations at 0123456789: 6 revisions, 1 head

        ●  4f (head) Add invoices  4f_add_invoices.py
        ○    3e (merge point) Merge  3e_merge.py
        ├─╮
        │ ○  2d Index phone  2d_index_phone.py
        │ ○  2c Add phone  2c_add_phone.py
        ○ │  2b Add mail  2b_add_mail.py
        ├─╯
        ○  1a (base) (branch point) Create users  1a_create_users.py
        ");
    }

    /// What a team sees on the day it matters: two heads, the newer one first.
    #[test]
    fn two_heads() {
        let mut revisions = vec![
            revision("1a", &[], "Create users"),
            revision("2b", &["1a"], "Add mail"),
            revision("3c", &["2b"], "Add phone"),
            revision("3d", &["2b"], "Add invoices"),
        ];
        revisions[2].create_date = Some("2024-01-31 10:02:03".to_owned());
        revisions[3].create_date = Some("2024-02-01 10:02:03".to_owned());
        assert_snapshot!(text(vec![environment(revisions)]), @"
        alembic in migrations at 0123456789: 4 revisions, 2 heads

        ●  3d (head) Add invoices  3d_add_invoices.py
        │ ●  3c (head) Add phone  3c_add_phone.py
        ├─╯
        ○  2b (branch point) Add mail  2b_add_mail.py
        ○  1a (base) Create users  1a_create_users.py
        ");
    }

    #[test]
    fn labels_dependencies_and_environments() {
        let mut expand = revision("1a", &[], "Expand");
        expand.branch_labels = strings(&["expand", "online"]);
        let mut contract = revision("1b", &[], "Contract");
        contract.branch_labels = strings(&["contract"]);
        contract.depends_on = strings(&["1a"]);
        let mut second = environment(vec![revision("9", &[], "Other tree")]);
        second.name = "billing".to_owned();
        second.directory = String::new();
        second.version_locations = strings(&["a", "b"]);
        assert_snapshot!(text(vec![environment(vec![expand, contract]), second]), @"
        alembic in migrations at 0123456789: 2 revisions, 2 heads

        ●  1a [expand, online] (head) (base) Expand  1a_expand.py

        ●  1b [contract] (head) (base) (depends on 1a) Contract  1b_contract.py

        billing in . at 0123456789: 1 revision, 1 head

        ●  9 (head) (base) Other tree  migrations/versions/9_other_tree.py
        ");
    }

    #[test]
    fn duplicate_ids_name_both_files() {
        assert_snapshot!(text(vec![environment(vec![
            revision("1a", &[], "Create users"),
            revision("2b", &["1a"], "Add mail"),
            revision("2b", &["1a"], "Add phone"),
            revision("3c", &["2b"], "Add invoices"),
        ])]), @"
        alembic in migrations at 0123456789: 4 revisions, 1 head

        ●  3c (head) Add invoices  3c_add_invoices.py
        !  2b (duplicate: 2 files state it)
        │   · Add mail  2b_add_mail.py
        │   · Add phone  2b_add_phone.py
        ○  1a (base) Create users  1a_create_users.py

        Ids that several files state
          id  file
          2b  migrations/versions/2b_add_mail.py
              migrations/versions/2b_add_phone.py
        ");
    }

    #[test]
    fn missing_parents_are_nodes() {
        assert_snapshot!(text(vec![environment(vec![
            revision("1a", &[], "Create users"),
            revision("2b", &["1a", "gone"], "Merge"),
            revision("3c", &["gone"], "Add invoices"),
            revision("3d", &["lost"], "Add phone"),
        ])]), @"
        alembic in migrations at 0123456789: 4 revisions, 3 heads

        ●    2b (head) (merge point) Merge  2b_merge.py
        ├─╮
        ○ │  1a (base) Create users  1a_create_users.py

        ● │  3c (head) Add invoices  3c_add_invoices.py
        ├─╯
        ✗  gone (missing: no file states it)

        ●  3d (head) Add phone  3d_add_phone.py
        ✗  lost (missing: no file states it)

        Parents that no file states
          missing  revised by  file
          gone     2b          migrations/versions/2b_merge.py
          gone     3c          migrations/versions/3c_add_invoices.py
          lost     3d          migrations/versions/3d_add_phone.py
        ");
    }

    #[test]
    fn cycles_lose_an_edge() {
        let mut below_a_head = environment(vec![
            revision("1a", &["3c"], "Create users"),
            revision("2b", &["1a"], "Add mail"),
            revision("3c", &["2b"], "Add phone"),
            revision("4d", &["3c"], "Add invoices"),
        ]);
        below_a_head.facts.cycles = vec![strings(&["1a", "2b", "3c"])];
        assert_snapshot!(text(vec![below_a_head]), @"
        alembic in migrations at 0123456789: 4 revisions, 1 head

        ●  4d (head) Add invoices  4d_add_invoices.py
        ○  3c (branch point) Add phone  3c_add_phone.py
        ○  2b Add mail  2b_add_mail.py
        ○  1a Create users  1a_create_users.py
           (cycle: revises 3c further up; that line is left out)

        Cycles
          1a, 2b, 3c
        ");

        let mut without_a_head = environment(vec![
            revision("1a", &[], "Create users"),
            revision("2b", &["3c", "1a"], "Add mail"),
            revision("3c", &["2b"], "Add phone"),
        ]);
        without_a_head.facts.cycles = vec![strings(&["2b", "3c"])];
        assert_snapshot!(text(vec![without_a_head]), @"
        alembic in migrations at 0123456789: 3 revisions, 0 heads

        ○    2b (merge point) Add mail  2b_add_mail.py
        ├─╮
        │ ○  1a (base) Create users  1a_create_users.py
        ○  3c Add phone  3c_add_phone.py
           (cycle: revises 2b further up; that line is left out)

        Cycles
          2b, 3c
        ");

        let mut alone = environment(vec![revision("1a", &["1a"], "Create users")]);
        alone.facts.cycles = vec![strings(&["1a"])];
        assert_snapshot!(text(vec![alone]), @"
        alembic in migrations at 0123456789: 1 revision, 0 heads

        ○  1a Create users  1a_create_users.py
           (cycle: revises itself, 1a)

        Cycles
          1a
        ");
    }

    #[test]
    fn sections_tell_the_rest() {
        let mut unusual = environment(vec![revision("1a", &[], "Create users")]);
        let file = || "migrations/versions/1a_create_users.py".to_owned();
        unusual.facts.missing_depends = vec![MissingDependency {
            revision: "1a".to_owned(),
            path: file(),
            depends_on: "plugin".to_owned(),
        }];
        unusual.facts.dependency_cycles = vec![strings(&["1a", "2b"])];
        unusual.facts.duplicate_prefixes =
            vec![DuplicatePrefix { prefix: 3, paths: strings(&["003_a.py", "3-b.py"]) }];
        unusual.facts.dynamic = vec![
            Dynamic { path: file(), name: "revision", expression: "make_id()".to_owned(), resolved: None },
            Dynamic {
                path: file(),
                name: "down_revision",
                expression: "[A, B]".to_owned(),
                resolved: Some(ResolvedValue::List(strings(&["a", "b"]))),
            },
            Dynamic {
                path: file(),
                name: "depends_on",
                expression: "f\"{A}\"".to_owned(),
                resolved: Some(ResolvedValue::Text("a".to_owned())),
            },
        ];
        unusual.facts.unreadable = vec![UnreadableFile {
            path: "migrations/versions/x.py".to_owned(),
            reason: "no Python reads it".to_owned(),
        }];
        unusual.unscanned = vec![Unscanned { directory: "migrations/versions/old".to_owned(), files: 12 }];
        assert_snapshot!(text(vec![unusual]), @r#"
        alembic in migrations at 0123456789: 1 revision, 1 head

        ●  1a (head) (base) Create users  1a_create_users.py

        Dependencies that no file states
          missing  needed by  file
          plugin   1a         migrations/versions/1a_create_users.py

        Cycles through depends_on
          1a, 2b

        Files with the same number
          number  file
          3       003_a.py
                  3-b.py

        Values that are not literals
          file                                    field          expression  comes to
          migrations/versions/1a_create_users.py  revision       make_id()   unknown
          migrations/versions/1a_create_users.py  down_revision  [A, B]      a, b
          migrations/versions/1a_create_users.py  depends_on     f"{A}"      a

        Files not read in full
          file                      why
          migrations/versions/x.py  no Python reads it

        Directories with migrations that are not scanned
          directory                files
          migrations/versions/old  12
        "#);
    }

    #[test]
    fn hostile_texts_are_escaped() {
        let mut hostile = revision("\u{1b}]0;x\u{7}", &["\u{202e}"], "a\r\nb");
        hostile.branch_labels = strings(&["\u{9b}31m"]);
        hostile.depends_on = strings(&["\n"]);
        hostile.path = "migrations/versions/\u{8}.py".to_owned();
        let mut tree = environment(vec![hostile, revision("", &[], "The empty id")]);
        tree.name = "\u{1b}[2J".to_owned();
        assert_snapshot!(text(vec![tree]), @r#"
        \u{1b}[2J in migrations at 0123456789: 2 revisions, 2 heads

        ●  "" (head) (base) The empty id  _the_empty_id.py

        ●  \u{1b}]0;x\u{7} [\u{9b}31m] (head) (depends on \u{a}) a\u{d}\u{a}b  \u{8}.py
        ✗  \u{202e} (missing: no file states it)

        Parents that no file states
          missing   revised by       file
          \u{202e}  \u{1b}]0;x\u{7}  migrations/versions/\u{8}.py
        "#);
    }

    /// A thousand revisions in a line, a thousand heads, a thousand bases, and one revision with a
    /// thousand parents: every id has its line, and no line grows beyond a terminal's patience.
    #[test]
    fn a_thousand_of_everything() {
        let ids: Vec<String> = (0..1000).map(|number| format!("r{number:04}")).collect();
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        let line = all.windows(2).map(|pair| revision(pair[1], &[pair[0]], "m")).collect();
        let heads = all.iter().map(|id| revision(id, &["root"], "m")).collect();
        let bases = all.iter().map(|id| revision(id, &[], "m")).collect();
        let octopus = vec![revision("top", &all, "m")];
        for revisions in [line, heads, bases, octopus] {
            let text = text(vec![environment(revisions)]);
            let mut drawn: Vec<&str> = text
                .lines()
                .filter_map(|line| line.trim_start_matches(['│', ' ']).strip_prefix(['○', '●', '✗']))
                .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('r')))
                .filter(|id| *id != "root")
                .collect();
            drawn.sort_unstable();
            assert_eq!(drawn, all, "in\n{text}");
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest < Some(300), "{widest:?}");
        }
    }

    /// Many merges of many lines need many lanes: the drawing gives up lanes, never revisions.
    #[test]
    fn too_many_lanes() {
        let old: Vec<String> = (0..70).map(|number| format!("o{number:02}")).collect();
        let parents: Vec<&str> = old.iter().map(String::as_str).collect();
        let mut revisions = vec![revision("top", &parents, "m")];
        revisions.extend(parents.iter().map(|id| revision(id, &[], "m")));
        let text = text(vec![environment(revisions)]);
        let first: Vec<&str> = text.lines().take(4).collect();
        assert_snapshot!(first.join("\n"), @"
        alembic in migrations at 0123456789: 71 revisions, 1 head

        ●  top (head) (merge point) m  top_m.py
           (too many lanes: revises o00, o01, o02, o03, o04, o05, o06, o07 and 62 more)
        ");
    }
}
