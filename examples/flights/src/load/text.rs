//! The bytes of a file, unpacked, within a limit.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::error::{LoadError, LoadFault};

/// The real flights file holds 31 MB of text; sixteen times that is no such file any more.
const TEXT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Reads a plain file.
pub(super) fn plain(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source| LoadError::new(path, LoadFault::Unreadable(source));
    let file = File::open(path).map_err(unreadable)?;
    let mut text = Vec::new();
    file.take(TEXT_BYTES_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
    within_limit(path, text)
}

/// Reads and unpacks a gzip file to its very end, so that its checksum is verified before
/// anything is believed.
pub(super) fn gzip(path: &Path) -> Result<Vec<u8>, LoadError> {
    let file =
        File::open(path).map_err(|source| LoadError::new(path, LoadFault::Unreadable(source)))?;
    let mut text = Vec::new();
    let mut packed = MultiGzDecoder::new(BufReader::new(file)).take(TEXT_BYTES_MAX + 1);
    if let Err(source) = packed.read_to_end(&mut text) {
        let text_bytes = text.len() as u64;
        return Err(LoadError::new(path, LoadFault::Gzip { text_bytes, source }));
    }
    within_limit(path, text)
}

fn within_limit(path: &Path, text: Vec<u8>) -> Result<Vec<u8>, LoadError> {
    if text.len() as u64 > TEXT_BYTES_MAX {
        let fault = LoadFault::TooLarge { text_bytes_max: TEXT_BYTES_MAX };
        return Err(LoadError::new(path, fault));
    }
    Ok(text)
}
