//! Reading a sealed segment: from its envelopes in memory and single payload blocks.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use zstd::dict::DecoderDictionary;

use steadfast_base::{CorrelationId, EventId};

use super::ColdTrailer;
use super::envelopes as section;
use crate::event::{Position, Seq};
use crate::format::bloom::{Bloom, hash_id};
use crate::format::bytes::{Reader, widen};
use crate::format::compress::decompress_exactly;
use crate::format::frame::{EventRef, FRAME_BYTES_MAX, KIND_IS_NAME, KindRef, Shape, built_in};
use crate::format::packed::Packed;
use crate::format::segment::timestamp;
use crate::format::{FormatError, SEGMENT_HEADER_BYTES, checksum};

const WHAT: &str = "sealed segment";
const WRONG: FormatError = FormatError::content(WHAT);

/// The envelopes of a sealed segment and everything that finds an event in it.
///
/// A *row* counts events from 0 in the order of actor and number.
pub struct ColdView {
    trailer: ColdTrailer,
    sections: Vec<Bytes>,
    numbers: Vec<Option<Packed<Bytes>>>,
    names: Vec<Box<str>>,
    shapes: Vec<Shape>,
    bloom: Bloom,
    dictionary: Option<DecoderDictionary<'static>>,
}

/// The unbroken run of one actor's events in a sealed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorRun<'a> {
    /// The actor.
    pub actor: &'a str,
    /// The rows of its events.
    pub rows: Range<u32>,
    /// The number of the first of them.
    pub first: Seq,
}

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

impl ColdView {
    /// Reads the envelopes: the bytes that the trailer says.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if they are not whole and unchanged, or make no sense.
    pub fn open(trailer: ColdTrailer, envelopes: &Bytes) -> Result<Self, FormatError> {
        if envelopes.len() != widen(trailer.envelopes_len) {
            return Err(FormatError::truncated(WHAT));
        }
        if checksum(envelopes) != trailer.envelopes_crc {
            return Err(FormatError::checksum(WHAT));
        }
        let mut reader = Reader::new(envelopes, WHAT);
        let lengths = reader.column::<4>(section::SECTIONS)?;
        let mut sections = Vec::with_capacity(section::SECTIONS);
        for length in lengths {
            sections.push(envelopes.slice_ref(reader.take(widen(u32::from_le_bytes(*length)))?));
        }
        if !reader.rest().is_empty() {
            return Err(WRONG);
        }
        let mut view = Self {
            trailer,
            numbers: Vec::with_capacity(section::SECTIONS),
            names: Vec::new(),
            shapes: Vec::new(),
            bloom: Bloom::of(std::iter::empty()),
            dictionary: None,
            sections,
        };
        view.parse()?;
        view.check()?;
        Ok(view)
    }

    fn parse(&mut self) -> Result<(), FormatError> {
        for (number, bytes) in self.sections.iter().enumerate() {
            let plain = matches!(
                number,
                section::DICTIONARY
                    | section::NAMES
                    | section::SHAPES
                    | section::ACTOR_NAMES
                    | section::BLOCK_CRCS
                    | section::FOREIGN_CAUSES
                    | section::CORRELATION_IDS
                    | section::BLOOM
            );
            self.numbers.push(if plain {
                None
            } else {
                Some(Packed::parse(bytes, WHAT, |part| bytes.slice_ref(part))?)
            });
        }
        let mut names = Reader::new(self.bytes(section::NAMES), WHAT);
        let mut texts = Vec::new();
        // Each text takes at least one byte.
        while !names.rest().is_empty() {
            texts.push(Box::from(names.text()?));
        }
        self.names = texts;
        let (shapes, rest) = self.bytes(section::SHAPES).as_chunks::<12>();
        if !rest.is_empty() {
            return Err(WRONG);
        }
        self.shapes = shapes.iter().map(|shape| Shape::decode(*shape)).collect();
        let mut bloom = Reader::new(self.bytes(section::BLOOM), WHAT);
        let filter = Bloom::decode(&mut bloom)?;
        if !bloom.rest().is_empty() {
            return Err(WRONG);
        }
        self.bloom = filter;
        let dictionary = self.bytes(section::DICTIONARY);
        if !dictionary.is_empty() {
            self.dictionary = Some(DecoderDictionary::copy(dictionary));
        }
        Ok(())
    }

    /// Checks what can be without looking at each event.
    fn check(&self) -> Result<(), FormatError> {
        let rows = widen(self.trailer.count);
        let of_rows = section::ROW_PLACES..=section::ROW_TURNS;
        let of_places = section::ID_HIGH..=section::CAUSES;
        let mut of_events = of_rows.chain(of_places);
        let actors = self.len(section::ACTOR_NAME_ENDS);
        let blocks = self.len(section::BLOCK_ROWS);
        let correlations = self.len(section::CORRELATION_ORDER);
        let offsets = self.len(section::BLOCK_OFFSETS);
        let blocks_end = self.number(section::BLOCK_OFFSETS, blocks);
        let starts = self.number(section::BLOCK_OFFSETS, 0);
        let sizes = of_events.all(|number| self.len(number) == rows)
            && actors == self.len(section::ACTOR_ROWS)
            && actors == self.len(section::ACTOR_SEQS)
            && actors > 0
            && blocks > 0
            && offsets == blocks.saturating_add(1)
            && blocks == self.len(section::BLOCK_RAW)
            && Some(self.bytes(section::BLOCK_CRCS).len()) == blocks.checked_mul(4)
            && Some(self.bytes(section::CORRELATION_IDS).len()) == correlations.checked_mul(16)
            && self.len(section::CORRELATION_STARTS) == correlations.saturating_add(1)
            && str::from_utf8(self.bytes(section::ACTOR_NAMES)).is_ok()
            && starts == Some(SEGMENT_HEADER_BYTES as u64)
            && blocks_end == Some(self.trailer.envelopes_offset);
        if sizes { Ok(()) } else { Err(WRONG) }
    }

    /// What the segment says at its end.
    pub fn trailer(&self) -> &ColdTrailer {
        &self.trailer
    }

    /// Whether an event with this id may be here; false is certain.
    pub fn may_contain(&self, id: EventId) -> bool {
        self.bloom.may_contain(hash_id(id))
    }

    /// The actors with events here, sorted by name.
    pub fn actors(&self) -> impl Iterator<Item = ActorRun<'_>> {
        (0..self.len(section::ACTOR_NAME_ENDS)).filter_map(|number| self.run(number))
    }

    /// The events of an actor, if it has any here.
    pub fn actor(&self, actor: &str) -> Option<ActorRun<'_>> {
        let (mut low, mut high) = (0, self.len(section::ACTOR_NAME_ENDS));
        // Halves the distance in each round.
        while low < high {
            let middle = low.midpoint(high);
            if self.actor_name(middle)? < actor {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        self.run(low).filter(|run| run.actor == actor)
    }

    fn run(&self, number: usize) -> Option<ActorRun<'_>> {
        let start = self.number(section::ACTOR_ROWS, number)?;
        let next = self.number(section::ACTOR_ROWS, number.checked_add(1)?);
        let start = u32::try_from(start).ok()?;
        let end = next.map_or(Some(self.trailer.count), |next| u32::try_from(next).ok())?;
        let first = Seq::new(self.number(section::ACTOR_SEQS, number)?);
        let actor = self.actor_name(number)?;
        (start < end && end <= self.trailer.count).then_some(ActorRun {
            actor,
            rows: start..end,
            first,
        })
    }

    fn actor_name(&self, number: usize) -> Option<&str> {
        let end = self.number(section::ACTOR_NAME_ENDS, number)?;
        let start = match number.checked_sub(1) {
            Some(before) => self.number(section::ACTOR_NAME_ENDS, before)?,
            None => 0,
        };
        let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
        self.bytes(section::ACTOR_NAMES).get(range).and_then(|name| str::from_utf8(name).ok())
    }

    /// The rows of a piece of work, in the order of positions; none if it is not here.
    pub fn rows_of_correlation(&self, id: CorrelationId) -> Vec<u32> {
        let ids = self.ids(section::CORRELATION_IDS);
        let wanted = id.as_u128().to_be_bytes();
        let (mut low, mut high) = (0, ids.len());
        let numbered = |place: usize| {
            let number = usize::try_from(self.number(section::CORRELATION_ORDER, place)?).ok()?;
            Some((number, ids.get(number)?))
        };
        // Halves the distance in each round.
        while low < high {
            let middle = low.midpoint(high);
            if numbered(middle).is_some_and(|(_, id)| *id < wanted) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        let Some((number, _)) = numbered(low).filter(|(_, id)| **id == wanted) else {
            return Vec::new();
        };
        let start = self.number(section::CORRELATION_STARTS, number).unwrap_or(0);
        let end = self.number(section::CORRELATION_STARTS, number.saturating_add(1)).unwrap_or(0);
        let rows = (start..end.min(start.saturating_add(u64::from(self.trailer.count)))).map_while(
            |index| self.number(section::CORRELATION_ROWS, usize::try_from(index).ok()?),
        );
        rows.filter_map(|row| u32::try_from(row).ok()).collect()
    }

    /// The row of the event with this id, by looking at all ids; ask [`Self::may_contain`] first.
    pub fn row_of_id(&self, id: EventId) -> Option<u32> {
        let low = u64::try_from(id.as_u128() & u128::from(u64::MAX)).ok()?;
        let place =
            self.column(section::ID_LOW)?.iter().enumerate().find_map(|(place, found)| {
                (found == low && self.id(place) == Some(id)).then_some(place)
            })?;
        let place = u64::try_from(place).ok()?;
        let row = self.column(section::ROW_PLACES)?.iter().position(|found| found == place)?;
        u32::try_from(row).ok()
    }

    /// The rows in the order of positions.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if a row knows a place that is none or another's.
    pub fn rows_in_order(&self) -> Result<Vec<u32>, FormatError> {
        let places = self.column(section::ROW_PLACES).ok_or(WRONG)?;
        let mut rows = vec![u32::MAX; places.len()];
        for (place, row) in places.iter().zip(0_u32..) {
            let place = usize::try_from(place).ok();
            match place.and_then(|place| rows.get_mut(place)) {
                Some(slot) if *slot == u32::MAX => *slot = row,
                _ => return Err(WRONG),
            }
        }
        Ok(rows)
    }

    /// How many payload blocks there are.
    pub fn blocks(&self) -> u32 {
        crate::format::bytes::narrow(self.len(section::BLOCK_ROWS))
    }

    /// Where a payload block is.
    pub fn block(&self, number: u32) -> Option<ColdBlock> {
        let index = widen(number);
        let offset = self.number(section::BLOCK_OFFSETS, index)?;
        let end = self.number(section::BLOCK_OFFSETS, index.checked_add(1)?)?;
        let crc = self.bytes(section::BLOCK_CRCS).as_chunks::<4>().0.get(index)?;
        let raw = self.number(section::BLOCK_RAW, index)?;
        let stored = u32::try_from(end.checked_sub(offset)?).ok()?;
        let raw = u32::try_from(raw).ok()?;
        let bounded = widen(raw) <= FRAME_BYTES_MAX && stored <= raw;
        let crc = u32::from_le_bytes(*crc);
        bounded.then_some(ColdBlock { number, offset, stored, raw, crc })
    }

    /// The payload block that holds a row.
    pub fn block_of(&self, row: u32) -> Option<ColdBlock> {
        let after = self.column(section::BLOCK_ROWS)?.count_up_to(u64::from(row));
        self.block(u32::try_from(after.checked_sub(1)?).ok()?)
    }

    /// The rows of a payload block and where each one's payload lies in it.
    pub fn payloads(&self, block: &ColdBlock) -> impl Iterator<Item = (u32, Range<usize>)> + '_ {
        let index = widen(block.number);
        let number = |index| {
            let row = self.number(section::BLOCK_ROWS, index);
            row.and_then(|row| u32::try_from(row).ok())
        };
        let start = number(index).unwrap_or(0);
        let end = number(index.saturating_add(1)).unwrap_or(self.trailer.count);
        let mut at = 0_usize;
        (start..end).map_while(move |row| {
            let length = usize::try_from(self.number(section::ROW_LENGTHS, widen(row))?).ok()?;
            let range = at..at.checked_add(length)?;
            at = range.end;
            Some((row, range))
        })
    }

    /// The run of the actor that a row belongs to.
    pub(crate) fn run_with(&self, row: u32) -> Result<ActorRun<'_>, FormatError> {
        let rows = self.column(section::ACTOR_ROWS).ok_or(WRONG)?;
        let number = rows.count_up_to(u64::from(row)).checked_sub(1).ok_or(WRONG)?;
        self.run(number).ok_or(WRONG)
    }

    /// The number of the shape of a row.
    pub(crate) fn shape_of(&self, row: u32) -> Option<u64> {
        self.number(section::ROW_SHAPES, widen(row))
    }

    /// Where the payload of each row begins if all blocks lie back to back, and where the last one ends.
    pub(crate) fn payload_starts(&self) -> Vec<usize> {
        let lengths = self.column(section::ROW_LENGTHS);
        let mut starts = Vec::with_capacity(lengths.map_or(0, Packed::len).saturating_add(1));
        let mut at = 0_usize;
        starts.push(at);
        for length in lengths.into_iter().flat_map(Packed::iter) {
            at = at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            starts.push(at);
        }
        starts
    }

    /// A decoder of this segment's payload blocks; make one for many blocks.
    ///
    /// # Errors
    ///
    /// None at present: what is wrong with the dictionary shows when a block is decoded.
    pub fn decoder(&self) -> Result<BlockDecoder<'_>, FormatError> {
        Ok(BlockDecoder(self.dictionary.as_ref()))
    }

    /// The event of a row, with the payload that was found for it.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if what stands there makes no sense.
    pub fn event<'a>(&'a self, row: u32, payload: &'a [u8]) -> Result<EventRef<'a>, FormatError> {
        self.try_event(row, payload).ok_or(WRONG)
    }

    fn try_event<'a>(&'a self, row: u32, payload: &'a [u8]) -> Option<EventRef<'a>> {
        self.event_of(&self.run_with(row).ok()?, row, payload)
    }

    /// The event of a row of this actor, with the payload that was found for it.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if what stands there makes no sense.
    pub fn event_in<'a>(
        &'a self,
        run: &ActorRun<'a>,
        row: u32,
        payload: &'a [u8],
    ) -> Result<EventRef<'a>, FormatError> {
        self.event_of(run, row, payload).ok_or(WRONG)
    }

    fn event_of<'a>(
        &'a self,
        run: &ActorRun<'a>,
        row: u32,
        payload: &'a [u8],
    ) -> Option<EventRef<'a>> {
        let index = widen(row);
        let place = usize::try_from(self.number(section::ROW_PLACES, index)?).ok()?;
        let shape = usize::try_from(self.number(section::ROW_SHAPES, index)?).ok()?;
        let shape = self.shapes.get(shape)?;
        let kind = match built_in(shape.kind) {
            Some(kind) => KindRef::BuiltIn(kind),
            None if shape.kind & KIND_IS_NAME == 0 => return None,
            None => KindRef::Application(self.names.get(widen(shape.kind & !KIND_IS_NAME))?),
        };
        let id = self.id(place)?;
        Some(EventRef {
            id,
            kind,
            actor: run.actor,
            seq: run.first.plus(u64::from(row.checked_sub(run.rows.start)?)),
            position: self.trailer.first.plus(u64::try_from(place).ok()?),
            at: self.time(place, id)?,
            correlation: given(self.correlation(place)?).map(CorrelationId::from_u128),
            causation: given(self.cause(place)?).map(EventId::from_u128),
            turn: self.number(section::ROW_TURNS, index)?,
            type_name: self.names.get(widen(shape.type_name))?,
            version: shape.version,
            codec: shape.codec,
            payload,
        })
    }

    fn id(&self, place: usize) -> Option<EventId> {
        let high = u128::from(self.number(section::ID_HIGH, place)?);
        let middle = u128::from(self.number(section::ID_MIDDLE, place)?);
        let low = u128::from(self.number(section::ID_LOW, place)?);
        Some(EventId::from_u128(high << 80 | (middle & 0xffff) << 64 | low))
    }

    fn time(&self, place: usize, id: EventId) -> Option<steadfast_base::Timestamp> {
        let expected = u64::try_from(id.as_u128() >> 80).ok()?.wrapping_mul(1_000);
        let difference = self.number(section::TIMES, place)?.wrapping_sub(section::MIDDLE);
        timestamp(expected.wrapping_add(difference).cast_signed())
    }

    /// The correlation at a place; the nil id for none.
    fn correlation(&self, place: usize) -> Option<u128> {
        let Some(number) = self.number(section::CORRELATIONS, place)?.checked_sub(1) else {
            return Some(0);
        };
        let id = self.ids(section::CORRELATION_IDS).get(usize::try_from(number).ok()?)?;
        Some(u128::from_be_bytes(*id))
    }

    /// The cause at a place; the nil id for none.
    fn cause(&self, place: usize) -> Option<u128> {
        let cause = self.number(section::CAUSES, place)?;
        let number = usize::try_from(cause >> 1).ok()?;
        match (cause & 1, number.checked_sub(1)) {
            (0, None) => Some(0),
            (0, Some(foreign)) => {
                let id = self.ids(section::FOREIGN_CAUSES).get(foreign)?;
                Some(u128::from_be_bytes(*id))
            }
            _ => self.id(place.checked_sub(number)?).map(EventId::as_u128),
        }
    }

    fn bytes(&self, section: usize) -> &[u8] {
        self.sections.get(section).map_or(&[], |bytes| bytes)
    }

    fn ids(&self, section: usize) -> &[[u8; 16]] {
        self.bytes(section).as_chunks::<16>().0
    }

    fn column(&self, section: usize) -> Option<&Packed<Bytes>> {
        self.numbers.get(section)?.as_ref()
    }

    fn number(&self, section: usize, index: usize) -> Option<u64> {
        self.column(section)?.get(index)
    }

    fn len(&self, section: usize) -> usize {
        self.column(section).map_or(0, Packed::len)
    }

    /// The position of the event of a row.
    pub fn position_of(&self, row: u32) -> Option<Position> {
        self.number(section::ROW_PLACES, widen(row)).map(|place| self.trailer.first.plus(place))
    }
}

/// The nil id stands for none.
fn given(id: u128) -> Option<u128> {
    (id != 0).then_some(id)
}

impl fmt::Debug for ColdView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColdView").field("trailer", &self.trailer).finish_non_exhaustive()
    }
}

/// Decompresses the payload blocks of one sealed segment.
pub struct BlockDecoder<'a>(Option<&'a DecoderDictionary<'static>>);

impl BlockDecoder<'_> {
    /// The payloads of a block, from the bytes that are stored for it.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if they are not whole and unchanged.
    pub fn decode(&mut self, block: &ColdBlock, stored: Bytes) -> Result<Bytes, FormatError> {
        if stored.len() != widen(block.stored) {
            return Err(FormatError::truncated(WHAT));
        }
        if checksum(&stored) != block.crc {
            return Err(FormatError::checksum(WHAT));
        }
        if block.stored == block.raw {
            return Ok(stored);
        }
        let mut raw = vec![0; widen(block.raw)];
        self.decompress(&stored, &mut raw)?;
        Ok(raw.into())
    }

    /// The same into memory that is there: exactly as much as the block has before compression.
    pub(crate) fn decode_into(
        &mut self,
        block: &ColdBlock,
        stored: &[u8],
        raw: &mut [u8],
    ) -> Result<(), FormatError> {
        if stored.len() != widen(block.stored) || raw.len() != widen(block.raw) {
            return Err(FormatError::truncated(WHAT));
        }
        if checksum(stored) != block.crc {
            return Err(FormatError::checksum(WHAT));
        }
        if block.stored == block.raw {
            raw.copy_from_slice(stored);
            return Ok(());
        }
        self.decompress(stored, raw)
    }

    fn decompress(&mut self, stored: &[u8], raw: &mut [u8]) -> Result<(), FormatError> {
        if decompress_exactly(stored, raw, self.0) { Ok(()) } else { Err(WRONG) }
    }
}

impl fmt::Debug for BlockDecoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockDecoder").finish_non_exhaustive()
    }
}
