//! The payload blocks of a sealed segment: where each one is, and how it is read.

use std::fmt;

use bytes::Bytes;
use zstd::dict::DecoderDictionary;

use super::head::{Sections, WHAT, WRONG};
use super::{ColdTrailer, Column};
use crate::format::bytes::{narrow, widen};
use crate::format::compress::decompress_exactly;
use crate::format::frame::FRAME_BYTES_MAX;
use crate::format::{FormatError, SEGMENT_HEADER_BYTES, checksum};

/// Where a payload block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColdBlock {
    /// Its number.
    pub number: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// How many bytes are stored.
    pub stored: u32,
    /// How many bytes it has before compression; as many as stored if it is not compressed.
    pub raw: u32,
    crc: u32,
}

/// The part that says where the payloads are.
pub struct ColdBlocks {
    rows: Column,
    offsets: Column,
    raw: Column,
    crcs: Bytes,
    dictionary: Option<DecoderDictionary<'static>>,
    /// The row behind the last one.
    end: u32,
}

impl ColdBlocks {
    pub(super) fn take(mut sections: Sections, trailer: &ColdTrailer) -> Result<Self, FormatError> {
        let dictionary = sections.bytes()?;
        let (rows, offsets, raw) = (sections.numbers()?, sections.numbers()?, sections.numbers()?);
        let crcs = sections.bytes()?;
        let blocks = rows.len();
        let fits = blocks > 0
            && offsets.len() == blocks.saturating_add(1)
            && raw.len() == blocks
            && Some(crcs.len()) == blocks.checked_mul(4)
            && offsets.get(0) == Some(SEGMENT_HEADER_BYTES as u64)
            && offsets.get(blocks) == Some(trailer.envelopes_offset);
        let dictionary = (!dictionary.is_empty()).then(|| DecoderDictionary::copy(&dictionary));
        let end = trailer.count;
        if fits { Ok(Self { rows, offsets, raw, crcs, dictionary, end }) } else { Err(WRONG) }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        narrow(self.rows.len())
    }

    /// Where one is.
    pub fn get(&self, number: u32) -> Option<ColdBlock> {
        let index = widen(number);
        let offset = self.offsets.get(index)?;
        let end = self.offsets.get(index.checked_add(1)?)?;
        let crc = self.crcs.as_chunks::<4>().0.get(index)?;
        let stored = u32::try_from(end.checked_sub(offset)?).ok()?;
        let raw = u32::try_from(self.raw.get(index)?).ok()?;
        let bounded = widen(raw) <= FRAME_BYTES_MAX && stored <= raw;
        let crc = u32::from_le_bytes(*crc);
        bounded.then_some(ColdBlock { number, offset, stored, raw, crc })
    }

    /// The number of the one that holds the payload of a row.
    pub fn number_of(&self, row: u32) -> Option<u32> {
        let after = self.rows.count_up_to(u64::from(row));
        u32::try_from(after.checked_sub(1)?).ok()
    }

    /// The rows whose payloads it holds.
    pub fn rows(&self, number: u32) -> std::ops::Range<u32> {
        let row = |index: usize| self.rows.get(index).and_then(|row| u32::try_from(row).ok());
        let start = row(widen(number)).unwrap_or(self.end);
        let end = row(widen(number).saturating_add(1)).unwrap_or(self.end);
        start..end.min(self.end)
    }

    /// The payloads of a block back to back, from the bytes that are stored for it.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if they are not whole and unchanged.
    pub fn decode(&self, block: &ColdBlock, stored: Bytes) -> Result<Bytes, FormatError> {
        check(block, &stored)?;
        if block.stored == block.raw {
            return Ok(stored);
        }
        let mut raw = vec![0; widen(block.raw)];
        self.decompress(&stored, &mut raw)?;
        Ok(raw.into())
    }

    /// The same into memory that is there: exactly as much as the block has before compression.
    pub(crate) fn decode_into(
        &self,
        block: &ColdBlock,
        stored: &[u8],
        raw: &mut [u8],
    ) -> Result<(), FormatError> {
        if raw.len() != widen(block.raw) {
            return Err(FormatError::truncated(WHAT));
        }
        check(block, stored)?;
        if block.stored == block.raw {
            raw.copy_from_slice(stored);
            return Ok(());
        }
        self.decompress(stored, raw)
    }

    fn decompress(&self, stored: &[u8], raw: &mut [u8]) -> Result<(), FormatError> {
        let done = decompress_exactly(stored, raw, self.dictionary.as_ref());
        if done { Ok(()) } else { Err(WRONG) }
    }
}

fn check(block: &ColdBlock, stored: &[u8]) -> Result<(), FormatError> {
    if stored.len() != widen(block.stored) {
        return Err(FormatError::truncated(WHAT));
    }
    if checksum(stored) == block.crc { Ok(()) } else { Err(FormatError::checksum(WHAT)) }
}

impl fmt::Debug for ColdBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColdBlocks").field("count", &self.count()).finish_non_exhaustive()
    }
}
