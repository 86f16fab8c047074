//! The pure core: requests and accepts of the last time, and how likely a request is held back.

use std::time::Duration;

use steadfast_base::Instant;

use super::config::ThrottleConfig;

/// Steps in which a window forgets.
const STEPS: usize = 20;

/// Requests and accepts within a sliding window; both count at the time when the request was sent.
#[derive(Clone, Debug)]
pub(super) struct Window {
    multiplier: f64,
    step: Duration,
    steps: [Step; STEPS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    number: u64,
    requests: u64,
    accepts: u64,
}

impl Window {
    pub(super) fn new(config: &ThrottleConfig) -> Self {
        let step = (config.window / 20).max(Duration::from_nanos(1));
        Self { multiplier: config.multiplier, step, steps: [Step::default(); STEPS] }
    }

    /// Changes the settings; another window starts with nothing remembered.
    pub(super) fn reconfigure(&mut self, config: &ThrottleConfig) {
        let new = Self::new(config);
        if self.step == new.step {
            self.multiplier = config.multiplier;
        } else {
            *self = new;
        }
    }

    /// A request is sent, or held back: both count, so that a flood is held back the more.
    pub(super) fn request(&mut self, now: Instant) {
        let number = self.number(now);
        if let Some(step) = self.steps.get_mut(place(number)) {
            if step.number != number {
                *step = Step { number, ..Step::default() };
            }
            step.requests += 1;
        }
    }

    /// A request that was sent then was accepted.
    pub(super) fn accept(&mut self, sent: Instant) {
        if let Some(step) = self.remembered(sent) {
            step.accepts += 1;
        }
    }

    /// A request that was counted then was not sent after all.
    pub(super) fn forget(&mut self, counted: Instant) {
        if let Some(step) = self.remembered(counted) {
            step.requests = step.requests.saturating_sub(1);
        }
    }

    /// Requests and accepts that are remembered.
    pub(super) fn counts(&self, now: Instant) -> (u64, u64) {
        let newest = self.number(now);
        let lives = |step: &&Step| step.number <= newest && newest - step.number < STEPS as u64;
        self.steps.iter().filter(lives).fold((0, 0), |(requests, accepts), step| {
            (requests + step.requests, accepts + step.accepts)
        })
    }

    /// How likely the next request is held back: max(0, (requests - K x accepts) / (requests + 1)).
    #[expect(clippy::cast_precision_loss, reason = "a probability needs no more than 53 bits")]
    pub(super) fn probability(&self, now: Instant) -> f64 {
        let (requests, accepts) = self.counts(now);
        let surplus = requests as f64 - self.multiplier * accepts as f64;
        (surplus / (requests as f64 + 1.0)).max(0.0)
    }

    /// The step of a request that was sent then, unless it is forgotten.
    fn remembered(&mut self, sent: Instant) -> Option<&mut Step> {
        let number = self.number(sent);
        self.steps.get_mut(place(number)).filter(|step| step.number == number)
    }

    fn number(&self, at: Instant) -> u64 {
        let step = u64::try_from(self.step.as_nanos()).unwrap_or(u64::MAX);
        at.as_nanos() / step.max(1)
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number % STEPS as u64).unwrap_or(0)
}
