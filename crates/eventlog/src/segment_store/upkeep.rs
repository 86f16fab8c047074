//! Deleting, releasing, removing old segments, and checking everything.

use std::collections::HashMap;
use std::sync::Arc;

use steadfast_base::Timestamp;

use super::catalog::Catalog;
use super::recovery::{Indexes, recover};
use super::shared::Shared;
use super::state::{Segment, State};
use super::{OpenError, page::Reader};
use crate::error::StoreError;
use crate::event::{ActorName, Position, Seq};
use crate::limits::READ_BATCH_EVENTS;
use crate::read::{Query, ReadError};
use crate::retention::{Pin, Retention, Retired, Unreleased};
use crate::statistics::{VerifyFault, VerifyReport};

/// How many pins are named at most.
const PINS_MAX: usize = 1_000;

/// Deletes an actor's events up to a number, durably.
pub(super) fn delete_to(shared: &Shared, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
    let mut catalog = shared.lock_catalog();
    let (highest, deleted) = {
        let state = shared.read_state();
        check_open(&state)?;
        (state.highest(actor), state.deleted(actor.as_str()))
    };
    let to = to.min(highest);
    shared.check_writer()?;
    if to <= deleted {
        return Ok(());
    }
    let before = catalog.clone();
    let kept = catalog.actors.entry(actor.clone()).or_default();
    kept.highest = kept.highest.max(highest);
    kept.deleted = to;
    write_catalog(shared, &mut catalog, before)?;
    Arc::make_mut(&mut shared.write_state().deleted).insert(actor.clone(), to);
    Ok(())
}

/// Writes the catalog; one that could not be written is as it was before.
fn write_catalog(
    shared: &Shared,
    catalog: &mut Catalog,
    before: Catalog,
) -> Result<(), StoreError> {
    match shared.directory.replace(Catalog::NAME, &catalog.encode()) {
        Ok(()) => Ok(()),
        Err(error) => {
            *catalog = before;
            Err(StoreError::Unavailable(Arc::new(error)))
        }
    }
}

fn check_open(state: &State) -> Result<(), StoreError> {
    if state.closed { Err(StoreError::Closed) } else { Ok(()) }
}

/// Allows retention to remove an actor's events up to a number.
pub(super) fn release(shared: &Shared, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
    let mut state = shared.write_state();
    check_open(&state)?;
    if let Some(actor) = state.actors.get_mut(actor.as_str()) {
        actor.released = actor.released.max(to.min(actor.highest));
    }
    Ok(())
}

/// Removes the oldest segments as far as the policy asks for it and nobody holds them.
///
/// The low-water mark is durable before the first file goes, and the oldest goes first.
pub(super) fn retain(
    shared: &Shared,
    policy: &Retention,
    now: Timestamp,
) -> Result<Retired, StoreError> {
    let mut catalog = shared.lock_catalog();
    shared.check_writer()?;
    let mut retired = Retired::default();
    let gone = choose(shared, policy, now, &mut retired)?;
    if gone.is_empty() {
        return Ok(retired);
    }
    let before = catalog.clone();
    catalog.low_water = retired.first;
    {
        let state = shared.read_state();
        for segment in gone.iter().filter_map(|first| state.segments.get(first)) {
            for (actor, _, last) in segment.runs() {
                let kept = catalog.actors.entry(ActorName::from(actor)).or_default();
                kept.highest = kept.highest.max(last);
            }
        }
    }
    // INV-LOG-5: the low-water mark is durable before a segment below it goes.
    write_catalog(shared, &mut catalog, before)?;
    shared.blocks.retire(retired.first);
    for first in gone {
        let segment = shared.write_state().segments.remove(&first);
        let Some(segment) = segment else { continue };
        let removed = shared.directory.storage.remove(&segment.path);
        removed.map_err(|error| StoreError::Unavailable(Arc::new(error)))?;
        if segment.is_indexed {
            // One that stays is removed at the next opening.
            shared.directory.storage.remove(&shared.directory.index(first)).ok();
        }
    }
    let mut state = shared.write_state();
    while state.tail.front().is_some_and(|event| event.position < retired.first) {
        state.tail.pop_front();
    }
    drop(state);
    let synced = shared.directory.sync();
    synced.map_err(|error| StoreError::Unavailable(Arc::new(error)))?;
    Ok(retired)
}

/// The segments to remove; what they hold is added up.
fn choose(
    shared: &Shared,
    policy: &Retention,
    now: Timestamp,
    retired: &mut Retired,
) -> Result<Vec<Position>, StoreError> {
    let state = shared.read_state();
    check_open(&state)?;
    let mut events: u64 = state.segments.values().map(Segment::events).sum();
    let mut bytes: u64 = state.segments.values().map(|segment| segment.used_bytes).sum();
    let mut gone = Vec::new();
    retired.first = state.extent().first;
    let mut left = state.segments.values().peekable();
    // Ends at the latest with the last segment, which is never removed.
    while let Some(segment) = left.next() {
        let Some(after) = left.peek() else { break };
        // A segment goes as a whole: only if all of it is beyond the policy.
        let rest_events = events.saturating_sub(segment.events());
        let rest_bytes = bytes.saturating_sub(segment.used_bytes);
        let latest = segment.latest();
        let exceeds = latest.is_none()
            || policy
                .age_max
                .is_some_and(|age| latest.is_some_and(|latest| age_of(latest, now) > age))
            || policy.bytes_max.is_some_and(|max| rest_bytes >= max)
            || policy.events_max.is_some_and(|max| rest_events >= max);
        if !exceeds {
            break;
        }
        if policy.unreleased == Unreleased::Keep && pins_of(&state, segment).next().is_some() {
            retired.held = true;
            break;
        }
        retired.events = retired.events.saturating_add(segment.events());
        retired.bytes = retired.bytes.saturating_add(segment.used_bytes);
        retired.first = after.header.first;
        (events, bytes) = (rest_events, rest_bytes);
        gone.push(segment.header.first);
    }
    Ok(gone)
}

fn age_of(micros: i64, now: Timestamp) -> std::time::Duration {
    let then = u64::try_from(micros).unwrap_or(0).saturating_mul(1_000);
    std::time::Duration::from_nanos(now.as_unix_nanos().saturating_sub(then))
}

/// Who keeps a segment: the actors with events in it that are neither released nor deleted.
fn pins_of<'a>(state: &'a State, segment: &'a Segment) -> impl Iterator<Item = Pin> + 'a {
    segment.runs().filter_map(|(actor, first, last)| {
        let released = state.actors.get(actor).map_or(Seq::ZERO, |actor| actor.released);
        let free = released.max(state.deleted(actor));
        let first = free.next().max(first);
        (free < last).then(|| {
            let position = segment.position_near(actor, first).unwrap_or(segment.header.first);
            Pin::new(ActorName::from(actor), position, last, released)
        })
    })
}

/// Who keeps the oldest segment.
pub(super) fn pinned(shared: &Shared) -> Result<Vec<Pin>, ReadError> {
    let state = shared.read_state();
    if state.closed {
        return Err(ReadError::Closed);
    }
    let oldest = state.segments.values().next();
    Ok(oldest.into_iter().flat_map(|oldest| pins_of(&state, oldest)).take(PINS_MAX).collect())
}

/// Reads all files again, and every event.
pub(super) fn verify(shared: &Shared) -> Result<VerifyReport, ReadError> {
    let mut report = VerifyReport::default();
    let config = &shared.config;
    // No catalog is written and no segment removed while the files are looked at.
    let catalog = shared.lock_catalog();
    let (high, before) = {
        let state = shared.read_state();
        if state.closed {
            return Err(ReadError::Closed);
        }
        (state.extent().last, state.extent().first.previous())
    };
    match recover(&shared.directory, 0, config.scan_threads, Indexes::Ignore) {
        Ok(recovered) => {
            let damage = recovered.state.damage.values();
            for damage in damage.filter(|damage| damage.position <= high) {
                report.add(VerifyFault::Unreadable(damage.error()));
            }
            for segment in recovered.state.segments.values() {
                report.bytes = report.bytes.saturating_add(segment.used_bytes);
                let state = shared.read_state();
                let known = state.segments.get(&segment.header.first);
                let known =
                    known.filter(|known| known.sealed.is_none() && segment.sealed.is_none());
                if known.is_some_and(|known| known.index.frames() != segment.index.frames()) {
                    let segment = segment.header.first;
                    report.add(VerifyFault::Index { segment, name: "frames" });
                }
            }
            let last = recovered.last.map_or(0, |last| last.offset);
            report.bytes = report.bytes.saturating_add(last);
        }
        Err(OpenError::Damaged(error)) => report.add(VerifyFault::Unreadable(error)),
        Err(error) => return Err(ReadError::Unavailable(Arc::new(error))),
    }
    drop(catalog);
    verify_numbers(shared, before, high, &mut report);
    Ok(report)
}

/// Walks over all events and checks that their numbers follow each other.
fn verify_numbers(shared: &Shared, before: Position, high: Position, report: &mut VerifyReport) {
    let mut seqs: HashMap<ActorName, Seq> = HashMap::new();
    let mut reader = Reader::default();
    let query = Query::all().positions(..=high);
    let deleted = Arc::clone(&shared.read_state().deleted);
    let is_retired = before > Position::ZERO;
    let (mut at, mut before) = (Position::ZERO, before);
    // Ends with the log; damage moves it on too.
    loop {
        match reader.page(shared, &query, at, READ_BATCH_EVENTS) {
            Ok(page) if page.found.is_empty() => return,
            Ok(page) => {
                at = page.next;
                for event in page.found {
                    report.events = report.events.saturating_add(1);
                    if event.position <= before {
                        report.add(VerifyFault::Position { before, found: event.position });
                    }
                    before = event.position;
                    let last = seqs.insert(event.actor.clone(), event.seq);
                    // Retention may have removed more of an actor than was deleted.
                    let deleted = deleted.get(&event.actor).filter(|_deleted| !is_retired);
                    let expected = last.or_else(|| deleted.copied()).map(Seq::next);
                    if let Some(expected) = expected.filter(|expected| *expected != event.seq) {
                        let (actor, position) = (event.actor, event.position);
                        let found = event.seq;
                        report.add(VerifyFault::Seq { actor, position, expected, found });
                    }
                }
            }
            Err(error) if error.next <= at => {
                report.add(VerifyFault::Unreadable(error.error));
                return;
            }
            Err(error) => {
                at = error.next;
                report.add(VerifyFault::Unreadable(error.error));
            }
        }
    }
}
