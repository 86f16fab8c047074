//! `cargo xtask tidy`: the house rules that no compiler knows.
//!
//! Each rule is a pure function over one file or over all of them; `tests.rs` has its table.

mod docs;
mod imports;
mod invariants;
mod manifests;
mod repository;
mod rust;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;

use anyhow::{Result, bail};

use crate::layers;
use crate::tidy::source::Source;
use crate::workspace::{TextFile, Workspace};

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    path: String,
    line: usize,
    rule: &'static str,
    message: String,
}

impl Fault {
    /// `line` counts from 1.
    fn new(path: &str, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} [{}]", self.path, self.line, self.message, self.rule)
    }
}

/// Rules over one Rust file.
const RUST_RULES: &[fn(&Source) -> Vec<Fault>] = &[
    rust::module_doc,
    rust::file_length,
    rust::banned_words,
    rust::glob_imports,
    imports::import_groups,
    docs::cancel_safety,
];

/// Rules over one text file of any kind.
const TEXT_RULES: &[fn(&TextFile) -> Vec<Fault>] =
    &[repository::machine_paths, repository::open_ends];

/// Rules over one `Cargo.toml` of a member.
const MANIFEST_RULES: &[fn(&TextFile) -> Vec<Fault>] =
    &[manifests::inherits, manifests::versions, manifests::package_name];

type RepositoryRule = fn(&[TextFile], &[Source]) -> Vec<Fault>;

/// Rules that need every file.
const REPOSITORY_RULES: &[RepositoryRule] =
    &[rust::forbids_unsafe, repository::licenses, repository::one_test_binary, invariants::paired];

/// Checks the repository; the answer is one line of summary.
pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let files = workspace.text_files()?;
    let mut faults = faults(&files);
    if !layers::markdown_is_current(workspace)? {
        let message = "the table of layers is old: run `cargo xtask layers --md`";
        faults.push(Fault::new(layers::ARCHITECTURE, 1, "layers-table", message));
    }
    if faults.is_empty() {
        return Ok(format!("{} files, no fault", files.len()));
    }
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    bail!("{} faults\n{}", lines.len(), lines.join("\n"))
}

/// Every fault of every rule, sorted by place.
fn faults(files: &[TextFile]) -> Vec<Fault> {
    let sources: Vec<Source> =
        files.iter().filter(|file| has_extension(file, "rs")).map(Source::new).collect();
    let mut faults = Vec::new();
    for source in &sources {
        faults.extend(RUST_RULES.iter().flat_map(|rule| rule(source)));
    }
    for file in files {
        faults.extend(TEXT_RULES.iter().flat_map(|rule| rule(file)));
        if manifests::is_member(&file.path) {
            faults.extend(MANIFEST_RULES.iter().flat_map(|rule| rule(file)));
        }
    }
    faults.extend(REPOSITORY_RULES.iter().flat_map(|rule| rule(files, &sources)));
    faults.sort();
    faults
}

fn has_extension(file: &TextFile, extension: &str) -> bool {
    file.path.rsplit_once('.').is_some_and(|(_, end)| end == extension)
}
