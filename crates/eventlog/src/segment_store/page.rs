//! One step of a read: the events found in the frames or rows that were planned.

use std::ops::ControlFlow;

use super::ahead::Ahead;
use super::fetch::{Piece, fetch};
use super::plan::{Plan, Step, end, plan, plan_frames};
use super::rows::{Reading, RowReader};
use super::sealed::{Candidates, Sealed};
use super::shared::Shared;
use crate::event::{Event, Position};
use crate::format::Scratch;
use crate::format::frame::{EventRef, FramePart, FrameView, Names, take_events};
use crate::read::{Direction, Query, ReadError};

/// Some of the events a query finds.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) found: Vec<Event>,
    /// The first position that has not been looked at.
    pub(super) next: Position,
}

/// A read that failed, and where to go on: behind damage, or at the same place.
#[derive(Debug)]
pub(super) struct PageError {
    pub(super) error: ReadError,
    pub(super) next: Position,
}

/// What reading needs beside the log; kept from page to page.
#[derive(Debug, Default)]
pub(super) struct Reader {
    names: Names,
    scratch: Scratch,
    rows: RowReader,
    piece: Piece,
    /// The frame that was checked last: the next page may begin in the middle of it.
    checked: Option<(Position, u64)>,
}

impl Reader {
    /// Up to `count` events from a position on that meet the conditions.
    ///
    /// No events mean that there are none left.
    pub(super) fn page(
        &mut self,
        shared: &Shared,
        query: &Query,
        from: Position,
        count: usize,
    ) -> Result<Page, PageError> {
        let mut found = Vec::new();
        if query.limit.is_none() && !query.is_filtered() {
            found.reserve(count);
        }
        let mut at = from;
        // What was provided last is not forgotten before it was used.
        let mut held = None;
        // Every round moves on by at least a frame, or ends.
        while found.len() < count {
            let step = plan(&shared.read_state(), query, at, count.saturating_sub(found.len()));
            let plan = match step {
                Step::Done(page) => {
                    found.extend(page.found);
                    return Ok(Page { found, next: page.next });
                }
                Step::Damaged(damaged) if found.is_empty() => return Err(damaged),
                Step::Damaged(_) => return Ok(Page { found, next: at }),
                Step::Provide(sealed, need) => match sealed.provide(need) {
                    Ok(()) => {
                        at = at_segment(&sealed, query, at);
                        held.replace(sealed);
                        shared.trim_loaded();
                        continue;
                    }
                    Err(error) if found.is_empty() => {
                        let next = behind(&sealed, &error, query, at);
                        return Err(PageError { error, next });
                    }
                    Err(_) => return Ok(Page { found, next: at }),
                },
                Step::Read(plan) => plan,
            };
            let read = match &plan.rows {
                Some((sealed, candidates)) => {
                    let reading = reading(shared, sealed, candidates, query);
                    self.read_rows(&reading, &plan, at, count, &mut found)
                }
                None => self.read(shared, &plan, at, query, count, &mut found),
            };
            match (read, plan.then) {
                (Ok(Some(next)), _) => return Ok(Page { found, next }),
                (Ok(None), Some(next)) => at = next,
                (Ok(None), None) => return Ok(Page { found, next: end(query) }),
                (Err(damaged), _) if found.is_empty() => return Err(damaged),
                (Err(damaged), _) => {
                    // The events before the damage first; the next page begins with the error.
                    let next = resume_at(query, &found).unwrap_or(damaged.next);
                    return Ok(Page { found, next });
                }
            }
        }
        Ok(Page { found, next: at })
    }

    /// Reads the frames of a plan; says where to go on if it had enough before their end.
    fn read(
        &mut self,
        shared: &Shared,
        plan: &Plan,
        from: Position,
        query: &Query,
        count: usize,
        found: &mut Vec<Event>,
    ) -> Result<Option<Position>, PageError> {
        let mut narrowed = query.clone();
        match query.direction {
            Direction::Forward => narrowed.from = query.from.max(from),
            Direction::Backward => narrowed.to = query.to.min(from),
        }
        let (names, scratch, checked) = (&mut self.names, &mut self.scratch, &mut self.checked);
        let mut enough = None;
        let ahead = ahead(shared, query);
        let fetched = fetch(&plan.frames, &mut self.piece, ahead, |frame| {
            frame.check()?;
            let is_checked = frame.is_whole || *checked == Some(frame.place());
            let part = FramePart { query: &narrowed, direction: query.direction, is_checked };
            let mut flow = ControlFlow::Continue(());
            let taken = take_events(&frame.bytes, &part, names, scratch, |event| {
                let deleted = plan.deleted.get(&event.actor);
                if deleted.is_none_or(|deleted| event.seq > *deleted) {
                    found.push(event);
                    if found.len() >= count {
                        flow = ControlFlow::Break(());
                    }
                }
                flow
            });
            taken.map_err(|error| frame.damaged(error))?;
            *checked = Some(frame.place());
            if flow.is_break() {
                enough = resume_at(query, found);
            }
            Ok(flow)
        });
        match fetched {
            Ok(()) => Ok(enough),
            Err((error, at)) => {
                let next = match (&error, query.direction) {
                    (ReadError::Corruption { .. }, Direction::Forward) => at.next,
                    (ReadError::Corruption { .. }, Direction::Backward) => at.first.previous(),
                    _ => from,
                };
                Err(PageError { error, next })
            }
        }
    }

    /// Reads events of a sealed segment; says where to go on if it had enough before their end.
    fn read_rows(
        &mut self,
        reading: &Reading<'_>,
        plan: &Plan,
        from: Position,
        count: usize,
        found: &mut Vec<Event>,
    ) -> Result<Option<Position>, PageError> {
        let query = reading.query;
        let mut enough = false;
        let taken = self.rows.take(reading, &mut self.names, |event| {
            let deleted = plan.deleted.get(&event.actor);
            if deleted.is_none_or(|deleted| event.seq > *deleted) {
                found.push(event);
                enough = found.len() >= count;
            }
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match taken {
            Ok(()) => Ok(if enough { resume_at(query, found) } else { None }),
            Err((error, at)) => {
                let next = match (&error, at, query.direction) {
                    (ReadError::Corruption { .. }, Some(at), Direction::Forward) => at.next(),
                    (ReadError::Corruption { .. }, Some(at), Direction::Backward) => at.previous(),
                    (_, Some(at), _) => at,
                    (_, None, _) => behind(reading.sealed, &error, query, from),
                };
                Err(PageError { error, next })
            }
        }
    }
}

impl Reader {
    /// Shows all events that meet the conditions, oldest first, where they lie.
    pub(super) fn scan(
        &mut self,
        shared: &Shared,
        query: &Query,
        mut visit: impl FnMut(&EventRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let mut query = query.clone();
        (query.direction, query.limit) = (Direction::Forward, None);
        let mut at = query.from;
        let is_filtered = query.is_filtered();
        // What was provided last is not forgotten before it was used.
        let mut held = None;
        // Every round moves on by at least a frame, or ends.
        loop {
            // The newest events are read from their frames too, so nothing is asked of them.
            let plan = match plan_frames(&shared.read_state(), &query, at) {
                Step::Done(_) => return Ok(()),
                Step::Damaged(damaged) => return Err(damaged.error),
                Step::Provide(sealed, need) => {
                    sealed.provide(need)?;
                    at = at_segment(&sealed, &query, at);
                    held.replace(sealed);
                    shared.trim_loaded();
                    continue;
                }
                Step::Read(plan) => plan,
            };
            let mut flow = ControlFlow::Continue(());
            let mut show = |event: &EventRef<'_>| {
                let deleted = plan.deleted.get(event.actor);
                let matches = if is_filtered {
                    event.matches(&query)
                } else {
                    (query.from..=query.to).contains(&event.position)
                };
                if matches && deleted.is_none_or(|deleted| event.seq > *deleted) {
                    flow = visit(event);
                }
                flow
            };
            if let Some((sealed, candidates)) = &plan.rows {
                let reading = reading(shared, sealed, candidates, &query);
                self.rows.scan(&reading, &mut show)?;
            } else {
                let scratch = &mut self.scratch;
                let ahead = ahead(shared, &query);
                let fetched = fetch(&plan.frames, &mut self.piece, ahead, |frame| {
                    frame.check()?;
                    let view = FrameView::open_checked(&frame.bytes, scratch, frame.is_whole);
                    let view = view.map_err(|error| frame.damaged(error))?;
                    let mut events = view.iter().flat_map(FrameView::events);
                    Ok(events.try_for_each(|event| show(&event)))
                });
                fetched.map_err(|(error, _)| error)?;
            }
            match plan.then {
                Some(next) if flow.is_continue() => at = next,
                _ => return Ok(()),
            }
        }
    }
}

/// What reads ahead, for a scan over frames next to each other.
fn ahead<'a>(shared: &'a Shared, query: &Query) -> Option<&'a Ahead> {
    let is_scan = query.actors.is_empty() && query.correlation.is_none() && query.id.is_none();
    let goes_on = query.limit.is_none() && query.direction == Direction::Forward;
    Some(&shared.ahead).filter(|_ahead| is_scan && goes_on)
}

fn reading<'a>(
    shared: &'a Shared,
    sealed: &'a Sealed,
    candidates: &'a Candidates,
    query: &'a Query,
) -> Reading<'a> {
    let (cache, threads) = (&shared.blocks, shared.unpack_threads);
    Reading { sealed, candidates, query, cache, threads }
}

/// Where to go on after an error that concerns all of a sealed segment: behind it if it is damaged.
fn behind(sealed: &Sealed, error: &ReadError, query: &Query, at: Position) -> Position {
    let trailer = sealed.view.trailer();
    match (error, query.direction) {
        (ReadError::Corruption { .. }, Direction::Forward) => trailer.end(),
        (ReadError::Corruption { .. }, Direction::Backward) => trailer.first.previous(),
        _ => at,
    }
}

/// Where a read goes on that came as far as a sealed segment: what it passed on its way there is not asked again, and
/// may be forgotten.
fn at_segment(sealed: &Sealed, query: &Query, at: Position) -> Position {
    let trailer = sealed.view.trailer();
    match query.direction {
        Direction::Forward => at.max(trailer.first),
        Direction::Backward => at.min(trailer.end().previous()),
    }
}

/// Behind the last event found.
fn resume_at(query: &Query, found: &[Event]) -> Option<Position> {
    let last = found.last()?;
    Some(match query.direction {
        Direction::Forward => last.position.next(),
        Direction::Backward => last.position.previous(),
    })
}
