//! `cargo xtask fuzz-smoke`: every fuzz target for a bounded time, on the pinned compiler.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::Cmd;
use crate::runner::{Step, run_all};
use crate::tools::{self, Need};
use crate::workspace::Workspace;

/// Long enough to find a shallow fault, short enough for every change.
pub(crate) const SECONDS_PER_TARGET: u32 = 60;
/// Time to build one target, on top of its run.
const BUILD_LIMIT: Duration = Duration::from_mins(15);

/// Runs all targets of `fuzz/`, starting from the committed corpora.
pub(crate) fn smoke(workspace: &Workspace, seconds: u32) -> Result<ExitCode> {
    let path = tools::search_path()?;
    let targets = targets(&workspace.read("fuzz/Cargo.toml")?);
    anyhow::ensure!(!targets.is_empty(), "fuzz/Cargo.toml names no target");
    let steps: Vec<Step> = targets
        .iter()
        .map(|target| {
            // New inputs go to the first folder; the committed corpus is only read.
            let found = format!("fuzz/target/found/{target}");
            let corpus = format!("fuzz/corpus/{target}");
            std::fs::create_dir_all(workspace.root().join(&found))
                .with_context(|| format!("cannot create {found}"))?;
            let mut args = vec!["fuzz", "run", target, &found];
            if workspace.has(&corpus) {
                args.push(&corpus);
            }
            let time = format!("-max_total_time={seconds}");
            args.extend(["--", &time, "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
            // Sanitizer coverage needs unstable options; the pinned compiler takes them this way,
            // so no second toolchain is needed.
            let command = Cmd::cargo(workspace, &args)
                .env("PATH", path.clone())
                .env("RUSTC_BOOTSTRAP", "1")
                .limit(BUILD_LIMIT + Duration::from_secs(seconds.into()));
            Ok(Step::commands(target.clone(), vec![command])
                .needing(tools::CXX)
                .needing(Need::Cargo(tools::FUZZ)))
        })
        .collect::<Result<_>>()?;
    run_all(workspace, &steps)
}

/// The names of the binaries in the manifest.
fn targets(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_binary = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_binary = line == "[[bin]]";
        } else if let Some(name) = line.strip_prefix("name = ").filter(|_| in_binary) {
            names.push(name.trim_matches('"').to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn the_binaries_of_the_manifest_are_the_targets() {
        let manifest = "[package]\nname = \"fuzz\"\n\n[[bin]]\nname = \"ids\"\npath = \"a.rs\"\n\n[[bin]]\nname = \"mailbox_ops\"\n\n[lib]\nname = \"bodies\"\n";
        assert_eq!(targets(manifest), ["ids", "mailbox_ops"]);
        assert!(targets("[package]\nname = \"fuzz\"\n").is_empty());
    }
}
