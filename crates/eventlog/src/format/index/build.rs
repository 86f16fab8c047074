//! Growing an index, frame by frame.

use steadfast_base::CorrelationId;

use super::fingerprints::fingerprint;
use super::grown::Entry;
use super::{IndexedFrame, SegmentIndex};
use crate::event::{NewEvent, Seq};
use crate::format::bloom::mix;
use crate::format::bytes::{narrow, widen};
use crate::format::frame::{EventRef, FrameView};

/// No number of an actor.
const UNKNOWN: u32 = u32::MAX;

impl SegmentIndex {
    /// Adds a frame that was read, which begins at `offset` in the file; marks are passed over.
    ///
    /// Payloads are not looked at, and a name once a frame.
    pub fn add_frame(&mut self, offset: u64, view: &FrameView<'_>) {
        let Some((earliest, latest)) = view.time_micros() else { return };
        let header = view.header();
        let (first, count) = (header.first, header.count);
        self.begin_frame(IndexedFrame { offset, first, count, earliest, latest });
        let frame = self.newest_frame();
        let mut numbers = vec![UNKNOWN; view.names()];
        for index in 0..widen(count) {
            let Some(event) = view.essentials(index) else { continue };
            let Some(known) = numbers.get_mut(widen(event.actor)) else { continue };
            if *known == UNKNOWN {
                *known = self.grown.number(view.name(event.actor).unwrap_or_default());
            }
            self.grown.add(&Entry {
                frame,
                actor: *known,
                seq: event.seq,
                correlation: event.correlation.map(|id| mix(id.as_u128())),
                fingerprint: fingerprint(event.id),
            });
        }
    }

    /// Adds a frame without its events.
    pub fn begin_frame(&mut self, frame: IndexedFrame) {
        self.frames.push(frame);
    }

    /// Adds an event of the frame that was begun last.
    pub fn add_event(&mut self, event: &EventRef<'_>) {
        let entry = Entry {
            frame: self.newest_frame(),
            actor: self.grown.number(event.actor),
            seq: event.seq,
            correlation: event.correlation.map(|id| mix(id.as_u128())),
            fingerprint: fingerprint(event.id),
        };
        self.grown.add(&entry);
    }

    /// Adds an event of the frame that was begun last: found by its id now, by its actor, whose number in the log
    /// is given, and by its correlation once it is [settled](Self::settle).
    pub(crate) fn add_unsettled(&mut self, event: &NewEvent, seq: Seq, actor: u32) {
        let correlation = event.correlation.map_or(0, CorrelationId::as_u128);
        let frame = self.newest_frame();
        self.grown.add_unsettled(frame, actor, seq, correlation, fingerprint(event.id));
    }

    /// How many events are found by their ids only.
    pub(crate) fn unsettled(&self) -> usize {
        self.grown.unsettled()
    }

    /// Lets all events be found by everything.
    pub(crate) fn settle<'a>(&mut self, name_of: impl Fn(u32) -> &'a str) {
        self.grown.settle(name_of);
    }

    /// Forgets the frames from a number on.
    ///
    /// # Panics
    ///
    /// If a file spoke of them: what was stored is not changed.
    pub fn cut(&mut self, frames: usize) {
        let stored = self.stored.as_ref().map_or(0, |stored| stored.frames);
        assert!(frames >= stored, "what a file says of a segment is not changed");
        if frames < self.frames.len() {
            self.frames.truncate(frames);
            self.grown.cut(narrow(frames));
        }
    }

    fn newest_frame(&self) -> u32 {
        narrow(self.frames.len().saturating_sub(1))
    }
}
