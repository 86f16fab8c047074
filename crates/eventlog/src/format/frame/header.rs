//! The 80 bytes in front of every frame.

use super::FRAME_BYTES_MAX;
use crate::event::Position;
use crate::format::bytes::{Reader, put, round_up, widen};
use crate::format::{BLOCK_BYTES, FormatError, checksum};
use crate::read::DamageKind;

/// The bytes of a frame header.
pub const FRAME_HEADER_BYTES: usize = 80;

/// What packed frames are aligned to: so little that it costs nothing, so much that a search is quick.
pub const PACKED_UNIT_BYTES: usize = 16;

/// The first four bytes of a frame, for finding the next one behind damage.
pub const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"SFFR");

const WHAT: &str = "frame header";
const VERSION: u8 = 1;
const CODEC_NONE: u8 = 0;
const CODEC_ZSTD: u8 = 1;
const META_COMPRESSED: u16 = 1;
const PAYLOAD_COMPRESSED: u16 = 1 << 1;
const MARK: u16 = 1 << 2;
const CLEAN_CLOSE: u16 = 1 << 3;
const PACKED: u16 = 1 << 4;
const FLAGS: u16 = META_COMPRESSED | PAYLOAD_COMPRESSED | MARK | CLEAN_CLOSE | PACKED;
const HEADER_CRC_AT: usize = 8;

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The log it belongs to.
    pub log_id: u64,
    /// The generation of its segment.
    pub generation: u32,
    /// The epoch of its writer.
    pub epoch: u32,
    /// The position of its first event; of a mark, the next position to be given.
    pub first: Position,
    /// How many events it holds; none if and only if it is there for something else.
    pub count: u32,
    /// The highest position known to be synced when it was written.
    pub durable: Position,
    /// The chain value of the frame before, or of the segment header.
    pub previous: u32,
    /// Microseconds from the earliest of its events to the latest; `u32::MAX` means that or more.
    pub time_span: u32,
    /// What it is there for.
    pub role: FrameRole,
    /// Whether the next frame may follow in the same block: nothing is synced between them.
    pub packed: bool,
    /// Whether the columns are compressed.
    pub meta_compressed: bool,
    /// Whether the payloads are compressed.
    pub payload_compressed: bool,
    /// Stored bytes of the columns.
    pub meta_len: u32,
    /// Bytes of the columns before compression.
    pub meta_raw: u32,
    /// Stored bytes of the payloads.
    pub payload_len: u32,
    /// Bytes of the payloads before compression.
    pub payload_raw: u32,
    /// CRC-32C of the stored blocks.
    pub body_crc: u32,
}

/// What a frame is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameRole {
    /// It holds events.
    Events,
    /// It says how far the log is durable.
    Mark,
    /// It is a mark, behind which the log was closed in order.
    CleanClose,
}

impl FrameHeader {
    /// The header as it is stored.
    pub fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        self.encode_with_chain().0
    }

    /// The header as it is stored, and the value by which the next frame links to it.
    pub(super) fn encode_with_chain(&self) -> ([u8; FRAME_HEADER_BYTES], u32) {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let compressed = self.meta_compressed || self.payload_compressed;
        put(&mut bytes, 0, &FRAME_MAGIC.to_le_bytes());
        put(&mut bytes, 4, &[VERSION, if compressed { CODEC_ZSTD } else { CODEC_NONE }]);
        put(&mut bytes, 6, &self.flags().to_le_bytes());
        put(&mut bytes, 12, &self.body_crc.to_le_bytes());
        put(&mut bytes, 16, &self.log_id.to_le_bytes());
        put(&mut bytes, 24, &self.generation.to_le_bytes());
        put(&mut bytes, 28, &self.epoch.to_le_bytes());
        put(&mut bytes, 32, &self.first.get().to_le_bytes());
        put(&mut bytes, 40, &self.count.to_le_bytes());
        put(&mut bytes, 44, &self.meta_len.to_le_bytes());
        put(&mut bytes, 48, &self.meta_raw.to_le_bytes());
        put(&mut bytes, 52, &self.payload_len.to_le_bytes());
        put(&mut bytes, 56, &self.payload_raw.to_le_bytes());
        put(&mut bytes, 64, &self.durable.get().to_le_bytes());
        put(&mut bytes, 72, &self.previous.to_le_bytes());
        put(&mut bytes, 76, &self.time_span.to_le_bytes());
        let crc = checksum(&bytes);
        put(&mut bytes, HEADER_CRC_AT, &crc.to_le_bytes());
        (bytes, crc)
    }

    fn flags(&self) -> u16 {
        [
            (self.meta_compressed, META_COMPRESSED),
            (self.payload_compressed, PAYLOAD_COMPRESSED),
            (self.role != FrameRole::Events, MARK),
            (self.role == FrameRole::CleanClose, CLEAN_CLOSE),
            (self.packed, PACKED),
        ]
        .into_iter()
        .fold(0, |flags, (set, flag)| if set { flags | flag } else { flags })
    }

    /// Reads a header; `Ok(None)` for zeros, which are space that was never written.
    ///
    /// The caller compares log id and generation: a header of an older use of the space is whole too.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if it is not whole and unchanged, of another version, or makes no sense.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, FormatError> {
        let bytes = bytes.first_chunk::<FRAME_HEADER_BYTES>();
        let bytes = bytes.ok_or(FormatError::truncated(WHAT))?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let mut reader = Reader::new(bytes, WHAT);
        let (magic, version, codec, flags) =
            (reader.u32()?, reader.u8()?, reader.u8()?, reader.u16()?);
        let header_crc = reader.u32()?;
        let mut cleared = *bytes;
        put(&mut cleared, HEADER_CRC_AT, &[0; 4]);
        if magic != FRAME_MAGIC || header_crc != checksum(&cleared) {
            return Err(FormatError::checksum(WHAT));
        }
        if version != VERSION {
            return Err(FormatError::new(DamageKind::UnknownVersion, WHAT));
        }
        let body_crc = reader.u32()?;
        let (log_id, generation, epoch) = (reader.u64()?, reader.u32()?, reader.u32()?);
        let (first, count) = (Position::new(reader.u64()?), reader.u32()?);
        let (meta_len, meta_raw) = (reader.u32()?, reader.u32()?);
        let (payload_len, payload_raw, zero) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let durable = Position::new(reader.u64()?);
        let (previous, time_span) = (reader.u32()?, reader.u32()?);
        let role = match flags & (MARK | CLEAN_CLOSE) {
            0 => FrameRole::Events,
            MARK => FrameRole::Mark,
            CLEAN_CLOSE => return Err(FormatError::content(WHAT)),
            _ => FrameRole::CleanClose,
        };
        let header = Self {
            log_id,
            generation,
            epoch,
            first,
            count,
            durable,
            previous,
            time_span,
            role,
            packed: flags & PACKED != 0,
            meta_compressed: flags & META_COMPRESSED != 0,
            payload_compressed: flags & PAYLOAD_COMPRESSED != 0,
            meta_len,
            meta_raw,
            payload_len,
            payload_raw,
            body_crc,
        };
        let compressed = header.meta_compressed || header.payload_compressed;
        let codec_fits = codec == if compressed { CODEC_ZSTD } else { CODEC_NONE };
        if flags & !FLAGS != 0 || zero != 0 || !codec_fits || !header.is_sensible() {
            return Err(FormatError::content(WHAT));
        }
        Ok(Some(header))
    }

    /// What must hold between the fields, before any length is used.
    fn is_sensible(&self) -> bool {
        let raw = widen(self.meta_raw)
            .saturating_add(widen(self.payload_raw))
            .saturating_add(FRAME_HEADER_BYTES);
        let fits = |compressed: bool, stored: u32, raw: u32| {
            if compressed { 0 < stored && stored < raw } else { stored == raw }
        };
        let last = self.first.get().checked_add(u64::from(self.count));
        raw <= FRAME_BYTES_MAX
            && fits(self.meta_compressed, self.meta_len, self.meta_raw)
            && fits(self.payload_compressed, self.payload_len, self.payload_raw)
            && self.first > Position::ZERO
            && last.is_some()
            && self.durable < self.first
            && (self.role == FrameRole::Events) == (self.count > 0)
            && !(self.packed && self.is_mark())
            && (self.count > 0 || (raw == FRAME_HEADER_BYTES && self.time_span == 0))
    }

    /// The value by which the next frame links to this one: the header's own checksum.
    pub fn chain(&self) -> u32 {
        self.encode_with_chain().1
    }

    /// Whether it holds no events: a mark, of a clean close or not.
    pub fn is_mark(&self) -> bool {
        self.role != FrameRole::Events
    }

    /// The position behind the last event; of a mark, its own.
    pub fn end(&self) -> Position {
        self.first.plus(u64::from(self.count))
    }

    /// Stored bytes of columns and payloads.
    pub fn body_bytes(&self) -> usize {
        widen(self.meta_len).saturating_add(widen(self.payload_len))
    }

    /// The bytes of the frame in the file, padding included: a multiple of 4,096, or of 16 if it is packed.
    pub fn frame_bytes(&self) -> usize {
        let unit = if self.packed { PACKED_UNIT_BYTES } else { BLOCK_BYTES };
        round_up(FRAME_HEADER_BYTES.saturating_add(self.body_bytes()), unit)
    }
}
