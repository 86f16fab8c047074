//! Compression of blocks, with contexts that are kept and sizes that are never believed.

use std::cell::RefCell;
use std::fmt;

use zstd::dict::DecoderDictionary;
use zstd::zstd_safe::DCtx;

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

/// A context for the payload blocks of one sealed segment.
pub(crate) struct ColdCompressor {
    context: Option<zstd::bulk::Compressor<'static>>,
}

impl ColdCompressor {
    /// A context with a dictionary, which may be empty.
    pub(crate) fn new(level: i32, dictionary: &[u8]) -> Self {
        Self { context: zstd::bulk::Compressor::with_dictionary(level, dictionary).ok() }
    }

    /// Appends a block, compressed if that makes it smaller.
    pub(crate) fn put_block(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        match self.context.as_mut().and_then(|context| context.compress(raw).ok()) {
            Some(compressed) if compressed.len() < raw.len() => out.extend_from_slice(&compressed),
            _ => out.extend_from_slice(raw),
        }
    }
}

/// The greatest dictionary (64 KiB): larger ones gain little.
const DICTIONARY_BYTES: usize = 64 << 10;

/// How much of a segment a dictionary is trained on: thirty times its size.
const SAMPLE_BYTES: usize = 2 << 20;

/// Below this many bytes a dictionary costs more than it gains.
const TRAIN_FROM_BYTES: usize = 256 << 10;

/// Trains a dictionary on some of `count` payloads of `total` bytes; empty if there is too little.
pub(crate) fn train<'a>(
    total: usize,
    count: usize,
    payload: impl Fn(usize) -> &'a [u8],
) -> Vec<u8> {
    if total < TRAIN_FROM_BYTES {
        return Vec::new();
    }
    let step = total.div_ceil(SAMPLE_BYTES).max(1);
    let (mut samples, mut sizes) = (Vec::new(), Vec::new());
    for index in (0..count).step_by(step) {
        let sample = payload(index);
        if samples.len().saturating_add(sample.len()) > SAMPLE_BYTES {
            break;
        }
        if !sample.is_empty() {
            samples.extend_from_slice(sample);
            sizes.push(sample.len());
        }
    }
    let size = DICTIONARY_BYTES.min(total / 64);
    zstd::dict::from_continuous(&samples, &sizes, size).unwrap_or_default()
}

/// Buffers for reading blocks; kept from frame to frame, so that scans do not allocate.
#[derive(Default)]
pub struct Scratch {
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
        decompress(stored, raw, &mut self.meta, what)
    }

    /// Fills the buffer of the payloads with what `stored` decompresses to: exactly `raw` bytes.
    pub(crate) fn decompress_payload(
        &mut self,
        stored: &[u8],
        raw: usize,
        what: &'static str,
    ) -> Result<(), FormatError> {
        decompress(stored, raw, &mut self.payload, what)
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Fills `out` with exactly `raw` bytes; the caller has bounded `raw`.
fn decompress(
    stored: &[u8],
    raw: usize,
    out: &mut Vec<u8>,
    what: &'static str,
) -> Result<(), FormatError> {
    out.clear();
    out.resize(raw, 0);
    if decompress_exactly(stored, out, None) { Ok(()) } else { Err(FormatError::content(what)) }
}

thread_local! {
    /// The context of this thread's decompressions. To make one costs two `cpuid`s, each of which leaves a
    /// virtual machine: as much as decompressing some blocks.
    static CONTEXT: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// Whether `stored` decompresses to as many bytes as `raw` has, which it then holds.
pub(crate) fn decompress_exactly(
    stored: &[u8],
    raw: &mut [u8],
    dictionary: Option<&DecoderDictionary<'_>>,
) -> bool {
    let written = CONTEXT.with_borrow_mut(|context| {
        if context.is_none() {
            *context = DCtx::try_create();
        }
        let context = context.as_mut()?;
        match dictionary {
            Some(dictionary) => {
                context.decompress_using_ddict(raw, stored, dictionary.as_ddict()).ok()
            }
            None => context.decompress(raw, stored).ok(),
        }
    });
    written == Some(raw.len())
}
