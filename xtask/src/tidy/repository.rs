//! Rules over files of any kind, and over what the repository as a whole contains.

use std::collections::BTreeSet;

use crate::tidy::Fault;
use crate::tidy::source::Source;
use crate::workspace::TextFile;

/// The license of every package.
const LICENSE: &str = "license = \"MIT OR Apache-2.0\"";

/// Starts of paths that exist on one machine only; split so that this file does not hold them.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/tm", "p/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("../sha", "red"),
];

/// Marks of unfinished work; split so that this file does not hold them.
const OPEN_ENDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Test binaries other than `tests/it`, each with the reason.
const OWN_TEST_BINARIES: &[(&str, &str)] = &[];

/// Nothing names a place outside the repository.
pub(super) fn machine_paths(file: &TextFile) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for path in MACHINE_PATHS {
            let at_start = line.match_indices(path).any(|(at, _)| {
                let before = line.get(..at).and_then(|start| start.chars().next_back());
                !before.is_some_and(|c| c.is_alphanumeric() || "._-/}".contains(c))
            });
            if at_start {
                let message = format!("`{path}..` is a path of one machine");
                faults.push(Fault::new(&file.path, index + 1, "machine-path", message));
            }
        }
    }
    faults
}

/// What is left open has the number of its issue.
pub(super) fn open_ends(file: &TextFile) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !is_code(&file.path) {
        return faults;
    }
    for (index, line) in file.text.lines().enumerate() {
        for mark in OPEN_ENDS {
            let Some((before, after)) = line.split_once(mark) else { continue };
            let letter = |c: char| c.is_alphanumeric() || c == '_';
            let is_word = !before.ends_with(letter) && !after.starts_with(letter);
            let number = after.trim_start_matches(['(', ' ']).strip_prefix('#');
            if is_word && !number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            {
                let message = format!("`{mark}` needs the number of an issue, as in `{mark}(#12)`");
                faults.push(Fault::new(&file.path, index + 1, "open-end", message));
            }
        }
    }
    faults
}

fn is_code(path: &str) -> bool {
    [".rs", ".toml", ".sh", ".yml", "/run"].iter().any(|end| path.ends_with(end))
}

/// The dual license: in the root manifest, as two files, and in the manifests of the side workspaces.
pub(super) fn licenses(files: &[TextFile], _sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for path in ["Cargo.toml", "bench/Cargo.toml", "fuzz/Cargo.toml"] {
        let Some(file) = files.iter().find(|file| file.path == path) else { continue };
        if !file.text.lines().any(|line| line.trim() == LICENSE) {
            faults.push(Fault::new(path, 1, "license", format!("no `{LICENSE}`")));
        }
    }
    faults
}

/// A crate has one integration test binary, `tests/it/main.rs`: linking many is slow.
pub(super) fn one_test_binary(files: &[TextFile], _sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        let Some((package, inside)) = file.path.split_once("/tests/") else { continue };
        let is_root = !package.contains("/src");
        let binary = match inside.split_once('/') {
            None => inside.strip_suffix(".rs"),
            Some((folder, "main.rs")) => Some(folder),
            Some(_) => None,
        };
        let Some(binary) = binary.filter(|&binary| is_root && binary != "it") else { continue };
        let excused = OWN_TEST_BINARIES.iter().any(|(path, _)| *path == file.path);
        if !excused && seen.insert((package, binary)) {
            let message =
                format!("`{binary}` is one more test binary: make it a module of tests/it");
            faults.push(Fault::new(&file.path, 1, "one-test-binary", message));
        }
    }
    faults
}
