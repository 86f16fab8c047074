//! Building a frame from events.

use std::fmt;

use steadfast_base::{CorrelationId, EventId};

use super::FRAME_BYTES_MAX;
use super::columns::{COLUMN_BYTES, COLUMNS_FIXED_BYTES};
use super::header::{FRAME_HEADER_BYTES, FrameHeader, FrameRole};
use super::names::NameTable;
use super::shapes::ShapeTable;
use crate::append::Placed;
use crate::event::{NewEvent, Position};
use crate::format::bytes::{narrow, put, widen};
use crate::format::checksum;
use crate::format::compress::{BlockCompressor, Compression};
use crate::format::segment::micros;

/// What a frame says beside its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameStamp {
    /// The log it belongs to.
    pub log_id: u64,
    /// The generation of its segment.
    pub generation: u32,
    /// The epoch of its writer.
    pub epoch: u32,
    /// The highest position known to be synced.
    pub durable: Position,
    /// The chain value of the frame before, or of the segment header.
    pub previous: u32,
    /// Whether the next frame may follow in the same block, because nothing is synced between them.
    pub packed: bool,
}

impl FrameStamp {
    /// Appends a mark: a frame without events, 4,096 bytes.
    ///
    /// `next` is the next position to be given; `clean_close` says that the log is closed behind it.
    pub fn mark(&self, next: Position, clean_close: bool, out: &mut Vec<u8>) -> Written {
        let mut header = self.header(next);
        header.packed = false;
        header.role = if clean_close { FrameRole::CleanClose } else { FrameRole::Mark };
        header.body_crc = checksum(&[]);
        append(&header, &[], &[], out)
    }

    fn header(&self, first: Position) -> FrameHeader {
        FrameHeader {
            log_id: self.log_id,
            generation: self.generation,
            epoch: self.epoch,
            first,
            count: 0,
            durable: self.durable,
            previous: self.previous,
            time_span: 0,
            role: FrameRole::Events,
            packed: self.packed,
            meta_compressed: false,
            payload_compressed: false,
            meta_len: 0,
            meta_raw: 0,
            payload_len: 0,
            payload_raw: 0,
            body_crc: 0,
        }
    }
}

/// A frame that was appended to a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its bytes, padding included.
    pub bytes: usize,
    /// The value by which the next frame links to it.
    pub chain: u32,
    /// The position of its first event.
    pub first: Position,
    /// The position behind its last event.
    pub end: Position,
}

/// An event does not fit into a frame any more: finish it and begin the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameFull(());

impl fmt::Display for FrameFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the frame is full")
    }
}

impl std::error::Error for FrameFull {}

/// Collects events and writes them as a frame; used again for frame after frame.
///
/// It is done in two steps, so that no event is copied but into the frame: each event is looked at first,
/// which tells how large the frame becomes, and then each is written to its place.
#[derive(Debug, Default)]
pub struct FrameBuilder {
    compression: Compression,
    compressor: Option<BlockCompressor>,
    first: Position,
    count: u32,
    names: NameTable,
    /// The name that each actor of the log has in this frame.
    actors: Vec<NamedActor>,
    round: u32,
    shapes: ShapeTable,
    /// The actor and the shape of each event.
    refs: Vec<(u32, u32)>,
    payload_bytes: usize,
    earliest: i64,
    latest: i64,
    /// The events that were pushed one by one.
    pushed: Vec<(NewEvent, Placed)>,
    /// The blocks where they are compressed, and what they are compressed into.
    raw: [Vec<u8>; 2],
    compressed: [Vec<u8>; 2],
}

/// The events of a frame in their order, wherever they lie. They are gone through in loops that the compiler
/// sees as such, which those of iterators over pieces are not.
pub(crate) trait Rows {
    /// Hands over each event with its place.
    fn each(&self, row: impl FnMut(&NewEvent, Placed));
}

impl Rows for [(NewEvent, Placed)] {
    fn each(&self, mut row: impl FnMut(&NewEvent, Placed)) {
        for (event, placed) in self {
            row(event, *placed);
        }
    }
}

/// The name of an actor in a frame; that of another round says nothing.
#[derive(Clone, Copy, Debug, Default)]
struct NamedActor {
    round: u32,
    name: u32,
}

impl FrameBuilder {
    /// An empty frame.
    pub fn new(compression: Compression) -> Self {
        Self { compression, ..Self::default() }
    }

    /// How many events it holds.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether it holds no events.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of the frame as it is, uncompressed and without padding.
    pub fn raw_bytes(&self) -> usize {
        FRAME_HEADER_BYTES.saturating_add(self.meta_raw()).saturating_add(self.payload_bytes)
    }

    /// Whether all these events fit in beside what is there.
    pub fn fits(&self, events: &[NewEvent]) -> bool {
        let more = events.iter().map(NewEvent::size_bytes).fold(0, usize::saturating_add);
        self.raw_bytes().saturating_add(more) <= FRAME_BYTES_MAX
    }

    /// Adds an event.
    ///
    /// # Errors
    ///
    /// [`FrameFull`] if it does not fit; the frame is as it was.
    ///
    /// # Panics
    ///
    /// If its position is not the one that follows, or it has no sequence number: both would be found as
    /// damage when the frame is read.
    pub fn push(&mut self, event: &NewEvent, placed: Placed) -> Result<(), FrameFull> {
        if !self.fits(std::slice::from_ref(event)) {
            return Err(FrameFull(()));
        }
        self.look_at(event, placed, None);
        self.pushed.push((event.clone(), placed));
        Ok(())
    }

    /// Appends the frame to `out` and becomes empty.
    ///
    /// # Panics
    ///
    /// If it is empty: a frame without events is a [mark](FrameStamp::mark).
    pub fn finish(&mut self, stamp: &FrameStamp, out: &mut Vec<u8>) -> Written {
        let pushed = std::mem::take(&mut self.pushed);
        self.write(pushed.as_slice(), stamp, out)
    }

    /// The first step of an event that the caller keeps until [`write`](Self::write); he has seen to it that
    /// the frame does not become too large. `actor` is a number of the actor in the log.
    ///
    /// # Panics
    ///
    /// As [`push`](Self::push).
    pub(crate) fn look_at(&mut self, event: &NewEvent, placed: Placed, actor: Option<u32>) {
        let at = micros(placed.at);
        if self.is_empty() {
            self.first = placed.position;
            // What is of round 0 was never named.
            self.round = self.round.max(1);
            (self.earliest, self.latest) = (at, at);
        }
        let expected = self.first.plus(u64::from(self.count));
        assert!(expected == placed.position, "events of a frame stand next to each other");
        assert!(placed.seq.get() > 0 && placed.position.get() > 0, "numbers count from 1");
        self.earliest = self.earliest.min(at);
        self.latest = self.latest.max(at);
        let actor = self.name_of(event.actor.as_str(), actor);
        let shape = self.shapes.number(event, &mut self.names);
        self.refs.push((actor, shape));
        self.payload_bytes = self.payload_bytes.saturating_add(event.payload.bytes().len());
        self.count = self.count.saturating_add(1);
    }

    /// The earliest and the latest time of the events, in microseconds.
    pub(crate) fn times(&self) -> (i64, i64) {
        (self.earliest, self.latest)
    }

    /// The second step of all events, in the same order; as [`finish`](Self::finish).
    pub(crate) fn write(
        &mut self,
        events: &(impl Rows + ?Sized),
        stamp: &FrameStamp,
        out: &mut Vec<u8>,
    ) -> Written {
        assert!(!self.is_empty(), "a frame holds events");
        assert!(self.raw_bytes() <= FRAME_BYTES_MAX, "a frame is one that can be read again");
        let mut header = stamp.header(self.first);
        header.count = self.count;
        header.meta_raw = narrow(self.meta_raw());
        header.payload_raw = narrow(self.payload_bytes);
        header.meta_len = header.meta_raw;
        header.payload_len = header.payload_raw;
        let span = self.latest.saturating_sub(self.earliest);
        header.time_span = u32::try_from(span).unwrap_or(u32::MAX);
        let written = if self.compression == Compression::Zstd {
            self.write_compressed(events, header, out)
        } else {
            let start = out.len();
            out.reserve(header.frame_bytes());
            out.resize(start.saturating_add(FRAME_HEADER_BYTES), 0);
            self.put_meta(events, out);
            put_payloads(events, out);
            complete(header, start, out)
        };
        self.clear();
        written
    }

    fn write_compressed(
        &mut self,
        events: &(impl Rows + ?Sized),
        mut header: FrameHeader,
        out: &mut Vec<u8>,
    ) -> Written {
        let [mut meta, mut payloads] = std::mem::take(&mut self.raw);
        meta.clear();
        payloads.clear();
        self.put_meta(events, &mut meta);
        put_payloads(events, &mut payloads);
        if self.compressor.is_none() {
            self.compressor = BlockCompressor::for_frames();
        }
        let [small_meta, small_payloads] = &mut self.compressed;
        small_meta.clear();
        small_payloads.clear();
        if let Some(compressor) = &mut self.compressor {
            header.meta_compressed = compressor.compress(&meta, small_meta);
            header.payload_compressed = compressor.compress(&payloads, small_payloads);
        }
        let stored_meta = if header.meta_compressed { &*small_meta } else { &meta };
        let stored_payloads = if header.payload_compressed { &*small_payloads } else { &payloads };
        header.meta_len = narrow(stored_meta.len());
        header.payload_len = narrow(stored_payloads.len());
        let written = append(&header, stored_meta, stored_payloads, out);
        self.raw = [meta, payloads];
        written
    }

    /// Forgets the events and keeps the memory.
    pub fn clear(&mut self) {
        self.count = 0;
        self.names.clear();
        self.shapes.clear();
        self.refs.clear();
        self.payload_bytes = 0;
        self.pushed.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.actors.fill(NamedActor::default());
            self.round = 1;
        }
    }

    fn meta_raw(&self) -> usize {
        COLUMNS_FIXED_BYTES
            .saturating_add(self.shapes.bytes().len())
            .saturating_add(self.names.ends().len())
            .saturating_add(self.names.bytes().len())
            .saturating_add(widen(self.count).saturating_mul(COLUMN_BYTES))
    }

    /// The name of an actor in this frame.
    fn name_of(&mut self, text: &str, actor: Option<u32>) -> u32 {
        let Some(actor) = actor.map(widen) else { return self.names.number(text) };
        if self.actors.len() <= actor {
            self.actors.resize(actor.saturating_add(1), NamedActor::default());
        }
        match self.actors.get_mut(actor) {
            Some(named) if named.round == self.round => named.name,
            Some(named) => {
                *named = NamedActor { round: self.round, name: self.names.number(text) };
                named.name
            }
            None => self.names.number(text),
        }
    }

    /// Appends the block of the columns.
    fn put_meta(&self, events: &(impl Rows + ?Sized), out: &mut Vec<u8>) {
        out.extend_from_slice(&self.earliest.to_le_bytes());
        for number in [self.names.count(), self.names.bytes().len(), self.shapes.count(), 0] {
            out.extend_from_slice(&narrow(number).to_le_bytes());
        }
        for part in [self.shapes.bytes(), self.names.ends(), self.names.bytes()] {
            out.extend_from_slice(part);
        }
        if let [(actor, shape)] = self.refs.as_slice() {
            events.each(|event, placed| out.extend_from_slice(&row(event, placed, *actor, *shape)));
            return;
        }
        let start = out.len();
        let count = widen(self.count);
        out.resize(start.saturating_add(count.saturating_mul(COLUMN_BYTES)), 0);
        let mut rest = Rest { bytes: out.get_mut(start..).unwrap_or_default(), count };
        let ids = rest.column::<16>();
        let correlations = rest.column::<16>();
        let causations = rest.column::<16>();
        let seqs = rest.column::<8>();
        let times = rest.column::<8>();
        let turns = rest.column::<8>();
        let actors = rest.column::<4>();
        let shapes = rest.column::<4>();
        let ends = rest.column::<4>();
        let rows = ids.zip(correlations.zip(causations)).zip(seqs.zip(times.zip(turns)));
        let mut rows = rows.zip(actors.zip(shapes.zip(ends))).zip(&self.refs);
        let mut end_of_payload = 0_usize;
        events.each(|event, placed| {
            let Some((row, (actor, shape))) = rows.next() else { return };
            let (((id, (correlation, causation)), (seq, (at, turn))), (named, (shaped, end))) = row;
            *id = event.id.as_u128().to_be_bytes();
            *correlation = event.correlation.map_or(0, CorrelationId::as_u128).to_be_bytes();
            *causation = event.causation.map_or(0, EventId::as_u128).to_be_bytes();
            *seq = placed.seq.get().to_le_bytes();
            *at = micros(placed.at).to_le_bytes();
            *turn = event.turn.to_le_bytes();
            *named = actor.to_le_bytes();
            *shaped = shape.to_le_bytes();
            end_of_payload = end_of_payload.saturating_add(event.payload.bytes().len());
            *end = narrow(end_of_payload).to_le_bytes();
        });
    }
}

/// The place of the columns that are still to be taken.
struct Rest<'a> {
    bytes: &'a mut [u8],
    count: usize,
}

impl<'a> Rest<'a> {
    /// Takes a column with `N` bytes of each event.
    fn column<const N: usize>(&mut self) -> std::slice::IterMut<'a, [u8; N]> {
        let bytes = std::mem::take(&mut self.bytes);
        let length = self.count.saturating_mul(N).min(bytes.len());
        let (column, rest) = bytes.split_at_mut(length);
        self.bytes = rest;
        column.as_chunks_mut::<N>().0.iter_mut()
    }
}

/// The columns of the only event of a frame: each has one place, so they make a row.
fn row(event: &NewEvent, placed: Placed, actor: u32, shape: u32) -> [u8; COLUMN_BYTES] {
    let mut row = [0; COLUMN_BYTES];
    put(&mut row, 0, &event.id.as_u128().to_be_bytes());
    put(&mut row, 16, &event.correlation.map_or(0, CorrelationId::as_u128).to_be_bytes());
    put(&mut row, 32, &event.causation.map_or(0, EventId::as_u128).to_be_bytes());
    put(&mut row, 48, &placed.seq.get().to_le_bytes());
    put(&mut row, 56, &micros(placed.at).to_le_bytes());
    put(&mut row, 64, &event.turn.to_le_bytes());
    put(&mut row, 72, &actor.to_le_bytes());
    put(&mut row, 76, &shape.to_le_bytes());
    put(&mut row, 80, &narrow(event.payload.bytes().len()).to_le_bytes());
    row
}

/// Appends the block of the payloads.
fn put_payloads(events: &(impl Rows + ?Sized), out: &mut Vec<u8>) {
    events.each(|event, _| out.extend_from_slice(event.payload.bytes()));
}

/// Appends header, blocks and padding.
fn append(header: &FrameHeader, meta: &[u8], payloads: &[u8], out: &mut Vec<u8>) -> Written {
    let start = out.len();
    out.reserve(header.frame_bytes());
    out.resize(start.saturating_add(FRAME_HEADER_BYTES), 0);
    out.extend_from_slice(meta);
    out.extend_from_slice(payloads);
    complete(*header, start, out)
}

/// Writes the header of a frame whose blocks are there, and its padding.
fn complete(mut header: FrameHeader, start: usize, out: &mut Vec<u8>) -> Written {
    let bytes = header.frame_bytes();
    let body = out.get(start.saturating_add(FRAME_HEADER_BYTES)..).unwrap_or_default();
    assert!(body.len() == header.body_bytes(), "a frame is as long as it says");
    header.body_crc = checksum(body);
    let (encoded, chain) = header.encode_with_chain();
    put(out, start, &encoded);
    out.resize(start.saturating_add(bytes), 0);
    Written { bytes, chain, first: header.first, end: header.end() }
}
