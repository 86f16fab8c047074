//! The index as a file, searched where it lies.
//!
//! ```text
//!  0 magic u32 "SFIX", version u16 2, zero u16
//!  8 log id u64, generation u32, chain u32
//! 24 first position u64, end position u64, offset u64
//! 48 frames, actors, correlations, ids u32 each
//! 64 length of each section u32, then the sections
//!    CRC-32C u32 of all bytes before
//! ```
//!
//! Sections are packed numbers unless said otherwise: of each frame its offset, count, earliest time and
//! span; of the actors, sorted, their names (bytes), the ends of these, the first number, how many events,
//! where their postings begin (and the last ones end), frames and counts of the postings; of the
//! correlations their hashes (u64 each, sorted), where their frames begin (and the last ones end), the
//! frames; the fingerprints of the ids (u32 each, sorted).

use bytes::Bytes;

use super::{IndexedFrame, Posting, SegmentIndex, places};
use crate::event::{Position, Seq};
use crate::format::bytes::{Reader, widen};
use crate::format::packed::Packed;
use crate::format::segment::timestamp;
use crate::format::{FormatError, checksum};
use crate::read::DamageKind;

pub(super) const WHAT: &str = "segment index";
pub(super) const MAGIC: u32 = u32::from_le_bytes(*b"SFIX");
pub(super) const VERSION: u16 = 2;
pub(super) const SECTIONS: usize = 15;
const WRONG: FormatError = FormatError::content(WHAT);

/// Which segment an index belongs to, and how far it goes; one of another segment is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOf {
    /// The log.
    pub log_id: u64,
    /// The generation of the segment.
    pub generation: u32,
    /// The position of its first event.
    pub first: Position,
    /// The position behind the last event it knows of.
    pub end: Position,
    /// Where the frames it knows of end in the file, in bytes.
    pub offset: u64,
    /// The chain value of the last of them.
    pub chain: u32,
}

/// What a file says of the frames it knows of.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// How many frames it knows of.
    pub(super) frames: usize,
    names: Bytes,
    name_ends: Packed<Bytes>,
    firsts: Packed<Bytes>,
    totals: Packed<Bytes>,
    starts: Packed<Bytes>,
    posting_frames: Packed<Bytes>,
    posting_counts: Packed<Bytes>,
    hashes: Bytes,
    hash_starts: Packed<Bytes>,
    hash_frames: Packed<Bytes>,
    ids: Bytes,
}

impl SegmentIndex {
    /// Reads an index and says which segment it belongs to.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if it is not whole and unchanged: drop it and build it again.
    pub fn decode(bytes: &Bytes) -> Result<(IndexOf, Self), FormatError> {
        let (covered, crc) = bytes.split_last_chunk().ok_or(FormatError::truncated(WHAT))?;
        if checksum(covered).to_le_bytes() != *crc {
            return Err(FormatError::checksum(WHAT));
        }
        let mut reader = Reader::new(covered, WHAT);
        let (magic, version, zero) = (reader.u32()?, reader.u16()?, reader.u16()?);
        if magic != MAGIC || zero != 0 {
            return Err(WRONG);
        }
        if version != VERSION {
            return Err(FormatError::new(DamageKind::UnknownVersion, WHAT));
        }
        let (log_id, generation, chain) = (reader.u64()?, reader.u32()?, reader.u32()?);
        let (first, end) = (Position::new(reader.u64()?), Position::new(reader.u64()?));
        let of = IndexOf { log_id, generation, first, end, offset: reader.u64()?, chain };
        let mut counts = [0; 4];
        for count in &mut counts {
            *count = widen(reader.u32()?);
        }
        let lengths = reader.column::<4>(SECTIONS)?;
        let mut sections = Vec::with_capacity(SECTIONS);
        for length in lengths {
            sections.push(bytes.slice_ref(reader.take(widen(u32::from_le_bytes(*length)))?));
        }
        if !reader.rest().is_empty() {
            return Err(WRONG);
        }
        let mut sections = Sections(sections.into_iter());
        let frames = take_frames(&mut sections, counts[0], &of)?;
        let stored = Stored::take(&mut sections, counts)?;
        Ok((of, Self { frames, stored: Some(stored), ..Self::default() }))
    }
}

/// The sections that are left.
struct Sections(std::vec::IntoIter<Bytes>);

impl Sections {
    fn bytes(&mut self, length: Option<usize>) -> Result<Bytes, FormatError> {
        let bytes = self.0.next().ok_or(WRONG)?;
        let fits = length.is_none_or(|length| bytes.len() == length);
        if fits { Ok(bytes) } else { Err(WRONG) }
    }

    fn numbers(&mut self, count: Option<usize>) -> Result<Packed<Bytes>, FormatError> {
        let bytes = self.0.next().ok_or(WRONG)?;
        let numbers = Packed::parse(&bytes, WHAT, |part| bytes.slice_ref(part))?;
        let fits = count.is_none_or(|count| numbers.len() == count);
        if fits { Ok(numbers) } else { Err(WRONG) }
    }
}

fn take_frames(
    sections: &mut Sections,
    count: usize,
    of: &IndexOf,
) -> Result<Vec<IndexedFrame>, FormatError> {
    let (offsets, counts) = (sections.numbers(Some(count))?, sections.numbers(Some(count))?);
    let (times, spans) = (sections.numbers(Some(count))?, sections.numbers(Some(count))?);
    let mut first = of.first;
    let mut frames = Vec::with_capacity(count);
    let numbers = offsets.iter().zip(counts.iter()).zip(times.iter().zip(spans.iter()));
    for ((offset, count), (earliest, span)) in numbers {
        let count = u32::try_from(count).map_err(|_too_many| WRONG)?;
        let earliest = earliest.cast_signed();
        let latest = earliest.checked_add_unsigned(span).ok_or(WRONG)?;
        let frame = IndexedFrame { offset, first, count, earliest, latest };
        let end = first.get().checked_add(u64::from(count));
        let possible = timestamp(earliest).is_some() && timestamp(latest).is_some();
        let before = frames.last().map_or(0, |before: &IndexedFrame| before.offset);
        if count == 0 || end.is_none() || !possible || offset <= before || offset >= of.offset {
            return Err(WRONG);
        }
        first = frame.end();
        frames.push(frame);
    }
    if first == of.end { Ok(frames) } else { Err(WRONG) }
}

impl Stored {
    fn take(sections: &mut Sections, counts: [usize; 4]) -> Result<Self, FormatError> {
        let [frames, actors, correlations, ids] = counts;
        let behind = |count: usize| count.checked_add(1);
        let times = |count: usize, bytes: usize| count.checked_mul(bytes);
        let stored = Self {
            frames,
            names: sections.bytes(None)?,
            name_ends: sections.numbers(Some(actors))?,
            firsts: sections.numbers(Some(actors))?,
            totals: sections.numbers(Some(actors))?,
            starts: sections.numbers(behind(actors))?,
            posting_frames: sections.numbers(None)?,
            posting_counts: sections.numbers(None)?,
            hashes: sections.bytes(times(correlations, 8))?,
            hash_starts: sections.numbers(behind(correlations))?,
            hash_frames: sections.numbers(None)?,
            ids: sections.bytes(times(ids, 4))?,
        };
        let below = |numbers: &Packed<Bytes>| numbers.iter().all(|frame| frame < frames as u64);
        let sound = str::from_utf8(&stored.names).is_ok()
            && stored.posting_frames.len() == stored.posting_counts.len()
            && below(&stored.posting_frames)
            && below(&stored.hash_frames);
        if sound { Ok(stored) } else { Err(WRONG) }
    }

    /// The actors, with the numbers of their first and last events.
    pub(super) fn actors(&self) -> impl Iterator<Item = (&str, Seq, Seq)> {
        (0..self.name_ends.len()).filter_map(|number| {
            let (first, last) = self.run_of(number)?;
            Some((self.name(number)?, first, last))
        })
    }

    pub(super) fn run(&self, actor: &str) -> Option<(Seq, Seq)> {
        self.run_of(self.find(actor)?)
    }

    fn run_of(&self, number: usize) -> Option<(Seq, Seq)> {
        let first = Seq::new(self.firsts.get(number)?);
        Some((first, first.plus(self.totals.get(number)?).previous()))
    }

    /// The postings of an actor, the oldest first.
    pub(super) fn postings_of(&self, actor: &str) -> impl Iterator<Item = Posting> {
        let number = self.find(actor);
        let range = number.and_then(|number| range(&self.starts, number));
        let range = places(range.unwrap_or(0..0), self.posting_frames.len());
        range.filter_map(|at| {
            let frame = u32::try_from(self.posting_frames.get(at)?).ok()?;
            let count = u32::try_from(self.posting_counts.get(at)?).ok()?;
            Some(Posting { frame, count })
        })
    }

    /// The frames of a correlation, the oldest first.
    pub(super) fn frames_of_correlation(&self, hash: u64) -> impl Iterator<Item = u32> {
        let hashes = self.hashes.as_chunks::<8>().0;
        let found = hashes.binary_search_by_key(&hash, |found| u64::from_le_bytes(*found));
        let range = found.ok().and_then(|number| range(&self.hash_starts, number));
        let range = places(range.unwrap_or(0..0), self.hash_frames.len());
        range.filter_map(|at| u32::try_from(self.hash_frames.get(at)?).ok())
    }

    pub(super) fn correlations(&self) -> impl Iterator<Item = u64> + '_ {
        self.hashes.as_chunks::<8>().0.iter().map(|hash| u64::from_le_bytes(*hash))
    }

    pub(super) fn may_contain(&self, fingerprint: u32) -> bool {
        let ids = self.ids.as_chunks::<4>().0;
        ids.binary_search_by_key(&fingerprint, |id| u32::from_le_bytes(*id)).is_ok()
    }

    pub(super) fn fingerprints(&self) -> impl Iterator<Item = u32> + '_ {
        self.ids.as_chunks::<4>().0.iter().map(|id| u32::from_le_bytes(*id))
    }

    fn find(&self, actor: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.name_ends.len());
        // Halves the distance in each round.
        while low < high {
            let middle = low.midpoint(high);
            if self.name(middle)? < actor {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        (self.name(low)? == actor).then_some(low)
    }

    fn name(&self, number: usize) -> Option<&str> {
        let end = self.name_ends.get(number)?;
        let start = match number.checked_sub(1) {
            Some(before) => self.name_ends.get(before)?,
            None => 0,
        };
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        self.names.get(range).and_then(|name| str::from_utf8(name).ok())
    }
}

/// Where what belongs to a number begins and ends.
fn range(starts: &Packed<Bytes>, number: usize) -> Option<std::ops::Range<u64>> {
    Some(starts.get(number)?..starts.get(number.checked_add(1)?)?)
}
