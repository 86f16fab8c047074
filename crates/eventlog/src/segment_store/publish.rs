//! Making a group visible: index entries, highest numbers, positions.

use std::sync::Arc;

use super::engine::GroupFrame;
use super::state::State;
use crate::append::Placed;
use crate::event::{NewEvent, Position};
use crate::format::IndexedFrame;
use crate::format::frame::{EventRef, KindRef};

/// Adds the frames of a group and their events to the indexes.
pub(super) fn publish(
    state: &mut State,
    frames: &[GroupFrame],
    events: &[(NewEvent, Placed)],
    durable: Position,
) {
    let mut rest = events;
    for frame in frames {
        let count = frame.written.end.get().saturating_sub(frame.written.first.get());
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let (own, after) = rest.split_at_checked(count).unwrap_or_default();
        rest = after;
        add_frame(state, frame, own);
    }
    for (event, placed) in events {
        if let Some(actor) = state.actors.get_mut(&event.actor) {
            actor.highest = placed.seq;
        } else {
            state.actors.entry(event.actor.clone()).or_default().highest = placed.seq;
        }
    }
    if let Some((_, placed)) = events.last() {
        state.next = placed.position.next();
    }
    state.durable = durable;
    let written = u64::try_from(events.len()).unwrap_or(u64::MAX);
    state.statistics.written_total = state.statistics.written_total.saturating_add(written);
}

fn add_frame(state: &mut State, frame: &GroupFrame, events: &[(NewEvent, Placed)]) {
    let Some(segment) = state.segments.get_mut(&frame.segment) else { return };
    let micros =
        |placed: &Placed| i64::try_from(placed.at.as_unix_nanos() / 1_000).unwrap_or(i64::MAX);
    let times = || events.iter().map(|(_, placed)| micros(placed));
    // Nobody shares the index of the segment that is written.
    let index = Arc::make_mut(&mut segment.index);
    index.begin_frame(IndexedFrame {
        offset: frame.offset,
        first: frame.written.first,
        count: u32::try_from(events.len()).unwrap_or(u32::MAX),
        earliest: times().min().unwrap_or(0),
        latest: times().max().unwrap_or(0),
    });
    for (event, placed) in events {
        index.add_event(&EventRef {
            id: event.id,
            kind: KindRef::Application(event.kind.name()),
            actor: event.actor.as_str(),
            seq: placed.seq,
            position: placed.position,
            at: placed.at,
            correlation: event.correlation.filter(|id| id.as_u128() != 0),
            causation: event.causation,
            turn: event.turn,
            type_name: event.payload.type_name().as_str(),
            version: event.payload.version(),
            codec: event.payload.codec(),
            payload: event.payload.bytes(),
        });
    }
    let bytes = u64::try_from(frame.written.bytes).unwrap_or(u64::MAX);
    segment.used_bytes = frame.offset.saturating_add(bytes);
}
