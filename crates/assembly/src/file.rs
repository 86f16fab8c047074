//! The configuration file: read, looked at again, never more than it may be.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::error::SetupError;
use crate::fault::ConfigError;
use crate::limits;

/// A file, and what it held at the last look.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    /// `None` before the first look, or if it could not be read at the last one.
    seen: Option<Vec<u8>>,
    /// The last refusal that was told.
    refused: Option<String>,
}

impl ConfigFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, seen: None, refused: None }
    }

    /// What the file holds, if that has changed since the last look.
    pub(crate) fn look(&mut self) -> Result<Option<Config>, SetupError> {
        let content = match read(&self.path) {
            Ok(content) => content,
            Err(error) => {
                self.seen = None;
                return Err(SetupError::File { path: self.path.clone(), error });
            }
        };
        if self.seen.as_ref() == Some(&content) {
            return Ok(None);
        }
        let parsed = parse(&content);
        self.seen = Some(content);
        Ok(Some(parsed?))
    }

    /// Whether a refusal is to be told: not the same one again.
    pub(crate) fn is_news(&mut self, refusal: Option<String>) -> bool {
        let news = refusal.is_some() && refusal != self.refused;
        self.refused = refusal;
        news
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let most = limits::CONFIG_BYTES_MAX;
    let mut content = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        let message = format!("configuration file is larger than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(content)
}

fn parse(content: &[u8]) -> Result<Config, ConfigError> {
    let text = std::str::from_utf8(content)
        .map_err(|error| ConfigError::not_understood(&format!("not text in UTF-8: {error}")))?;
    Config::from_toml(text)
}
