//! Sealed segments as the store uses them: opened by their trailer, read row by row.

use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use steadfast_base::EventId;
use steadfast_base::storage::StorageFile;

use super::loaded::{Loaded, Share};
use crate::append::Placed;
use crate::event::{ActorName, Position, Seq};
use crate::format::cold::{
    COLD_TRAILER_BYTES, ColdBlock, ColdBlocks, ColdHead, ColdPart, ColdRows, ColdTrailer, ColdView,
};
use crate::format::{FormatError, SegmentHeader};
use crate::read::{DamageKind, Direction, Query, ReadError};

/// A sealed segment.
///
/// It is opened with its actors. Everything else is read and checked when it is needed first: ahead of a
/// look at the log under its lock, never within. What was not needed for long is forgotten where there is too much
/// of it: a bare one takes its place.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) view: ColdView,
    pub(super) file: Arc<dyn StorageFile>,
    /// The rows in the order of positions, once somebody asked.
    in_order: OnceLock<Vec<u32>>,
    /// How much of it is in memory.
    pub(super) share: Share,
}

/// What has to be there before a question can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Part(ColdPart),
    /// The rows in the order of positions.
    Order,
}

/// What may hold what is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Candidates {
    /// These rows, in the order of the query.
    Rows(Vec<u32>),
    /// Most of a segment: the events at these places, of which the first position is place 0.
    Places(Range<u32>),
}

impl Candidates {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Rows(rows) => rows.is_empty(),
            Self::Places(places) => places.is_empty(),
        }
    }
}

/// Reads some bytes; fewer only at the end of the file.
fn read(file: &dyn StorageFile, offset: u64, length: u32) -> io::Result<Bytes> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let read = file.pread(&mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes.into())
}

/// Opens a sealed segment; the inner error says what is wrong with its bytes.
pub(super) fn open_sealed(
    file: Arc<dyn StorageFile>,
    header: &SegmentHeader,
    loaded: &Arc<Loaded>,
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
    let head = read(&*file, trailer.envelopes_offset, ColdHead::bytes(&trailer))?;
    let head = match ColdHead::parse(trailer, &head) {
        Ok(head) => head,
        Err(error) => return Ok(Err(error)),
    };
    let (offset, length) = head.place(ColdPart::Actors);
    let view = ColdView::open(head, &read(&*file, offset, length)?);
    let share = Share::of(loaded);
    Ok(view.map(|view| Sealed { view, file, in_order: OnceLock::new(), share }))
}

impl Sealed {
    /// The same with its actors and its filter only.
    pub(super) fn bare(&self) -> Self {
        let (view, file) = (self.view.bare(), Arc::clone(&self.file));
        Self { view, file, in_order: OnceLock::new(), share: self.share.another() }
    }

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
    pub(super) fn identify(&self, row: u32) -> Result<(EventId, Placed), ReadError> {
        let event = self.rows()?.event(row, &[]).map_err(|error| self.damaged(row, None, error))?;
        Ok((event.id, Placed { position: event.position, seq: event.seq, at: event.at }))
    }

    /// Where the actor's event with this id stands.
    pub(super) fn find(&self, actor: &ActorName, id: EventId) -> Result<Option<Placed>, ReadError> {
        if !self.having(ColdPart::Bloom, || self.view.may_contain(id))? {
            return Ok(None);
        }
        let rows = self.rows()?;
        let Some(row) = rows.of_id(id) else { return Ok(None) };
        let event = rows.event(row, &[]).map_err(|error| self.damaged(row, None, error))?;
        let placed = Placed { position: event.position, seq: event.seq, at: event.at };
        Ok((event.actor == actor.as_str()).then_some(placed))
    }

    /// Everything about the events but their payloads; read if need be.
    pub(super) fn rows(&self) -> Result<ColdRows<'_>, ReadError> {
        if let Some(rows) = self.view.rows() {
            return Ok(rows);
        }
        self.load(ColdPart::CorrelationIds)?;
        self.having(ColdPart::Rows, || self.view.rows())
    }

    /// Where the payloads are; read if need be.
    pub(super) fn blocks(&self) -> Result<&ColdBlocks, ReadError> {
        self.having(ColdPart::Blocks, || self.view.blocks())
    }

    /// The rows in the order of positions; found out if need be.
    pub(super) fn order(&self) -> Result<&[u32], ReadError> {
        if let Some(rows) = self.in_order.get() {
            return Ok(rows);
        }
        let (offset, _) = self.view.place(ColdPart::Rows);
        let rows = self.rows()?.in_order().map_err(|error| self.damaged_at(offset, error))?;
        Ok(self.in_order.get_or_init(|| {
            self.share.count(size_of_val(rows.as_slice()) as u64);
            rows
        }))
    }

    /// What `get` gives once a part is there.
    fn having<T>(&self, part: ColdPart, get: impl Fn() -> Option<T>) -> Result<T, ReadError> {
        if let Some(found) = get() {
            return Ok(found);
        }
        self.load(part)?;
        get().ok_or_else(|| self.damaged_at(0, FormatError::content("sealed segment")))
    }

    /// Makes sure that something is there.
    pub(super) fn provide(&self, need: Need) -> Result<(), ReadError> {
        match need {
            Need::Part(part) => self.load(part),
            Need::Order => self.order().map(|_rows| ()),
        }
    }

    fn load(&self, part: ColdPart) -> Result<(), ReadError> {
        if self.view.has(part) {
            return Ok(());
        }
        let (offset, length) = self.view.place(part);
        let bytes = self.read(offset, length)?;
        // INV-LOG-7: a part of a sealed segment is checked before anything is taken from it.
        self.view.load(part, &bytes).map_err(|error| self.damaged_at(offset, error))?;
        self.share.count_part(part, length.into());
        Ok(())
    }

    /// Reads every part from the disk and checks it; the inner error says what is wrong with one.
    pub(super) fn check(&self) -> io::Result<Result<(), (u64, FormatError)>> {
        for part in ColdPart::ALL {
            let (offset, length) = self.view.place(part);
            if let Err(error) = self.view.check(part, &read(&*self.file, offset, length)?) {
                return Ok(Err((offset, error)));
            }
        }
        Ok(Ok(()))
    }

    /// What may hold what is looked for, at most `count` events of it, in the order of the query.
    ///
    /// Says also where to go on if there are more.
    ///
    /// # Errors
    ///
    /// What has to be provided first.
    pub(super) fn candidates(
        &self,
        query: &Query,
        low: Position,
        high: Position,
        count: usize,
    ) -> Result<(Candidates, Option<Position>), Need> {
        const NOTHING: (Candidates, Option<Position>) = (Candidates::Rows(Vec::new()), None);
        self.share.touch();
        let trailer = self.view.trailer();
        let outside = trailer.latest < query.at_from
            || query.at_before.is_some_and(|before| trailer.earliest >= before);
        if outside {
            return Ok(NOTHING);
        }
        if let Some(id) = query.id
            && !self.view.may_contain(id).ok_or(Need::Part(ColdPart::Bloom))?
        {
            return Ok(NOTHING);
        }
        let mut rows = if query.id.is_some() {
            Vec::new()
        } else if let Some(id) = query.correlation {
            self.need(ColdPart::CorrelationIds)?;
            let rows = self.view.rows_of_correlation(id);
            rows.ok_or(Need::Part(ColdPart::Correlations))?
        } else if query.actors.is_empty() {
            self.need_rows()?;
            return self.window(query, low, high, count);
        } else {
            self.rows_of_actors(query)
        };
        if rows.is_empty() && query.id.is_none() {
            return Ok(NOTHING);
        }
        let columns = self.need_rows()?;
        if let Some(id) = query.id {
            rows.extend(columns.of_id(id));
        }
        let position = |row: &u32| columns.position(*row).unwrap_or(Position::ZERO);
        rows.retain(|row| (low..=high).contains(&position(row)));
        rows.sort_unstable_by_key(position);
        if query.direction == Direction::Backward {
            rows.reverse();
        }
        let then = rows.get(count).map(position);
        rows.truncate(count);
        Ok((Candidates::Rows(rows), then))
    }

    fn need(&self, part: ColdPart) -> Result<(), Need> {
        if self.view.has(part) { Ok(()) } else { Err(Need::Part(part)) }
    }

    /// The rows, if they and what it takes to read their payloads are there.
    fn need_rows(&self) -> Result<ColdRows<'_>, Need> {
        self.need(ColdPart::CorrelationIds)?;
        self.need(ColdPart::Blocks)?;
        self.view.rows().ok_or(Need::Part(ColdPart::Rows))
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

    /// The events at some positions, at most `count`, from the end that the direction begins at.
    fn window(
        &self,
        query: &Query,
        low: Position,
        high: Position,
        count: usize,
    ) -> Result<(Candidates, Option<Position>), Need> {
        let trailer = self.view.trailer();
        let place = |position: Position| {
            let place = position.get().saturating_sub(trailer.first.get());
            u32::try_from(place).unwrap_or(u32::MAX)
        };
        let (start, end) = (place(low), place(high).saturating_add(1).min(trailer.count));
        if start >= end {
            return Ok((Candidates::Rows(Vec::new()), None));
        }
        let whole = place(query.from.max(trailer.first))..place(query.to).saturating_add(1);
        let most = self.is_most(query, whole.end.min(trailer.count).saturating_sub(whole.start));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let more = end.saturating_sub(start) > count;
        let position = |place: u32| trailer.first.plus(u64::from(place));
        let (places, then) = match query.direction {
            Direction::Forward => {
                let end = end.min(start.saturating_add(count));
                (start..end, position(end))
            }
            Direction::Backward => {
                let start = start.max(end.saturating_sub(count));
                (start..end, position(start).previous())
            }
        };
        let candidates = if most {
            Candidates::Places(places)
        } else {
            let order = self.in_order.get().ok_or(Need::Order)?;
            Candidates::Rows(rows_at(order, &places, query.direction))
        };
        Ok((candidates, more.then_some(then)))
    }

    /// Whether a query that goes over so many events goes over at least a quarter of them.
    fn is_most(&self, query: &Query, events: u32) -> bool {
        let trailer = self.view.trailer();
        let is_all = query.at_from <= trailer.earliest
            && query.at_before.is_none_or(|before| before > trailer.latest);
        is_all && query.limit.is_none() && events >= trailer.count / 4
    }

    pub(super) fn damaged(
        &self,
        row: u32,
        block: Option<&ColdBlock>,
        error: FormatError,
    ) -> ReadError {
        let trailer = self.view.trailer();
        let position = self.view.rows().and_then(|rows| rows.position(row));
        ReadError::Corruption {
            segment: trailer.first,
            offset: block.map_or(self.view.place(ColdPart::Rows).0, |block| block.offset),
            position: position.unwrap_or(trailer.first),
            damage: error.kind(),
        }
    }

    /// The error of an event whose envelope makes no sense.
    pub(super) fn damaged_event(&self, position: Position, error: FormatError) -> ReadError {
        let segment = self.view.trailer().first;
        let (offset, _) = self.view.place(ColdPart::Rows);
        ReadError::Corruption { segment, offset, position, damage: error.kind() }
    }

    /// Reads some bytes of the file; fewer only at its end.
    pub(super) fn read(&self, offset: u64, length: u32) -> Result<Bytes, ReadError> {
        let bytes = read(&*self.file, offset, length);
        bytes.map_err(|error| ReadError::Unavailable(Arc::new(error)))
    }

    /// The error of a part that all events of the segment need.
    fn damaged_at(&self, offset: u64, error: FormatError) -> ReadError {
        let first = self.view.trailer().first;
        ReadError::Corruption { segment: first, offset, position: first, damage: error.kind() }
    }
}

/// The rows at some places, in this direction.
pub(super) fn rows_at(order: &[u32], places: &Range<u32>, direction: Direction) -> Vec<u32> {
    let index = |place: u32| usize::try_from(place).unwrap_or(usize::MAX);
    let range = index(places.start)..index(places.end);
    let mut rows = order.get(range).unwrap_or_default().to_vec();
    if direction == Direction::Backward {
        rows.reverse();
    }
    rows
}

fn last_of(first: Seq, rows: &Range<u32>) -> Seq {
    let count = rows.end.saturating_sub(rows.start);
    first.plus(u64::from(count)).previous()
}
