//! The pace of the feed: when an event is due, in time since the start of the run.

use std::time::Duration;

use crate::calendar::Minute;

const SECONDS_PER_MINUTE: f64 = 60.0;

/// Simulated seconds per second of the run; 0 is as fast as possible.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Speed(f64);

impl Speed {
    /// As fast as possible.
    pub const UNBOUNDED: Self = Self(0.0);

    /// The factor: simulated seconds per second.
    #[must_use]
    pub fn factor(self) -> f64 {
        self.0
    }

    /// A speed; `None` for one below 0 or not finite.
    #[must_use]
    pub fn new(factor: f64) -> Option<Self> {
        (factor >= 0.0 && factor.is_finite()).then_some(Self(factor))
    }
}

/// Maps the year onto the run.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    first: Minute,
    speed: Speed,
}

impl Pace {
    /// A run that starts at the first event's time.
    #[must_use]
    pub fn new(first: Minute, speed: Speed) -> Self {
        Self { first, speed }
    }

    /// How long after the start a moment is due; `None` when there is nothing to wait for.
    #[must_use]
    pub fn due(&self, at: Minute) -> Option<Duration> {
        if self.speed.0 <= 0.0 {
            return None;
        }
        let simulated = f64::from(at.since(self.first)) * SECONDS_PER_MINUTE;
        Duration::try_from_secs_f64(simulated / self.speed.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(factor: f64, minutes: u32) -> Option<Duration> {
        let speed = Speed::new(factor).expect("a speed");
        Pace::new(Minute::new(100), speed).due(Minute::new(100 + minutes))
    }

    #[test]
    fn real_time_waits_as_long_as_the_events_are_apart() {
        assert_eq!(due(1.0, 2), Some(Duration::from_mins(2)));
        assert_eq!(due(3_600.0, 60), Some(Duration::from_secs(1)));
        assert_eq!(due(0.5, 1), Some(Duration::from_mins(2)));
    }

    #[test]
    fn speed_zero_never_waits() {
        assert_eq!(due(0.0, 1_000_000), None);
    }

    #[test]
    fn a_speed_below_zero_or_not_finite_is_none() {
        for factor in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Speed::new(factor), None, "{factor}");
        }
    }
}
