//! One history on the breaker and on the model, step by step.

use std::time::Duration;

use steadfast_base::VirtualClock;
use steadfast_breaker::{CircuitBreaker, Config, Outcome, Permit, State};

use super::reference::{Model, ModelTicket};

/// What happens next; indexes count through the permits that are out, letters are outcomes, numbers
/// are milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Acquire,
    Finish(usize, char),
    Drop(usize),
    Cancel(usize),
    Calls(u32, char),
    Allowed,
    Record(char, u64),
    Advance(u64),
    SetState(State),
    OpenFor(u64),
    Reset,
    Look,
}

/// A breaker and its model, which take the same steps.
pub(super) struct Run {
    clock: VirtualClock,
    breaker: CircuitBreaker,
    model: Model,
    permits: Vec<(Permit<'static>, ModelTicket)>,
}

impl Run {
    pub(super) fn new(config: Config) -> Self {
        let clock = VirtualClock::new();
        let breaker =
            CircuitBreaker::new("model", config.clone(), clock.time()).expect("valid settings");
        Self { clock, breaker, model: Model::new(config), permits: Vec::new() }
    }

    fn take(&mut self, index: usize) -> Option<(Permit<'static>, ModelTicket)> {
        (!self.permits.is_empty()).then(|| self.permits.remove(index % self.permits.len()))
    }

    /// Takes one step and compares.
    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Acquire => {
                let (ours, model) = (self.breaker.acquire_owned(), self.model.acquire(false));
                assert_eq!(ours.is_ok(), model.is_some(), "admission");
                self.permits.extend(ours.ok().zip(model));
            }
            Step::Finish(index, letter) => {
                if let Some((permit, ticket)) = self.take(index) {
                    permit.finish(outcome(letter));
                    self.model.finish(ticket, outcome(letter));
                }
            }
            Step::Drop(index) => {
                if let Some((permit, ticket)) = self.take(index) {
                    drop(permit);
                    self.model.abandon(ticket);
                }
            }
            Step::Cancel(index) => {
                if let Some((permit, ticket)) = self.take(index) {
                    permit.cancel();
                    self.model.cancel(ticket);
                }
            }
            Step::Calls(calls, letter) => self.calls(calls, outcome(letter)),
            Step::Allowed => {
                assert_eq!(self.breaker.is_allowed(), self.model.acquire(true).is_some());
            }
            Step::Record(letter, took) => {
                let (outcome, took) = (outcome(letter), Duration::from_millis(took));
                self.breaker.record(outcome, took);
                self.model.record(outcome, took);
            }
            Step::Advance(millis) => {
                self.clock.advance(Duration::from_millis(millis));
                self.model.now += Duration::from_millis(millis);
            }
            Step::SetState(state) => {
                assert_eq!(self.breaker.set_state(state).is_ok(), self.model.set_state(state));
            }
            Step::OpenFor(millis) => {
                let wait = Duration::from_millis(millis);
                self.breaker.open_for(wait);
                self.model.settle(false);
                if self.model.state == State::Open {
                    self.model.until = self.model.now + wait;
                } else {
                    self.model.open(self.model.now, Some(wait));
                }
            }
            Step::Reset => {
                self.breaker.reset();
                self.model.settle(false);
                self.model.enter(State::Closed);
            }
            Step::Look => self.look(),
        }
        self.model.settle(false);
        assert_eq!(self.breaker.state(), self.model.state, "state");
    }

    fn calls(&mut self, calls: u32, outcome: Outcome) {
        let classify = |_: &Result<(), ()>| outcome;
        for _ in 0..calls {
            let ours = self.breaker.call_with(&classify, || Ok(()));
            let ticket = self.model.acquire(false);
            assert_eq!(ours.is_ok(), ticket.is_some(), "admission of a call");
            if let Some(ticket) = ticket {
                self.model.finish(ticket, outcome);
            }
        }
    }

    /// Compares all figures.
    pub(super) fn look(&mut self) {
        self.model.settle(false);
        let metrics = self.breaker.metrics();
        let window = (metrics.window.total, metrics.window.failed, metrics.window.slow);
        assert_eq!(window, self.model.window(), "window");
        assert_eq!(metrics.epoch, self.model.period, "epoch");
        assert_eq!(metrics.attempt, self.model.attempt, "attempt");
        assert_eq!(metrics.not_permitted, self.model.not_permitted, "not permitted");
        assert_eq!(metrics.probes as usize, self.model.probes.len(), "probes");
        let totals = metrics.totals;
        assert_eq!(totals.successes, self.model.successes, "successes");
        assert_eq!(totals.failures, self.model.failures, "failures");
        assert_eq!(totals.rejected, self.model.rejected, "rejected");
        assert_eq!(totals.late, self.model.late, "late");
        assert_eq!(totals.ignored, self.model.ignored, "ignored");
        assert_eq!(totals.dropped, self.model.dropped, "dropped");
        if self.model.state != State::Open {
            assert_eq!(metrics.consecutive_failures, self.model.streak(), "failures in a row");
        }
    }
}

/// `e` fails, `i` is ignored, everything else succeeds.
fn outcome(letter: char) -> Outcome {
    match letter {
        'e' => Outcome::error(),
        'i' => Outcome::Ignored,
        _ => Outcome::Success,
    }
}
