//! What must not be there: invariants of ARCHITECTURE.md that a look at the sources proves.

use std::fs;
use std::path::{Path, PathBuf};

/// The lines of code below a folder or file of `crates/`, without comments and tests, each with its place.
fn code(relative: &str) -> Vec<(String, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates").join(relative);
    let mut lines = Vec::new();
    collect(&path, &mut lines);
    assert!(!lines.is_empty(), "{relative} has no code");
    lines
}

fn collect(path: &Path, lines: &mut Vec<(String, String)>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name == "tests" || name.ends_with("tests.rs") {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a readable folder") {
            collect(&entry.expect("a readable entry").path(), lines);
        }
        return;
    }
    let text = fs::read_to_string(path).expect("a source file");
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        // Inline tests stand at the end of a file.
        if line.starts_with("mod tests {") {
            break;
        }
        if !line.starts_with("//") {
            lines.push((format!("{}:{}", path.display(), index + 1), line.to_owned()));
        }
    }
}

/// The places where a line of code contains one of the words.
fn places(relative: &str, words: &[&str]) -> Vec<String> {
    let found = |line: &str| words.iter().any(|word| line.contains(word));
    code(relative).into_iter().filter(|(_, line)| found(line)).map(|(place, _)| place).collect()
}

#[test]
fn a_panic_of_an_actor_is_caught_at_one_place() {
    let places = places("actor-core/src", &["catch_unwind("]);
    assert_eq!(places.len(), 1, "{places:?}");
    assert!(places[0].contains("/cell/"), "{places:?}");
}

#[test]
fn the_core_of_the_breaker_reads_no_clock_and_waits_for_nothing() {
    for folder in ["breaker/src/machine", "breaker/src/window"] {
        let places = places(folder, &[".now()", "async ", ".await", "Mutex", "RwLock", "Stream"]);
        assert!(places.is_empty(), "{places:?}");
    }
}

#[test]
fn the_core_of_supervision_reads_no_clock_and_waits_for_nothing() {
    for part in
        ["supervision/src/machine", "supervision/src/strategy.rs", "supervision/src/budget.rs"]
    {
        let places = places(part, &[".now()", "async ", ".await", "Mutex", "RwLock"]);
        assert!(places.is_empty(), "{places:?}");
    }
}

#[test]
fn handles_and_mailboxes_are_never_serialized() {
    for part in ["actor_ref.rs", "handle.rs", "recipient.rs", "mailbox", "slot"] {
        let places = places(&format!("actor-core/src/{part}"), &["Serialize"]);
        assert!(places.is_empty(), "{places:?}");
    }
}

#[test]
fn library_code_names_no_clock_and_no_entropy_of_the_machine() {
    let words =
        ["Instant::now(", "SystemTime::now(", "tokio::time::", "thread::sleep", "rand::rng"];
    for crate_name in ["actor-core", "breaker", "supervision", "facade"] {
        let places = places(&format!("{crate_name}/src"), &words);
        assert!(places.is_empty(), "{places:?}");
    }
}
