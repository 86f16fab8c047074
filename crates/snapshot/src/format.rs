//! The file of a snapshot: pure encoding and decoding of byte slices.
//!
//! ```text
//!   0 magic       u32  "SFSN"
//!   4 version     u16  1
//!   6 compression u8   0: none, 1: zstd
//!   7 zero        u8
//!   8 header      u32  bytes of the header, the names and metadata included
//!  12 CRC-32C     u32  of the header with this field zero
//!  16 seq         u64
//!  24 position    u64
//!  32 at          i64  microseconds since 1970
//!  40 event id    [16] nil: none
//!  56 state       u64  bytes of the state
//!  64 stored      u64  bytes behind the header
//!  72 SHA-256     [32] of the state, uncompressed
//! 104 codec       u8   of the state
//! 105 zero        u8
//! 106 version     u16  of the state's type
//! 108 actor       u32  bytes of the name
//! 112 type        u32  bytes of the name
//! 116 metadata    u32  how many pairs
//! 120 CRC-32C    u32  of the stored bytes of the state
//! 124 actor, type, then each key and value with its length, u32, before it; UTF-8
//!     the state
//! ```
//!
//! Little-endian; nothing follows the state.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use steadfast_base::{EventId, Timestamp};
use steadfast_eventlog::{ActorName, CodecId, Payload, Position, Seq, TypeName};

use crate::error::SnapshotDamage;
use crate::limits;
use crate::snapshot::{Snapshot, SnapshotInfo};

#[cfg(test)]
mod tests;

/// The bytes in front of the names.
const FIXED_BYTES: usize = 124;

/// The most bytes a header has: names and metadata at their limits, with lengths.
pub const HEADER_BYTES_MAX: usize = 64 << 10;

const MAGIC: u32 = u32::from_le_bytes(*b"SFSN");
const VERSION: u16 = 1;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const CRC_AT: usize = 12;

/// States are small beside the time between snapshots: the level that is best by default.
const LEVEL: i32 = 3;

/// The file of a snapshot that has been settled and is within all limits.
pub fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let state = snapshot.state.bytes();
    let compressed = zstd::bulk::compress(state, LEVEL).ok();
    let compressed = compressed.filter(|compressed| compressed.len() < state.len());
    let (compression, body) = match &compressed {
        Some(compressed) => (ZSTD, compressed.as_slice()),
        None => (PLAIN, state.as_ref()),
    };
    let mut out = Vec::with_capacity(FIXED_BYTES + 256 + body.len());
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[compression, 0]);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&snapshot.seq.get().to_le_bytes());
    out.extend_from_slice(&snapshot.position.get().to_le_bytes());
    let micros = snapshot.at.unwrap_or(Timestamp::UNIX_EPOCH).as_unix_nanos() / 1_000;
    out.extend_from_slice(&micros.to_le_bytes());
    out.extend_from_slice(&snapshot.event.map_or(0, EventId::as_u128).to_be_bytes());
    out.extend_from_slice(&(state.len() as u64).to_le_bytes());
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    out.extend_from_slice(&digest(state));
    out.extend_from_slice(&[snapshot.state.codec().get(), 0]);
    out.extend_from_slice(&snapshot.state.version().to_le_bytes());
    let (actor, type_name) = (snapshot.actor.as_str(), snapshot.state.type_name().as_str());
    for length in [actor.len(), type_name.len(), snapshot.metadata.len()] {
        out.extend_from_slice(&narrow(length).to_le_bytes());
    }
    out.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
    out.extend_from_slice(actor.as_bytes());
    out.extend_from_slice(type_name.as_bytes());
    for text in snapshot.metadata.iter().flat_map(|(key, value)| [key, value]) {
        out.extend_from_slice(&narrow(text.len()).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    let length = narrow(out.len()).to_le_bytes();
    put(&mut out, 8, &length);
    let crc = crc32c::crc32c(&out).to_le_bytes();
    put(&mut out, CRC_AT, &crc);
    out.extend_from_slice(body);
    out
}

/// Reads the header from the beginning of a file of this many bytes.
///
/// # Errors
///
/// [`SnapshotDamage`] if it is not whole and unchanged, or does not fit the file.
pub fn decode_header(bytes: &[u8], file_bytes: u64) -> Result<SnapshotInfo, SnapshotDamage> {
    Header::decode(bytes, file_bytes).map(|header| header.info)
}

/// Reads a whole file; `state_bytes_max` bounds what is allocated for the state.
///
/// # Errors
///
/// [`SnapshotDamage`] if it is not whole and unchanged, or the state is larger than that.
pub fn decode(file: &Bytes, state_bytes_max: u64) -> Result<Snapshot, SnapshotDamage> {
    let header = Header::decode(file, file.len() as u64)?;
    if header.info.state_bytes > state_bytes_max {
        return Err(SnapshotDamage::StateTooLarge);
    }
    let body = file.get(header.length..).ok_or(SnapshotDamage::Length)?;
    let raw = usize::try_from(header.info.state_bytes)
        .map_err(|_too_long| SnapshotDamage::StateTooLarge)?;
    let state = if header.compressed {
        let mut state = vec![0; raw];
        let context = zstd::bulk::Decompressor::new();
        let written = context
            .and_then(|mut context| context.decompress_to_buffer(body, state.as_mut_slice()))
            .map_err(|_io| SnapshotDamage::Compression)?;
        if written != raw {
            return Err(SnapshotDamage::Compression);
        }
        Bytes::from(state)
    } else {
        file.slice_ref(body)
    };
    if digest(&state) != header.sha256 {
        return Err(SnapshotDamage::Digest);
    }
    // Some bits of a compressed state mean nothing; a flip of one of them is damage all the same.
    if crc32c::crc32c(body) != header.body_crc {
        return Err(SnapshotDamage::Stored);
    }
    let info = header.info;
    Ok(Snapshot {
        actor: info.actor,
        seq: info.seq,
        position: info.position,
        at: Some(info.at),
        event: info.event,
        state: Payload::new(info.codec, info.type_name, info.version, state),
        metadata: info.metadata,
    })
}

struct Header {
    info: SnapshotInfo,
    compressed: bool,
    length: usize,
    sha256: [u8; 32],
    body_crc: u32,
}

impl Header {
    fn decode(bytes: &[u8], file_bytes: u64) -> Result<Self, SnapshotDamage> {
        let mut reader = Reader(bytes);
        let (magic, version) = (reader.u32()?, reader.u16()?);
        let [compression, zero] = reader.array()?;
        let (length, crc) = (reader.u32()? as usize, reader.u32()?);
        if magic != MAGIC {
            return Err(SnapshotDamage::Header);
        }
        if !(FIXED_BYTES..=HEADER_BYTES_MAX).contains(&length) {
            return Err(SnapshotDamage::Header);
        }
        let header = bytes.get(..length).ok_or(SnapshotDamage::Length)?;
        let mut cleared = header.to_vec();
        put(&mut cleared, CRC_AT, &[0; 4]);
        if crc32c::crc32c(&cleared) != crc {
            return Err(SnapshotDamage::Header);
        }
        if version != VERSION {
            return Err(SnapshotDamage::UnknownVersion);
        }
        let mut reader = Reader(header.get(16..).ok_or(SnapshotDamage::Length)?);
        let (seq, position) = (Seq::new(reader.u64()?), Position::new(reader.u64()?));
        let nanos = reader.u64()?.checked_mul(1_000).ok_or(SnapshotDamage::Content)?;
        let event = u128::from_be_bytes(reader.array()?);
        let (state_bytes, body) = (reader.u64()?, reader.u64()?);
        let sha256 = reader.array()?;
        let [codec, also_zero] = reader.array()?;
        let state_version = reader.u16()?;
        let (actor, type_name) = (reader.u32()?, reader.u32()?);
        let (pairs, body_crc) = (reader.u32()?, reader.u32()?);
        let actor = reader.text(actor)?;
        let type_name = reader.text(type_name)?;
        let metadata = reader.metadata(pairs)?;
        let fits = match compression {
            PLAIN => body == state_bytes,
            ZSTD => body < state_bytes,
            _ => false,
        };
        if zero != 0 || also_zero != 0 || !fits || !reader.0.is_empty() || actor.is_empty() {
            return Err(SnapshotDamage::Content);
        }
        if (length as u64).checked_add(body) != Some(file_bytes) {
            return Err(SnapshotDamage::Length);
        }
        let info = SnapshotInfo {
            actor: ActorName::from(actor),
            seq,
            position,
            at: Timestamp::from_unix_nanos(nanos),
            event: Some(event).filter(|id| *id != 0).map(EventId::from_u128),
            type_name: TypeName::from(type_name),
            version: state_version,
            codec: CodecId::new(codec),
            state_bytes,
            stored_bytes: file_bytes,
            metadata,
        };
        Ok(Self { info, compressed: compression == ZSTD, length, sha256, body_crc })
    }
}

/// What is left of a header that is read from front to back.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], SnapshotDamage> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(SnapshotDamage::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotDamage> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(SnapshotDamage::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u16(&mut self) -> Result<u16, SnapshotDamage> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, SnapshotDamage> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, SnapshotDamage> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self, length: u32) -> Result<&'a str, SnapshotDamage> {
        let bytes = self.take(length as usize)?;
        str::from_utf8(bytes).map_err(|_not_utf8| SnapshotDamage::Content)
    }

    /// Takes pairs with rising keys; each takes at least eight bytes, so a false count ends soon.
    fn metadata(&mut self, pairs: u32) -> Result<BTreeMap<String, String>, SnapshotDamage> {
        let mut metadata = BTreeMap::new();
        for _ in 0..pairs {
            let length = self.u32()?;
            let key = self.text(length)?;
            let length = self.u32()?;
            let value = self.text(length)?;
            let rises =
                metadata.last_key_value().is_none_or(|(last, _): (&String, _)| last.as_str() < key);
            if !rises {
                return Err(SnapshotDamage::Content);
            }
            metadata.insert(key.to_owned(), value.to_owned());
        }
        Ok(metadata)
    }
}

fn digest(state: &[u8]) -> [u8; 32] {
    Sha256::digest(state).into()
}

fn put(target: &mut [u8], offset: usize, bytes: &[u8]) {
    if let Some(place) = target.get_mut(offset..offset + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// A length as it is stored; every caller has checked it against a limit far below.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

const _: () = assert!(
    FIXED_BYTES
        + steadfast_eventlog::limits::ACTOR_BYTES_MAX
        + steadfast_eventlog::limits::TYPE_NAME_BYTES_MAX
        + limits::METADATA_BYTES_MAX
        < HEADER_BYTES_MAX,
    "names and metadata at their limits fit the header"
);
