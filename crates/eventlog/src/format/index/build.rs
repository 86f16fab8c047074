//! Growing an index, frame by frame.

use std::collections::HashSet;

use super::{ActorPostings, Ids, IndexedFrame, SegmentIndex};
use crate::event::ActorName;
use crate::format::bloom::{hash_id, mix};
use crate::format::bytes::narrow;
use crate::format::frame::{EventRef, FrameView};

impl SegmentIndex {
    /// Adds a frame that was read, which begins at `offset` in the file; marks are passed over.
    ///
    /// # Panics
    ///
    /// If the index was decoded: it is that of a full segment.
    pub fn add_frame(&mut self, offset: u64, view: &FrameView<'_>) {
        let Some((earliest, latest)) = view.time_micros() else { return };
        let header = view.header();
        self.begin_frame(IndexedFrame {
            offset,
            first: header.first,
            count: header.count,
            earliest,
            latest,
        });
        view.events().for_each(|event| self.add_event(&event));
    }

    /// Adds a frame without its events.
    ///
    /// # Panics
    ///
    /// If the index was decoded.
    pub fn begin_frame(&mut self, frame: IndexedFrame) {
        assert!(matches!(self.ids, Ids::All(_)), "the index of a full segment does not grow");
        self.frames.push(frame);
    }

    /// Adds an event of the frame that was begun last.
    pub fn add_event(&mut self, event: &EventRef<'_>) {
        let frame = narrow(self.frames.len().saturating_sub(1));
        if let Ids::All(hashes) = &mut self.ids {
            hashes.insert(hash_id(event.id));
        }
        if let Some(id) = event.correlation {
            let frames = self.correlations.entry(mix(id.as_u128())).or_default();
            if frames.last() != Some(&frame) {
                frames.push(frame);
            }
        }
        if let Some(postings) = self.actors.get_mut(event.actor) {
            postings.last = event.seq;
            match postings.frames.last_mut() {
                Some((last, count)) if *last == frame => *count = count.saturating_add(1),
                _ => postings.frames.push((frame, 1)),
            }
        } else {
            let postings =
                ActorPostings { first: event.seq, last: event.seq, frames: vec![(frame, 1)] };
            self.actors.insert(ActorName::from(event.actor), postings);
        }
    }

    /// The hashes of all ids while they are known; none for an index that was decoded.
    pub(super) fn id_hashes(&self) -> Option<&HashSet<u64>> {
        match &self.ids {
            Ids::All(hashes) => Some(hashes),
            Ids::Filter(_) => None,
        }
    }
}
