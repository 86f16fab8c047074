//! Reads the public paths of a crate from its sources. House style makes that simple: public items
//! of a crate stand in `pub use` lists of `lib.rs`, or in public modules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ITEMS: &[&str] = &["struct", "enum", "trait", "fn", "const", "static", "type"];

/// Paths below `steadfast`, that of each module included.
pub(crate) fn facade_names() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let file = sources("facade").join("lib.rs");
    collect(&file, &sources("facade"), "steadfast::", &mut paths);
    paths
}

/// Paths below the crate in `crates/<folder>`, relative to it.
pub(crate) fn layer_paths(folder: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect(&sources(folder).join("lib.rs"), &sources(folder), "", &mut paths);
    paths
}

fn sources(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("src")
}

/// Adds what one file makes public; `below` is where the files of its modules are.
fn collect(file: &Path, below: &Path, prefix: &str, paths: &mut BTreeSet<String>) {
    let text = fs::read_to_string(file).expect("a source file of the workspace");
    let mut inside = prefix.to_owned();
    let (mut hidden, mut exported) = (false, false);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut item = line.trim().to_owned();
        if item.starts_with("#[doc(hidden)]") || item.starts_with("#[cfg(all(doctest") {
            hidden = true;
        } else if item.starts_with("#[macro_export]") {
            exported = true;
        }
        if line == "}" {
            prefix.clone_into(&mut inside);
        }
        while item.starts_with("pub use") && !item.ends_with(';') {
            item.push_str(lines.next().expect("a `pub use` has an end").trim());
        }
        if item.is_empty() || item.starts_with('#') || item.starts_with("//") {
            continue;
        }
        if hidden {
            hidden = false;
        } else if let Some(list) = item.strip_prefix("pub use ") {
            paths.extend(used(list.trim_end_matches(';')).map(|name| format!("{inside}{name}")));
        } else if let Some(module) = item.strip_prefix("pub mod ") {
            let name = module.trim_end_matches([';', ' ', '{']);
            paths.insert(format!("{inside}{name}"));
            if module.ends_with('{') {
                inside = format!("{prefix}{name}::");
            } else {
                collect_module(below, name, &format!("{prefix}{name}::"), paths);
            }
        } else if line.starts_with("pub ") {
            paths.extend(declared(&item).map(|name| format!("{inside}{name}")));
        } else if let Some(name) = item.strip_prefix("macro_rules! ").filter(|_| exported) {
            paths.insert(format!("{inside}{}!", name.trim_end_matches([' ', '{'])));
            exported = false;
        }
    }
}

fn collect_module(below: &Path, name: &str, prefix: &str, paths: &mut BTreeSet<String>) {
    let folder = below.join(name);
    let file = below.join(format!("{name}.rs"));
    let file = if file.is_file() { file } else { folder.join("mod.rs") };
    collect(&file, &folder, prefix, paths);
}

/// The names that `a::{b, c as d}` brings in.
fn used(list: &str) -> impl Iterator<Item = String> {
    let names = list.split_once('{').map_or(list, |(_, names)| names.trim_end_matches('}'));
    let names: Vec<String> = names
        .split(',')
        .map(|name| name.rsplit(" as ").next().unwrap_or(name))
        .map(|name| name.rsplit("::").next().unwrap_or(name).trim().to_owned())
        .filter(|name| !name.is_empty() && name != "_")
        .collect();
    names.into_iter()
}

/// The name of a `pub` item, if the line declares one.
fn declared(item: &str) -> Option<String> {
    let mut words = item.split([' ', '(', '<', ':', ';', '{']).skip(1);
    let kind =
        words.find(|word| !["async", "unsafe", "const"].contains(word) || *word == "const")?;
    // `pub const fn` declares a function.
    let mut name = words.next()?;
    if kind == "const" && name == "fn" {
        name = words.next()?;
    }
    ITEMS.contains(&kind).then(|| name.to_owned())
}
