//! The rule of import order: std, external, ours, `crate`, with blank lines between.

use crate::tidy::Fault;
use crate::tidy::source::Source;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Std,
    External,
    Ours,
    Local,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Std => "std",
            Self::External => "external",
            Self::Ours => "steadfast",
            Self::Local => "crate",
        }
    }
}

/// Each run of `use` lines at the left margin is grouped std, external, steadfast, crate.
pub(super) fn import_groups(source: &Source) -> Vec<Fault> {
    let modules: Vec<&str> = source.code.lines().filter_map(module_name).collect();
    let text: Vec<&str> = source.text.lines().collect();
    let mut faults = Vec::new();
    let mut last: Option<Group> = None;
    let (mut blank, mut inside) = (false, false);
    for (index, line) in source.code.lines().enumerate() {
        if inside {
            inside = !line.contains(';');
        } else if let Some(path) = line.strip_prefix("use ") {
            let group = group(path, &modules);
            if let Some(message) = last.and_then(|last| fault(last, group, blank)) {
                faults.push(Fault::new(&source.path, index + 1, "import-groups", message));
            }
            (last, blank, inside) = (Some(group), false, !line.contains(';'));
        } else if line.trim().is_empty() {
            // A comment is blank in the code, but not in the text.
            blank |= text.get(index).is_some_and(|raw| raw.trim().is_empty());
        } else if !line.starts_with("#[") {
            (last, blank) = (None, false);
        }
    }
    faults
}

fn fault(last: Group, next: Group, blank: bool) -> Option<String> {
    if next < last {
        return Some(format!("{} imports stand before {} imports", next.name(), last.name()));
    }
    (next > last && !blank)
        .then(|| format!("a blank line belongs between {} and {}", last.name(), next.name()))
}

fn module_name(line: &str) -> Option<&str> {
    let rest = ["mod ", "pub mod ", "pub(crate) mod "]
        .iter()
        .find_map(|start| line.strip_prefix(start))?;
    Some(rest.trim_end_matches([';', '{', ' ']))
}

fn group(path: &str, modules: &[&str]) -> Group {
    let first = path.trim_start_matches("::").split([':', ';', ' ', '{']).next().unwrap_or("");
    match first {
        "std" | "core" | "alloc" => Group::Std,
        "crate" | "self" | "super" => Group::Local,
        name if modules.contains(&name) => Group::Local,
        name if name == "steadfast" || name.starts_with("steadfast_") => Group::Ours,
        _ => Group::External,
    }
}
