//! Sealing: from events in the order of positions to the file.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use steadfast_base::EventId;

use super::envelopes::{self as section, ColdPart, HEAD_BYTES};
use super::trailer::{COLD_TRAILER_BYTES, ColdLayout, ColdTrailer, sha256};
use crate::event::{ActorName, Position};
use crate::format::bloom::{Bloom, hash_id};
use crate::format::bytes::{narrow, put_text, widen};
use crate::format::compress::ColdCompressor;
use crate::format::frame::{EventRef, KIND_IS_NAME, KindRef, Shape};
use crate::format::packed::put_packed;
use crate::format::segment::{SegmentHeader, micros, timestamp};
use crate::format::{SEGMENT_HEADER_BYTES, checksum};

/// A payload block is closed once it has this many bytes.
const BLOCK_RAW_BYTES: usize = 16 << 10;

/// The events cannot be sealed: they are not the contents of one sound segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColdFault {
    /// A position does not follow the one before.
    Position(Position),
    /// The numbers of an actor are not one unbroken run.
    Seq(Position),
    /// There is no event, or there are more than a segment can hold.
    Count,
}

impl fmt::Display for ColdFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position(position) => write!(f, "position {position} does not follow"),
            Self::Seq(position) => {
                write!(f, "the sequence number at position {position} does not follow")
            }
            Self::Count => f.write_str("no events, or too many"),
        }
    }
}

impl std::error::Error for ColdFault {}

/// Collects the events of one segment and writes them in the sealed form.
///
/// It holds all of them in memory, payloads included: a segment's worth.
#[derive(Debug, Default)]
pub struct ColdBuilder {
    first: Position,
    places: Vec<Place>,
    payloads: Vec<u8>,
    actors: BTreeMap<ActorName, ActorEvents>,
    names: HashMap<String, u32>,
    name_texts: Vec<u8>,
    shapes: HashMap<[u8; 12], u64>,
    shape_bytes: Vec<u8>,
    by_id: HashMap<u128, u64>,
    foreign: HashMap<u128, u64>,
    foreign_ids: Vec<u128>,
    correlations: HashMap<u128, u64>,
    correlation_ids: Vec<u128>,
}

/// What is known of the event at one place.
#[derive(Debug)]
struct Place {
    id: u128,
    micros: i64,
    correlation: u64,
    cause: u64,
    shape: u64,
    turn: u64,
    payload: (usize, usize),
}

#[derive(Debug)]
struct ActorEvents {
    first_seq: u64,
    places: Vec<u32>,
}

impl ColdBuilder {
    /// No events yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the event at the next position.
    ///
    /// # Errors
    ///
    /// [`ColdFault`] if it does not follow the one before.
    pub fn push(&mut self, event: &EventRef<'_>) -> Result<(), ColdFault> {
        if self.places.is_empty() {
            self.first = event.position;
        }
        let number = wide(self.places.len());
        if self.first.plus(number) != event.position || event.position == Position::ZERO {
            return Err(ColdFault::Position(event.position));
        }
        let place = u32::try_from(number).map_err(|_too_many| ColdFault::Count)?;
        self.follow(event, place)?;
        let id = event.id.as_u128();
        let correlation = match event.correlation {
            None => 0,
            Some(id) => {
                let next = wide(self.correlation_ids.len()).saturating_add(1);
                let known = *self.correlations.entry(id.as_u128()).or_insert(next);
                if known == next {
                    self.correlation_ids.push(id.as_u128());
                }
                known
            }
        };
        let cause = self.cause(event.causation, number);
        let shape = self.shape(event);
        let start = self.payloads.len();
        self.payloads.extend_from_slice(event.payload);
        self.by_id.insert(id, number);
        self.places.push(Place {
            id,
            micros: micros(event.at),
            correlation,
            cause,
            shape,
            turn: event.turn,
            payload: (start, self.payloads.len()),
        });
        Ok(())
    }

    /// Puts the event behind those of its actor.
    fn follow(&mut self, event: &EventRef<'_>, place: u32) -> Result<(), ColdFault> {
        let seq = event.seq.get();
        if let Some(actor) = self.actors.get_mut(event.actor) {
            if actor.first_seq.checked_add(wide(actor.places.len())) != Some(seq) {
                return Err(ColdFault::Seq(event.position));
            }
            actor.places.push(place);
        } else {
            let actor = ActorEvents { first_seq: seq, places: vec![place] };
            self.actors.insert(ActorName::from(event.actor), actor);
        }
        Ok(())
    }

    fn cause(&mut self, cause: Option<EventId>, place: u64) -> u64 {
        let Some(cause) = cause.map(EventId::as_u128) else { return 0 };
        if let Some(known) = self.by_id.get(&cause) {
            return place.saturating_sub(*known) << 1 | 1;
        }
        let next = wide(self.foreign_ids.len()).saturating_add(1);
        let known = *self.foreign.entry(cause).or_insert(next);
        if known == next {
            self.foreign_ids.push(cause);
        }
        known << 1
    }

    fn shape(&mut self, event: &EventRef<'_>) -> u64 {
        let kind = match event.kind {
            KindRef::BuiltIn(kind) => crate::format::frame::kind_code(kind),
            KindRef::Application(name) => self.name(name) | KIND_IS_NAME,
        };
        let type_name = self.name(event.type_name);
        let shape = Shape { kind, type_name, version: event.version, codec: event.codec };
        let bytes = shape.encode();
        let next = wide(self.shapes.len());
        let known = *self.shapes.entry(bytes).or_insert(next);
        if known == next {
            self.shape_bytes.extend_from_slice(&bytes);
        }
        known
    }

    fn name(&mut self, text: &str) -> u32 {
        if let Some(known) = self.names.get(text) {
            return *known;
        }
        let name = narrow(self.names.len());
        put_text(text, &mut self.name_texts);
        self.names.insert(text.to_owned(), name);
        name
    }

    /// The whole file.
    ///
    /// `header` is that of the segment before sealing, `chain` the chain value of its last frame, `level`
    /// the one of zstd (1 to 19; 3 is quick, 9 small).
    ///
    /// # Errors
    ///
    /// [`ColdFault::Count`] if there is no event.
    pub fn finish(
        self,
        header: &SegmentHeader,
        chain: u32,
        level: i32,
    ) -> Result<Vec<u8>, ColdFault> {
        let micros = || self.places.iter().map(|place| place.micros);
        let time = |at: Option<i64>| at.and_then(timestamp).ok_or(ColdFault::Count);
        let (earliest, latest) = (time(micros().min())?, time(micros().max())?);
        let rows: Vec<u32> =
            self.actors.values().flat_map(|actor| actor.places.iter().copied()).collect();
        let mut file = Vec::with_capacity(SEGMENT_HEADER_BYTES.saturating_add(self.payloads.len()));
        file.extend_from_slice(&SegmentHeader { sealed: true, ..*header }.encode());
        let dictionary = self.dictionary(&rows);
        let blocks = self.put_blocks(&rows, &dictionary, level, &mut file);
        let envelopes = self.envelopes(&rows, dictionary, &blocks);
        let trailer = ColdTrailer {
            layout: ColdLayout::Parts,
            log_id: header.log_id,
            first: self.first,
            count: narrow(self.places.len()),
            chain,
            envelopes_offset: wide(file.len()),
            envelopes_len: narrow(envelopes.len()),
            envelopes_crc: checksum(envelopes.get(..HEAD_BYTES).unwrap_or_default()),
            earliest,
            latest,
            sha256: [0; 32],
        };
        file.extend_from_slice(&envelopes);
        let trailer = ColdTrailer { sha256: sha256(&file), ..trailer };
        file.reserve_exact(COLD_TRAILER_BYTES);
        file.extend_from_slice(&trailer.encode());
        Ok(file)
    }

    fn payload(&self, row: u32) -> &[u8] {
        let range = self.places.get(widen(row)).map(|place| place.payload);
        range.and_then(|(start, end)| self.payloads.get(start..end)).unwrap_or_default()
    }

    /// A dictionary trained on payloads from all over the segment; empty if there is too little.
    fn dictionary(&self, rows: &[u32]) -> Vec<u8> {
        crate::format::compress::train(self.payloads.len(), rows.len(), |index| {
            rows.get(index).map_or(&[][..], |row| self.payload(*row))
        })
    }

    fn put_blocks(
        &self,
        rows: &[u32],
        dictionary: &[u8],
        level: i32,
        file: &mut Vec<u8>,
    ) -> Blocks {
        let mut blocks = Blocks::default();
        let mut compressor = ColdCompressor::new(level, dictionary);
        let mut raw = Vec::new();
        let mut first_row = 0_u64;
        for (row, next) in rows.iter().zip(1_u64..) {
            raw.extend_from_slice(self.payload(*row));
            if raw.len() >= BLOCK_RAW_BYTES || next == wide(rows.len()) {
                let start = file.len();
                compressor.put_block(&raw, file);
                blocks.rows.push(first_row);
                blocks.offsets.push(wide(start));
                blocks.raw.push(wide(raw.len()));
                let crc = checksum(file.get(start..).unwrap_or_default());
                blocks.crcs.extend_from_slice(&crc.to_le_bytes());
                raw.clear();
                first_row = next;
            }
        }
        blocks.offsets.push(wide(file.len()));
        blocks
    }

    fn envelopes(&self, rows: &[u32], dictionary: Vec<u8>, blocks: &Blocks) -> Vec<u8> {
        let mut sections = vec![Vec::new(); section::SECTIONS];
        let mut set = |number: usize, bytes: Vec<u8>| {
            if let Some(section) = sections.get_mut(number) {
                *section = bytes;
            }
        };
        set(section::DICTIONARY, dictionary);
        set(section::NAMES, self.name_texts.clone());
        set(section::SHAPES, self.shape_bytes.clone());
        set(section::BLOCK_ROWS, packed(&blocks.rows));
        set(section::BLOCK_OFFSETS, packed(&blocks.offsets));
        set(section::BLOCK_RAW, packed(&blocks.raw));
        set(section::BLOCK_CRCS, blocks.crcs.clone());
        self.put_actors(&mut set);
        self.put_rows(rows, &mut set);
        self.put_places(&mut set);
        self.put_correlations(rows, &mut set);
        let mut bloom = Vec::new();
        Bloom::of(self.places.iter().map(|place| hash_id(EventId::from_u128(place.id))))
            .encode(&mut bloom);
        set(section::BLOOM, bloom);
        let lengths = sections.iter().flat_map(|bytes| narrow(bytes.len()).to_le_bytes());
        let mut out: Vec<u8> = lengths.collect();
        for part in ColdPart::ALL {
            let bytes = sections.get(part.sections()).unwrap_or_default().concat();
            out.extend_from_slice(&checksum(&bytes).to_le_bytes());
        }
        out.extend(sections.concat());
        out
    }

    fn put_actors(&self, set: &mut impl FnMut(usize, Vec<u8>)) {
        let (mut names, mut ends, mut rows, mut seqs) = (Vec::new(), vec![], vec![], vec![]);
        let mut row = 0_u64;
        for (name, actor) in &self.actors {
            names.extend_from_slice(name.as_str().as_bytes());
            ends.push(wide(names.len()));
            rows.push(row);
            seqs.push(actor.first_seq);
            row = row.saturating_add(wide(actor.places.len()));
        }
        set(section::ACTOR_NAMES, names);
        set(section::ACTOR_NAME_ENDS, packed(&ends));
        set(section::ACTOR_ROWS, packed(&rows));
        set(section::ACTOR_SEQS, packed(&seqs));
    }

    fn put_rows(&self, rows: &[u32], set: &mut impl FnMut(usize, Vec<u8>)) {
        let of = |number: fn(&Place) -> u64| -> Vec<u64> {
            rows.iter().filter_map(|row| self.places.get(widen(*row))).map(number).collect()
        };
        set(section::ROW_PLACES, packed(&rows.iter().copied().map(u64::from).collect::<Vec<_>>()));
        set(section::ROW_SHAPES, packed(&of(|place| place.shape)));
        set(
            section::ROW_LENGTHS,
            packed(&of(|place| wide(place.payload.1.saturating_sub(place.payload.0)))),
        );
        set(section::ROW_TURNS, packed(&of(|place| place.turn)));
    }

    fn put_places(&self, set: &mut impl FnMut(usize, Vec<u8>)) {
        let of =
            |number: fn(&Place) -> u64| packed(&self.places.iter().map(number).collect::<Vec<_>>());
        set(section::ID_HIGH, of(|place| high(place.id)));
        set(section::ID_MIDDLE, of(|place| narrow64(place.id >> 64) & 0xffff));
        set(section::ID_LOW, of(|place| narrow64(place.id)));
        set(
            section::TIMES,
            of(|place| {
                let micros = place.micros.cast_unsigned();
                let expected = high(place.id).wrapping_mul(1_000);
                micros.wrapping_sub(expected).wrapping_add(section::MIDDLE)
            }),
        );
        set(section::CORRELATIONS, of(|place| place.correlation));
        set(section::CAUSES, of(|place| place.cause));
        set(section::FOREIGN_CAUSES, id_bytes(&self.foreign_ids));
    }

    fn put_correlations(&self, rows: &[u32], set: &mut impl FnMut(usize, Vec<u8>)) {
        let mut row_of_place = vec![0_u64; self.places.len()];
        for (row, place) in rows.iter().enumerate() {
            if let Some(slot) = row_of_place.get_mut(widen(*place)) {
                *slot = wide(row);
            }
        }
        let mut rows_of: Vec<Vec<u64>> = vec![Vec::new(); self.correlation_ids.len()];
        for (place, row) in self.places.iter().zip(row_of_place) {
            let number = place.correlation.checked_sub(1).and_then(|n| usize::try_from(n).ok());
            if let Some(rows) = number.and_then(|number| rows_of.get_mut(number)) {
                rows.push(row);
            }
        }
        let mut starts = vec![0_u64];
        let mut total = 0_u64;
        for rows in &rows_of {
            total = total.saturating_add(wide(rows.len()));
            starts.push(total);
        }
        let mut order: Vec<(u128, u64)> = self.correlation_ids.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let order: Vec<u64> = order.into_iter().map(|(_, number)| number).collect();
        set(section::CORRELATION_IDS, id_bytes(&self.correlation_ids));
        set(section::CORRELATION_ORDER, packed(&order));
        set(section::CORRELATION_STARTS, packed(&starts));
        set(section::CORRELATION_ROWS, packed(&rows_of.concat()));
    }
}

/// The directory of the payload blocks.
#[derive(Debug, Default)]
struct Blocks {
    rows: Vec<u64>,
    offsets: Vec<u64>,
    raw: Vec<u64>,
    crcs: Vec<u8>,
}

fn packed(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    put_packed(numbers, &mut out);
    out
}

fn id_bytes(ids: &[u128]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_be_bytes()).collect()
}

fn high(id: u128) -> u64 {
    narrow64(id >> 80)
}

/// The lowest 64 bits.
fn narrow64(bits: u128) -> u64 {
    u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0)
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
