//! Samples in fresh processes: none inherits the heap or the threads that another left behind.

use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

/// Runs this program again with other arguments, and gives what it prints on standard output.
///
/// # Errors
///
/// What went wrong, in words.
pub fn run_self<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Result<String, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("the sample failed with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
