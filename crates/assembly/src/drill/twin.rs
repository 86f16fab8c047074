//! The twin of a component: the same settings, in a system of its own with virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::{Seed, Time};
use steadfast_health::HealingConfig;

use crate::component::Component;
use crate::config::ComponentConfig;
use crate::stack::Environment;

/// Longest virtual time that a drill may take; the test system gives up after a day.
pub(super) const TIME_MAX: Duration = Duration::from_hours(12);

/// What is drilled.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) config: ComponentConfig,
    pub(super) healing: HealingConfig,
    pub(super) callers: u32,
    pub(super) seed: u64,
}

impl Subject {
    /// A twin with these settings, and the system it lives in.
    pub(super) fn twin(&self, config: ComponentConfig) -> Twin {
        let test = TestSystem::seeded(self.seed);
        let time = test.system().time().clone();
        let environment = Environment {
            name: self.name.clone(),
            time: time.clone(),
            seed: Seed::new(self.seed),
            sink: None,
            known: Arc::default(),
        };
        let component = Component::build(config, &environment)
            .unwrap_or_else(|_| unreachable!("settings that are drilled were validated"));
        Twin { test, component, time }
    }

    /// Time between calls that a rate limit lets through.
    pub(super) fn spacing(&self) -> Duration {
        let shortest = Duration::from_millis(1);
        let rate = self.config.rate_limit.map(|rate| rate.period / rate.limit.max(1));
        rate.map_or(shortest, |rate| rate.max(shortest))
    }

    /// Whether something ends a call whose callee hangs.
    pub(super) fn limits_time(&self) -> bool {
        let of_breaker = self.config.breaker.as_ref().and_then(|breaker| breaker.call_timeout);
        self.config.total_deadline.or(self.config.attempt_timeout).or(of_breaker).is_some()
    }
}

pub(super) struct Twin {
    pub(super) test: TestSystem,
    pub(super) component: Component,
    pub(super) time: Time,
}

/// Counts those who are at the callee at once.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    now: AtomicU32,
    peak: AtomicU32,
    total: AtomicU32,
}

/// One of a crowd, until dropped.
pub(super) struct Guest<'a>(&'a Crowd);

impl Crowd {
    pub(super) fn enter(&self) -> Guest<'_> {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
        Guest(self)
    }

    pub(super) fn peak(&self) -> u32 {
        self.peak.load(Ordering::Relaxed)
    }

    pub(super) fn total(&self) -> u32 {
        self.total.load(Ordering::Relaxed)
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}
