//! Which frames or rows a read looks at next, decided under the lock of the log.

use std::collections::HashMap;
use std::sync::Arc;

use steadfast_base::Timestamp;

use super::fetch::FrameAt;
use super::page::{Page, PageError};
use super::sealed::{Candidates, Need, Sealed};
use super::state::{Segment, State};
use crate::event::{ActorName, Position, Seq};
use crate::read::{Direction, Query};

/// The most frames looked up under one lock.
const PLAN_FRAMES_MAX: usize = 128;

/// The most rows of a sealed segment looked up under one lock.
const PLAN_ROWS_MAX: usize = 4_096;

/// Which frames to read next, or which rows of a sealed segment.
pub(super) struct Plan {
    pub(super) frames: Vec<FrameAt>,
    pub(super) rows: Option<(Arc<Sealed>, Candidates)>,
    /// Where to go on after them; `None` if there is nothing behind them.
    pub(super) then: Option<Position>,
    pub(super) deleted: Arc<HashMap<ActorName, Seq>>,
}

/// What a read does next.
pub(super) enum Step {
    /// The newest events answer it.
    Done(Page),
    Read(Plan),
    /// A sealed segment has to be asked, and something of it be there for that.
    Provide(Arc<Sealed>, Need),
    Damaged(PageError),
}

/// Where a read goes on that has come to the end.
pub(super) fn end(query: &Query) -> Position {
    match query.direction {
        Direction::Forward => Position::MAX,
        Direction::Backward => Position::ZERO,
    }
}

/// The next frames of a scan forward.
pub(super) fn plan_frames(state: &State, query: &Query, from: Position) -> Step {
    let extent = state.extent();
    let low = query.from.max(from).max(extent.first);
    let high = query.to.min(extent.last);
    if low > high {
        return Step::Done(Page { found: Vec::new(), next: end(query) });
    }
    plan_forward(state, query, low, high)
}

/// The next step of a read.
pub(super) fn plan(state: &State, query: &Query, from: Position, count: usize) -> Step {
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
