//! The phases of the machine, and how time, rules and hands move it from one to the next.

use std::time::Duration;

use steadfast_base::Instant;

use crate::config::{AfterProbeWait, ProbeVerdict, Recovery};
use crate::event::{Cause, Event, EventKind};
use crate::limits;
use crate::state::State;
use crate::window::{FailureTimes, ResultWindow};

use super::Machine;
use super::probes::Probes;

/// Probe results that are remembered for the figures, however many successes are asked for.
const PROBE_RESULTS_MAX: u32 = 10_000;

#[derive(Clone, Debug)]
pub(super) enum Phase {
    Closed,
    Open {
        until: Instant,
        /// Results that a rate needed in the window that opened it.
        judged_from: u32,
    },
    HalfOpen(Probes),
    ForcedOpen,
    Disabled,
    /// Which rules have been reported as exceeded.
    MetricsOnly([bool; 4]),
}

impl Phase {
    pub(super) fn state(&self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen(_) => State::HalfOpen,
            Self::ForcedOpen => State::ForcedOpen,
            Self::Disabled => State::Disabled,
            Self::MetricsOnly(_) => State::MetricsOnly,
        }
    }
}

/// For how long to open.
#[derive(Clone, Copy)]
pub(super) enum OpenFor {
    /// The open wait of the current attempt.
    OpenWait,
    /// That wait, or longer if the callee asked for it.
    AtLeast(Duration),
    Exactly(Duration),
}

impl OpenFor {
    /// For a failure that opens by itself, whatever the callee asked for.
    pub(super) fn of_failure(asked: Option<Duration>) -> Self {
        asked.map_or(Self::OpenWait, Self::AtLeast)
    }
}

impl Machine {
    /// Moves time forward and makes the changes of state that are due.
    pub(super) fn settle(&mut self, now: Instant, for_a_call: bool) {
        self.latest = self.latest.max(now);
        if let Phase::HalfOpen(probes) = &self.phase {
            let deadline = self.config.probe_wait().and_then(|wait| probes.deadline(wait));
            if let Some(deadline) = deadline.filter(|&deadline| deadline <= self.latest) {
                match self.config.half_open.then {
                    AfterProbeWait::Open => {
                        self.open(Cause::ProbeUnanswered, deadline, OpenFor::OpenWait);
                    }
                    AfterProbeWait::Closed => {
                        self.enter(Phase::Closed, Cause::ProbeUnanswered, deadline);
                    }
                }
            }
        }
        if let Phase::Open { until, .. } = self.phase {
            let automatic = self.config.recovery == Recovery::Automatic;
            if until <= self.latest && (for_a_call || automatic) {
                let at = if automatic { until } else { self.latest };
                self.enter(Phase::HalfOpen(Probes::default()), Cause::OpenWaitOver, at);
            }
        }
    }

    pub(super) fn open(&mut self, cause: Cause, at: Instant, open_for: OpenFor) {
        if matches!(self.phase, Phase::HalfOpen(_)) {
            self.attempt = self.attempt.saturating_add(1);
        }
        let open_wait = self.config.open_wait.after(self.attempt);
        let wait = match open_for {
            OpenFor::OpenWait => open_wait,
            OpenFor::AtLeast(wait) => wait.max(open_wait),
            OpenFor::Exactly(wait) => wait,
        };
        self.totals.opened += 1;
        self.window.advance(at);
        let judged_from = match self.phase {
            Phase::HalfOpen(_) => self.config.probes_judged_at(),
            _ => self.config.judged_from(),
        };
        self.enter(Phase::Open { until: at + wait, judged_from }, cause, at);
    }

    /// Starts a new period. The window is new too, but an open breaker keeps the one that opened it.
    pub(super) fn enter(&mut self, phase: Phase, cause: Cause, at: Instant) {
        let from = self.state();
        self.start_period(phase, at);
        let open_for = self.open_until().map(|until| until - at);
        let (to, attempt) = (self.state(), self.attempt);
        self.note(at, EventKind::Transition { from, to, cause, attempt, open_for });
    }

    pub(super) fn start_period(&mut self, phase: Phase, at: Instant) {
        self.phase = phase;
        // INV-BRK-2: nothing changes the state without a new epoch.
        self.epoch = self.epoch.wrapping_add(1);
        self.not_permitted = 0;
        if !matches!(self.phase, Phase::Open { .. }) {
            self.streak = 0;
        }
        match self.phase {
            Phase::Open { .. } => {}
            Phase::HalfOpen(_) => self.window = self.probing_window(),
            _ => self.window = ResultWindow::new(self.config.window, at),
        }
        if let Phase::Closed = self.phase {
            self.attempt = 0;
            self.failure_times = self.config.failure_limit.map(FailureTimes::new);
        }
    }

    /// An empty window for the results of probes.
    pub(super) fn probing_window(&self) -> ResultWindow {
        let results = match self.config.half_open.verdict {
            ProbeVerdict::Rate => self.config.half_open.calls,
            // Probing ends with the first bad result or the last good one needed.
            ProbeVerdict::Successes(successes) => successes,
        };
        ResultWindow::calls(results.min(PROBE_RESULTS_MAX))
    }

    pub(super) fn note(&mut self, at: Instant, kind: EventKind) {
        if self.changes.len() >= limits::UNTAKEN_CHANGES_MAX {
            self.changes.remove(0);
        }
        self.changes.push(Event { at, epoch: self.epoch, kind });
    }
}
