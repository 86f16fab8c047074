//! The tools that the steps need: which, at which version, and how they come here.
//!
//! A pinned cargo tool that is missing or of another version is built from the registry into a
//! folder of its own below `CARGO_HOME`, so that it outlives a clone and disturbs no other.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::Cmd;
use crate::workspace::Workspace;

/// A cargo tool at one exact version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The package in the registry.
    package: &'static str,
    version: &'static str,
    /// What to start, and how it is asked for its version.
    binary: &'static str,
    ask: &'static [&'static str],
}

pub(crate) const NEXTEST: Tool = Tool {
    package: "cargo-nextest",
    version: "0.9.143",
    binary: "cargo-nextest",
    ask: &["nextest", "--version"],
};
pub(crate) const DENY: Tool =
    Tool { package: "cargo-deny", version: "0.20.2", binary: "cargo-deny", ask: &["--version"] };
pub(crate) const HACK: Tool = Tool {
    package: "cargo-hack",
    version: "0.6.46",
    binary: "cargo-hack",
    ask: &["hack", "--version"],
};
pub(crate) const MACHETE: Tool = Tool {
    package: "cargo-machete",
    version: "0.9.2",
    binary: "cargo-machete",
    ask: &["--version"],
};
pub(crate) const TYPOS: Tool =
    Tool { package: "typos-cli", version: "1.52.0", binary: "typos", ask: &["--version"] };
pub(crate) const FUZZ: Tool =
    Tool { package: "cargo-fuzz", version: "0.13.2", binary: "cargo-fuzz", ask: &["--version"] };

/// All cargo tools.
const TOOLS: &[Tool] = &[NEXTEST, DENY, HACK, MACHETE, TYPOS, FUZZ];

/// What a step cannot run without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A cargo tool from the registry.
    Cargo(Tool),
    /// A program, and the Debian package that has it.
    Debian(&'static str, &'static str),
}

pub(crate) const CC: Need = Need::Debian("cc", "gcc");
pub(crate) const CXX: Need = Need::Debian("c++", "g++");
pub(crate) const VALGRIND: Need = Need::Debian("valgrind", "valgrind");

/// Makes all of this available, or says in one line what to type and stops.
pub(crate) fn ensure(workspace: &Workspace, needs: &[Need]) -> Result<()> {
    let mut packages = Vec::new();
    for need in needs {
        if let Need::Debian(program, package) = need
            && !on_path(program)
            && !packages.contains(package)
        {
            packages.push(*package);
        }
    }
    install_debian(workspace, &packages)?;
    for need in needs {
        let Need::Cargo(tool) = need else { continue };
        let root = tool.root()?;
        let own = root.join("bin").join(tool.binary);
        if !tool.answers(&own) && !tool.answers(Path::new(tool.binary)) {
            tool.install(workspace, &root)?;
        }
    }
    Ok(())
}

/// The search path of our commands: the folders of the pinned tools come first.
pub(crate) fn search_path() -> Result<String> {
    let own = TOOLS.iter().map(|tool| Ok(tool.root()?.join("bin")));
    let mut folders = own.collect::<Result<Vec<PathBuf>>>()?;
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let path = env::join_paths(folders).context("a folder on PATH contains a separator")?;
    Ok(path.to_string_lossy().into_owned())
}

impl Tool {
    /// Whether this program is the tool at the pinned version.
    fn answers(&self, program: &Path) -> bool {
        let output = Command::new(program).args(self.ask).stdin(Stdio::null()).output();
        output.is_ok_and(|output| {
            output.status.success()
                && names_version(&String::from_utf8_lossy(&output.stdout), self.version)
        })
    }

    fn root(&self) -> Result<PathBuf> {
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
        let home = home.context("neither CARGO_HOME nor HOME is set")?;
        Ok(home.join("steadfast-tools").join(format!("{}-{}", self.package, self.version)))
    }

    /// Builds the tool; lightly optimized, since building takes longer than all its runs.
    fn install(&self, workspace: &Workspace, root: &Path) -> Result<()> {
        println!("==> installing {} {}, once", self.package, self.version);
        let install = Cmd::cargo(
            workspace,
            &["install", "--locked", "--version", self.version, self.package, "--root"],
        )
        .args([root.to_string_lossy()])
        .env("CARGO_TARGET_DIR", workspace.root().join("target/tools").to_string_lossy())
        .env("CARGO_PROFILE_RELEASE_LTO", "false")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
        println!("    $ {install}");
        install.run().with_context(|| {
            format!(
                "type this and start again: cargo install --locked --version {} {}",
                self.version, self.package
            )
        })
    }
}

/// Whether the version stands in the output as a word: `1.2.3` is not `11.2.3` or `1.2.34`.
fn names_version(output: &str, version: &str) -> bool {
    output.split_whitespace().any(|word| word.trim_start_matches('v') == version)
}

fn install_debian(workspace: &Workspace, missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get update && apt-get install -y {}", missing.join(" "));
    if !on_path("apt-get") || !is_root() {
        bail!("programs are missing; type this as root and start again: {line}");
    }
    println!("==> installing {}, once", missing.join(" "));
    Cmd::new(workspace, "apt-get", &["update"]).run()?;
    Cmd::new(workspace, "apt-get", &["install", "-y", "--no-install-recommends"])
        .args(missing.iter().copied())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
        .with_context(|| format!("type this as root and start again: {line}"))
}

/// Whether a program of that name is on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::names_version;

    #[test]
    fn only_the_exact_version_counts() {
        assert!(names_version("cargo-deny 0.20.2\n", "0.20.2"));
        assert!(names_version(
            "cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\nrelease: 0.9.143",
            "0.9.143"
        ));
        assert!(names_version("tool v1.2.3", "1.2.3"));
        for other in ["cargo-deny 0.20.20", "cargo-deny 10.20.2", "0.20.2-rc.1", ""] {
            assert!(!names_version(other, "0.20.2"), "{other}");
        }
    }
}
