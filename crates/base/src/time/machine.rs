//! The machine's monotonic clock, read from the processor's counter once its rate is known.
//!
//! Both statics are pure caches: the point that all readings of this process count from, and the
//! rate of the counter, which is a property of the machine.

use std::sync::OnceLock;
use std::time::{Duration, Instant as StdInstant};

use super::{coarse, counter};

#[cfg(test)]
mod tests;

/// The counter's rate is taken from a span this long at least. An end of it is known to about 20 ns,
/// so the rate is good to less than one part in a million.
const SPAN_MIN: Duration = Duration::from_millis(100);

/// Readings of counter and clock side by side, of which the closest counts.
const TRIES: usize = 5;

/// A pair of readings that took longer is not close enough to know a rate by.
const CLOSE: Duration = Duration::from_micros(1);

/// Rates that no counter has, in ticks for each nanosecond: below 10 MHz or above 100 GHz.
const TICKS_PER_NANO: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// What all readings of this process count from.
static START: OnceLock<Pair> = OnceLock::new();

/// The rate of the counter, once it is known; `None` inside if the counter is of no use.
static SCALE: OnceLock<Option<Scale>> = OnceLock::new();

/// The counter and the system's clock at almost the same moment.
#[derive(Clone, Copy, Debug)]
struct Pair {
    ticks: u64,
    /// Read right after the counter.
    at: StdInstant,
    /// How long the reading took.
    took: Duration,
}

impl Pair {
    /// The closest of a few tries.
    fn read() -> Self {
        let one = |_| {
            let before = system();
            // The reading of the clock that follows waits for this one.
            let ticks = counter::relaxed();
            let at = system();
            Self { ticks, at, took: at.saturating_duration_since(before) }
        };
        let later = (1..TRIES).map(one);
        later.fold(one(0), |best, pair| if pair.took < best.took { pair } else { best })
    }
}

/// Turns ticks into nanoseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    first_ticks: u64,
    first_nanos: u64,
    /// Nanoseconds for each tick, times 2^[`SHIFT`].
    factor: u64,
}

/// 40 bits below the point: a part in 10^9 at any rate below 1 THz.
const SHIFT: u32 = 40;

impl Scale {
    /// A scale that reads `nanos` at `ticks`, at the rate of the span before; `None` if no counter
    /// has that rate.
    pub(super) fn new(ticks: u64, nanos: u64, span_ticks: u64, span: Duration) -> Option<Self> {
        let span_nanos = span.as_nanos();
        #[expect(clippy::cast_precision_loss, reason = "a rough rate is all that is judged")]
        let rate = span_ticks as f64 / span_nanos as f64;
        if !TICKS_PER_NANO.contains(&rate) {
            return None;
        }
        let factor = (span_nanos << SHIFT).checked_div(u128::from(span_ticks))?;
        let factor = u64::try_from(factor).ok()?;
        Some(Self { first_ticks: ticks, first_nanos: nanos, factor })
    }

    /// Nanoseconds since the start; a reading before the first one counts as that.
    #[inline]
    pub(super) fn nanos(&self, ticks: u64) -> u64 {
        let passed = u128::from(ticks.saturating_sub(self.first_ticks)) * u128::from(self.factor);
        #[expect(clippy::cast_possible_truncation, reason = "584 years after the start")]
        let passed = (passed >> SHIFT) as u64;
        self.first_nanos.saturating_add(passed)
    }
}

/// Nanoseconds since the start, after everything this thread did and saw before.
#[inline]
pub(super) fn nanos() -> u64 {
    match SCALE.get() {
        Some(Some(scale)) => scale.nanos(counter::ordered()),
        _ => nanos_by_system(),
    }
}

/// Nanoseconds since the start, read without waiting for what this thread did before.
#[inline]
pub(super) fn nanos_relaxed() -> u64 {
    match SCALE.get() {
        Some(Some(scale)) => scale.nanos(counter::relaxed()),
        _ => nanos_by_system(),
    }
}

/// Nanoseconds from the start to the machine's last tick.
#[inline]
pub(super) fn nanos_coarse() -> u64 {
    // The offset of the coarse clock is good only once the scale is known.
    coarse::nanos().unwrap_or_else(nanos_with_offset)
}

/// Takes the offset of the coarse clock anew; gives back the time.
#[cold]
fn nanos_with_offset() -> u64 {
    match SCALE.get() {
        Some(Some(scale)) => coarse::renew(|| scale.nanos(counter::ordered())),
        _ => nanos_by_system(),
    }
}

/// The start as the system's clock shows it.
pub(super) fn start() -> StdInstant {
    START.get_or_init(Pair::read).at
}

/// Whether the counter is in use.
#[cfg(test)]
pub(super) fn is_counted() -> bool {
    matches!(SCALE.get(), Some(Some(_)))
}

/// Reads the system's clock, and learns the counter's rate when it is time to.
#[cold]
fn nanos_by_system() -> u64 {
    let since_start = system().saturating_duration_since(start());
    if SCALE.get().is_none() && since_start >= SPAN_MIN {
        learn();
    }
    match SCALE.get() {
        // Learned since the clock was read: other threads may have read later times already.
        Some(Some(scale)) => scale.nanos(counter::ordered()),
        _ => saturated(since_start),
    }
}

/// Fixes the rate of the counter, unless the readings are not close enough this time.
fn learn() {
    if !counter::is_trusted() {
        SCALE.get_or_init(|| None);
        return;
    }
    let (first, last) = (*START.get_or_init(Pair::read), Pair::read());
    if first.took > CLOSE {
        // A start that was interrupted could only be told from a long span.
        SCALE.get_or_init(|| None);
    } else if last.took <= CLOSE {
        let nanos = saturated(last.at.saturating_duration_since(first.at));
        let span_ticks = last.ticks.saturating_sub(first.ticks);
        // The reading of the clock is the later one of the pair, so the scale never reads less
        // than the clock did before.
        SCALE
            .get_or_init(|| Scale::new(last.ticks, nanos, span_ticks, Duration::from_nanos(nanos)));
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn system() -> StdInstant {
    StdInstant::now()
}

fn saturated(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
