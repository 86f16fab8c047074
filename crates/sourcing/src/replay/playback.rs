//! The tape that replays: it lets nothing happen, answers as recorded, and compares.

use std::{
    any::{Any, TypeId},
    sync::Arc,
    task::{Context, Poll},
};

use steadfast_actor_core::{
    ExitReason,
    tape::{About, End, Input, Outcome, Output, Passage, Recalled, Tape},
};
use steadfast_base::{CallContext, Instant, Time, Timestamp};

use super::Difference;
use crate::record::{
    Sent,
    turn::{Came, Reading, TurnRecord},
    vocabulary::Vocabulary,
};

/// Outputs that are kept of one turn at most, where they are kept.
const KEPT_MAX: usize = 10_000;

/// Plays one actor's turns, one after the other.
pub(crate) struct Playback {
    vocabulary: Vocabulary,
    /// What was recorded of the turn at hand.
    pub(crate) record: TurnRecord,
    /// Its outputs.
    pub(crate) expected: Vec<Sent>,
    outputs: u32,
    readings: usize,
    /// The first difference of the turn.
    difference: Option<Difference>,
    /// What was given out, where somebody wants to know.
    pub(crate) found: Vec<Sent>,
    pub(crate) keeps_found: bool,
    /// Without a record: nothing is compared, and the clocks read this.
    pub(crate) free: Option<(Instant, Timestamp)>,
}

impl Playback {
    pub(crate) fn new(vocabulary: Vocabulary) -> Self {
        Self {
            vocabulary,
            record: TurnRecord::default(),
            expected: Vec::new(),
            outputs: 0,
            readings: 0,
            difference: None,
            found: Vec::new(),
            keeps_found: false,
            free: None,
        }
    }

    /// Rewinds to the beginning of the turn at hand.
    pub(crate) fn rewind(&mut self) {
        self.outputs = 0;
        self.readings = 0;
        self.difference = None;
        self.found.clear();
    }

    /// The first difference of a turn that has been played.
    pub(crate) fn take_difference(&mut self) -> Option<Difference> {
        if self.difference.is_some() || self.free.is_some() {
            return self.difference.take();
        }
        let missing = self.expected.get(usize::try_from(self.outputs).unwrap_or(usize::MAX))?;
        let expected = Some(missing.clone());
        Some(Difference::Output { number: self.outputs, expected, found: None })
    }

    fn unrecorded(&mut self, what: &str) {
        if self.free.is_none() {
            self.difference.get_or_insert(Difference::Unrecorded { what: what.to_owned() });
        }
    }

    fn value_of(&mut self, wanted: TypeId, bytes: bytes::Bytes) -> Recalled {
        if let Some(value) = self.vocabulary.decode(wanted, bytes) {
            return Recalled::Value(value);
        }
        self.unrecorded("an answer of a type that the shape does not know");
        Recalled::Nothing
    }

    fn next_reading(&mut self) -> Option<&Reading> {
        let reading = self.record.readings.get(self.readings);
        self.readings = self.readings.saturating_add(1);
        reading
    }

    fn compare(&mut self, number: u32, output: &Output<'_>) {
        if self.keeps_found && self.found.len() < KEPT_MAX {
            self.found.push(Sent::of(output, &self.vocabulary));
        }
        if self.difference.is_some() || self.free.is_some() {
            return;
        }
        let expected = self.expected.get(usize::try_from(number).unwrap_or(usize::MAX));
        let same_place =
            expected.is_some_and(|sent| sent.kind == output.kind && sent.target == output.target);
        let found = match expected {
            // Nothing to encode: the types tell.
            Some(sent) if same_place && sent.hash.is_none() && output.value.is_none() => {
                if sent.type_name == output.type_name {
                    return;
                }
                Sent::of(output, &self.vocabulary)
            }
            _ => Sent::of(output, &self.vocabulary),
        };
        let same = expected.is_some_and(|sent| {
            same_place
                && match (sent.hash, found.hash) {
                    (Some(expected), Some(found)) => expected == found,
                    (None, None) => sent.type_name == found.type_name,
                    _ => false,
                }
        });
        if !same {
            let expected = expected.cloned();
            self.difference = Some(Difference::Output { number, expected, found: Some(found) });
        }
    }
}

impl Tape for Playback {
    fn inserted(&mut self, _: &About<'_>) {}

    fn begin(&mut self, _: &Input<'_>) -> Option<Arc<CallContext>> {
        None
    }

    fn end(&mut self, _: &End<'_>) {}

    fn poll_room(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn now(&mut self, time: &Time) -> Instant {
        if let Some((now, _)) = self.free {
            return now;
        }
        if let Some(Reading::Now(at)) = self.next_reading() {
            return *at;
        }
        self.unrecorded("a reading of the clock");
        time.now()
    }

    fn timestamp(&mut self, time: &Time) -> Timestamp {
        if let Some((_, wall)) = self.free {
            return wall;
        }
        if let Some(Reading::Wall(at)) = self.next_reading() {
            return *at;
        }
        self.unrecorded("a reading of the wall clock");
        time.timestamp()
    }

    fn output(&mut self, output: &Output<'_>) -> Passage {
        let number = self.outputs;
        self.outputs = number.saturating_add(1);
        self.compare(number, output);
        Passage::Kept(number)
    }

    fn outcome(&mut self, _: u32, _: Outcome<'_>) {}

    fn recall(&mut self, number: u32, wanted: Option<TypeId>) -> Recalled {
        let came = self.record.came.iter().find(|(place, _)| *place == number);
        match came.map(|(_, came)| came.clone()) {
            None => Recalled::Nothing,
            Some(Came::Fault(fault)) => Recalled::Fault(fault),
            Some(Came::Flag(flag)) => Recalled::Flag(flag),
            Some(Came::Actor(id)) => Recalled::Actor(id),
            Some(Came::Value(bytes)) => match wanted {
                None => Recalled::Bytes(bytes.to_vec().into()),
                Some(wanted) => self.value_of(wanted, bytes),
            },
        }
    }

    fn visited(&mut self, _: &dyn Any) {}

    fn destroyed(&mut self, _: &ExitReason) {}
}
