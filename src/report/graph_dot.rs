//! `onehead graph` for Graphviz. Edges point from a revision to its parents, as `down_revision`
//! does; dashed ones to what it depends on.

use std::io;

use super::layout::{Layout, Node, subject};
use super::model::{EnvironmentGraph, GraphDocument};
use super::style::directory;
use crate::text::printable;

/// Writes a `digraph` with a cluster for each environment. Nodes have names of their own, so that
/// nothing from the repository stands outside of a quoted string.
///
/// # Errors
/// Those of `out`.
pub fn graph_dot(doc: &GraphDocument, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "digraph onehead {{")?;
    writeln!(out, "  label={};", quoted(&[subject(doc)]))?;
    writeln!(out, "  rankdir=TB;")?;
    writeln!(out, "  node [shape=box, style=rounded];")?;
    for (number, graph) in doc.environments.iter().enumerate() {
        environment(number, graph, out)?;
    }
    writeln!(out, "}}")
}

fn environment(number: usize, graph: &EnvironmentGraph, out: &mut dyn io::Write) -> io::Result<()> {
    let layout = Layout::new(graph);
    let title = format!("{} in {}", printable(&graph.name), directory(&graph.directory));
    writeln!(out, "  subgraph cluster_{number} {{")?;
    writeln!(out, "    label={};", quoted(&[title]))?;
    for &index in &layout.order {
        let node = &layout.nodes[index];
        let paths: Vec<String> = node.files.iter().map(|file| printable(&file.path)).collect();
        let tooltip = if paths.is_empty() { String::new() } else { format!(", tooltip={}", quoted(&paths)) };
        let label = quoted(&layout.caption(node));
        writeln!(out, "    e{number}r{index} [label={label}{tooltip}{}];", looks(node))?;
    }
    for &index in &layout.order {
        let node = &layout.nodes[index];
        for parent in &node.parents {
            writeln!(out, "    e{number}r{index} -> e{number}r{parent};")?;
        }
        for parent in &node.cut {
            writeln!(out, "    e{number}r{index} -> e{number}r{parent} [label=\"cycle\", color=red];")?;
        }
    }
    for (from, to) in layout.dependencies() {
        writeln!(out, "    e{number}r{from} -> e{number}r{to} [label=\"depends on\", style=dashed];")?;
    }
    writeln!(out, "  }}")
}

fn looks(node: &Node<'_>) -> &'static str {
    match node {
        _ if node.is_missing() => ", color=red, fontcolor=red, style=dashed",
        _ if node.files.len() > 1 => ", color=red",
        _ if node.marks.head => ", penwidth=2",
        _ => "",
    }
}

/// Lines as one quoted string. Graphviz gives a meaning to backslashes (`\N` is the node's name)
/// and, in labels, to HTML entities.
fn quoted(lines: &[String]) -> String {
    let line = |line: &String| line.replace('\\', "\\\\").replace('&', "&amp;").replace('"', "\\\"");
    format!("\"{}\"", lines.iter().map(line).collect::<Vec<_>>().join("\\n"))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::sample::{broken, environment, graph, hostile, labelled, merged, plain};

    fn dot(environments: Vec<EnvironmentGraph>) -> String {
        let doc = graph(environments);
        plain(|out| graph_dot(&doc, out))
    }

    #[test]
    fn nothing_to_draw() {
        let mut doc = graph(vec![environment(Vec::new())]);
        doc.commit = None;
        assert_snapshot!(plain(|out| graph_dot(&doc, out)), @r#"
        digraph onehead {
          label="migrations in the work tree";
          rankdir=TB;
          node [shape=box, style=rounded];
          subgraph cluster_0 {
            label="alembic in migrations";
          }
        }
        "#);
    }

    #[test]
    fn branch_and_merge() {
        assert_snapshot!(dot(vec![merged()]), @r#"
        digraph onehead {
          label="migrations at 0123456789abcdef0123456789abcdef01234567";
          rankdir=TB;
          node [shape=box, style=rounded];
          subgraph cluster_0 {
            label="alembic in migrations";
            e0r3 [label="3d\n(head, merge point)\nMerge\n3d_merge.py", tooltip="migrations/versions/3d_merge.py", penwidth=2];
            e0r2 [label="2c\nAdd phone\n2c_add_phone.py", tooltip="migrations/versions/2c_add_phone.py"];
            e0r1 [label="2b\nAdd mail\n2b_add_mail.py", tooltip="migrations/versions/2b_add_mail.py"];
            e0r0 [label="1a\n(base, branch point)\nCreate users\n1a_create_users.py", tooltip="migrations/versions/1a_create_users.py"];
            e0r3 -> e0r1;
            e0r3 -> e0r2;
            e0r2 -> e0r0;
            e0r1 -> e0r0;
          }
        }
        "#);
    }

    #[test]
    fn labels_and_dependencies() {
        assert_snapshot!(dot(vec![labelled()]), @r#"
        digraph onehead {
          label="migrations at 0123456789abcdef0123456789abcdef01234567";
          rankdir=TB;
          node [shape=box, style=rounded];
          subgraph cluster_0 {
            label="alembic in migrations";
            e0r0 [label="1a\n(head, base)\n[expand, online]\nExpand\n1a_expand.py", tooltip="migrations/versions/1a_expand.py", penwidth=2];
            e0r1 [label="1b\n(head, base)\n[contract]\nContract\n1b_contract.py", tooltip="migrations/versions/1b_contract.py", penwidth=2];
            e0r1 -> e0r0 [label="depends on", style=dashed];
          }
        }
        "#);
    }

    #[test]
    fn duplicates_missing_parents_and_cycles() {
        assert_snapshot!(dot(vec![broken()]), @r#"
        digraph onehead {
          label="migrations at 0123456789abcdef0123456789abcdef01234567";
          rankdir=TB;
          node [shape=box, style=rounded];
          subgraph cluster_0 {
            label="alembic in migrations";
            e0r1 [label="2b\n(merge point)\nduplicate: 2 files state it\nAdd mail\n2b_add_mail.py\nAdd phone\n2b_add_phone.py", tooltip="migrations/versions/2b_add_mail.py\nmigrations/versions/2b_add_phone.py", color=red];
            e0r2 [label="4d\nAdd invoices\n4d_add_invoices.py", tooltip="migrations/versions/4d_add_invoices.py"];
            e0r0 [label="1a\nCreate users\n1a_create_users.py", tooltip="migrations/versions/1a_create_users.py"];
            e0r3 [label="gone\nmissing: no file states it", color=red, fontcolor=red, style=dashed];
            e0r1 -> e0r0;
            e0r1 -> e0r2;
            e0r2 -> e0r1 [label="cycle", color=red];
            e0r0 -> e0r3;
          }
        }
        "#);
    }

    #[test]
    fn hostile_texts_stay_in_their_quotes() {
        assert_snapshot!(dot(vec![hostile()]), @r#"
        digraph onehead {
          label="migrations at 0123456789abcdef0123456789abcdef01234567";
          rankdir=TB;
          node [shape=box, style=rounded];
          subgraph cluster_0 {
            label="\\u{1b}[2J\" in migrations";
            e0r2 [label="\"\"\n(head, base)\nThe empty id\n_the_empty_id.py", tooltip="migrations/versions/_the_empty_id.py", penwidth=2];
            e0r0 [label="\\u{1b}]0;x\\u{7}\n(head)\n[%%{init: {}}%%, \\u{9b}31m]\na\\u{d}\\u{a}b \"q\" \\N \\\n\\u{8}&amp;lt;`*_.py", tooltip="migrations/versions/\\u{8}&amp;lt;`*_.py", penwidth=2];
            e0r3 [label="\\u{202e}\nmissing: no file states it", color=red, fontcolor=red, style=dashed];
            e0r1 [label="\"]; end\n(head, base)\n<script>alert(1)</script> &amp;amp; #quot; | é 日本\nscript>_&amp;amp;_#quot;_|_é_日本.py", tooltip="migrations/versions/\"]; end_<script>alert(1)</script>_&amp;amp;_#quot;_|_é_日本.py", penwidth=2];
            e0r0 -> e0r3;
          }
        }
        "#);
    }
}
