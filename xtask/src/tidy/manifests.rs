//! Rules over the manifests of the members: they inherit, and carry no version of their own.

use crate::tidy::Fault;
use crate::workspace::TextFile;

/// What every manifest takes from the root.
const INHERITED: &[(&str, &str)] = &[
    ("package", "version.workspace = true"),
    ("package", "edition.workspace = true"),
    ("package", "rust-version.workspace = true"),
    ("package", "license.workspace = true"),
    ("lints", "workspace = true"),
];

/// Whether the path is the manifest of a member of the main workspace.
pub(super) fn is_member(path: &str) -> bool {
    let Some(folder) = path.strip_suffix("/Cargo.toml") else { return false };
    let one_below =
        |parent: &str| folder.strip_prefix(parent).is_some_and(|name| !name.contains('/'));
    ["xtask", "integration"].contains(&folder) || one_below("crates/") || one_below("examples/")
}

/// Version, edition, license and lints come from the root manifest.
pub(super) fn inherits(manifest: &TextFile) -> Vec<Fault> {
    let lines = sections(&manifest.text);
    let mut faults = Vec::new();
    for (section, wanted) in INHERITED {
        let found = lines.iter().any(|line| line.section == *section && line.content == *wanted);
        if !found {
            let message = format!("[{section}] has no `{wanted}`");
            faults.push(Fault::new(&manifest.path, 1, "manifest-inherits", message));
        }
    }
    faults
}

/// Versions of dependencies stand in `[workspace.dependencies]` only.
pub(super) fn versions(manifest: &TextFile) -> Vec<Fault> {
    let mut faults = Vec::new();
    for line in sections(&manifest.text) {
        let Some(table) = dependency_table(line.section) else { continue };
        let Some((key, value)) = line.content.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        let own_table = !table.is_empty();
        let bare = value.starts_with('"') && (!own_table || key == "version");
        let inside = value.starts_with('{')
            && value.split([',', '{']).any(|part| part.trim_start().starts_with("version"));
        if bare || inside {
            let message = "a version belongs into [workspace.dependencies] of the root";
            faults.push(Fault::new(&manifest.path, line.number, "manifest-version", message));
        }
    }
    faults
}

/// The name after `dependencies.` in a section header, empty for the whole table.
fn dependency_table(section: &str) -> Option<&str> {
    let kinds = ["dev-dependencies", "build-dependencies", "dependencies"];
    let (at, kind) = kinds.iter().find_map(|kind| section.find(kind).map(|at| (at, kind)))?;
    section.get(at + kind.len()..).map(|rest| rest.trim_start_matches('.'))
}

/// A crate is called after its folder: `crates/x` is `steadfast-x`, the facade `steadfast`.
pub(super) fn package_name(manifest: &TextFile) -> Vec<Fault> {
    let folder = manifest.path.strip_suffix("/Cargo.toml").unwrap_or_default();
    let name = folder.rsplit('/').next().unwrap_or_default();
    let wanted = match folder.strip_prefix("crates/") {
        Some("facade") => "steadfast".to_owned(),
        Some(name) => format!("steadfast-{name}"),
        None => name.to_owned(),
    };
    let wanted_line = format!("name = \"{wanted}\"");
    let found = sections(&manifest.text)
        .iter()
        .any(|line| line.section == "package" && line.content == wanted_line);
    if found {
        return Vec::new();
    }
    let message = format!("the package in {folder} is called `{wanted}`");
    vec![Fault::new(&manifest.path, 1, "package-name", message)]
}

struct Line<'a> {
    section: &'a str,
    content: &'a str,
    number: usize,
}

/// The lines of a manifest that are neither blank, comment nor header, each with its section.
fn sections(text: &str) -> Vec<Line<'_>> {
    let mut section = "";
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.trim();
        if let Some(header) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = header.trim_matches(['[', ']']);
        } else if !content.is_empty() && !content.starts_with('#') {
            lines.push(Line { section, content, number: index + 1 });
        }
    }
    lines
}
