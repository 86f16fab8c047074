//! The header of a segment file.
//!
//! ```text
//!    0  magic      u32   "SFSG"
//!    4  version    u16   1
//!    6  flags      u16   bit 0: sealed
//!    8  log id     u64   random, the same in every file of a log
//!   16  generation u32   rises each time the space is used again
//!   20  epoch      u32   of the writer that made the file
//!   24  first      u64   position of the first event
//!   32  predecessor first u64, end u64 (position after its last event), chain u32
//!   52  zero       u32
//!   56  created    i64   microseconds since 1970
//!   64  zeros
//! 4092  CRC-32C    u32   of the 4,092 bytes before
//! ```

#[cfg(test)]
mod tests;

use steadfast_base::Timestamp;

use super::bytes::{Reader, is_zero, put};
use super::{BLOCK_BYTES, FormatError, checksum};
use crate::event::Position;
use crate::read::DamageKind;

/// The bytes of a segment header.
pub const SEGMENT_HEADER_BYTES: usize = BLOCK_BYTES;

const WHAT: &str = "segment header";
const MAGIC: u32 = u32::from_le_bytes(*b"SFSG");
const VERSION: u16 = 1;
const SEALED: u16 = 1;
const CRC_AT: usize = SEGMENT_HEADER_BYTES - 4;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Whether the file is in the sealed form.
    pub sealed: bool,
    /// The log it belongs to.
    pub log_id: u64,
    /// How often its space had been used before.
    pub generation: u32,
    /// The epoch of the writer that made it.
    pub epoch: u32,
    /// The position of its first event.
    pub first: Position,
    /// The segment before; `None` for the first of a log.
    pub predecessor: Option<Predecessor>,
    /// When it was made.
    pub created: Timestamp,
}

/// The link of a segment to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// The position of its first event.
    pub first: Position,
    /// The position behind its last event.
    pub end: Position,
    /// The chain value of its last frame.
    pub chain: u32,
}

impl SegmentHeader {
    /// The header as it is stored.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let flags = if self.sealed { SEALED } else { 0 };
        put(&mut bytes, 0, &MAGIC.to_le_bytes());
        put(&mut bytes, 4, &VERSION.to_le_bytes());
        put(&mut bytes, 6, &flags.to_le_bytes());
        put(&mut bytes, 8, &self.log_id.to_le_bytes());
        put(&mut bytes, 16, &self.generation.to_le_bytes());
        put(&mut bytes, 20, &self.epoch.to_le_bytes());
        put(&mut bytes, 24, &self.first.get().to_le_bytes());
        if let Some(predecessor) = self.predecessor {
            put(&mut bytes, 32, &predecessor.first.get().to_le_bytes());
            put(&mut bytes, 40, &predecessor.end.get().to_le_bytes());
            put(&mut bytes, 48, &predecessor.chain.to_le_bytes());
        }
        put(&mut bytes, 56, &micros(self.created).to_le_bytes());
        let crc = checksum(bytes.get(..CRC_AT).unwrap_or_default());
        put(&mut bytes, CRC_AT, &crc.to_le_bytes());
        bytes
    }

    /// Reads a header from the beginning of a file.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if it is not whole and unchanged, or of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let bytes = bytes.get(..SEGMENT_HEADER_BYTES).ok_or(FormatError::truncated(WHAT))?;
        let (covered, stored) = bytes.split_at(CRC_AT);
        let mut reader = Reader::new(covered, WHAT);
        let (magic, version) = (reader.u32()?, reader.u16()?);
        if stored != checksum(covered).to_le_bytes() {
            return Err(FormatError::checksum(WHAT));
        }
        if magic != MAGIC {
            return Err(FormatError::content(WHAT));
        }
        if version != VERSION {
            return Err(FormatError::new(DamageKind::UnknownVersion, WHAT));
        }
        let flags = reader.u16()?;
        let (log_id, generation, epoch) = (reader.u64()?, reader.u32()?, reader.u32()?);
        let first = Position::new(reader.u64()?);
        let predecessor = Predecessor {
            first: Position::new(reader.u64()?),
            end: Position::new(reader.u64()?),
            chain: reader.u32()?,
        };
        let zero = reader.u32()?;
        let created = timestamp(i64::from_le_bytes(reader.array()?));
        let created = created.ok_or(FormatError::content(WHAT))?;
        let is_first = predecessor.first == Position::ZERO;
        let linked = if is_first {
            predecessor.end == Position::ZERO && predecessor.chain == 0
        } else {
            predecessor.first < predecessor.end && predecessor.end <= first
        };
        let sensible = linked && first > Position::ZERO && flags & !SEALED == 0 && zero == 0;
        if !sensible || !is_zero(reader.rest()) {
            return Err(FormatError::content(WHAT));
        }
        Ok(Self {
            sealed: flags & SEALED != 0,
            log_id,
            generation,
            epoch,
            first,
            predecessor: (!is_first).then_some(predecessor),
            created,
        })
    }

    /// The chain value that the first frame of the segment links to.
    pub fn chain(&self) -> u32 {
        let bytes = self.encode();
        checksum(bytes.get(..CRC_AT).unwrap_or_default())
    }
}

/// Microseconds since 1970; a [`Timestamp`] never has more than an `i64` holds.
pub(crate) fn micros(at: Timestamp) -> i64 {
    i64::try_from(at.as_unix_nanos() / 1_000).unwrap_or(i64::MAX)
}

/// The moment this many microseconds after 1970, if a [`Timestamp`] can hold it.
pub(crate) fn timestamp(micros: i64) -> Option<Timestamp> {
    u64::try_from(micros).ok()?.checked_mul(1_000).map(Timestamp::from_unix_nanos)
}
