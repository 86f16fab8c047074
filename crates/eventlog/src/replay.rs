//! Handing stored events over again, at the pace at which they happened or another.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use steadfast_base::{Time, Timestamp};

use crate::event::{Event, Position};
use crate::read::{Query, ReadError};
use crate::store::EventStore;

/// How fast events are handed over: a multiple of the pace at which they happened.
///
/// # Example
///
/// ```
/// use steadfast_eventlog::Speed;
///
/// assert!(Speed::times(10.0).is_some());
/// assert_eq!(Speed::times(0.0), Some(Speed::FASTEST));
/// assert_eq!(Speed::times(-1.0), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed(f64);

impl Speed {
    /// Without any wait.
    pub const FASTEST: Self = Self(0.0);

    /// As it happened.
    pub const RECORDED: Self = Self(1.0);

    /// `factor` times as fast as it happened; 0 is as fast as possible, `None` for what is no pace.
    pub fn times(factor: f64) -> Option<Self> {
        (factor.is_finite() && factor >= 0.0).then_some(Self(factor))
    }

    /// The wait for a gap: the gap divided by the factor, to the nanosecond.
    pub fn wait(self, gap: Duration) -> Duration {
        if self.0 == 0.0 {
            return Duration::ZERO;
        }
        // Exact for gaps of up to 104 days, whose nanoseconds a float holds exactly.
        Duration::try_from_secs_f64(gap.as_secs_f64() / self.0)
            .map_or(Duration::MAX, |rough| self.exact(gap).unwrap_or(rough))
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to lie below 2^53 and to be positive"
    )]
    fn exact(self, gap: Duration) -> Option<Duration> {
        const EXACT: u128 = 1 << 53;
        let nanos = Some(gap.as_nanos()).filter(|nanos| *nanos < EXACT)?;
        let wait = (nanos as f64 / self.0).round();
        (wait < EXACT as f64).then(|| Duration::from_nanos(wait as u64))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0.0 { f.write_str("as fast as possible") } else { write!(f, "{}x", self.0) }
    }
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// How many events were handed over.
    pub events: u64,
    /// The position of the last of them.
    pub last: Position,
    /// Whether the callback ended it.
    pub stopped: bool,
}

/// Hands the events that a query finds to a callback, in order and at a pace.
///
/// Between two events it waits for the time between them divided by the speed; where the clock stepped
/// back, not at all. The waits are laid end to end: a slow callback is caught up with, not added. The log
/// is only read.
///
/// # Errors
///
/// The first [`ReadError`] met; what was handed over before stays handed over.
///
/// # Cancel safety
///
/// A dropped replay has handed over a beginning of the events; go on behind the last position.
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
///
/// use steadfast_base::{EventId, Time};
/// use steadfast_eventlog::{
///     Append, EventKind, EventStore, MemoryStore, NewEvent, Payload, Query, Speed, block_on, replay_events,
/// };
///
/// let store = MemoryStore::default();
/// let event = NewEvent::new(EventId::from_u128(1), "acc-42", EventKind::StateChanged, Payload::raw("note", "hi"));
/// store.append(Append::one(event)).wait()?;
/// let mut seen = 0;
/// let replayed = block_on(replay_events(&store, Query::all(), Speed::FASTEST, &Time::system(), |event| {
///     seen += event.seq.get();
///     ControlFlow::Continue(())
/// }))?;
/// assert_eq!((replayed.events, seen), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn replay_events(
    store: &dyn EventStore,
    query: Query,
    speed: Speed,
    time: &Time,
    mut callback: impl FnMut(&Event) -> ControlFlow<()>,
) -> Result<Replayed, ReadError> {
    let mut events = store.read(query);
    let mut replayed = Replayed::default();
    let mut due = time.now();
    let mut before = None;
    loop {
        let batch = events.next().await?;
        if batch.is_empty() {
            return Ok(replayed);
        }
        for event in batch {
            let wait = before.map_or(Duration::ZERO, |before| speed.wait(gap(before, event.at)));
            before = Some(event.at);
            if wait > Duration::ZERO {
                due = due.checked_add(wait).unwrap_or(due);
                time.sleep_until(due).await;
            }
            replayed.events = replayed.events.saturating_add(1);
            replayed.last = event.position;
            if callback(&event).is_break() {
                replayed.stopped = true;
                return Ok(replayed);
            }
        }
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "the difference of timestamps saturates")]
fn gap(before: Timestamp, at: Timestamp) -> Duration {
    at - before
}
