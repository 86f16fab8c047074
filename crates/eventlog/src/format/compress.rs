//! Compression of blocks, with contexts that are kept and sizes that are never believed.

use std::fmt;

use super::FormatError;

/// Blocks below this many bytes stay as they are: there is too little in them to gain.
pub(crate) const COMPRESS_FROM_BYTES: usize = 1_024;

/// The level for frames on their way to the disk: the fastest that still halves text.
const FRAME_LEVEL: i32 = -1;

/// Whether the blocks of a frame are compressed on the way to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Never: sealing does it later.
    #[default]
    None,
    /// zstd at level -1, for blocks of at least 1 KiB that become smaller.
    Zstd,
}

/// A compression context that is used again and again.
pub(crate) struct BlockCompressor {
    context: zstd::bulk::Compressor<'static>,
}

impl BlockCompressor {
    /// `None` if the library has no memory left.
    pub(crate) fn for_frames() -> Option<Self> {
        zstd::bulk::Compressor::new(FRAME_LEVEL).ok().map(|context| Self { context })
    }

    /// Appends the compressed block to `out` and says true, or leaves `out` alone if that gains nothing.
    pub(crate) fn compress(&mut self, block: &[u8], out: &mut Vec<u8>) -> bool {
        if block.len() < COMPRESS_FROM_BYTES {
            return false;
        }
        let start = out.len();
        match self.context.compress(block) {
            Ok(compressed) if compressed.len() < block.len() => {
                out.extend_from_slice(&compressed);
                true
            }
            _ => {
                out.truncate(start);
                false
            }
        }
    }
}

impl fmt::Debug for BlockCompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockCompressor").finish_non_exhaustive()
    }
}

/// Buffers and a context for reading blocks; kept from frame to frame, so that scans do not allocate.
#[derive(Default)]
pub struct Scratch {
    context: Option<zstd::bulk::Decompressor<'static>>,
    pub(crate) meta: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills the buffer of the columns with what `stored` decompresses to: exactly `raw` bytes.
    pub(crate) fn decompress_meta(
        &mut self,
        stored: &[u8],
        raw: usize,
        what: &'static str,
    ) -> Result<(), FormatError> {
        let Self { context, meta, .. } = self;
        decompress(context, stored, raw, meta, what)
    }

    /// Fills the buffer of the payloads with what `stored` decompresses to: exactly `raw` bytes.
    pub(crate) fn decompress_payload(
        &mut self,
        stored: &[u8],
        raw: usize,
        what: &'static str,
    ) -> Result<(), FormatError> {
        let Self { context, payload, .. } = self;
        decompress(context, stored, raw, payload, what)
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Fills `out` with exactly `raw` bytes; the caller has bounded `raw`.
fn decompress(
    context: &mut Option<zstd::bulk::Decompressor<'static>>,
    stored: &[u8],
    raw: usize,
    out: &mut Vec<u8>,
    what: &'static str,
) -> Result<(), FormatError> {
    if context.is_none() {
        *context = zstd::bulk::Decompressor::new().ok();
    }
    let context = context.as_mut().ok_or(FormatError::content(what))?;
    out.clear();
    out.resize(raw, 0);
    match context.decompress_to_buffer(stored, out.as_mut_slice()) {
        Ok(written) if written == raw => Ok(()),
        _ => Err(FormatError::content(what)),
    }
}
