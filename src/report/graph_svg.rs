//! `onehead graph` as a drawing: one file that stands alone, light or dark as its reader has it.

use std::io;

use super::lanes::lanes;
use super::layout::{Layout, Node, subject};
use super::model::{EnvironmentGraph, GraphDocument};
use super::style::shown;
use crate::text::printable;

/// Pixels.
const ROW: usize = 26;
const LANE: usize = 18;
const MARGIN: usize = 20;
const TEXT: usize = 640;

const STYLE: &str = "\
svg{background:#fff;color:#1c2024;font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}\
text{fill:currentColor}.dim{fill:#60646c}.edge{fill:none;stroke:#8b8d98;stroke-width:1.5}\
.depends{stroke-dasharray:3 3}.node{fill:#fff;stroke:#3e63dd;stroke-width:2}.head{fill:#3e63dd}\
.merge{stroke:#8e4ec6}.missing,.duplicate{stroke:#e5484d}.missing{fill:#e5484d}h1{font-size:15px}\
@media(prefers-color-scheme:dark){svg{background:#111113;color:#edeef0}.dim{fill:#b0b4ba}.edge{stroke:#5a6169}\
.node{fill:#111113;stroke:#5472e4}.head{fill:#9eb1ff}.merge{stroke:#bf7af0}.missing,.duplicate{stroke:#ff9592}\
.missing{fill:#ff9592}}";

/// Writes every environment below the other, the newest revisions on top.
///
/// # Errors
/// Those of `out`.
pub fn graph_svg(doc: &GraphDocument, out: &mut dyn io::Write) -> io::Result<()> {
    let layouts: Vec<(&EnvironmentGraph, Layout<'_>)> =
        doc.environments.iter().map(|graph| (graph, Layout::new(graph))).collect();
    let width = layouts.iter().map(|(_, layout)| lanes(layout).width).max().unwrap_or(1) * LANE + TEXT;
    let rows: usize = layouts.iter().map(|(_, layout)| layout.order.len() + 2).sum();
    let height = 2 * MARGIN + ROW * (rows + 1);
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">"
    )?;
    writeln!(out, "<title>{}</title>\n<style>{STYLE}</style>", escape(&subject(doc)))?;
    let mut top = MARGIN;
    if layouts.is_empty() {
        writeln!(out, "<text x=\"{MARGIN}\" y=\"{}\">No migrations.</text>", top + ROW)?;
    }
    for (graph, layout) in &layouts {
        environment(graph, layout, top, out)?;
        top += (layout.order.len() + 2) * ROW;
    }
    writeln!(out, "</svg>")
}

fn environment(
    graph: &EnvironmentGraph,
    layout: &Layout<'_>,
    top: usize,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let lanes = lanes(layout);
    let mut row = vec![0; layout.nodes.len()];
    for (at, node) in layout.order.iter().enumerate() {
        row[*node] = at + 1;
    }
    let point = |node: usize| (MARGIN + lanes.of[node] * LANE, top + row[node] * ROW + ROW / 2);
    writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"{}\" font-weight=\"bold\">{}</text>",
        top + ROW / 2,
        escape(&shown(&graph.name))
    )?;
    for (node, parents) in layout.nodes.iter().enumerate() {
        for parent in &parents.parents {
            writeln!(out, "<path class=\"edge\" d=\"{}\"/>", curve(point(node), point(*parent)))?;
        }
    }
    for (from, to) in layout.dependencies() {
        writeln!(out, "<path class=\"edge depends\" d=\"{}\"/>", curve(point(from), point(to)))?;
    }
    let text_x = MARGIN + lanes.width * LANE + LANE / 2;
    for &node in &layout.order {
        let (x, y) = point(node);
        let about = &layout.nodes[node];
        writeln!(out, "<circle class=\"{}\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>", classes(about))?;
        writeln!(
            out,
            "<text x=\"{text_x}\" y=\"{}\">{}<tspan class=\"dim\" dx=\"8\">{}</tspan></text>",
            y + 4,
            escape(&shown(about.id)),
            escape(&said(about))
        )?;
    }
    Ok(())
}

/// A line that leaves its child straight down and bends into the parent's lane.
fn curve((x1, y1): (usize, usize), (x2, y2): (usize, usize)) -> String {
    match x1 == x2 {
        true => format!("M{x1} {y1}V{y2}"),
        false => {
            let bend = if y2 > y1 { y2.saturating_sub(ROW).max(y1) } else { y1 };
            format!("M{x1} {y1}V{bend}C{x1} {y2} {x2} {bend} {x2} {y2}")
        }
    }
}

fn classes(node: &Node<'_>) -> String {
    let mut classes = vec!["node"];
    for (name, holds) in [
        ("head", node.marks.head),
        ("merge", node.marks.merge_point),
        ("missing", node.is_missing()),
        ("duplicate", node.files.len() > 1),
    ] {
        if holds {
            classes.push(name);
        }
    }
    classes.join(" ")
}

fn said(node: &Node<'_>) -> String {
    if node.is_missing() {
        return "missing: no file states it".to_owned();
    }
    let mut parts: Vec<String> =
        node.labels().into_iter().map(|label| format!("[{}]", shown(label))).collect();
    parts.extend(node.files.iter().filter_map(|file| file.message.as_deref().map(shown)));
    if node.files.len() > 1 {
        parts.push(format!("duplicate: {} files state it", node.files.len()));
    }
    parts.join("  ")
}

/// `text` as XML takes it, hidden characters made visible.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{broken, graph, hostile, labelled, merged};

    fn svg(environments: Vec<EnvironmentGraph>) -> String {
        let mut out = Vec::new();
        graph_svg(&graph(environments), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn branches_merges_labels_and_broken_states() {
        insta::assert_snapshot!(svg(vec![merged(), labelled(), broken()]));
    }

    #[test]
    fn hostile_names_are_text() {
        insta::assert_snapshot!(svg(vec![hostile()]));
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        insta::assert_snapshot!(svg(Vec::new()));
    }
}
