//! A breaker under virtual time whose events are kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use steadfast_base::VirtualClock;
use steadfast_breaker::{
    AfterProbeWait, CircuitBreaker, Config, ConfigBuilder, Event, EventKind, Outcome, Permit,
    ProbeVerdict, ProbeWait, State, Window,
};

pub(crate) fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Configuration A of the scenarios.
pub(crate) fn config_a() -> ConfigBuilder {
    Config::builder()
        .window(Window::Time(secs(20.0)))
        .min_calls(5)
        .failure_rate(0.5)
        .slow_rate(secs(4.0), 0.5)
        .no_consecutive_failures()
        .probes(4, ProbeVerdict::Rate)
        .open_wait(secs(5.0))
        .probe_wait(ProbeWait::For(secs(1.0)), AfterProbeWait::Open)
}

/// A breaker, its clock, and everything it reported.
pub(crate) struct Bench {
    pub(crate) clock: VirtualClock,
    pub(crate) breaker: CircuitBreaker,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Bench {
    pub(crate) fn a() -> Self {
        Self::new(config_a())
    }

    pub(crate) fn new(config: ConfigBuilder) -> Self {
        let clock = VirtualClock::new();
        let config = config.build().expect("valid settings");
        let breaker = CircuitBreaker::new("bench", config, clock.time()).expect("valid settings");
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&events);
        let listener = move |event: &Event| kept.lock().expect("not poisoned").push(*event);
        breaker.on_event(listener).expect("the first listener");
        Self { clock, breaker, events }
    }

    pub(crate) fn advance(&self, seconds: f64) {
        self.clock.advance(secs(seconds));
    }

    /// One call that takes `seconds`.
    pub(crate) fn call(&self, outcome: Outcome, seconds: f64) {
        let permit = self.breaker.acquire().expect("admitted");
        self.advance(seconds);
        permit.finish(outcome);
    }

    /// Calls that take no time: `e` fails, `s` succeeds, `i` is ignored.
    pub(crate) fn calls(&self, outcomes: &str) {
        for letter in outcomes.chars() {
            self.call(outcome(letter), 0.0);
        }
    }

    /// Calls admitted now and finished later, in the order of their letters.
    pub(crate) fn probes(&self, outcomes: &str) {
        let permits: Vec<_> =
            outcomes.chars().map(|_| self.breaker.acquire().expect("admitted")).collect();
        for (permit, letter) in permits.into_iter().zip(outcomes.chars()) {
            permit.finish(outcome(letter));
        }
    }

    pub(crate) fn half_opened(self) -> Self {
        self.breaker.set_state(State::Open).expect("legal");
        self.breaker.set_state(State::HalfOpen).expect("legal");
        self.take_events();
        self
    }

    pub(crate) fn state(&self) -> State {
        self.breaker.state()
    }

    /// Total, failed and slow results in the window.
    pub(crate) fn window(&self) -> (u32, u32, u32) {
        let window = self.breaker.metrics().window;
        (window.total, window.failed, window.slow)
    }

    pub(crate) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().expect("not poisoned"))
    }

    /// How many events since the last time are of a kind.
    pub(crate) fn count(&self, which: impl Fn(&EventKind) -> bool) -> usize {
        let events = self.events.lock().expect("not poisoned");
        events.iter().filter(|event| which(&event.kind)).count()
    }

    pub(crate) fn transitions(&self) -> usize {
        self.count(|kind| matches!(kind, EventKind::Transition { .. }))
    }

    pub(crate) fn exceeded(&self) -> usize {
        self.count(|kind| matches!(kind, EventKind::Exceeded(_)))
    }

    pub(crate) fn is_rejected(&self) -> bool {
        self.breaker.acquire().map(Permit::cancel).is_err()
    }
}

pub(crate) fn outcome(letter: char) -> Outcome {
    match letter {
        'e' => Outcome::error(),
        'i' => Outcome::Ignored,
        _ => Outcome::Success,
    }
}
