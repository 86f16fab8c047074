//! Making a group visible: index entries, highest numbers, positions.

use std::sync::Arc;

use super::engine::GroupFrame;
use super::group::{Group, Place};
use super::state::State;
use crate::event::{NewEvent, Position};
use crate::format::{IndexedFrame, SegmentIndex};

/// Adds the frames of a group and their events to the indexes.
pub(super) fn publish(state: &mut State, frames: &[GroupFrame], group: &Group, durable: Position) {
    for actor in &group.new_actors {
        state.actors.add(actor);
    }
    for place in &group.places {
        state.actors.set_highest(place.actor, place.placed.seq);
    }
    let events = group.taken.iter().flat_map(|taken| &taken.events);
    let mut events = events.inspect(|event| state.ids.add(event.id)).zip(&group.places);
    for frame in frames {
        let count = frame.written.end.get().saturating_sub(frame.written.first.get());
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if let Some(segment) = state.segments.get_mut(&frame.segment) {
            // Nobody shares the index of the segment that is written.
            add_frame(Arc::make_mut(&mut segment.index), frame, events.by_ref().take(count));
            let bytes = u64::try_from(frame.written.bytes).unwrap_or(u64::MAX);
            segment.used_bytes = frame.offset.saturating_add(bytes);
        }
    }
    drop(events);
    for frame in frames {
        let count = frame.written.end.get().saturating_sub(frame.written.first.get());
        state.add_unsettled(frame.segment, usize::try_from(count).unwrap_or(usize::MAX));
    }
    state.next = group.end().unwrap_or(state.next);
    state.durable = durable;
    let written = u64::try_from(group.places.len()).unwrap_or(u64::MAX);
    state.statistics.written_total = state.statistics.written_total.saturating_add(written);
}

fn add_frame<'a>(
    index: &mut SegmentIndex,
    frame: &GroupFrame,
    events: impl Iterator<Item = (&'a NewEvent, &'a Place)>,
) {
    let (earliest, latest) = frame.times;
    let first = frame.written.first;
    let count = frame.written.end.get().saturating_sub(first.get());
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    index.begin_frame(IndexedFrame { offset: frame.offset, first, count, earliest, latest });
    for (event, place) in events {
        index.add_unsettled(event, place.placed.seq, place.actor);
    }
}
