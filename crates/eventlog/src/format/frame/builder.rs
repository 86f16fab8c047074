//! Building a frame from events.

use std::collections::HashMap;
use std::fmt;

use steadfast_base::{CorrelationId, EventId};

use super::FRAME_BYTES_MAX;
use super::columns::{COLUMN_BYTES, COLUMNS_FIXED_BYTES, KIND_IS_NAME, Shape, kind_code};
use super::header::{FRAME_HEADER_BYTES, FrameHeader, FrameRole};
use super::names::NameTable;
use crate::append::Placed;
use crate::event::{EventKind, NewEvent, Position};
use crate::format::bytes::{narrow, put, widen};
use crate::format::checksum;
use crate::format::compress::{BlockCompressor, Compression};
use crate::format::segment::micros;
use crate::hash::NameHash;

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

/// Collects events column by column and writes them as a frame; used again for frame after frame.
#[derive(Debug, Default)]
pub struct FrameBuilder {
    compression: Compression,
    compressor: Option<BlockCompressor>,
    first: Position,
    count: u32,
    names: NameTable,
    shapes: HashMap<[u8; 12], u32, NameHash>,
    shape_bytes: Vec<u8>,
    /// The shape of the event before, and its number: the next one is mostly of the same.
    last_shape: Option<(Shape, u32)>,
    columns: [Vec<u8>; 9],
    payloads: Vec<u8>,
    earliest: i64,
    latest: i64,
    /// The columns put together, and what blocks are compressed into.
    meta: Vec<u8>,
    compressed: [Vec<u8>; 2],
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
        FRAME_HEADER_BYTES.saturating_add(self.meta_raw()).saturating_add(self.payloads.len())
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
        if self.is_empty() {
            self.first = placed.position;
        }
        let expected = self.first.plus(u64::from(self.count));
        assert!(expected == placed.position, "events of a frame stand next to each other");
        assert!(placed.seq.get() > 0 && placed.position.get() > 0, "numbers count from 1");
        let at = micros(placed.at);
        self.earliest = if self.is_empty() { at } else { self.earliest.min(at) };
        self.latest = if self.is_empty() { at } else { self.latest.max(at) };
        let actor = self.names.number(event.actor.as_str());
        let shape = self.shape(event);
        self.payloads.extend_from_slice(event.payload.bytes());
        let end = narrow(self.payloads.len());
        let [ids, correlations, causations, seqs, times, turns, actors, shapes, ends] =
            &mut self.columns;
        let correlation = event.correlation.map_or(0, CorrelationId::as_u128);
        let causation = event.causation.map_or(0, EventId::as_u128);
        ids.extend_from_slice(&event.id.as_u128().to_be_bytes());
        correlations.extend_from_slice(&correlation.to_be_bytes());
        causations.extend_from_slice(&causation.to_be_bytes());
        seqs.extend_from_slice(&placed.seq.get().to_le_bytes());
        times.extend_from_slice(&at.to_le_bytes());
        turns.extend_from_slice(&event.turn.to_le_bytes());
        actors.extend_from_slice(&actor.to_le_bytes());
        shapes.extend_from_slice(&shape.to_le_bytes());
        ends.extend_from_slice(&end.to_le_bytes());
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Appends the frame to `out` and becomes empty.
    ///
    /// # Panics
    ///
    /// If it is empty: a frame without events is a [mark](FrameStamp::mark).
    pub fn finish(&mut self, stamp: &FrameStamp, out: &mut Vec<u8>) -> Written {
        assert!(!self.is_empty(), "a frame holds events");
        self.assemble();
        let mut header = stamp.header(self.first);
        header.count = self.count;
        header.meta_raw = narrow(self.meta.len());
        header.payload_raw = narrow(self.payloads.len());
        let span = self.latest.saturating_sub(self.earliest);
        header.time_span = u32::try_from(span).unwrap_or(u32::MAX);
        let [meta, payloads] = &mut self.compressed;
        meta.clear();
        payloads.clear();
        if self.compression == Compression::Zstd {
            if self.compressor.is_none() {
                self.compressor = BlockCompressor::for_frames();
            }
            if let Some(compressor) = &mut self.compressor {
                header.meta_compressed = compressor.compress(&self.meta, meta);
                header.payload_compressed = compressor.compress(&self.payloads, payloads);
            }
        }
        let meta = if header.meta_compressed { &*meta } else { &self.meta };
        let payloads = if header.payload_compressed { &*payloads } else { &self.payloads };
        header.meta_len = narrow(meta.len());
        header.payload_len = narrow(payloads.len());
        let written = append(&header, meta, payloads, out);
        self.clear();
        written
    }

    /// Forgets the events and keeps the memory.
    pub fn clear(&mut self) {
        self.count = 0;
        self.names.clear();
        self.shapes.clear();
        self.shape_bytes.clear();
        self.last_shape = None;
        self.columns.iter_mut().for_each(Vec::clear);
        self.payloads.clear();
    }

    fn meta_raw(&self) -> usize {
        COLUMNS_FIXED_BYTES
            .saturating_add(self.shape_bytes.len())
            .saturating_add(self.names.ends().len())
            .saturating_add(self.names.bytes().len())
            .saturating_add(widen(self.count).saturating_mul(COLUMN_BYTES))
    }

    fn shape(&mut self, event: &NewEvent) -> u32 {
        if let Some(known) = self.same_shape(event) {
            return known;
        }
        let kind = match &event.kind {
            EventKind::Application(name) => self.names.number(name.as_str()) | KIND_IS_NAME,
            built_in => kind_code(built_in),
        };
        let shape = Shape {
            kind,
            type_name: self.names.number(event.payload.type_name().as_str()),
            version: event.payload.version(),
            codec: event.payload.codec(),
        };
        let next = narrow(self.shapes.len());
        let bytes = shape.encode();
        let known = *self.shapes.entry(bytes).or_insert(next);
        if known == next {
            self.shape_bytes.extend_from_slice(&bytes);
        }
        self.last_shape = Some((shape, known));
        known
    }

    /// The number of the shape of the event before, if this event has the same.
    fn same_shape(&self, event: &NewEvent) -> Option<u32> {
        let (shape, number) = self.last_shape?;
        let payload = &event.payload;
        let same_kind = match &event.kind {
            EventKind::Application(name) => {
                shape.kind & KIND_IS_NAME != 0
                    && self.names.text(shape.kind & !KIND_IS_NAME) == name.as_str().as_bytes()
            }
            built_in => shape.kind == kind_code(built_in),
        };
        let same = same_kind
            && shape.version == payload.version()
            && shape.codec == payload.codec()
            && self.names.text(shape.type_name) == payload.type_name().as_str().as_bytes();
        same.then_some(number)
    }

    /// Puts the columns together.
    fn assemble(&mut self) {
        self.meta.clear();
        self.meta.reserve(self.meta_raw());
        self.meta.extend_from_slice(&self.earliest.to_le_bytes());
        for number in [self.names.count(), self.names.bytes().len(), self.shapes.len(), 0] {
            self.meta.extend_from_slice(&narrow(number).to_le_bytes());
        }
        for part in [self.shape_bytes.as_slice(), self.names.ends(), self.names.bytes()] {
            self.meta.extend_from_slice(part);
        }
        for column in &self.columns {
            self.meta.extend_from_slice(column);
        }
    }
}

/// Appends header, blocks and padding.
fn append(header: &FrameHeader, meta: &[u8], payloads: &[u8], out: &mut Vec<u8>) -> Written {
    let bytes = header.frame_bytes();
    let start = out.len();
    let end = start.saturating_add(bytes);
    out.reserve(bytes);
    out.resize(start.saturating_add(FRAME_HEADER_BYTES), 0);
    out.extend_from_slice(meta);
    out.extend_from_slice(payloads);
    let body = out.get(start.saturating_add(FRAME_HEADER_BYTES)..).unwrap_or_default();
    let mut header = *header;
    header.body_crc = checksum(body);
    let (encoded, chain) = header.encode_with_chain();
    put(out, start, &encoded);
    out.resize(end, 0);
    Written { bytes, chain, first: header.first, end: header.end() }
}
