//! `onehead graph` for Mermaid, which forges and wikis draw. Edges point from a revision to its
//! parents, as `down_revision` does; dotted ones to what it depends on.

use std::fmt::Write as _;
use std::io;

use super::layout::{Layout, Node, subject};
use super::model::{EnvironmentGraph, GraphDocument};
use super::style::directory;
use crate::text::printable;

/// Writes a `flowchart` with a subgraph for each environment. Nodes have names of their own, so
/// that nothing from the repository stands outside of a quoted string.
///
/// # Errors
/// Those of `out`.
pub fn graph_mermaid(doc: &GraphDocument, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "flowchart TD")?;
    writeln!(out, "  accTitle: {}", subject(doc))?;
    for (number, graph) in doc.environments.iter().enumerate() {
        environment(number, graph, out)?;
    }
    writeln!(out, "  classDef head stroke-width:3px")?;
    writeln!(out, "  classDef duplicate stroke:#c00")?;
    writeln!(out, "  classDef missing stroke:#c00,color:#c00,stroke-dasharray:4")
}

fn environment(number: usize, graph: &EnvironmentGraph, out: &mut dyn io::Write) -> io::Result<()> {
    let layout = Layout::new(graph);
    let title = format!("{} in {}", printable(&graph.name), directory(&graph.directory));
    writeln!(out, "  subgraph e{number} [{}]", quoted(&[title]))?;
    for &index in &layout.order {
        let node = &layout.nodes[index];
        let label = quoted(&layout.caption(node));
        writeln!(out, "    e{number}r{index}[{label}]{}", class(node))?;
    }
    for &index in &layout.order {
        let node = &layout.nodes[index];
        for parent in &node.parents {
            writeln!(out, "    e{number}r{index} --> e{number}r{parent}")?;
        }
        for parent in &node.cut {
            writeln!(out, "    e{number}r{index} -->|cycle| e{number}r{parent}")?;
        }
    }
    for (from, to) in layout.dependencies() {
        writeln!(out, "    e{number}r{from} -.->|depends on| e{number}r{to}")?;
    }
    writeln!(out, "  end")
}

fn class(node: &Node<'_>) -> &'static str {
    match node {
        _ if node.is_missing() => ":::missing",
        _ if node.files.len() > 1 => ":::duplicate",
        _ if node.marks.head => ":::head",
        _ => "",
    }
}

/// Lines as one quoted string. What is not known to be harmless in Mermaid, in the HTML and in the
/// Markdown that it makes of a label, is written by its number.
fn quoted(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            text.push_str("<br/>");
        }
        for character in line.chars() {
            if character.is_alphanumeric()
                || matches!(character, ' ' | '-' | '.' | ',' | ':' | '/' | '(' | ')')
            {
                text.push(character);
            } else {
                // A string takes every character.
                let _ = write!(text, "#{};", u32::from(character));
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::sample::{broken, environment, graph, hostile, labelled, merged, plain};

    fn mermaid(environments: Vec<EnvironmentGraph>) -> String {
        let doc = graph(environments);
        plain(|out| graph_mermaid(&doc, out))
    }

    #[test]
    fn nothing_to_draw() {
        let mut doc = graph(vec![environment(Vec::new())]);
        doc.commit = None;
        assert_snapshot!(plain(|out| graph_mermaid(&doc, out)), @r#"
        flowchart TD
          accTitle: migrations in the work tree
          subgraph e0 ["alembic in migrations"]
          end
          classDef head stroke-width:3px
          classDef duplicate stroke:#c00
          classDef missing stroke:#c00,color:#c00,stroke-dasharray:4
        "#);
    }

    #[test]
    fn branch_and_merge() {
        assert_snapshot!(mermaid(vec![merged()]), @r#"
        flowchart TD
          accTitle: migrations at 0123456789abcdef0123456789abcdef01234567
          subgraph e0 ["alembic in migrations"]
            e0r3["3d<br/>(head, merge point)<br/>Merge<br/>3d#95;merge.py"]:::head
            e0r2["2c<br/>Add phone<br/>2c#95;add#95;phone.py"]
            e0r1["2b<br/>Add mail<br/>2b#95;add#95;mail.py"]
            e0r0["1a<br/>(base, branch point)<br/>Create users<br/>1a#95;create#95;users.py"]
            e0r3 --> e0r1
            e0r3 --> e0r2
            e0r2 --> e0r0
            e0r1 --> e0r0
          end
          classDef head stroke-width:3px
          classDef duplicate stroke:#c00
          classDef missing stroke:#c00,color:#c00,stroke-dasharray:4
        "#);
    }

    #[test]
    fn labels_and_dependencies() {
        assert_snapshot!(mermaid(vec![labelled()]), @r#"
        flowchart TD
          accTitle: migrations at 0123456789abcdef0123456789abcdef01234567
          subgraph e0 ["alembic in migrations"]
            e0r0["1a<br/>(head, base)<br/>#91;expand, online#93;<br/>Expand<br/>1a#95;expand.py"]:::head
            e0r1["1b<br/>(head, base)<br/>#91;contract#93;<br/>Contract<br/>1b#95;contract.py"]:::head
            e0r1 -.->|depends on| e0r0
          end
          classDef head stroke-width:3px
          classDef duplicate stroke:#c00
          classDef missing stroke:#c00,color:#c00,stroke-dasharray:4
        "#);
    }

    #[test]
    fn duplicates_missing_parents_and_cycles() {
        assert_snapshot!(mermaid(vec![broken()]), @r#"
        flowchart TD
          accTitle: migrations at 0123456789abcdef0123456789abcdef01234567
          subgraph e0 ["alembic in migrations"]
            e0r1["2b<br/>(merge point)<br/>duplicate: 2 files state it<br/>Add mail<br/>2b#95;add#95;mail.py<br/>Add phone<br/>2b#95;add#95;phone.py"]:::duplicate
            e0r2["4d<br/>Add invoices<br/>4d#95;add#95;invoices.py"]
            e0r0["1a<br/>Create users<br/>1a#95;create#95;users.py"]
            e0r3["gone<br/>missing: no file states it"]:::missing
            e0r1 --> e0r0
            e0r1 --> e0r2
            e0r2 -->|cycle| e0r1
            e0r0 --> e0r3
          end
          classDef head stroke-width:3px
          classDef duplicate stroke:#c00
          classDef missing stroke:#c00,color:#c00,stroke-dasharray:4
        "#);
    }

    #[test]
    fn hostile_texts_stay_in_their_quotes() {
        assert_snapshot!(mermaid(vec![hostile()]), @r##"
        flowchart TD
          accTitle: migrations at 0123456789abcdef0123456789abcdef01234567
          subgraph e0 ["#92;u#123;1b#125;#91;2J#34; in migrations"]
            e0r2["#34;#34;<br/>(head, base)<br/>The empty id<br/>#95;the#95;empty#95;id.py"]:::head
            e0r0["#92;u#123;1b#125;#93;0#59;x#92;u#123;7#125;<br/>(head)<br/>#91;#37;#37;#123;init: #123;#125;#125;#37;#37;, #92;u#123;9b#125;31m#93;<br/>a#92;u#123;d#125;#92;u#123;a#125;b #34;q#34; #92;N #92;<br/>#92;u#123;8#125;#38;lt#59;#96;#42;#95;.py"]:::head
            e0r3["#92;u#123;202e#125;<br/>missing: no file states it"]:::missing
            e0r1["#34;#93;#59; end<br/>(head, base)<br/>#60;script#62;alert(1)#60;/script#62; #38;amp#59; #35;quot#59; #124; é 日本<br/>script#62;#95;#38;amp#59;#95;#35;quot#59;#95;#124;#95;é#95;日本.py"]:::head
            e0r0 --> e0r3
          end
          classDef head stroke-width:3px
          classDef duplicate stroke:#c00
          classDef missing stroke:#c00,color:#c00,stroke-dasharray:4
        "##);
    }
}
