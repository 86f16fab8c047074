//! Sealed segments as the store uses them: opened by their trailer, read row by row.

use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use steadfast_base::storage::StorageFile;

use crate::append::Placed;
use crate::event::{ActorName, Position, Seq};
use crate::format::cold::{COLD_TRAILER_BYTES, ColdBlock, ColdTrailer, ColdView};
use crate::format::{FormatError, SegmentHeader};
use crate::read::{DamageKind, Direction, Query, ReadError};

/// A sealed segment.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) view: ColdView,
    pub(super) file: Arc<dyn StorageFile>,
    /// The rows in the order of positions, once somebody asked.
    in_order: OnceLock<Vec<u32>>,
}

/// Opens a sealed segment; the inner error says what is wrong with its bytes.
pub(super) fn open_sealed(
    file: Arc<dyn StorageFile>,
    header: &SegmentHeader,
) -> io::Result<Result<Sealed, FormatError>> {
    let length = file.length()?;
    let truncated = FormatError::truncated("sealed segment");
    let Some(end) = length.checked_sub(COLD_TRAILER_BYTES as u64) else {
        return Ok(Err(truncated));
    };
    let mut bytes = vec![0; COLD_TRAILER_BYTES];
    file.pread_exact(&mut bytes, end)?;
    let trailer = match ColdTrailer::decode(&bytes, length) {
        Ok(trailer) => trailer,
        Err(error) => return Ok(Err(error)),
    };
    if trailer.log_id != header.log_id || trailer.first != header.first {
        let misplaced = FormatError::new(DamageKind::Misplaced, "sealed segment");
        return Ok(Err(misplaced));
    }
    let mut envelopes = vec![0; usize::try_from(trailer.envelopes_len).unwrap_or(0)];
    file.pread_exact(&mut envelopes, trailer.envelopes_offset)?;
    let view = ColdView::open(trailer, &Bytes::from(envelopes));
    Ok(view.map(|view| Sealed { view, file, in_order: OnceLock::new() }))
}

impl Sealed {
    /// The first and last number of an actor's events here.
    pub(super) fn run(&self, actor: &str) -> Option<(Seq, Seq)> {
        self.view.actor(actor).map(|run| (run.first, last_of(run.first, &run.rows)))
    }

    /// The actors with events here, with their first and last numbers.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&str, Seq, Seq)> {
        self.view.actors().map(|run| (run.actor, run.first, last_of(run.first, &run.rows)))
    }

    /// The row of an actor's event with this number.
    pub(super) fn row(&self, actor: &str, seq: Seq) -> Option<u32> {
        let run = self.view.actor(actor)?;
        let index = u32::try_from(seq.get().checked_sub(run.first.get())?).ok()?;
        let row = run.rows.start.checked_add(index)?;
        run.rows.contains(&row).then_some(row)
    }

    /// Who an event is and where it stands, without its payload.
    pub(super) fn place(&self, row: u32) -> Result<(steadfast_base::EventId, Placed), ReadError> {
        let event = self.view.event(row, &[]).map_err(|error| self.damaged(row, None, error))?;
        Ok((event.id, Placed { position: event.position, seq: event.seq, at: event.at }))
    }

    /// Where the actor's event with this id stands.
    pub(super) fn find(
        &self,
        actor: &ActorName,
        id: steadfast_base::EventId,
    ) -> Result<Option<Placed>, ReadError> {
        if !self.view.may_contain(id) {
            return Ok(None);
        }
        let Some(row) = self.view.row_of_id(id) else { return Ok(None) };
        let event = self.view.event(row, &[]).map_err(|error| self.damaged(row, None, error))?;
        let placed = Placed { position: event.position, seq: event.seq, at: event.at };
        Ok((event.actor == actor.as_str()).then_some(placed))
    }

    /// The rows that may hold what is looked for, at most `count` of them, in the order of the query.
    ///
    /// Says also where to go on if there are more.
    pub(super) fn candidates(
        &self,
        query: &Query,
        low: Position,
        high: Position,
        count: usize,
    ) -> (Vec<u32>, Option<Position>) {
        let trailer = self.view.trailer();
        let outside = trailer.latest < query.at_from
            || query.at_before.is_some_and(|before| trailer.earliest >= before)
            || query.id.is_some_and(|id| !self.view.may_contain(id));
        if outside {
            return (Vec::new(), None);
        }
        let mut rows = if let Some(id) = query.id {
            self.view.row_of_id(id).into_iter().collect()
        } else if let Some(id) = query.correlation {
            self.view.rows_of_correlation(id)
        } else if query.actors.is_empty() {
            return self.window(query.direction, low, high, count);
        } else {
            self.rows_of_actors(query)
        };
        let position = |row: &u32| self.view.position_of(*row).unwrap_or(Position::ZERO);
        rows.retain(|row| (low..=high).contains(&position(row)));
        rows.sort_unstable_by_key(position);
        if query.direction == Direction::Backward {
            rows.reverse();
        }
        let then = rows.get(count).map(position);
        rows.truncate(count);
        (rows, then)
    }

    fn rows_of_actors(&self, query: &Query) -> Vec<u32> {
        let mut rows = Vec::new();
        for actor in &query.actors {
            let Some(run) = self.view.actor(actor.as_str()) else { continue };
            let index = |seq: Seq| seq.get().saturating_sub(run.first.get());
            let row = |index: u64| {
                run.rows.start.saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
            };
            if query.seq_to < run.first {
                continue;
            }
            let start = row(index(query.seq_from));
            let end = row(index(query.seq_to)).saturating_add(1).min(run.rows.end);
            rows.extend(start..end);
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// The rows at some positions, at most `count`, from the end that the direction begins at.
    fn window(
        &self,
        direction: Direction,
        low: Position,
        high: Position,
        count: usize,
    ) -> (Vec<u32>, Option<Position>) {
        let first = self.view.trailer().first;
        let rows = self.in_order.get_or_init(|| self.view.rows_in_order().unwrap_or_default());
        let index = |position: Position| {
            usize::try_from(position.get().saturating_sub(first.get())).unwrap_or(usize::MAX)
        };
        let (start, end) = (index(low), index(high).saturating_add(1).min(rows.len()));
        if start >= end {
            return (Vec::new(), None);
        }
        let more = end.saturating_sub(start) > count;
        let wide = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
        match direction {
            Direction::Forward => {
                let end = end.min(start.saturating_add(count));
                let found = rows.get(start..end).unwrap_or_default().to_vec();
                (found, more.then(|| first.plus(wide(end))))
            }
            Direction::Backward => {
                let start = start.max(end.saturating_sub(count));
                let mut found = rows.get(start..end).unwrap_or_default().to_vec();
                found.reverse();
                (found, more.then(|| first.plus(wide(start)).previous()))
            }
        }
    }

    pub(super) fn damaged(
        &self,
        row: u32,
        block: Option<&ColdBlock>,
        error: FormatError,
    ) -> ReadError {
        let trailer = self.view.trailer();
        ReadError::Corruption {
            segment: trailer.first,
            offset: block.map_or(trailer.envelopes_offset, |block| block.offset),
            position: self.view.position_of(row).unwrap_or(trailer.first),
            damage: error.kind(),
        }
    }
}

fn last_of(first: Seq, rows: &Range<u32>) -> Seq {
    let count = rows.end.saturating_sub(rows.start);
    first.plus(u64::from(count)).previous()
}
