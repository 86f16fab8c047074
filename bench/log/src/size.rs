//! Bytes on the disk.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use anyhow::Result;

/// What a file, or everything in a directory, has allocated.
pub fn allocated(path: &Path) -> Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.blocks() * 512);
    }
    fs::read_dir(path)?.map(|entry| allocated(&entry?.path())).sum()
}
