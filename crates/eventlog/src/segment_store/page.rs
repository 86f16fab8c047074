//! One step of a read: which frames to look at, and the events found in them.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use steadfast_base::Timestamp;

use super::ahead::Ahead;
use super::fetch::{FrameAt, Piece, fetch};
use super::rows::{Reading, RowReader};
use super::sealed::{Candidates, Need, Sealed};
use super::shared::Shared;
use super::state::{Segment, State};
use crate::event::{ActorName, Event, Position, Seq};
use crate::format::Scratch;
use crate::format::frame::{EventRef, FramePart, FrameView, Names, take_events};
use crate::read::{Direction, Query, ReadError};

/// The most frames looked up under one lock.
const PLAN_FRAMES_MAX: usize = 128;

/// The most rows of a sealed segment looked up under one lock.
const PLAN_ROWS_MAX: usize = 4_096;

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

/// Which frames to read next, or which rows of a sealed segment.
struct Plan {
    frames: Vec<FrameAt>,
    rows: Option<(Arc<Sealed>, Candidates)>,
    /// Where to go on after them; `None` if there is nothing behind them.
    then: Option<Position>,
    deleted: Arc<HashMap<ActorName, Seq>>,
}

enum Step {
    /// The newest events answer it.
    Done(Page),
    Read(Plan),
    /// A sealed segment has to be asked, and something of it be there for that.
    Provide(Arc<Sealed>, Need),
    Damaged(PageError),
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
                    Ok(()) => continue,
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
        // Every round moves on by at least a frame, or ends.
        loop {
            // The newest events are read from their frames too, so nothing is asked of them.
            let plan = match plan_frames(&shared.read_state(), &query, at) {
                Step::Done(_) => return Ok(()),
                Step::Damaged(damaged) => return Err(damaged.error),
                Step::Provide(sealed, need) => {
                    sealed.provide(need)?;
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

/// Behind the last event found.
fn resume_at(query: &Query, found: &[Event]) -> Option<Position> {
    let last = found.last()?;
    Some(match query.direction {
        Direction::Forward => last.position.next(),
        Direction::Backward => last.position.previous(),
    })
}

/// Where a read goes on that has come to the end.
fn end(query: &Query) -> Position {
    match query.direction {
        Direction::Forward => Position::MAX,
        Direction::Backward => Position::ZERO,
    }
}

/// The next frames of a scan forward.
fn plan_frames(state: &State, query: &Query, from: Position) -> Step {
    let extent = state.extent();
    let low = query.from.max(from).max(extent.first);
    let high = query.to.min(extent.last);
    if low > high {
        return Step::Done(Page { found: Vec::new(), next: end(query) });
    }
    plan_forward(state, query, low, high)
}

fn plan(state: &State, query: &Query, from: Position, count: usize) -> Step {
    let extent = state.extent();
    let nothing = || Step::Done(Page { found: Vec::new(), next: end(query) });
    let (low, high) = match query.direction {
        Direction::Forward => (query.from.max(from).max(extent.first), query.to.min(extent.last)),
        Direction::Backward => (query.from.max(extent.first), query.to.min(from).min(extent.last)),
    };
    if low > high || high == Position::ZERO {
        return nothing();
    }
    if let Some(page) = from_tail(state, query, low, high, count) {
        return Step::Done(page);
    }
    match query.direction {
        Direction::Forward => plan_forward(state, query, low, high),
        Direction::Backward => plan_backward(state, query, low, high),
    }
}

/// Answers from the newest events if they reach far enough back.
fn from_tail(
    state: &State,
    query: &Query,
    low: Position,
    high: Position,
    count: usize,
) -> Option<Page> {
    let first = state.tail.front()?.position;
    if low < first || query.direction != Direction::Forward {
        return None;
    }
    let skipped = usize::try_from(low.get().saturating_sub(first.get())).ok()?;
    let mut found = Vec::new();
    for event in state.tail.iter().skip(skipped) {
        if event.position > high {
            break;
        }
        if query.matches(event) && event.seq > state.deleted(event.actor.as_str()) {
            found.push(event.clone());
            if found.len() == count {
                return Some(Page { found, next: event.position.next() });
            }
        }
    }
    Some(Page { found, next: high.next() })
}

fn plan_forward(state: &State, query: &Query, low: Position, high: Position) -> Step {
    let damage = state.damage.values().find(|damage| damage.next > low || damage.position >= low);
    let damage = damage.filter(|damage| damage.position <= high);
    if let Some(damage) = damage.filter(|damage| damage.position <= low) {
        let next = damage.next.max(low.next());
        return Step::Damaged(PageError { error: damage.error(), next });
    }
    let until = damage.map(|damage| damage.position.previous());
    let high = until.map_or(high, |until| until.min(high));
    let mut frames = Vec::new();
    let start = state.segments.range(..=low).next_back().map_or(low, |(first, _)| *first);
    for segment in state.segments.range(start..=high).map(|(_, segment)| segment) {
        if let Some(sealed) = &segment.sealed {
            if !frames.is_empty() {
                return Step::Read(make_plan(state, frames, Some(segment.header.first)));
            }
            match sealed.candidates(query, low, high, PLAN_ROWS_MAX) {
                Err(need) => return Step::Provide(Arc::clone(sealed), need),
                Ok((candidates, _)) if candidates.is_empty() => {}
                Ok((candidates, then)) => {
                    let behind = then.unwrap_or(sealed.view.trailer().end());
                    return Step::Read(rows_plan(state, sealed, candidates, behind));
                }
            }
            continue;
        }
        for number in candidates(segment, query, low, high) {
            if frames.len() >= PLAN_FRAMES_MAX {
                let then = frames.last().map(|frame: &FrameAt| frame.next);
                return Step::Read(make_plan(state, frames, then));
            }
            frames.extend(FrameAt::of(segment, number));
        }
    }
    let then = until.map(Position::next);
    Step::Read(make_plan(state, frames, then))
}

fn plan_backward(state: &State, query: &Query, low: Position, high: Position) -> Step {
    let mut damage = state.damage.values().rev();
    let damage = damage.find(|damage| damage.position <= high && damage.next > low);
    if let Some(damage) = damage.filter(|damage| damage.next > high) {
        let next = damage.position.previous();
        return Step::Damaged(PageError { error: damage.error(), next });
    }
    let low = damage.map_or(low, |damage| damage.next.max(low));
    let mut frames = Vec::new();
    for segment in state.segments.range(..=high).rev().map(|(_, segment)| segment) {
        if let Some(sealed) = &segment.sealed {
            if !frames.is_empty() {
                let before = sealed.view.trailer().end().previous();
                return Step::Read(make_plan(state, frames, Some(before)));
            }
            match sealed.candidates(query, low, high, PLAN_ROWS_MAX) {
                Err(need) => return Step::Provide(Arc::clone(sealed), need),
                Ok((candidates, _)) if candidates.is_empty() => {}
                Ok((candidates, then)) => {
                    let before = then.unwrap_or(segment.header.first.previous());
                    return Step::Read(rows_plan(state, sealed, candidates, before));
                }
            }
            continue;
        }
        for number in candidates(segment, query, low, high).into_iter().rev() {
            if frames.len() >= PLAN_FRAMES_MAX {
                let then = frames.last().map(|frame: &FrameAt| frame.first.previous());
                return Step::Read(make_plan(state, frames, then));
            }
            frames.extend(FrameAt::of(segment, number));
        }
        if segment.header.first <= low {
            break;
        }
    }
    let then = damage.map(|damage| damage.next.previous());
    Step::Read(make_plan(state, frames, then))
}

fn make_plan(state: &State, frames: Vec<FrameAt>, then: Option<Position>) -> Plan {
    Plan { frames, rows: None, then, deleted: Arc::clone(&state.deleted) }
}

fn rows_plan(state: &State, sealed: &Arc<Sealed>, candidates: Candidates, then: Position) -> Plan {
    let rows = Some((Arc::clone(sealed), candidates));
    let deleted = Arc::clone(&state.deleted);
    Plan { frames: Vec::new(), rows, then: Some(then), deleted }
}

/// The frames of a segment that may hold what is looked for, by number.
fn candidates(segment: &Segment, query: &Query, low: Position, high: Position) -> Vec<u32> {
    let index = &segment.index;
    let frames = index.frames();
    if query.id.is_some_and(|id| !index.may_contain(id)) {
        return Vec::new();
    }
    let mut numbers: Vec<u32> = if let Some(id) = query.correlation {
        index.frames_of_correlation(id)
    } else if query.actors.is_empty() {
        let first = frames.partition_point(|frame| frame.end() <= low);
        let end = frames.partition_point(|frame| frame.first <= high);
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        // Where time plays no part either, a plan takes no more of them than it has room for.
        let is_timed = query.at_from > Timestamp::UNIX_EPOCH || query.at_before.is_some();
        let most = if is_timed { usize::MAX } else { PLAN_FRAMES_MAX.saturating_add(1) };
        let (first, end) = match query.direction {
            Direction::Forward => (first, end.min(first.saturating_add(most))),
            Direction::Backward => (first.max(end.saturating_sub(most)), end),
        };
        (number(first)..number(end)).collect()
    } else {
        let of =
            |actor: &ActorName| index.frames_of_actor(actor.as_str(), query.seq_from, query.seq_to);
        let mut numbers: Vec<u32> = query.actors.iter().flat_map(of).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    let micros = |at: Timestamp| i64::try_from(at.as_unix_nanos() / 1_000).unwrap_or(i64::MAX);
    let (from, before) = (micros(query.at_from), query.at_before);
    numbers.retain(|number| {
        let frame = usize::try_from(*number).ok().and_then(|number| frames.get(number));
        frame.is_some_and(|frame| {
            frame.end() > low
                && frame.first <= high
                && frame.latest >= from
                && before.is_none_or(|before| frame.earliest <= micros(before))
        })
    });
    numbers
}
