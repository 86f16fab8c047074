//! Rules over Rust files: their opening, their length, words that are banned, unsafe code.

use crate::tidy::Fault;
use crate::tidy::source::Source;
use crate::workspace::TextFile;

/// Lines of a file at most; past this it holds more than one idea.
const FILE_LINES_MAX: usize = 600;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// What must not stand in code, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("#[ignore", "a test that does not run proves nothing: fix it or delete it"),
    ("#[should_panic", "catch the panic and look at it"),
    ("#[allow(", "use #[expect(lint, reason = \"..\")]"),
    ("#![allow(", "use #![expect(lint, reason = \"..\")]"),
    ("todo!(", "finish it or leave it out"),
    ("unimplemented!(", "finish it or leave it out"),
    ("assert!(true", "this can never fail"),
];

/// Every file opens with a `//!` line that says what it is.
pub(super) fn module_doc(source: &Source) -> Vec<Fault> {
    let first = source.text.lines().next().unwrap_or_default();
    if first.strip_prefix("//!").is_some_and(|doc| !doc.trim().is_empty()) {
        return Vec::new();
    }
    vec![Fault::new(&source.path, 1, "module-doc", "the file must open with a `//!` line")]
}

/// Files stay short.
pub(super) fn file_length(source: &Source) -> Vec<Fault> {
    length_fault(source, LONG_FILES)
}

pub(super) fn length_fault(source: &Source, exceptions: &[(&str, &str)]) -> Vec<Fault> {
    let lines = source.text.lines().count();
    if lines <= FILE_LINES_MAX || exceptions.iter().any(|(path, _)| *path == source.path) {
        return Vec::new();
    }
    let message = format!("{lines} lines, {FILE_LINES_MAX} at most: split it by idea");
    vec![Fault::new(&source.path, FILE_LINES_MAX + 1, "file-length", message)]
}

/// Words that a finished project does not contain.
pub(super) fn banned_words(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, line) in source.code.lines().enumerate() {
        for (word, instead) in BANNED {
            if line.contains(word) {
                let message = format!("`{word}`: {instead}");
                faults.push(Fault::new(&source.path, index + 1, "banned-word", message));
            }
        }
    }
    faults
}

/// What examples may import whole, as programs do; clippy lets a prelude pass, too.
const PRELUDE: &str = "use steadfast::prelude::*;";

/// `use x::*` hides where a name comes from; tests may.
pub(super) fn glob_imports(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut in_use = false;
    for (index, line) in source.code.lines().enumerate() {
        let trimmed = line.trim_start();
        in_use |= ["use ", "pub use ", "pub(crate) use ", "pub(super) use "]
            .iter()
            .any(|start| trimmed.starts_with(start));
        let shown = source.path.starts_with("examples/") && trimmed == PRELUDE;
        if in_use && line.contains("::*") && !shown && !source.is_test(index) {
            let message = "glob import: name what is used";
            faults.push(Fault::new(&source.path, index + 1, "glob-import", message));
        }
        in_use &= !line.contains(';');
    }
    faults
}

/// `#![forbid(unsafe_code)]` in every crate without a module that is allowed unsafe code.
pub(super) fn forbids_unsafe(_files: &[TextFile], sources: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for root in sources.iter().filter(|source| is_crate_root(&source.path)) {
        let folder = root.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let excused = sources
            .iter()
            .filter(|source| source.path.starts_with(&format!("{folder}/")))
            .any(|source| source.code.contains("expect(unsafe_code"));
        if !excused && !root.code.contains("#![forbid(unsafe_code)]") {
            let message = "no `#![forbid(unsafe_code)]`, and no module that expects unsafe code";
            faults.push(Fault::new(&root.path, 1, "forbid-unsafe", message));
        }
    }
    faults
}

fn is_crate_root(path: &str) -> bool {
    let root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    let ours = ["crates/", "examples/", "integration/", "xtask/"];
    root && ours.iter().any(|start| path.starts_with(start))
}
