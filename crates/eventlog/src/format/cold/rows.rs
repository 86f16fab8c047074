//! Everything about the events of a sealed segment but their payloads.

use bytes::Bytes;

use steadfast_base::{CorrelationId, EventId, Timestamp};

use super::actors::{ActorRun, Actors};
use super::head::{Sections, WHAT, WRONG};
use super::{ColdTrailer, Column, envelopes as section};
use crate::event::Position;
use crate::format::FormatError;
use crate::format::bytes::{Reader, widen};
use crate::format::frame::{EventRef, KIND_IS_NAME, KindRef, Shape, built_in};
use crate::format::segment::timestamp;

/// The part with the columns.
#[derive(Debug)]
pub(super) struct Columns {
    names: Vec<Box<str>>,
    shapes: Vec<Shape>,
    places: Column,
    row_shapes: Column,
    lengths: Column,
    turns: Column,
    id_high: Column,
    id_middle: Column,
    id_low: Column,
    times: Column,
    correlations: Column,
    causes: Column,
    foreign: Bytes,
}

impl Columns {
    pub(super) fn take(mut sections: Sections, count: u32) -> Result<Self, FormatError> {
        let texts = sections.bytes()?;
        let mut texts = Reader::new(&texts, WHAT);
        let mut names = Vec::new();
        // Each text takes at least one byte.
        while !texts.rest().is_empty() {
            names.push(Box::from(texts.text()?));
        }
        let shapes = sections.bytes()?;
        let (shapes, rest) = shapes.as_chunks::<12>();
        if !rest.is_empty() {
            return Err(WRONG);
        }
        let shapes = shapes.iter().map(|shape| Shape::decode(*shape)).collect();
        let mut numbers = || {
            let column = sections.numbers()?;
            if column.len() == widen(count) { Ok(column) } else { Err(WRONG) }
        };
        let columns = Self {
            names,
            shapes,
            places: numbers()?,
            row_shapes: numbers()?,
            lengths: numbers()?,
            turns: numbers()?,
            id_high: numbers()?,
            id_middle: numbers()?,
            id_low: numbers()?,
            times: numbers()?,
            correlations: numbers()?,
            causes: numbers()?,
            foreign: Bytes::new(),
        };
        Ok(Self { foreign: sections.bytes()?, ..columns })
    }
}

/// The events of a sealed segment without their payloads.
///
/// A *row* counts events from 0 in the order of actor and number, a *place* in the order of positions.
#[derive(Clone, Copy, Debug)]
pub struct ColdRows<'a> {
    pub(super) trailer: &'a ColdTrailer,
    pub(super) actors: &'a Actors,
    pub(super) columns: &'a Columns,
    pub(super) correlation_ids: &'a [[u8; 16]],
}

/// Where the payload of an event is, and what goes with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowAt {
    pub(crate) place: u32,
    /// The number of the shape.
    pub(crate) shape: u32,
    pub(crate) turn: u64,
    pub(crate) length: usize,
}

impl<'a> ColdRows<'a> {
    /// The row of the event with this id, by looking at all ids; ask the filter first.
    pub fn of_id(&self, id: EventId) -> Option<u32> {
        let low = u64::try_from(id.as_u128() & u128::from(u64::MAX)).ok()?;
        let mut ids = self.columns.id_low.iter().enumerate();
        let place = ids.find_map(|(place, found)| {
            (found == low && self.id(place) == Some(id)).then_some(place)
        })?;
        let place = u64::try_from(place).ok()?;
        let row = self.columns.places.iter().position(|found| found == place)?;
        u32::try_from(row).ok()
    }

    /// The rows in the order of positions.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if a row knows a place that is none or another's.
    pub fn in_order(&self) -> Result<Vec<u32>, FormatError> {
        let places = &self.columns.places;
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

    /// The position of the event of a row.
    pub fn position(&self, row: u32) -> Option<Position> {
        self.columns.places.get(widen(row)).map(|place| self.trailer.first.plus(place))
    }

    /// The bytes of a row's payload.
    pub fn payload_bytes(&self, row: u32) -> Option<usize> {
        usize::try_from(self.columns.lengths.get(widen(row))?).ok()
    }

    /// The run of the actor that a row belongs to.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if it belongs to none.
    pub fn run_with(&self, row: u32) -> Result<ActorRun<'a>, FormatError> {
        self.actors.with(row).ok_or(WRONG)
    }

    /// The event of a row, with the payload that was found for it.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if what stands there makes no sense.
    pub fn event<'b>(&self, row: u32, payload: &'b [u8]) -> Result<EventRef<'b>, FormatError>
    where
        'a: 'b,
    {
        self.event_in(&self.run_with(row)?, row, payload)
    }

    /// The event of a row of this actor, with the payload that was found for it.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if what stands there makes no sense.
    pub fn event_in<'b>(
        &self,
        run: &ActorRun<'a>,
        row: u32,
        payload: &'b [u8],
    ) -> Result<EventRef<'b>, FormatError>
    where
        'a: 'b,
    {
        self.event_with_shape(run, row, payload).map(|(_, event)| event)
    }

    /// The same with the number of its shape.
    pub(crate) fn event_with_shape<'b>(
        &self,
        run: &ActorRun<'a>,
        row: u32,
        payload: &'b [u8],
    ) -> Result<(u32, EventRef<'b>), FormatError>
    where
        'a: 'b,
    {
        let at = self.at(row).ok_or(WRONG)?;
        let number = row.checked_sub(run.rows.start).ok_or(WRONG)?;
        let event = self.event_at(&at, payload).ok_or(WRONG)?;
        let seq = run.first.plus(u64::from(number));
        Ok((at.shape, EventRef { actor: run.actor, seq, ..event }))
    }

    fn at(&self, row: u32) -> Option<RowAt> {
        let row = widen(row);
        Some(RowAt {
            place: u32::try_from(self.columns.places.get(row)?).ok()?,
            shape: u32::try_from(self.columns.row_shapes.get(row)?).ok()?,
            turn: self.columns.turns.get(row)?,
            length: usize::try_from(self.columns.lengths.get(row)?).ok()?,
        })
    }

    /// Where each row's payload is and what goes with it, in the order of rows.
    pub(crate) fn all(&self) -> impl Iterator<Item = Option<RowAt>> + use<'a> {
        let Columns { places, row_shapes, lengths, turns, .. } = self.columns;
        let numbers = places.iter().zip(row_shapes.iter()).zip(lengths.iter().zip(turns.iter()));
        numbers.map(|((place, shape), (length, turn))| {
            Some(RowAt {
                place: u32::try_from(place).ok()?,
                shape: u32::try_from(shape).ok()?,
                turn,
                length: usize::try_from(length).ok()?,
            })
        })
    }

    /// The event at a place; whose it is and its number are still to be filled in.
    pub(crate) fn event_at<'b>(&self, at: &RowAt, payload: &'b [u8]) -> Option<EventRef<'b>>
    where
        'a: 'b,
    {
        let columns = self.columns;
        let place = widen(at.place);
        let shape = columns.shapes.get(widen(at.shape))?;
        let kind = match built_in(shape.kind) {
            Some(kind) => KindRef::BuiltIn(kind),
            None if shape.kind & KIND_IS_NAME == 0 => return None,
            None => KindRef::Application(columns.names.get(widen(shape.kind & !KIND_IS_NAME))?),
        };
        let id = self.id(place)?;
        Some(EventRef {
            id,
            kind,
            actor: "",
            seq: crate::event::Seq::ZERO,
            position: self.trailer.first.plus(u64::from(at.place)),
            at: self.time(place, id)?,
            correlation: given(self.correlation(place)?).map(CorrelationId::from_u128),
            causation: given(self.cause(place)?).map(EventId::from_u128),
            turn: at.turn,
            type_name: columns.names.get(widen(shape.type_name))?,
            version: shape.version,
            codec: shape.codec,
            payload,
        })
    }

    fn id(&self, place: usize) -> Option<EventId> {
        let high = u128::from(self.columns.id_high.get(place)?);
        let middle = u128::from(self.columns.id_middle.get(place)?);
        let low = u128::from(self.columns.id_low.get(place)?);
        Some(EventId::from_u128(high << 80 | (middle & 0xffff) << 64 | low))
    }

    fn time(&self, place: usize, id: EventId) -> Option<Timestamp> {
        let expected = u64::try_from(id.as_u128() >> 80).ok()?.wrapping_mul(1_000);
        let difference = self.columns.times.get(place)?.wrapping_sub(section::MIDDLE);
        timestamp(expected.wrapping_add(difference).cast_signed())
    }

    /// The correlation at a place; the nil id for none.
    fn correlation(&self, place: usize) -> Option<u128> {
        let Some(number) = self.columns.correlations.get(place)?.checked_sub(1) else {
            return Some(0);
        };
        let id = self.correlation_ids.get(usize::try_from(number).ok()?)?;
        Some(u128::from_be_bytes(*id))
    }

    /// The cause at a place; the nil id for none.
    fn cause(&self, place: usize) -> Option<u128> {
        let cause = self.columns.causes.get(place)?;
        let number = usize::try_from(cause >> 1).ok()?;
        match (cause & 1, number.checked_sub(1)) {
            (0, None) => Some(0),
            (0, Some(foreign)) => {
                let id = self.columns.foreign.as_chunks::<16>().0.get(foreign)?;
                Some(u128::from_be_bytes(*id))
            }
            _ => self.id(place.checked_sub(number)?).map(EventId::as_u128),
        }
    }
}

/// The nil id stands for none.
fn given(id: u128) -> Option<u128> {
    (id != 0).then_some(id)
}
