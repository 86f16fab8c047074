//! Pieces of what a run prints.

use std::fmt::Write as _;

/// Appends a line.
pub fn write_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes any text");
}

/// The version of `package` in the lock file.
pub fn locked_version(package: &str) -> Option<&'static str> {
    let lock = include_str!("../../Cargo.lock");
    let (_, entry) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    entry.split('"').next()
}

/// How many cores there are to use; 0 if nobody knows.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock_file() {
        assert!(locked_version("serde").is_some());
        assert_eq!(locked_version("no such package"), None);
    }
}
