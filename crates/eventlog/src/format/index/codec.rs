//! The index as a file.

use super::{ActorPostings, Ids, IndexedFrame, SegmentIndex};
use crate::event::{ActorName, Position, Seq};
use crate::format::bloom::Bloom;
use crate::format::bytes::{Reader, narrow, put_text, put_varint};
use crate::format::segment::timestamp;
use crate::format::{BLOCK_BYTES, FormatError, checksum};
use crate::read::DamageKind;

const WHAT: &str = "segment index";
const MAGIC: u32 = u32::from_le_bytes(*b"SFIX");
const VERSION: u16 = 1;
const BLOCK: u64 = 4_096;

/// Which segment an index belongs to; one of another segment, or of an older state, is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOf {
    /// The log.
    pub log_id: u64,
    /// The generation of the segment.
    pub generation: u32,
    /// The position of its first event.
    pub first: Position,
    /// The position behind its last event.
    pub end: Position,
}

impl SegmentIndex {
    /// The index as it is stored. Deterministic: the same events give the same bytes.
    pub fn encode(&self, of: &IndexOf) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&of.log_id.to_le_bytes());
        out.extend_from_slice(&of.generation.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&of.first.get().to_le_bytes());
        out.extend_from_slice(&of.end.get().to_le_bytes());
        for count in [self.frames.len(), self.actors.len(), self.correlations.len()] {
            out.extend_from_slice(&narrow(count).to_le_bytes());
        }
        match (self.id_hashes(), &self.ids) {
            (Some(hashes), _) => Bloom::of(hashes.iter().copied()).encode(&mut out),
            (None, Ids::Filter(bloom)) => bloom.encode(&mut out),
            (None, Ids::All(_)) => {}
        }
        self.encode_frames(of.first, &mut out);
        for (actor, postings) in &self.actors {
            put_text(actor.as_str(), &mut out);
            put_varint(postings.first.get(), &mut out);
            let counts = postings.frames.iter().map(|(_, count)| *count);
            put_postings(postings.frames.iter().map(|(frame, _)| *frame), &mut out);
            counts.for_each(|count| put_varint(u64::from(count), &mut out));
        }
        let mut correlations: Vec<(&u64, &Vec<u32>)> = self.correlations.iter().collect();
        correlations.sort_unstable();
        for (hash, frames) in correlations {
            out.extend_from_slice(&hash.to_le_bytes());
            put_postings(frames.iter().copied(), &mut out);
        }
        let crc = checksum(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    fn encode_frames(&self, first: Position, out: &mut Vec<u8>) {
        let (mut block, mut position) = (0_u64, first);
        for frame in &self.frames {
            let at = frame.offset / BLOCK;
            put_varint(at.saturating_sub(block), out);
            put_varint(frame.first.get().saturating_sub(position.get()), out);
            put_varint(u64::from(frame.count), out);
            out.extend_from_slice(&frame.earliest.to_le_bytes());
            let span = frame.latest.saturating_sub(frame.earliest);
            put_varint(u64::try_from(span).unwrap_or(0), out);
            (block, position) = (at, frame.end());
        }
    }

    /// Reads an index and says which segment it belongs to.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if it is not whole and unchanged: drop it and build it again.
    pub fn decode(bytes: &[u8]) -> Result<(IndexOf, Self), FormatError> {
        let (covered, crc) = bytes.split_last_chunk().ok_or(FormatError::truncated(WHAT))?;
        if checksum(covered).to_le_bytes() != *crc {
            return Err(FormatError::checksum(WHAT));
        }
        let mut reader = Reader::new(covered, WHAT);
        let (magic, version, zero) = (reader.u32()?, reader.u16()?, reader.u16()?);
        if magic != MAGIC || zero != 0 {
            return Err(FormatError::content(WHAT));
        }
        if version != VERSION {
            return Err(FormatError::new(DamageKind::UnknownVersion, WHAT));
        }
        let (log_id, generation, zero) = (reader.u64()?, reader.u32()?, reader.u32()?);
        let of = IndexOf {
            log_id,
            generation,
            first: Position::new(reader.u64()?),
            end: Position::new(reader.u64()?),
        };
        let (frames, actors, correlations) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let mut index = Self { ids: Ids::Filter(Bloom::decode(&mut reader)?), ..Self::default() };
        index.decode_frames(&mut reader, frames, of.first)?;
        index.decode_actors(&mut reader, actors)?;
        let mut before = None;
        for _ in 0..correlations {
            let hash = reader.u64()?;
            let postings = take_postings(&mut reader, index.frames.len())?;
            if before.replace(hash).is_some_and(|before| before >= hash) {
                return Err(FormatError::content(WHAT));
            }
            index.correlations.insert(hash, postings);
        }
        let end = index.frames.last().map_or(of.first, IndexedFrame::end);
        if zero != 0 || !reader.rest().is_empty() || end != of.end {
            return Err(FormatError::content(WHAT));
        }
        Ok((of, index))
    }

    fn decode_frames(
        &mut self,
        reader: &mut Reader<'_>,
        count: u32,
        first: Position,
    ) -> Result<(), FormatError> {
        let (mut block, mut position) = (0_u64, first);
        for _ in 0..count {
            let frame = take_frame(reader, block, position)?;
            (block, position) = (frame.offset / BLOCK, frame.end());
            self.frames.push(frame);
        }
        Ok(())
    }

    fn decode_actors(&mut self, reader: &mut Reader<'_>, count: u32) -> Result<(), FormatError> {
        let wrong = FormatError::content(WHAT);
        for _ in 0..count {
            let actor = ActorName::from(reader.text()?);
            let first = Seq::new(reader.varint()?);
            let numbers = take_postings(reader, self.frames.len())?;
            let mut frames = Vec::with_capacity(numbers.len());
            let mut total = 0_u64;
            for frame in numbers {
                let events = u32::try_from(reader.varint()?).map_err(|_too_many| wrong)?;
                total = total.saturating_add(u64::from(events));
                frames.push((frame, events));
            }
            let last = first.get().checked_add(total).and_then(|end| end.checked_sub(1));
            let last = Seq::new(last.ok_or(wrong)?);
            let in_order = self.actors.last_key_value().is_none_or(|(before, _)| *before < actor);
            if !in_order || total == 0 || first == Seq::ZERO {
                return Err(wrong);
            }
            self.actors.insert(actor, ActorPostings { first, last, frames });
        }
        Ok(())
    }
}

fn take_frame(
    reader: &mut Reader<'_>,
    block: u64,
    position: Position,
) -> Result<IndexedFrame, FormatError> {
    let wrong = FormatError::content(WHAT);
    let offset = reader.varint()?.checked_add(block).and_then(|block| block.checked_mul(BLOCK));
    let first = reader.varint()?.checked_add(position.get());
    let count = u32::try_from(reader.varint()?).map_err(|_too_many| wrong)?;
    let earliest = i64::from_le_bytes(reader.array()?);
    let latest = earliest.checked_add_unsigned(reader.varint()?).ok_or(wrong)?;
    let end = first.and_then(|first| first.checked_add(u64::from(count)));
    let possible = timestamp(earliest).is_some() && timestamp(latest).is_some();
    if count == 0 || end.is_none() || !possible {
        return Err(wrong);
    }
    let (offset, first) = (offset.ok_or(wrong)?, Position::new(first.ok_or(wrong)?));
    Ok(IndexedFrame { offset, first, count, earliest, latest })
}

/// Appends rising frame numbers: how many, and the difference of each to the one before.
fn put_postings(frames: impl ExactSizeIterator<Item = u32>, out: &mut Vec<u8>) {
    put_varint(u64::from(narrow(frames.len())), out);
    let mut next = 0_u32;
    for frame in frames {
        put_varint(u64::from(frame.saturating_sub(next)), out);
        next = frame.saturating_add(1);
    }
}

/// Takes rising frame numbers below `frames`; there cannot be more of them than frames.
fn take_postings(reader: &mut Reader<'_>, frames: usize) -> Result<Vec<u32>, FormatError> {
    let wrong = FormatError::content(WHAT);
    let count = usize::try_from(reader.varint()?).map_err(|_too_many| wrong)?;
    if count == 0 || count > frames {
        return Err(wrong);
    }
    let mut postings = Vec::with_capacity(count);
    let mut next = 0_u64;
    for _ in 0..count {
        let frame = next.checked_add(reader.varint()?).ok_or(wrong)?;
        let number = u32::try_from(frame).map_err(|_too_great| wrong)?;
        if frame >= u64::from(narrow(frames)) {
            return Err(wrong);
        }
        postings.push(number);
        next = frame.saturating_add(1);
    }
    Ok(postings)
}

const _: () = assert!(BLOCK_BYTES == 4_096, "offsets are stored in blocks");
