//! Taking in results, state by state.

use std::time::Duration;

use steadfast_base::{FailureKind, Instant};

use crate::config::{OnDrop, ProbeVerdict};
use crate::event::{Cause, EventKind};
use crate::outcome::Outcome;

use super::phase::OpenFor;
use super::{Machine, Phase, Ticket, judge};

/// What became of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is in the window of the current state.
    Counted,
    /// The permit was given back, nothing was recorded.
    Released,
    /// It came too late for the state that admitted it: only the totals know it.
    TotalsOnly,
    /// The breaker is disabled and records nothing.
    Nothing,
}

/// A result reduced to what the rules look at.
#[derive(Clone, Copy)]
struct Verdict {
    failed: bool,
    slow: bool,
    /// How long the callee asked to be left alone.
    stay_away: Option<Duration>,
}

impl Machine {
    /// Takes in the result of a call.
    ///
    /// The call took from the ticket's start until `now`.
    pub fn finish(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Recorded {
        let took = ticket.started().map_or(Duration::ZERO, |started| now - started);
        self.finish_after(ticket, outcome, took, now)
    }

    /// Gives a ticket back; the call was not made, or its fate says nothing.
    pub fn cancel(&mut self, ticket: Ticket, now: Instant) -> Recorded {
        self.settle(now, false);
        if matches!(self.phase, Phase::Disabled) {
            return Recorded::Nothing;
        }
        self.totals.dropped += 1;
        if self.end(ticket) { Recorded::Released } else { Recorded::TotalsOnly }
    }

    /// Takes in a call that was dropped without a result, by the rule of the configuration.
    pub fn abandon(&mut self, ticket: Ticket, now: Instant) -> Recorded {
        let took = ticket.started().map_or(Duration::ZERO, |started| now - started);
        let timed_out = Outcome::failure(FailureKind::Timeout);
        match self.config.on_drop {
            OnDrop::SlowIsFailure if took >= self.config.slow_call => {
                // A call dropped at exactly the threshold is slow: it would have taken longer.
                let took = took.saturating_add(Duration::from_nanos(1));
                self.finish_after(ticket, timed_out, took, now)
            }
            OnDrop::Failure => self.finish_after(ticket, timed_out, took, now),
            OnDrop::SlowIsFailure | OnDrop::Release => self.cancel(ticket, now),
        }
    }

    /// Takes in a result without a ticket, for a call that took `took`.
    ///
    /// It counts for the current state. While half-open it counts only if a call that was
    /// [admitted by hand](Self::admit_by_hand) is unanswered, and stands for the oldest of them.
    pub fn record(&mut self, outcome: Outcome, took: Duration, now: Instant) -> Recorded {
        self.settle(now, false);
        if matches!(self.phase, Phase::Disabled) {
            return Recorded::Nothing;
        }
        let current = match &mut self.phase {
            Phase::HalfOpen(probes) => probes.end_by_hand(),
            Phase::Closed | Phase::MetricsOnly(_) => true,
            Phase::Open { .. } | Phase::ForcedOpen | Phase::Disabled => false,
        };
        self.take_in(outcome, took, current)
    }

    fn finish_after(
        &mut self,
        ticket: Ticket,
        outcome: Outcome,
        took: Duration,
        now: Instant,
    ) -> Recorded {
        self.settle(now, false);
        if matches!(self.phase, Phase::Disabled) {
            return Recorded::Nothing;
        }
        let current = self.end(ticket);
        self.take_in(outcome, took, current)
    }

    /// Frees the probe's place, if it is one; tells whether the ticket is of the current period.
    fn end(&mut self, ticket: Ticket) -> bool {
        let (epoch, probe, _) = ticket.into_parts();
        // INV-BRK-1: a ticket of an earlier epoch frees no place and moves no window.
        let current = epoch == self.epoch;
        if let (true, Phase::HalfOpen(probes)) = (current, &mut self.phase) {
            probes.end(probe);
        }
        current
    }

    fn take_in(&mut self, outcome: Outcome, took: Duration, current: bool) -> Recorded {
        if outcome == Outcome::Ignored {
            self.totals.ignored += 1;
            return if current { Recorded::Released } else { Recorded::TotalsOnly };
        }
        let slow = took > self.config.slow_call && self.config.slow_rate.is_some();
        let stay_away = match outcome {
            Outcome::StayAway(wait) => Some(wait),
            _ => None,
        };
        let verdict = Verdict { failed: outcome.is_failure(), slow, stay_away };
        match outcome.as_failure() {
            Some(failure) => {
                self.totals.count_failure(failure.kind);
                self.last_failure = Some((failure, self.latest));
            }
            None => self.totals.successes += 1,
        }
        self.totals.slow += u64::from(slow);
        match self.phase {
            _ if !current => {}
            Phase::Closed | Phase::MetricsOnly(_) => {
                self.record_closed(verdict);
                return Recorded::Counted;
            }
            Phase::HalfOpen(_) => {
                self.record_probe(verdict);
                return Recorded::Counted;
            }
            // An open breaker admits nothing, so nothing comes back to it in time.
            Phase::Open { .. } | Phase::ForcedOpen | Phase::Disabled => {}
        }
        self.totals.late += 1;
        Recorded::TotalsOnly
    }

    fn record_closed(&mut self, verdict: Verdict) {
        let now = self.latest;
        self.window.record(verdict.failed, verdict.slow, now);
        self.streak = if verdict.failed { self.streak.saturating_add(1) } else { 0 };
        let mut over_limit = false;
        if let Some(times) = &mut self.failure_times {
            if verdict.failed {
                times.record(now);
            }
            over_limit = times.is_exceeded(now);
        }
        let exceeded = judge::closed(&self.config, self.window.counts(), self.streak, over_limit);
        if let Phase::MetricsOnly(reported) = &mut self.phase {
            let before = *reported;
            for (told, rule) in reported.iter_mut().zip(&exceeded) {
                *told |= rule.is_some();
            }
            let fresh = exceeded.into_iter().zip(before).filter(|(_, told)| !told);
            for cause in fresh.filter_map(|(rule, _)| rule).collect::<Vec<_>>() {
                self.note(now, EventKind::Exceeded(cause));
            }
            return;
        }
        self.open_if_exceeded(exceeded, verdict.stay_away);
        if let (Some(wait), Phase::Closed) = (verdict.stay_away, &self.phase) {
            self.open(Cause::StayAway, now, OpenFor::Exactly(wait));
        }
    }

    fn record_probe(&mut self, verdict: Verdict) {
        let now = self.latest;
        self.window.record(verdict.failed, verdict.slow, now);
        self.streak = if verdict.failed { self.streak.saturating_add(1) } else { 0 };
        let Phase::HalfOpen(probes) = &mut self.phase else { return };
        if let Some(wait) = verdict.stay_away {
            self.open(Cause::StayAway, now, OpenFor::AtLeast(wait));
            return;
        }
        match self.config.half_open.verdict {
            ProbeVerdict::Successes(_) if verdict.failed => {
                self.open(Cause::ProbeFailed, now, OpenFor::OpenWait);
            }
            ProbeVerdict::Successes(_) if verdict.slow => {
                self.open(Cause::ProbeSlow, now, OpenFor::OpenWait);
            }
            ProbeVerdict::Successes(needed) => {
                probes.successes += 1;
                if probes.successes >= needed {
                    self.enter(Phase::Closed, Cause::ProbesPassed, now);
                }
            }
            ProbeVerdict::Rate => self.judge_probing(),
        }
    }

    fn judge_probing(&mut self) {
        let judged_at = self.config.probes_judged_at();
        let counts = self.window.counts();
        if counts.total < judged_at {
            return;
        }
        let exceeded = judge::rates(&self.config, counts, judged_at);
        self.open_if_exceeded(exceeded, None);
        if let Phase::HalfOpen(_) = self.phase {
            self.enter(Phase::Closed, Cause::ProbesPassed, self.latest);
        }
    }

    /// Reports every exceeded rule and opens once.
    fn open_if_exceeded(&mut self, exceeded: judge::Exceeded, asked: Option<Duration>) {
        let now = self.latest;
        for cause in exceeded.into_iter().flatten() {
            self.note(now, EventKind::Exceeded(cause));
        }
        if let Some(cause) = exceeded.into_iter().flatten().next() {
            self.open(cause, now, OpenFor::of_failure(asked));
        }
    }
}
