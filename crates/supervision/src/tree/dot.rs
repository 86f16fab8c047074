//! A tree in the DOT language of Graphviz.

use std::fmt::Write as _;

use super::TreeNode;
use super::text::one_line;
use crate::{ChildKind, ChildStatus};

pub(super) fn render(root: &TreeNode) -> String {
    let mut text = String::from("digraph supervision {\n  node [fontname=\"sans-serif\"];\n");
    let mut count = 0;
    draw(root, &mut count, &mut text);
    text.push_str("}\n");
    text
}

/// Draws a node with everything below it and returns its number.
fn draw(node: &TreeNode, count: &mut u64, text: &mut String) -> u64 {
    let id = next(count);
    let shape = if node.kind == ChildKind::Supervisor { "box" } else { "ellipse" };
    let mut label = quoted(&node.name);
    if let Some(strategy) = node.strategy() {
        label.push_str("\\n");
        label.push_str(strategy.as_str());
    }
    let color = color(node.status());
    put(text, &format!("n{id} [label=\"{label}\", shape={shape}, color={color}];"));
    for child in &node.children {
        let below = draw(child, count, text);
        put(text, &format!("n{id} -> n{below};"));
    }
    if node.hidden > 0 {
        let below = next(count);
        put(text, &format!("n{below} [label=\"{} more\", shape=plaintext];", node.hidden));
        put(text, &format!("n{id} -> n{below} [style=dotted];"));
    }
    id
}

fn next(count: &mut u64) -> u64 {
    *count += 1;
    *count
}

fn put(text: &mut String, line: &str) {
    writeln!(text, "  {line}").expect("a string takes any text");
}

fn color(status: Option<ChildStatus>) -> &'static str {
    match status {
        None | Some(ChildStatus::Running) => "black",
        Some(ChildStatus::Pending | ChildStatus::Starting) => "blue",
        Some(ChildStatus::Restarting) => "orange",
        Some(ChildStatus::Stopping | ChildStatus::Stopped) => "gray",
    }
}

fn quoted(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('"', "\\\"")
}
