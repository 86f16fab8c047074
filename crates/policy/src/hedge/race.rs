//! The pure core: when the next attempt of a call starts.

use steadfast_base::Instant;

use super::config::{HedgeConfig, HedgeDelay};

/// The attempts of one call, by count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Race {
    config: HedgeConfig,
    started: u32,
    failed: u32,
    /// When the last attempt started; `None` while nobody needed to know.
    last_start: Option<Instant>,
    /// No more attempts: the budget is spent, or the request cannot be sent twice.
    closed: bool,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Start one more attempt now.
    Start,
    /// Wait for an answer, and start one more attempt then.
    WaitUntil(Instant),
    /// Wait for an answer.
    Wait,
    /// Every attempt failed and there is no other.
    Lost,
}

impl Race {
    /// A call whose first attempt has started.
    pub(super) fn new(config: HedgeConfig) -> Self {
        Self { config, started: 1, failed: 0, last_start: None, closed: false }
    }

    /// How many attempts have started.
    pub(super) fn started(&self) -> u32 {
        self.started
    }

    /// Whether attempts start without any delay.
    pub(super) fn starts_at_once(&self) -> bool {
        matches!(self.config.delay, HedgeDelay::After(delay) if delay.is_zero())
    }

    pub(super) fn start(&mut self, now: Option<Instant>) {
        self.started += 1;
        self.last_start = now;
    }

    pub(super) fn fail(&mut self) {
        self.failed += 1;
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// What is to be done next; `now` is read only if it matters.
    pub(super) fn next(&mut self, now: impl FnOnce() -> Instant) -> Move {
        let running = self.started > self.failed;
        if self.closed || self.started >= self.config.attempts_max {
            return if running { Move::Wait } else { Move::Lost };
        }
        match self.config.delay {
            _ if !running => Move::Start,
            HedgeDelay::Sequential => Move::Wait,
            HedgeDelay::After(delay) if delay.is_zero() => Move::Start,
            HedgeDelay::After(delay) => {
                let now = now();
                let at = *self.last_start.get_or_insert(now) + delay;
                if at <= now { Move::Start } else { Move::WaitUntil(at) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn the_next_attempt_starts_after_the_delay_or_when_all_have_failed() {
        let config = HedgeConfig::after(Duration::from_millis(10)).with_attempts_max(3);
        let mut race = Race::new(config);
        assert_eq!(race.next(|| at(0)), Move::WaitUntil(at(10)));
        assert_eq!(race.next(|| at(9)), Move::WaitUntil(at(10)));
        assert_eq!(race.next(|| at(10)), Move::Start);
        race.start(Some(at(10)));
        assert_eq!(race.next(|| at(10)), Move::WaitUntil(at(20)));
        race.fail();
        assert_eq!(race.next(|| at(11)), Move::WaitUntil(at(20)), "one is still running");
        race.fail();
        assert_eq!(race.next(|| at(11)), Move::Start);
        race.start(Some(at(11)));
        assert_eq!(race.next(|| at(500)), Move::Wait);
        race.fail();
        assert_eq!(race.next(|| at(500)), Move::Lost);
    }

    #[test]
    fn no_delay_starts_all_and_sequential_waits_without_a_clock() {
        let no_clock = || -> Instant { unreachable!("the time does not matter") };
        let mut eager = Race::new(HedgeConfig::at_once());
        assert_eq!(eager.next(no_clock), Move::Start);
        eager.start(None);
        assert_eq!(eager.next(no_clock), Move::Wait);
        let mut patient = Race::new(HedgeConfig::sequential());
        assert_eq!(patient.next(no_clock), Move::Wait);
        patient.fail();
        assert_eq!(patient.next(no_clock), Move::Start);
        patient.close();
        assert_eq!(patient.next(no_clock), Move::Lost);
    }
}
