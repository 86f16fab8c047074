//! Reading the rows of sealed segments: single blocks for few of them, all at once for many.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bytes::Bytes;

use super::sealed::Sealed;
use super::unpacked::Unpacked;
use crate::event::{Event, Position};
use crate::format::FormatError;
use crate::format::cold::{ActorRun, BlockDecoder, ColdBlock};
use crate::format::frame::{EventRef, Names};
use crate::read::{Query, ReadError};

/// Reads payloads of one sealed segment after the other, and keeps what it has of the last one.
#[derive(Debug, Default)]
pub(super) struct RowReader {
    segment: Position,
    blocks: HashMap<u32, Payloads>,
    unpacked: Option<Unpacked>,
}

/// A decompressed block.
#[derive(Debug)]
struct Payloads {
    first_row: u32,
    ranges: Vec<Range<usize>>,
    bytes: Bytes,
}

/// What a row was needed for before, and may be for the next one.
#[derive(Default)]
struct Kept<'a> {
    run: Option<ActorRun<'a>>,
    decoder: Option<BlockDecoder<'a>>,
}

impl RowReader {
    /// Decompresses all of a segment if most of it is going to be read.
    pub(super) fn prepare(&mut self, sealed: &Sealed, query: &Query, most: bool) {
        self.enter(sealed);
        if most && self.unpacked.is_none() && query.id.is_none() {
            // What cannot be unpacked is met again row by row, where the error has a place.
            self.unpacked = Unpacked::of(sealed);
        }
    }

    /// Hands over the events of rows that meet the conditions of a query, until `take` has enough.
    ///
    /// # Errors
    ///
    /// The first error met, and the row it was met at.
    pub(super) fn take(
        &mut self,
        sealed: &Sealed,
        rows: &[u32],
        query: &Query,
        names: &mut Names,
        mut take: impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), (ReadError, u32)> {
        self.enter(sealed);
        let is_filtered = query.is_filtered();
        let mut kept = Kept::default();
        for row in rows {
            let event = if let Some(unpacked) = &mut self.unpacked {
                unpacked.event(sealed, *row, names, |event| !is_filtered || event.matches(query))
            } else {
                self.event(sealed, *row, query, names, &mut kept)
            };
            let event = event.map_err(|error| (error, *row))?;
            if event.is_some_and(|event| take(event).is_break()) {
                break;
            }
        }
        Ok(())
    }

    /// Shows the events of rows where they lie, until `show` has enough.
    pub(super) fn scan(
        &mut self,
        sealed: &Sealed,
        rows: &[u32],
        show: &mut impl FnMut(&EventRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.enter(sealed);
        if let Some(unpacked) = &self.unpacked {
            for row in rows {
                if show(&unpacked.view(sealed, *row)?).is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let mut kept = Kept::default();
        for row in rows {
            let payload = self.payload(sealed, *row, &mut kept.decoder)?;
            if show(&event_of(sealed, *row, &payload, &mut kept.run)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Forgets what belongs to another segment.
    fn enter(&mut self, sealed: &Sealed) {
        let segment = sealed.view.trailer().first;
        if self.segment != segment {
            self.blocks.clear();
            self.unpacked = None;
            self.segment = segment;
        }
    }

    fn event<'a>(
        &mut self,
        sealed: &'a Sealed,
        row: u32,
        query: &Query,
        names: &mut Names,
        kept: &mut Kept<'a>,
    ) -> Result<Option<Event>, ReadError> {
        let event = event_of(sealed, row, &[], &mut kept.run)?;
        if !event.matches(query) {
            return Ok(None);
        }
        let payload = self.payload(sealed, row, &mut kept.decoder)?;
        Ok(Some(event.to_event(names, payload)))
    }

    fn payload<'a>(
        &mut self,
        sealed: &'a Sealed,
        row: u32,
        decoder: &mut Option<BlockDecoder<'a>>,
    ) -> Result<Bytes, ReadError> {
        let missing = FormatError::content("payload block");
        let block = sealed.view.block_of(row).ok_or(missing);
        let block = block.map_err(|error| sealed.damaged(row, None, error))?;
        let payloads = match self.blocks.entry(block.number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(read_block(sealed, row, &block, decoder)?),
        };
        let index = row.checked_sub(payloads.first_row).and_then(|row| usize::try_from(row).ok());
        let range = index.and_then(|index| payloads.ranges.get(index)).cloned();
        let range = range.filter(|range| range.end <= payloads.bytes.len());
        let payload = range.map(|range| payloads.bytes.slice(range));
        payload.ok_or_else(|| sealed.damaged(row, Some(&block), missing))
    }
}

/// The event of a row; rows next to each other are mostly of one actor.
fn event_of<'a: 'b, 'b>(
    sealed: &'a Sealed,
    row: u32,
    payload: &'b [u8],
    known: &mut Option<ActorRun<'a>>,
) -> Result<EventRef<'b>, ReadError> {
    let damaged = |error| sealed.damaged(row, None, error);
    let run = match known.take().filter(|run| run.rows.contains(&row)) {
        Some(run) => run,
        None => sealed.view.run_with(row).map_err(damaged)?,
    };
    let event = sealed.view.event_in(&run, row, payload).map_err(damaged);
    *known = Some(run);
    event
}

fn read_block<'a>(
    sealed: &'a Sealed,
    row: u32,
    block: &ColdBlock,
    decoder: &mut Option<BlockDecoder<'a>>,
) -> Result<Payloads, ReadError> {
    let damaged = |error| sealed.damaged(row, Some(block), error);
    let mut stored = vec![0; usize::try_from(block.stored).unwrap_or(0)];
    let read = sealed.file.pread(&mut stored, block.offset);
    let read = read.map_err(|error| ReadError::Unavailable(Arc::new(error)))?;
    stored.truncate(read);
    let decoder = match decoder {
        Some(decoder) => decoder,
        None => decoder.insert(sealed.view.decoder().map_err(damaged)?),
    };
    let bytes = decoder.decode(block, stored.into()).map_err(damaged)?;
    let mut first_row = None;
    let mut ranges = Vec::new();
    for (row, range) in sealed.view.payloads(block) {
        first_row.get_or_insert(row);
        ranges.push(range);
    }
    Ok(Payloads { first_row: first_row.unwrap_or(row), ranges, bytes })
}
