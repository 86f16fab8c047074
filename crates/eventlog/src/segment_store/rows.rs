//! Reading the events of sealed segments: single blocks for few of them, all at once for many.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bytes::Bytes;

use super::block_cache::{BlockCache, BlockStore, Payloads};
use super::sealed::{Candidates, Sealed, rows_at};
use super::shapes::Shapes;
use super::unpacked::Unpacked;
use crate::event::{ActorName, Event, Position};
use crate::format::FormatError;
use crate::format::cold::{ActorRun, ColdBlock, ColdRows};
use crate::format::frame::{EventRef, Names};
use crate::read::{Direction, Query, ReadError};

/// What a reader that passes by the cache keeps of the segment it is in: the blocks of a segment of the
/// usual size.
const OWN_BLOCKS_BYTES: usize = 64 << 20;

/// How many events ahead the memory of a payload is fetched.
const FETCH_AHEAD: u32 = 8;

/// Reads events of one sealed segment after the other, and keeps what it has of the last one.
#[derive(Debug)]
pub(super) struct RowReader {
    segment: Position,
    /// The block that was read from last.
    last: Option<Arc<Payloads>>,
    own: BlockStore,
    unpacked: Option<Unpacked>,
    /// That of the segment before, for its memory.
    before: Option<Unpacked>,
    /// Whether the segment turned out to be one that cannot be unpacked.
    is_row_by_row: bool,
    shapes: Shapes,
}

impl Default for RowReader {
    fn default() -> Self {
        Self {
            segment: Position::ZERO,
            last: None,
            own: BlockStore::new(OWN_BLOCKS_BYTES),
            unpacked: None,
            before: None,
            is_row_by_row: false,
            shapes: Shapes::default(),
        }
    }
}

/// What is read of a sealed segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) sealed: &'a Sealed,
    pub(super) candidates: &'a Candidates,
    pub(super) query: &'a Query,
    pub(super) cache: &'a BlockCache,
    /// How many threads may decompress.
    pub(super) threads: usize,
}

impl Reading<'_> {
    /// Whether neighbors of what is read are likely to be read again by somebody.
    fn is_cached(&self) -> bool {
        let query = self.query;
        !query.actors.is_empty() || query.correlation.is_some() || query.id.is_some()
    }
}

/// A read that failed, and the position it was met at; `None` if all of the segment is lost.
pub(super) type Failed = (ReadError, Option<Position>);

impl RowReader {
    /// Hands over the events that meet the conditions of a query, until `take` has enough.
    ///
    /// # Errors
    ///
    /// The first error met, and where.
    pub(super) fn take(
        &mut self,
        reading: &Reading<'_>,
        names: &mut Names,
        mut take: impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), Failed> {
        let Reading { sealed, query, .. } = *reading;
        self.enter(sealed);
        let all = |error| (error, None);
        match reading.candidates {
            Candidates::Rows(rows) => self.take_rows(reading, rows, names, &mut take),
            Candidates::Places(places) if self.unpack(reading).map_err(all)? => {
                self.take_places(reading, places.clone(), names, &mut take)
            }
            Candidates::Places(places) => {
                let rows = rows_at(sealed.order().map_err(all)?, places, query.direction);
                self.take_rows(reading, &rows, names, &mut take)
            }
        }
    }

    fn take_rows(
        &mut self,
        reading: &Reading<'_>,
        rows: &[u32],
        names: &mut Names,
        take: &mut impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), Failed> {
        let Reading { sealed, query, .. } = *reading;
        let columns = sealed.rows().map_err(|error| (error, None))?;
        let mut known: Option<(ActorRun<'_>, ActorName)> = None;
        // An event of few of a block would keep all of it in memory.
        let copies = query.actors.is_empty();
        for row in rows {
            let failed = |error| (error, Some(position_of(&columns, sealed, *row)));
            let damaged = |error| failed(sealed.damaged(*row, None, error));
            let of_row = known.take().filter(|(run, _)| run.rows.contains(row));
            let (run, actor) = if let Some(known) = of_row {
                known
            } else {
                let run = columns.run_with(*row).map_err(damaged)?;
                let actor = names.get(run.actor).into();
                (run, actor)
            };
            let (shape, event) = columns.event_with_shape(&run, *row, &[]).map_err(damaged)?;
            if event.matches(query) {
                let payload = self.payload(reading, *row).map_err(failed)?;
                let payload = if copies { Bytes::copy_from_slice(&payload) } else { payload };
                let event = self.shapes.own(&event, shape, actor.clone(), payload, names);
                if take(event).is_break() {
                    break;
                }
            }
            known = Some((run, actor));
        }
        Ok(())
    }

    fn take_places(
        &mut self,
        reading: &Reading<'_>,
        mut places: Range<u32>,
        names: &mut Names,
        take: &mut impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), Failed> {
        let Reading { sealed, query, .. } = *reading;
        let is_filtered = query.is_filtered();
        let Some(unpacked) = &self.unpacked else { return Ok(()) };
        let columns = sealed.rows().map_err(|error| (error, None))?;
        // Ends with the places.
        while let Some(place) = match query.direction {
            Direction::Forward => places.next(),
            Direction::Backward => places.next_back(),
        } {
            unpacked.fetch(match query.direction {
                Direction::Forward => place.saturating_add(FETCH_AHEAD),
                Direction::Backward => place.saturating_sub(FETCH_AHEAD),
            });
            let found = unpacked.find(&columns, place).ok_or_else(|| wrong(sealed, place))?;
            if is_filtered && !found.event.matches(query) {
                continue;
            }
            let payload = unpacked.payload(&found);
            let actor = found.actor.clone();
            let event = self.shapes.own(&found.event, found.shape, actor, payload, names);
            if take(event).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Shows the events where they lie, until `show` has enough.
    pub(super) fn scan(
        &mut self,
        reading: &Reading<'_>,
        show: &mut impl FnMut(&EventRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let Reading { sealed, query, .. } = *reading;
        self.enter(sealed);
        let rows = match reading.candidates {
            Candidates::Rows(rows) => rows,
            Candidates::Places(places) => {
                if self.unpack(reading)? {
                    let columns = sealed.rows()?;
                    let Some(unpacked) = &self.unpacked else { return Ok(()) };
                    for place in places.clone() {
                        unpacked.fetch(place.saturating_add(FETCH_AHEAD));
                        let found = unpacked.find(&columns, place);
                        let found = found.ok_or_else(|| wrong(sealed, place).0)?;
                        if show(&found.event).is_break() {
                            break;
                        }
                    }
                    return Ok(());
                }
                &rows_at(sealed.order()?, places, query.direction)
            }
        };
        let columns = sealed.rows()?;
        let mut known: Option<ActorRun<'_>> = None;
        for row in rows {
            let damaged = |error| sealed.damaged(*row, None, error);
            let payload = self.payload(reading, *row)?;
            let run = match known.take().filter(|run| run.rows.contains(row)) {
                Some(run) => run,
                None => columns.run_with(*row).map_err(damaged)?,
            };
            if show(&columns.event_in(&run, *row, &payload).map_err(damaged)?).is_break() {
                break;
            }
            known = Some(run);
        }
        Ok(())
    }

    /// Forgets what belongs to another segment.
    fn enter(&mut self, sealed: &Sealed) {
        let segment = sealed.view.trailer().first;
        if self.segment != segment {
            self.own.clear();
            self.last = None;
            self.before = self.unpacked.take().or(self.before.take());
            self.is_row_by_row = false;
            self.shapes.clear();
            self.segment = segment;
        }
    }

    /// Decompresses all of a segment, unless that cannot be done or was before; says whether it is there.
    fn unpack(&mut self, reading: &Reading<'_>) -> Result<bool, ReadError> {
        if self.unpacked.is_none() && !self.is_row_by_row {
            // What cannot be unpacked is met again row by row, where the error has a place.
            let before = self.before.take();
            self.unpacked = Unpacked::of(reading.sealed, reading.threads, before)?;
            self.is_row_by_row = self.unpacked.is_none();
        }
        Ok(self.unpacked.is_some())
    }

    fn payload(&mut self, reading: &Reading<'_>, row: u32) -> Result<Bytes, ReadError> {
        if let Some(last) = &self.last
            && let Some(range) = last.range(row)
        {
            return Ok(last.bytes.slice(range));
        }
        let sealed = reading.sealed;
        let missing = || sealed.damaged(row, None, FormatError::content("payload block"));
        let number = sealed.blocks()?.number_of(row).ok_or_else(missing)?;
        let key = (self.segment, number);
        let is_cached = reading.is_cached();
        let known = if is_cached { reading.cache.get(key) } else { self.own.get(key) };
        let payloads = if let Some(payloads) = known {
            payloads
        } else {
            let payloads = Arc::new(read_block(sealed, row, number)?);
            if is_cached {
                reading.cache.insert(key, &payloads);
            } else {
                self.own.insert(key, &payloads);
            }
            payloads
        };
        let payload = payloads.range(row).map(|range| payloads.bytes.slice(range));
        self.last = Some(payloads);
        payload.ok_or_else(missing)
    }
}

fn position_of(columns: &ColdRows<'_>, sealed: &Sealed, row: u32) -> Position {
    columns.position(row).unwrap_or(sealed.view.trailer().first)
}

/// The error of an event that makes no sense.
fn wrong(sealed: &Sealed, place: u32) -> Failed {
    let position = sealed.view.trailer().first.plus(u64::from(place));
    (sealed.damaged_event(position, FormatError::content("sealed segment")), Some(position))
}

/// Reads, checks and decompresses a block.
fn read_block(sealed: &Sealed, row: u32, number: u32) -> Result<Payloads, ReadError> {
    let blocks = sealed.blocks()?;
    let wrong = FormatError::content("payload block");
    let block: ColdBlock = blocks.get(number).ok_or_else(|| sealed.damaged(row, None, wrong))?;
    let damaged = |error| sealed.damaged(row, Some(&block), error);
    let stored = sealed.read(block.offset, block.stored)?;
    let bytes = blocks.decode(&block, stored).map_err(damaged)?;
    let rows = blocks.rows(number);
    let columns = sealed.rows()?;
    let mut ends = Vec::with_capacity(rows.len());
    let mut at = 0_usize;
    for row in rows.clone() {
        let length = columns.payload_bytes(row).ok_or_else(|| damaged(wrong))?;
        at = at.saturating_add(length);
        ends.push(u32::try_from(at).map_err(|_too_long| damaged(wrong))?);
    }
    Ok(Payloads { rows, ends, bytes })
}
