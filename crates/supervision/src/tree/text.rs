//! A tree as indented text.

use std::fmt::Write as _;

use super::TreeNode;

pub(super) fn render(root: &TreeNode) -> String {
    let mut text = describe(root);
    text.push('\n');
    below(root, "", &mut text);
    text
}

fn below(node: &TreeNode, indent: &str, text: &mut String) {
    let hidden = node.hidden > 0;
    for (index, child) in node.children.iter().enumerate() {
        let last = index + 1 == node.children.len() && !hidden;
        let (branch, further) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        line(text, indent, branch, &describe(child));
        below(child, &format!("{indent}{further}"), text);
    }
    if hidden {
        line(text, indent, "└─ ", &format!("... {} more", node.hidden));
    }
}

fn line(text: &mut String, indent: &str, branch: &str, what: &str) {
    writeln!(text, "{indent}{branch}{what}").expect("a string takes any text");
}

/// Name, status, strategy, and what is out of the ordinary.
fn describe(node: &TreeNode) -> String {
    let mut words = vec![one_line(&node.name)];
    words.extend(node.status().map(|status| status.as_str().to_owned()));
    words.extend(node.strategy().map(|strategy| format!("({})", strategy.as_str())));
    if let Some(health) = &node.health {
        if health.restarts > 0 {
            words.push(format!("restarts={}", health.restarts));
        }
        if health.errors > 0 {
            words.push(format!("errors={}", health.errors));
        }
        if let Some(error) = &health.last_error {
            words.push(format!("last=\"{}\"", one_line(error)));
        }
    }
    words.join(" ")
}

/// Control characters escaped, so that no name and no message breaks the layout.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}
