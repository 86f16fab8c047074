//! The columns of a frame: everything about its events but the payloads.
//!
//! ```text
//!  0  earliest   i64  microseconds since 1970
//!  8  names      u32  count
//! 12  name bytes u32  length
//! 16  shapes     u32  count
//! 20  zero       u32
//! 24  shapes, 12 bytes each: kind u32, type name u32, version u16, payload codec u8, zero u8
//!     name ends, u32 each: where in the name bytes each name ends
//!     name bytes, UTF-8
//!     then, of each event: id [16], correlation [16], causation [16] (nil: none), seq u64, time i64,
//!     turn u64, actor u32, shape u32, payload end u32; a column each, in this order
//! ```
//!
//! A kind is its place in `EventKind::BUILT_IN` counted from 1, or the highest bit and a name. The names
//! stand in the frame that uses them, so that a damaged frame takes no other's names with it.

use steadfast_base::{CorrelationId, EventId, Timestamp};

use super::event_ref::{EventRef, KindRef};
use crate::event::{CodecId, EventKind, Position, Seq};
use crate::format::FormatError;
use crate::format::bytes::{Reader, widen};
use crate::format::segment::timestamp;

/// Bytes in front of the shapes.
pub(super) const COLUMNS_FIXED_BYTES: usize = 24;

/// Bytes of each event in the columns.
pub(super) const COLUMN_BYTES: usize = 84;

/// The bit that makes a kind a name.
pub(crate) const KIND_IS_NAME: u32 = 1 << 31;

const WHAT: &str = "frame columns";

/// The columns as they lie in a block, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<'a> {
    names: &'a str,
    name_ends: &'a [[u8; 4]],
    shapes: &'a [[u8; 12]],
    ids: &'a [[u8; 16]],
    correlations: &'a [[u8; 16]],
    causations: &'a [[u8; 16]],
    seqs: &'a [[u8; 8]],
    times: &'a [[u8; 8]],
    turns: &'a [[u8; 8]],
    actors: &'a [[u8; 4]],
    shape_refs: &'a [[u8; 4]],
    payload_ends: &'a [[u8; 4]],
    /// The earliest time, in microseconds.
    pub(super) earliest: i64,
    /// The latest time, in microseconds.
    pub(super) latest: i64,
}

/// What an index needs of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Essentials {
    pub(crate) id: EventId,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) seq: Seq,
    /// The name of the actor, by its number.
    pub(crate) actor: u32,
}

/// What of an event is neither a name nor its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    pub(super) id: EventId,
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    pub(super) correlation: Option<CorrelationId>,
    pub(super) causation: Option<EventId>,
    pub(super) turn: u64,
}

/// What events of one sort have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) kind: u32,
    pub(crate) type_name: u32,
    pub(crate) version: u16,
    pub(crate) codec: CodecId,
}

impl Shape {
    pub(crate) fn encode(self) -> [u8; 12] {
        let [k0, k1, k2, k3] = self.kind.to_le_bytes();
        let [t0, t1, t2, t3] = self.type_name.to_le_bytes();
        let [v0, v1] = self.version.to_le_bytes();
        [k0, k1, k2, k3, t0, t1, t2, t3, v0, v1, self.codec.get(), 0]
    }

    pub(crate) fn decode(bytes: [u8; 12]) -> Self {
        let [k0, k1, k2, k3, t0, t1, t2, t3, v0, v1, codec, _] = bytes;
        Self {
            kind: u32::from_le_bytes([k0, k1, k2, k3]),
            type_name: u32::from_le_bytes([t0, t1, t2, t3]),
            version: u16::from_le_bytes([v0, v1]),
            codec: CodecId::new(codec),
        }
    }
}

/// The kind with this code, which is no name.
pub(crate) fn built_in(code: u32) -> Option<&'static EventKind> {
    widen(code).checked_sub(1).and_then(|index| KINDS.get(index))
}

/// The code of a kind that is no name: its place in [`EventKind::BUILT_IN`], counted from 1.
pub(crate) fn kind_code(built_in: &EventKind) -> u32 {
    match built_in {
        EventKind::ActorCreated => 1,
        EventKind::ActorDestroyed => 2,
        EventKind::MessageSent => 3,
        EventKind::MessageProcessed => 4,
        EventKind::StateChanged => 5,
        EventKind::SnapshotTaken => 6,
        EventKind::FailureOccurred => 7,
        EventKind::Application(_) => u32::MAX,
    }
}

static KINDS: [EventKind; 7] = EventKind::BUILT_IN;

impl<'a> Columns<'a> {
    /// Reads the columns of `count` events whose payloads have `payload_raw` bytes together.
    pub(super) fn parse(
        bytes: &'a [u8],
        count: u32,
        payload_raw: u32,
    ) -> Result<Self, FormatError> {
        let mut reader = Reader::new(bytes, WHAT);
        let earliest = i64::from_le_bytes(reader.array()?);
        let (names, name_bytes) = (widen(reader.u32()?), widen(reader.u32()?));
        let (shapes, zero) = (widen(reader.u32()?), reader.u32()?);
        let count = widen(count);
        let shapes = reader.column(shapes)?;
        let name_ends = reader.column(names)?;
        let names = str::from_utf8(reader.take(name_bytes)?);
        let columns = Self {
            earliest,
            latest: earliest,
            names: names.map_err(|_not_utf8| FormatError::content(WHAT))?,
            name_ends,
            shapes,
            ids: reader.column(count)?,
            correlations: reader.column(count)?,
            causations: reader.column(count)?,
            seqs: reader.column(count)?,
            times: reader.column(count)?,
            turns: reader.column(count)?,
            actors: reader.column(count)?,
            shape_refs: reader.column(count)?,
            payload_ends: reader.column(count)?,
        };
        if zero != 0 || !reader.rest().is_empty() {
            return Err(FormatError::content(WHAT));
        }
        columns.check(payload_raw).ok_or(FormatError::content(WHAT))
    }

    /// Checks that every reference and offset leads somewhere, so that events can be taken unchecked.
    fn check(mut self, payload_raw: u32) -> Option<Self> {
        let ends = || self.name_ends.iter().map(|end| widen(u32::from_le_bytes(*end)));
        let names_fit = ends().is_sorted()
            && ends().all(|end| self.names.is_char_boundary(end))
            && ends().next_back().unwrap_or(0) == self.names.len();
        let is_name = |name: u32| widen(name) < self.name_ends.len();
        let shapes_fit = self.shapes.iter().map(|shape| (*shape, Shape::decode(*shape))).all(
            |(bytes, shape)| {
                let named = shape.kind & KIND_IS_NAME != 0 && is_name(shape.kind & !KIND_IS_NAME);
                let kind_fits = named || built_in(shape.kind).is_some();
                kind_fits && is_name(shape.type_name) && shape.encode() == bytes
            },
        );
        let refs_fit = self.actors.iter().all(|actor| is_name(u32::from_le_bytes(*actor)))
            && self
                .shape_refs
                .iter()
                .all(|shape| widen(u32::from_le_bytes(*shape)) < self.shapes.len());
        let payloads = || self.payload_ends.iter().map(|end| u32::from_le_bytes(*end));
        let payloads_fit =
            payloads().is_sorted() && payloads().next_back().unwrap_or(0) == payload_raw;
        let seqs_fit = self.seqs.iter().all(|seq| *seq != [0; 8]);
        let times = || self.times.iter().map(|at| i64::from_le_bytes(*at));
        let (earliest, latest) = (times().min()?, times().max()?);
        timestamp(earliest)?;
        timestamp(latest)?;
        self.latest = latest;
        let fits = names_fit && shapes_fit && refs_fit && payloads_fit && seqs_fit;
        (fits && earliest == self.earliest).then_some(self)
    }

    pub(super) fn shapes_len(&self) -> usize {
        self.shapes.len()
    }

    pub(super) fn names_len(&self) -> usize {
        self.name_ends.len()
    }

    pub(super) fn name(&self, name: u32) -> Option<&'a str> {
        let name = widen(name);
        let end = u32::from_le_bytes(*self.name_ends.get(name)?);
        let start = match name.checked_sub(1) {
            Some(before) => u32::from_le_bytes(*self.name_ends.get(before)?),
            None => 0,
        };
        self.names.get(widen(start)..widen(end))
    }

    /// The numbers of the actor's name and of the shape of an event.
    #[inline]
    pub(super) fn refs(&self, index: usize) -> Option<(u32, u32)> {
        let actor = u32::from_le_bytes(*self.actors.get(index)?);
        Some((actor, u32::from_le_bytes(*self.shape_refs.get(index)?)))
    }

    /// A shape, by its number.
    pub(super) fn shape(&self, number: u32) -> Option<Shape> {
        self.shapes.get(widen(number)).map(|shape| Shape::decode(*shape))
    }

    /// What of an event is neither a name nor its payload.
    #[inline]
    pub(super) fn plain(&self, index: usize) -> Option<Plain> {
        let optional = |id: &[u8; 16]| Some(u128::from_be_bytes(*id)).filter(|id| *id != 0);
        Some(Plain {
            id: EventId::from_u128(u128::from_be_bytes(*self.ids.get(index)?)),
            seq: Seq::new(u64::from_le_bytes(*self.seqs.get(index)?)),
            at: time(*self.times.get(index)?),
            correlation: optional(self.correlations.get(index)?).map(CorrelationId::from_u128),
            causation: optional(self.causations.get(index)?).map(EventId::from_u128),
            turn: u64::from_le_bytes(*self.turns.get(index)?),
        })
    }

    /// What an index needs of an event.
    pub(super) fn essentials(&self, index: usize) -> Option<Essentials> {
        let correlation = u128::from_be_bytes(*self.correlations.get(index)?);
        Some(Essentials {
            id: EventId::from_u128(u128::from_be_bytes(*self.ids.get(index)?)),
            correlation: (correlation != 0).then(|| CorrelationId::from_u128(correlation)),
            seq: Seq::new(u64::from_le_bytes(*self.seqs.get(index)?)),
            actor: u32::from_le_bytes(*self.actors.get(index)?),
        })
    }

    /// Where the payload of an event lies.
    #[inline]
    pub(super) fn payload(&self, index: usize) -> Option<(usize, usize)> {
        let end = u32::from_le_bytes(*self.payload_ends.get(index)?);
        let start = match index.checked_sub(1) {
            Some(before) => u32::from_le_bytes(*self.payload_ends.get(before)?),
            None => 0,
        };
        Some((widen(start), widen(end)))
    }

    /// One event; `first` is the position of the first one, `payloads` the block they lie in.
    pub(super) fn event(
        &self,
        index: usize,
        first: Position,
        payloads: &'a [u8],
    ) -> Option<EventRef<'a>> {
        let (actor, shape) = self.refs(index)?;
        let shape = self.shape(shape)?;
        let (start, end) = self.payload(index)?;
        let Plain { id, seq, at, correlation, causation, turn } = self.plain(index)?;
        let kind = match built_in(shape.kind) {
            Some(kind) => KindRef::BuiltIn(kind),
            None => KindRef::Application(self.name(shape.kind & !KIND_IS_NAME)?),
        };
        Some(EventRef {
            id,
            kind,
            actor: self.name(actor)?,
            seq,
            position: first.plus(u64::try_from(index).ok()?),
            at,
            correlation,
            causation,
            turn,
            type_name: self.name(shape.type_name)?,
            version: shape.version,
            codec: shape.codec,
            payload: payloads.get(start..end)?,
        })
    }
}

/// A stored time; all were checked to be possible.
fn time(bytes: [u8; 8]) -> Timestamp {
    timestamp(i64::from_le_bytes(bytes)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_kind_leads_back_to_it() {
        for kind in &EventKind::BUILT_IN {
            assert_eq!(built_in(kind_code(kind)), Some(kind));
        }
    }
}
