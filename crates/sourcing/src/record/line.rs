//! What the log was given and has not acknowledged yet: bounded, and handed over in groups.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use steadfast_eventlog::{Append, AppendError, Appending, EventStore, NewEvent, limits};

/// Records that wait for their acknowledgment at most: turns with their outputs, and what stands around
/// them. What happens then is [`WhenFull`].
///
/// Ten times what a sync of 5 ms takes at 300,000 turns a second.
pub const LINE_RECORDS_MAX: usize = 16_384;

/// Bytes in such records at most (8 MiB); what happens then is [`WhenFull`].
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// Events that are gathered at most while an append is under way; then they are handed over behind it.
pub const GROUP_EVENTS_MAX: usize = 1_000;

/// Bytes of such events at most (1 MiB); a record that is larger is a group of its own.
pub const GROUP_BYTES_MAX: usize = 1 << 20;

/// What a recorder does when the log does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Turns are not recorded until there is room, and a gap says which: the program is not held up,
    /// and a replay says so.
    #[default]
    Gap,
    /// The actor waits before its next turn until there is room: nothing is missing, and the program is
    /// as slow as the log.
    Wait,
}

/// The records of one recorder, in the order in which they were handed over.
///
/// Group commit without a timer: a record goes to the log at once if nothing is under way, else with all
/// that came meanwhile as soon as that is answered.
#[derive(Debug)]
pub(super) struct Line {
    store: Arc<dyn EventStore>,
    /// What is gathered.
    open: Group,
    under_way: VecDeque<UnderWay>,
    /// Records and bytes, gathered and under way.
    records: usize,
    bytes: usize,
    /// How many appends were refused: whoever saw fewer may have lost a turn.
    refused: u64,
    last_error: Option<AppendError>,
    bell: Arc<Bell>,
    waker: Waker,
    /// Whether somebody hands over what is gathered once it can be.
    pub(super) is_tended: bool,
}

#[derive(Debug, Default)]
struct Group {
    events: Vec<NewEvent>,
    records: usize,
    bytes: usize,
}

#[derive(Debug)]
struct UnderWay {
    records: usize,
    bytes: usize,
    answer: Appending,
}

/// Wakes everybody who waits for the line when the first append of it is answered.
///
/// An answer wakes one task only, and of those who wait any one may be dropped: so it wakes this.
#[derive(Debug, Default)]
struct Bell(Mutex<Vec<Waker>>);

impl Bell {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let woken = std::mem::take(&mut *wakers);
        drop(wakers);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Line {
    pub(super) fn new(store: Arc<dyn EventStore>) -> Self {
        let bell = Arc::new(Bell::default());
        Self {
            store,
            open: Group::default(),
            under_way: VecDeque::new(),
            records: 0,
            bytes: 0,
            refused: 0,
            last_error: None,
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            is_tended: false,
        }
    }

    /// Takes a record, without waiting: its events are stored all or none.
    pub(super) fn push(&mut self, events: Vec<NewEvent>) {
        if events.is_empty() {
            return;
        }
        // One that the log cannot take must not take the others of its group along.
        let events = match Append::new(events).check(limits::EVENT_BYTES_MAX) {
            Ok(append) => append.events,
            Err(error) => return self.refuse(error),
        };
        let bytes: usize = events.iter().map(NewEvent::size_bytes).sum();
        let count = self.open.events.len().saturating_add(events.len());
        let size = self.open.bytes.saturating_add(bytes);
        if count > GROUP_EVENTS_MAX || size > GROUP_BYTES_MAX {
            self.hand_over();
        }
        self.open.events.extend(events);
        self.open.records = self.open.records.saturating_add(1);
        self.open.bytes = self.open.bytes.saturating_add(bytes);
        self.records = self.records.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.settle();
    }

    /// Whether something is gathered that nobody will hand over.
    pub(super) fn wants_tending(&self) -> bool {
        !self.is_tended && !self.open.events.is_empty()
    }

    /// Hands over what is gathered, behind what is under way.
    pub(super) fn hand_over(&mut self) {
        let Group { events, records, bytes } = std::mem::take(&mut self.open);
        if events.is_empty() {
            return;
        }
        let answer = self.store.append(Append::new(events));
        self.under_way.push_back(UnderWay { records, bytes, answer });
    }

    /// Takes off what was answered, and hands over what is gathered if nothing is under way then.
    // INV-REC-1: behind this, the first append of the line has the bell for its waker, and something is
    // gathered only while one is under way: so whoever is with the bell is woken as long as there is a line.
    fn settle(&mut self) {
        loop {
            while self.take_first() {}
            if !self.under_way.is_empty() || self.open.events.is_empty() {
                return;
            }
            // Nothing is gathered then, so this is the last round but one.
            self.hand_over();
        }
    }

    /// Takes the first append off if it was answered.
    fn take_first(&mut self) -> bool {
        let Some(first) = self.under_way.front_mut() else { return false };
        let mut task = Context::from_waker(&self.waker);
        let Poll::Ready(answer) = Pin::new(&mut first.answer).poll(&mut task) else { return false };
        self.records = self.records.saturating_sub(first.records);
        self.bytes = self.bytes.saturating_sub(first.bytes);
        self.under_way.pop_front();
        if let Err(error) = answer {
            self.refuse(error);
        }
        true
    }

    fn refuse(&mut self, error: AppendError) {
        self.refused = self.refused.saturating_add(1);
        self.last_error = Some(error);
    }

    /// Ready when there is room.
    pub(super) fn poll_room(&mut self, task: &Context<'_>) -> Poll<()> {
        self.poll_until(task, Self::has_room)
    }

    /// Whether there is room.
    pub(super) fn look_for_room(&mut self) -> bool {
        if !self.has_room() {
            self.settle();
        }
        self.has_room()
    }

    /// Ready when everything that was handed over is answered.
    pub(super) fn poll_empty(&mut self, task: &Context<'_>) -> Poll<()> {
        self.poll_until(task, |line| line.records == 0)
    }

    fn poll_until(&mut self, task: &Context<'_>, is_done: fn(&Self) -> bool) -> Poll<()> {
        if !is_done(self) {
            // Before the look at the answers: one that comes behind it finds the waker.
            self.bell.add(task.waker());
            self.settle();
        }
        if is_done(self) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn has_room(&self) -> bool {
        self.records < LINE_RECORDS_MAX && self.bytes < LINE_BYTES_MAX
    }

    pub(super) fn len(&self) -> usize {
        self.records
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    pub(super) fn last_error(&self) -> Option<AppendError> {
        self.last_error.clone()
    }
}

impl Drop for Line {
    /// What is gathered takes its place in the log; nobody waits for the answer.
    fn drop(&mut self) {
        self.hand_over();
    }
}
