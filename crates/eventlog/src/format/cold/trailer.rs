//! The end of a sealed segment, which says where everything is.

use sha2::{Digest, Sha256};

use steadfast_base::Timestamp;

use crate::event::Position;
use crate::format::bytes::{Reader, put};
use crate::format::segment::{micros, timestamp};
use crate::format::{FormatError, SEGMENT_HEADER_BYTES, checksum};
use crate::read::DamageKind;

/// The bytes of a trailer.
pub const COLD_TRAILER_BYTES: usize = 128;

const WHAT: &str = "sealed segment trailer";
const MAGIC: u32 = u32::from_le_bytes(*b"SFCT");
const CRC_AT: usize = COLD_TRAILER_BYTES - 4;

/// How the envelopes are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdLayout {
    /// One checksum for all of them: version 1, which is read and no longer written.
    Whole,
    /// A checksum for each part, so that each is read when it is needed: version 2.
    Parts,
}

impl ColdLayout {
    fn version(self) -> u16 {
        match self {
            Self::Whole => 1,
            Self::Parts => 2,
        }
    }
}

/// What a sealed segment says at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColdTrailer {
    /// How the envelopes are laid out.
    pub layout: ColdLayout,
    /// The log it belongs to.
    pub log_id: u64,
    /// The position of its first event.
    pub first: Position,
    /// How many events it holds.
    pub count: u32,
    /// The chain value of the last frame before sealing: what the next segment links to.
    pub chain: u32,
    /// Where the envelopes begin in the file.
    pub envelopes_offset: u64,
    /// How many bytes they have.
    pub envelopes_len: u32,
    /// The CRC-32C of their beginning, which has those of the parts; of all of them in version 1.
    pub envelopes_crc: u32,
    /// The earliest time of its events.
    pub earliest: Timestamp,
    /// The latest time of its events.
    pub latest: Timestamp,
    /// SHA-256 of all bytes before the trailer.
    pub sha256: [u8; 32],
}

impl ColdTrailer {
    /// The trailer as it is stored.
    pub fn encode(&self) -> [u8; COLD_TRAILER_BYTES] {
        let mut bytes = [0; COLD_TRAILER_BYTES];
        put(&mut bytes, 0, &MAGIC.to_le_bytes());
        put(&mut bytes, 4, &self.layout.version().to_le_bytes());
        put(&mut bytes, 8, &self.log_id.to_le_bytes());
        put(&mut bytes, 16, &self.first.get().to_le_bytes());
        put(&mut bytes, 24, &self.count.to_le_bytes());
        put(&mut bytes, 28, &self.chain.to_le_bytes());
        put(&mut bytes, 32, &self.envelopes_offset.to_le_bytes());
        put(&mut bytes, 40, &self.envelopes_len.to_le_bytes());
        put(&mut bytes, 44, &self.envelopes_crc.to_le_bytes());
        put(&mut bytes, 48, &micros(self.earliest).to_le_bytes());
        put(&mut bytes, 56, &micros(self.latest).to_le_bytes());
        put(&mut bytes, 64, &self.sha256);
        let crc = checksum(bytes.get(..CRC_AT).unwrap_or_default());
        put(&mut bytes, CRC_AT, &crc.to_le_bytes());
        bytes
    }

    /// Reads the trailer of a file from its last bytes.
    ///
    /// `file_bytes` is the length of the whole file; the trailer must fit it exactly.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if it is not whole and unchanged, of another version, or makes no sense.
    pub fn decode(end: &[u8], file_bytes: u64) -> Result<Self, FormatError> {
        let bytes = end.last_chunk::<COLD_TRAILER_BYTES>().ok_or(FormatError::truncated(WHAT))?;
        let (covered, stored) = bytes.split_at(CRC_AT);
        let mut reader = Reader::new(covered, WHAT);
        let (magic, version, zero) = (reader.u32()?, reader.u16()?, reader.u16()?);
        if stored != checksum(covered).to_le_bytes() {
            return Err(FormatError::checksum(WHAT));
        }
        if magic != MAGIC {
            return Err(FormatError::content(WHAT));
        }
        let layouts = [ColdLayout::Whole, ColdLayout::Parts];
        let layout = layouts.into_iter().find(|layout| layout.version() == version);
        let layout = layout.ok_or(FormatError::new(DamageKind::UnknownVersion, WHAT))?;
        let wrong = FormatError::content(WHAT);
        let log_id = reader.u64()?;
        let (first, count, chain) = (Position::new(reader.u64()?), reader.u32()?, reader.u32()?);
        let (envelopes_offset, envelopes_len) = (reader.u64()?, reader.u32()?);
        let envelopes_crc = reader.u32()?;
        let earliest = timestamp(i64::from_le_bytes(reader.array()?)).ok_or(wrong)?;
        let latest = timestamp(i64::from_le_bytes(reader.array()?)).ok_or(wrong)?;
        let sha256 = reader.array()?;
        let fits = [u64::from(envelopes_len), COLD_TRAILER_BYTES as u64]
            .into_iter()
            .try_fold(envelopes_offset, u64::checked_add);
        let sensible = zero == 0
            && crate::format::bytes::is_zero(reader.rest())
            && fits == Some(file_bytes)
            && envelopes_offset >= SEGMENT_HEADER_BYTES as u64
            && first > Position::ZERO
            && count > 0
            && first.get().checked_add(u64::from(count)).is_some()
            && earliest <= latest;
        if !sensible {
            return Err(wrong);
        }
        Ok(Self {
            layout,
            log_id,
            first,
            count,
            chain,
            envelopes_offset,
            envelopes_len,
            envelopes_crc,
            earliest,
            latest,
            sha256,
        })
    }

    /// The position behind the last event.
    pub fn end(&self) -> Position {
        self.first.plus(u64::from(self.count))
    }

    /// Whether a whole file is the one that was sealed, bit for bit.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if it is not.
    pub fn verify_file(&self, file: &[u8]) -> Result<(), FormatError> {
        let sealed = file.len().checked_sub(COLD_TRAILER_BYTES).and_then(|end| file.get(..end));
        let sealed = sealed.ok_or(FormatError::truncated(WHAT))?;
        if sha256(sealed) == self.sha256 { Ok(()) } else { Err(FormatError::checksum(WHAT)) }
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
