//! Where the repository is and which text files it holds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that hold nothing written by hand.
const SKIPPED_FOLDERS: &[&str] = &["target", ".git", "artifacts", "corpus", "node_modules"];
/// Kinds of file that the checks read.
const TEXT_EXTENSIONS: &[&str] = &["rs", "toml", "md", "sh", "yml", "yaml", "html", "js", "css"];
/// Folders nest this deep at most; deeper is a loop of links.
const FOLDER_DEPTH_MAX: usize = 16;

/// The repository on disk.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

/// One text file: its path relative to the root with `/` between parts, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Workspace {
    /// The repository that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest_dir.parent().context("xtask has no parent folder")?.to_path_buf();
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn has(&self, relative: &str) -> bool {
        self.root.join(relative).exists()
    }

    pub(crate) fn read(&self, relative: &str) -> Result<String> {
        fs::read_to_string(self.root.join(relative))
            .with_context(|| format!("cannot read {relative}"))
    }

    pub(crate) fn write(&self, relative: &str, text: &str) -> Result<()> {
        fs::write(self.root.join(relative), text)
            .with_context(|| format!("cannot write {relative}"))
    }

    /// All text files of the repository, in the order of their paths.
    pub(crate) fn text_files(&self) -> Result<Vec<TextFile>> {
        let mut files = Vec::new();
        self.collect(&self.root, 0, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The names of the folders directly inside `relative`, sorted; empty if there are none.
    pub(crate) fn folders(&self, relative: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join(relative)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    fn collect(&self, folder: &Path, depth: usize, files: &mut Vec<TextFile>) -> Result<()> {
        anyhow::ensure!(depth <= FOLDER_DEPTH_MAX, "{} is nested too deep", folder.display());
        let entries =
            fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                    self.collect(&path, depth + 1, files)?;
                }
            } else if is_text(&path) {
                let relative = path.strip_prefix(&self.root)?.to_string_lossy().replace('\\', "/");
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("{relative} is not UTF-8 text"))?;
                files.push(TextFile { path: relative, text });
            }
        }
        Ok(())
    }
}

fn is_text(path: &Path) -> bool {
    let known = path
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| TEXT_EXTENSIONS.contains(&extension));
    known || path.ends_with(".ci/run")
}
