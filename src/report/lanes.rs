//! Lanes for drawings of a graph: which column each node stands in.

use super::layout::Layout;

/// The column of each node of a layout, by node, and how many columns there are.
pub(super) struct Lanes {
    pub(super) of: Vec<usize>,
    pub(super) width: usize,
}

/// Gives each node of `layout`, row by row, the column that one of its children keeps open for it, else the first
/// free one. The first parent goes on in its child's column.
pub(super) fn lanes(layout: &Layout<'_>) -> Lanes {
    let mut of = vec![0; layout.nodes.len()];
    // Which node each column waits for.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut width = 0;
    for &node in &layout.order {
        let own = match open.iter().position(|waiting| *waiting == Some(node)) {
            Some(lane) => lane,
            None => free(&mut open),
        };
        of[node] = own;
        width = width.max(own + 1);
        for lane in &mut open {
            if *lane == Some(node) {
                *lane = None;
            }
        }
        let mut own_is_taken = false;
        for &parent in &layout.nodes[node].parents {
            if open.contains(&Some(parent)) {
                continue;
            }
            let lane = if own_is_taken { free(&mut open) } else { own };
            own_is_taken = true;
            open[lane] = Some(parent);
        }
    }
    Lanes { of, width: width.max(1) }
}

/// The first column that waits for nobody.
fn free(open: &mut Vec<Option<usize>>) -> usize {
    match open.iter().position(Option::is_none) {
        Some(lane) => lane,
        None => {
            open.push(None);
            open.len() - 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{broken, labelled, merged};

    fn drawn(graph: &crate::report::model::EnvironmentGraph) -> Vec<String> {
        let layout = Layout::new(graph);
        let lanes = lanes(&layout);
        layout.order.iter().map(|node| format!("{} {}", lanes.of[*node], layout.nodes[*node].id)).collect()
    }

    #[test]
    fn a_line_keeps_its_lane_and_branches_get_their_own() {
        insta::assert_debug_snapshot!((drawn(&merged()), drawn(&labelled()), drawn(&broken())));
    }
}
