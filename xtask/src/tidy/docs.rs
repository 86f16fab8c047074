//! The rule of cancel safety: every public awaitable says what a dropped future loses.

use crate::tidy::Fault;
use crate::tidy::source::{Source, has_word, is_test_path};

const SECTION: &str = "# Cancel safety";
/// A signature ends within this many lines.
const SIGNATURE_LINES_MAX: usize = 40;

/// Public async functions, functions that return futures, and future types document it.
pub(super) fn cancel_safety(source: &Source) -> Vec<Fault> {
    if !source.path.starts_with("crates/") || is_test_path(&source.path) {
        return Vec::new();
    }
    let code: Vec<&str> = source.code.lines().collect();
    let text: Vec<&str> = source.text.lines().collect();
    let public_trait = public_trait_lines(&code);
    let mut faults = Vec::new();
    for (index, line) in code.iter().enumerate() {
        if source.is_test(index) {
            continue;
        }
        let in_trait = public_trait.get(index).copied().unwrap_or(false);
        let awaitable = is_awaitable_function(&code, index, in_trait)
            || public_type(line).is_some_and(|name| implements_future(&source.code, name));
        if awaitable && !documents_cancel_safety(&text, index) {
            let message = format!("a public awaitable has a `{SECTION}` section");
            faults.push(Fault::new(&source.path, index + 1, "cancel-safety", message));
        }
    }
    faults
}

fn is_awaitable_function(code: &[&str], index: usize, in_trait: bool) -> bool {
    let line = code.get(index).copied().unwrap_or_default().trim_start();
    let start = line.strip_prefix("pub ");
    let Some(item) = start.or(in_trait.then_some(line)) else { return false };
    let item = ["const ", "unsafe "]
        .iter()
        .fold(item, |item, word| item.strip_prefix(word).unwrap_or(item));
    if item.starts_with("async fn ") {
        return true;
    }
    item.starts_with("fn ") && returns_future(code, index)
}

fn returns_future(code: &[&str], index: usize) -> bool {
    let mut signature = String::new();
    for line in code.iter().skip(index).take(SIGNATURE_LINES_MAX) {
        signature += line;
        signature.push(' ');
        if line.contains('{') || line.trim_end().ends_with(';') {
            break;
        }
    }
    // The arrow of the function itself: those of closure parameters stand inside parentheses.
    let mut depth = 0_i32;
    let mut result = None;
    for (at, c) in signature.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '>' if depth == 0
                && result.is_none()
                && signature.get(..at).is_some_and(|s| s.ends_with('-')) =>
            {
                result = signature.get(at..);
            }
            _ => {}
        }
    }
    let result = result.and_then(|result| result.split(" where ").next()).unwrap_or_default();
    ["impl Future", "impl IntoFuture", "dyn Future", "BoxFuture"]
        .iter()
        .any(|word| result.contains(word))
}

fn public_type(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

fn implements_future(code: &str, name: &str) -> bool {
    code.lines().filter(|line| line.starts_with("impl")).any(|line| {
        ["Future for ", "IntoFuture for "].iter().any(|start| {
            line.split_once(start).is_some_and(|(_, target)| {
                target.split(|c: char| !c.is_alphanumeric() && c != '_').next() == Some(name)
            })
        })
    })
}

/// Looks at the doc comment and attributes directly above the line.
fn documents_cancel_safety(text: &[&str], index: usize) -> bool {
    let above = text.get(..index).unwrap_or_default();
    for line in above.iter().rev().map(|line| line.trim()) {
        if line.contains(SECTION) || line.contains("#[doc(hidden)]") {
            return true;
        }
        let ends_item = line.is_empty() || line.ends_with(['{', '}', ';']);
        if ends_item && !line.starts_with("///") {
            return false;
        }
    }
    false
}

/// Marks the lines inside `pub trait .. { .. }`, at the depth of its items.
fn public_trait_lines(code: &[&str]) -> Vec<bool> {
    let mut marks = Vec::with_capacity(code.len());
    let (mut open, mut depth) = (false, 0_usize);
    for line in code {
        let starts = line.starts_with("pub trait ") || line.starts_with("pub unsafe trait ");
        if starts && has_word(line, "trait") {
            (open, depth) = (true, 0);
        }
        marks.push(open && depth == 1);
        if open {
            depth += line.matches('{').count();
            depth = depth.saturating_sub(line.matches('}').count());
            open = depth > 0 || !line.contains('}') && !line.trim_end().ends_with(';');
        }
    }
    marks
}
