//! The byte formats of the embedded store: pure encoding and decoding of byte slices, no I/O.
//!
//! All numbers are little-endian; ids are in the byte order of RFC 9562. Every structure has a magic
//! number, a version and checksums (CRC-32C), its layout is drawn in `docs/format/eventlog.md`, and golden
//! bytes in the tests pin it. Decoding trusts nothing: sizes are bounded before anything is allocated, and
//! any change of a bit or loss of a byte is an error.

mod bloom;
pub(crate) mod bytes;
pub mod cold;
mod compress;
mod error;
pub mod frame;
mod index;
mod packed;
mod segment;
#[cfg(test)]
pub(crate) mod test_events;

pub use self::compress::{Compression, Scratch};
pub use self::error::FormatError;
pub use self::index::{IndexOf, IndexedFrame, SegmentIndex};
pub use self::segment::{Predecessor, SEGMENT_HEADER_BYTES, SegmentHeader};

/// What frames and headers are aligned to: the page of file systems and the sector of disks.
pub const BLOCK_BYTES: usize = 4_096;

/// CRC-32C (Castagnoli) of some bytes, as stored everywhere in these formats.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}
