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
    group.pieces().for_each(|event, place| {
        state.actors.set_highest(place.actor, place.placed.seq);
        state.ids.add(event.id);
    });
    if let [frame] = frames {
        add_frame(state, frame, |add| group.pieces().for_each(add));
    } else {
        for frame in frames {
            let frame_of = frame.written.first..frame.written.end;
            add_frame(state, frame, |add| {
                group.pieces().for_each(|event, place| {
                    if frame_of.contains(&place.placed.position) {
                        add(event, place);
                    }
                });
            });
        }
    }
    state.next = group.end().unwrap_or(state.next);
    state.durable = durable;
    let written = u64::try_from(group.places.len()).unwrap_or(u64::MAX);
    state.statistics.written_total = state.statistics.written_total.saturating_add(written);
}

/// Adds a frame and the events that `each` hands over.
fn add_frame(
    state: &mut State,
    frame: &GroupFrame,
    each: impl FnOnce(&mut dyn FnMut(&NewEvent, &Place)),
) {
    let Some(segment) = state.segments.get_mut(&frame.segment) else { return };
    let (earliest, latest) = frame.times;
    let first = frame.written.first;
    let count = frame.written.end.get().saturating_sub(first.get());
    let indexed = IndexedFrame {
        offset: frame.offset,
        first,
        count: u32::try_from(count).unwrap_or(u32::MAX),
        earliest,
        latest,
    };
    // Nobody shares the index of the segment that is written.
    let index: &mut SegmentIndex = Arc::make_mut(&mut segment.index);
    index.begin_frame(indexed);
    each(&mut |event, place| index.add_unsettled(event, place.placed.seq, place.actor));
    let bytes = u64::try_from(frame.written.bytes).unwrap_or(u64::MAX);
    segment.used_bytes = frame.offset.saturating_add(bytes);
    state.add_unsettled(frame.segment, usize::try_from(count).unwrap_or(usize::MAX));
}
