//! A sink that keeps the last events, for tests and for a look back.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Event, OwnedEvent, Sink};

/// Keeps the last events, up to a fixed number.
///
/// When it is full the oldest event is dropped for the new one and counted in
/// [`dropped`](MemorySink::dropped). A sink for 0 events drops them all.
///
/// # Example
///
/// ```
/// use steadfast_base::{Event, MemorySink, Sink, Timestamp};
///
/// let sink = MemorySink::new(2);
/// for name in ["one", "two", "three"] {
///     sink.emit(&Event::new(name, Timestamp::UNIX_EPOCH, &[]));
/// }
/// assert_eq!(sink.names(), ["two", "three"]);
/// assert_eq!(sink.dropped(), 1);
/// ```
pub struct MemorySink {
    events_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<OwnedEvent>,
    dropped: u64,
}

impl MemorySink {
    /// A sink that keeps the last `events_max` events.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::MemorySink;
    ///
    /// assert!(MemorySink::new(100).events().is_empty());
    /// ```
    pub fn new(events_max: usize) -> Self {
        Self { events_max, kept: Mutex::default() }
    }

    /// The events kept, the oldest first.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Event, MemorySink, Sink, Timestamp};
    ///
    /// let sink = MemorySink::new(2);
    /// sink.emit(&Event::new("one", Timestamp::UNIX_EPOCH, &[]));
    /// assert_eq!(sink.events()[0].name, "one");
    /// ```
    pub fn events(&self) -> Vec<OwnedEvent> {
        self.lock().events.iter().cloned().collect()
    }

    /// The names of the events kept, the oldest first.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Event, MemorySink, Sink, Timestamp};
    ///
    /// let sink = MemorySink::new(2);
    /// sink.emit(&Event::new("one", Timestamp::UNIX_EPOCH, &[]));
    /// assert_eq!(sink.names(), ["one"]);
    /// ```
    pub fn names(&self) -> Vec<&'static str> {
        self.lock().events.iter().map(|event| event.name).collect()
    }

    /// Takes the events kept, the oldest first, and leaves none; the count of dropped ones stays.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Event, MemorySink, Sink, Timestamp};
    ///
    /// let sink = MemorySink::new(2);
    /// sink.emit(&Event::new("one", Timestamp::UNIX_EPOCH, &[]));
    /// assert_eq!(sink.take().len(), 1);
    /// assert!(sink.events().is_empty());
    /// ```
    pub fn take(&self) -> Vec<OwnedEvent> {
        std::mem::take(&mut self.lock().events).into()
    }

    /// How many events were dropped for want of room.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::MemorySink::new(2).dropped(), 0);
    /// ```
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Locks what is kept; it is whole between any two statements, so a poisoned lock is taken
    /// over.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for MemorySink {
    fn emit(&self, event: &Event<'_>) {
        // Copied before the lock is taken: it formats values, which is foreign code.
        let event = event.to_owned();
        let mut kept = self.lock();
        kept.events.push_back(event);
        if kept.events.len() > self.events_max {
            kept.events.pop_front();
            kept.dropped += 1;
        }
    }
}

impl fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        f.debug_struct("MemorySink")
            .field("events_max", &self.events_max)
            .field("events", &kept.events.len())
            .field("dropped", &kept.dropped)
            .finish_non_exhaustive()
    }
}
