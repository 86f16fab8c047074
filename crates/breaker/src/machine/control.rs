//! Control by hand: states, a timed opening, reset, new settings.

use std::sync::Arc;
use std::time::Duration;

use steadfast_base::Instant;

use crate::config::{Config, ConfigError};
use crate::event::{Cause, EventKind};
use crate::state::{IllegalTransition, State};
use crate::window::{FailureTimes, ResultWindow};

use super::phase::OpenFor;
use super::{Machine, Phase, Probes};

impl Machine {
    /// Moves to `state` by hand; moving to the current state does nothing.
    ///
    /// # Errors
    ///
    /// Fails, keeping the state, for closed to half-open: a closed breaker has nothing to probe.
    pub fn set_state(&mut self, state: State, now: Instant) -> Result<(), IllegalTransition> {
        self.move_to(state, Cause::Manual, now)
    }

    pub(crate) fn move_to(
        &mut self,
        to: State,
        cause: Cause,
        now: Instant,
    ) -> Result<(), IllegalTransition> {
        self.settle(now, false);
        let (from, now) = (self.state(), self.latest);
        if from == to {
            return Ok(());
        }
        match to {
            State::Closed => self.enter(Phase::Closed, cause, now),
            State::Open => self.open(cause, now, OpenFor::OpenWait),
            State::HalfOpen if from == State::Closed => {
                return Err(IllegalTransition { from, to });
            }
            State::HalfOpen => self.enter(Phase::HalfOpen(Probes::default()), cause, now),
            State::ForcedOpen => self.enter(Phase::ForcedOpen, cause, now),
            State::Disabled => self.enter(Phase::Disabled, cause, now),
            State::MetricsOnly => self.enter(Phase::MetricsOnly([false; 4]), cause, now),
        }
        Ok(())
    }

    /// Opens for `wait` from now on, by hand; an open breaker stays open for the new time.
    pub fn open_for(&mut self, wait: Duration, now: Instant) {
        self.settle(now, false);
        let now = self.latest;
        if let Phase::Open { until, .. } = &mut self.phase {
            *until = now + wait;
        } else {
            self.open(Cause::Manual, now, OpenFor::Exactly(wait));
        }
    }

    /// Starts anew: closed, an empty window, the first open wait. The totals stay.
    pub fn reset(&mut self, now: Instant) {
        self.settle(now, false);
        let (from, now) = (self.state(), self.latest);
        self.start_period(Phase::Closed, now);
        self.note(now, EventKind::Reset(from));
    }

    /// Takes new settings and keeps the state, with its open wait and its probes under way.
    ///
    /// A changed window or failure limit starts empty, and so do the results of a probing that is judged
    /// in another way now; the new open wait holds from the next opening.
    ///
    /// # Errors
    ///
    /// Fails if the settings have faults, and keeps the old ones.
    pub fn reconfigure(&mut self, config: Config, now: Instant) -> Result<(), ConfigError> {
        config.validate()?;
        self.settle(now, false);
        let old = std::mem::replace(&mut self.config, Arc::new(config));
        let judged = matches!(self.phase, Phase::Closed | Phase::MetricsOnly(_));
        if judged && old.window != self.config.window {
            self.window = ResultWindow::new(self.config.window, self.latest);
        }
        let (verdict, calls) = (self.config.half_open.verdict, self.config.half_open.calls);
        let judged_alike = old.half_open.verdict == verdict
            && old.half_open.calls == calls
            && old.probes_judged_at() == self.config.probes_judged_at();
        if let (Phase::HalfOpen(probes), false) = (&mut self.phase, judged_alike) {
            // Results so far may be more than are needed now, and would take the places of probes.
            probes.successes = 0;
            self.window = self.probing_window();
        }
        if old.failure_limit != self.config.failure_limit {
            self.failure_times = self.config.failure_limit.map(FailureTimes::new);
        }
        Ok(())
    }
}
