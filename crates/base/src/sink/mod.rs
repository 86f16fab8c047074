//! Where libraries send what they observe, instead of printing or installing a subscriber.

mod event;
mod memory;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::sync::Arc;

pub use self::event::{Event, OwnedEvent, OwnedValue, Value};
pub use self::memory::MemorySink;

/// Takes the events of a system.
///
/// Libraries emit one event per change of state, not per message. Implementations must not block
/// and must not panic: they run on the thread of the emitter, possibly on its hot path. Who cannot
/// keep up drops events and counts them.
///
/// # Example
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use steadfast_base::{Event, Sink, Timestamp};
///
/// /// Counts what is emitted.
/// #[derive(Debug, Default)]
/// struct Counter(AtomicU64);
///
/// impl Sink for Counter {
///     fn emit(&self, _event: &Event<'_>) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let counter = Counter::default();
/// counter.emit(&Event::new("breaker.opened", Timestamp::UNIX_EPOCH, &[]));
/// assert_eq!(counter.0.load(Ordering::Relaxed), 1);
/// ```
pub trait Sink: Send + Sync + Debug {
    /// Takes one event; what is to be kept must be copied, see [`Event::to_owned`].
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Event, MemorySink, Sink, Timestamp};
    ///
    /// let sink = MemorySink::new(16);
    /// sink.emit(&Event::new("breaker.opened", Timestamp::UNIX_EPOCH, &[]));
    /// assert_eq!(sink.events().len(), 1);
    /// ```
    fn emit(&self, event: &Event<'_>);

    /// Whether events are looked at; if not, the emitter may spare the clock reading and the
    /// fields.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{MemorySink, NullSink, Sink};
    ///
    /// assert!(!NullSink.enabled());
    /// assert!(MemorySink::new(16).enabled());
    /// ```
    fn enabled(&self) -> bool {
        true
    }
}

/// Takes everything and keeps nothing.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use steadfast_base::{NullSink, Sink};
///
/// let sink: Arc<dyn Sink> = Arc::new(NullSink);
/// assert!(!sink.enabled());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn emit(&self, _event: &Event<'_>) {}

    fn enabled(&self) -> bool {
        false
    }
}

/// Passes every event to several sinks, in their order.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use steadfast_base::{Event, Fanout, MemorySink, Sink, Timestamp};
///
/// let (first, second) = (Arc::new(MemorySink::new(4)), Arc::new(MemorySink::new(4)));
/// let both = Fanout::new(vec![first.clone(), second.clone()]);
/// both.emit(&Event::new("actor.started", Timestamp::UNIX_EPOCH, &[]));
/// assert_eq!((first.events().len(), second.events().len()), (1, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fanout {
    sinks: Vec<Arc<dyn Sink>>,
}

impl Fanout {
    /// Passes events to these sinks.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Fanout, Sink};
    ///
    /// assert!(!Fanout::new(Vec::new()).enabled());
    /// ```
    pub fn new(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { sinks }
    }
}

impl Sink for Fanout {
    fn emit(&self, event: &Event<'_>) {
        for sink in &self.sinks {
            sink.emit(event);
        }
    }

    fn enabled(&self) -> bool {
        self.sinks.iter().any(|sink| sink.enabled())
    }
}
