//! The desk's side of a service: a pipeline of policies around the wire.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use steadfast::actor_core::ActorRef;
use steadfast::base::Seed;
use steadfast::breaker::{CircuitBreaker, Classify, Config, Outcome, Window};
use steadfast_policy::{
    Budget, BudgetSettings, BulkheadConfig, Call, Error, Failures, Fallback, Guard, LastGood,
    Pipeline, Retry,
};

use super::answers::{Finding, Query, Record, ServiceError};
use super::desk_time::{DeskTime, Task};
use super::history::{Decisions, History};
use super::provider::Request;
use super::report::{Fallbacks, ServiceReport};
use super::wire::{Traffic, Wire};
use crate::outage::Service;

/// All attempts of one lookup and the waits between them.
const TOTAL: Duration = Duration::from_secs(12);
/// One request; a slow service takes 2 s to 5 s.
const ATTEMPT: Duration = Duration::from_secs(4);
/// Before the second attempt, and twice that before the third.
const RETRY_BASE: Duration = Duration::from_millis(500);
/// A service that takes this long is as good as down; it usually takes a tenth of a second.
const SLOW_CALL: Duration = Duration::from_millis(1_500);
/// Results that the breaker's rates look at, and from how many on: few, because the weather is
/// asked for a few times an hour only.
const WINDOW: (u32, u32) = (10, 5);
/// From opening to the first probe; doubled for each probing that fails.
const OPEN_WAIT: Duration = Duration::from_mins(2);
/// The longest time between two probings.
const OPEN_WAIT_MAX: Duration = Duration::from_mins(15);
/// Requests under way at once.
const AT_ONCE: u32 = 8;
/// Requests that may wait for a place, and how long.
const WAITING: (u32, Duration) = (64, Duration::from_secs(2));

/// How long a last good answer of a service stays good, and for how many keys one is kept.
fn last_good(service: Service) -> LastGood<Reading> {
    match service {
        Service::Weather => LastGood::new(1_000, Duration::from_hours(6)),
        Service::Registry => LastGood::new(20_000, Duration::from_hours(24 * 90)),
    }
}

/// A service as its callers see it.
pub(crate) struct Client {
    service: Service,
    look_up: Box<LookUp>,
    breaker: CircuitBreaker,
    traffic: Arc<Traffic>,
    history: Arc<History>,
    decisions: Arc<Decisions>,
    counts: Counts,
}

type LookUp = dyn Fn(Query, u64, u64) -> Task<'static, Finding> + Send + Sync;

/// How lookups ended.
#[derive(Debug, Default)]
struct Counts {
    lookups: u64,
    fresh: u64,
    missing: u64,
    unanswered: u64,
    fallbacks: Fallbacks,
}

/// An answer of the service and which lookup it was made for.
#[derive(Clone, Copy, Debug)]
struct Reading {
    record: Option<Record>,
    lookup: u64,
}

/// A missing record is an answer; all else is as the policies see it.
struct AnswersSucceed;

impl Classify<Reading, Error<ServiceError>> for AnswersSucceed {
    fn classify(&self, result: &Result<Reading, Error<ServiceError>>) -> Outcome {
        match result {
            Err(Error::Inner(ServiceError::NotFound(_))) => Outcome::Success,
            other => Failures.classify(other),
        }
    }
}

impl Client {
    /// A client of a service; its policies go by the desk's time.
    pub(crate) fn new(
        service: Service,
        provider: ActorRef<Request>,
        time: &DeskTime,
        seed: Seed,
    ) -> Self {
        let config = breaker_config();
        let breaker = CircuitBreaker::new(service.name(), config, time.time().clone())
            .expect("the settings are constants within their limits");
        let history = Arc::new(History::new(time.clone()));
        let listener = Arc::clone(&history);
        breaker
            .on_change(move |event| listener.note(event))
            .expect("the first listener is within the limit");
        let decisions = Arc::<Decisions>::default();
        let wire = Wire::new(service, provider, time.clone());
        let traffic = Arc::clone(&wire.traffic);
        let look_up = protected(wire, service, &breaker, &decisions, time, seed);
        let counts = Counts::default();
        Self { service, look_up, breaker, traffic, history, decisions, counts }
    }

    /// A lookup, to be run by [`DeskTime::run_all`] and then [counted](Self::count).
    pub(crate) fn look_up(&mut self, query: Query, key: u64) -> Task<'static, Finding> {
        self.counts.lookups += 1;
        (self.look_up)(query, key, self.counts.lookups)
    }

    /// Takes in how a lookup ended.
    pub(crate) fn count(&mut self, finding: Finding) {
        let counts = &mut self.counts;
        match finding {
            Finding::Fresh(_) => counts.fresh += 1,
            Finding::Missing(_) => counts.missing += 1,
            Finding::Unanswered(_) => counts.unanswered += 1,
        }
        match finding {
            Finding::Missing(Some(_)) | Finding::Unanswered(Some(_)) => {
                counts.fallbacks.last_good += 1;
            }
            Finding::Unanswered(None) => counts.fallbacks.unknown += 1,
            Finding::Fresh(_) | Finding::Missing(None) => {}
        }
    }

    /// What all calls so far came to.
    pub(crate) fn report(&self, outages: u64) -> ServiceReport {
        let read = |counter: &AtomicU32| u64::from(counter.load(Ordering::Relaxed));
        let decided = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counts { lookups, fresh, missing, unanswered, fallbacks } = self.counts;
        let (requests, answers) = (read(&self.traffic.requests), read(&self.traffic.answers));
        let errors = read(&self.traffic.errors);
        let (breaker_changes, breaker_history) = self.history.read();
        let metrics = self.breaker.metrics();
        ServiceReport {
            calls: lookups,
            answered: fresh,
            not_found: missing,
            unanswered,
            requests,
            failed: requests - answers,
            timed_out: requests - answers - errors,
            rejected_by_breaker: decided(&self.decisions.saved),
            rejected_by_bulkhead: decided(&self.decisions.turned_away),
            retried: decided(&self.decisions.retried),
            fallbacks,
            outages,
            breaker_state: metrics.state.name().to_owned(),
            breaker_opened: metrics.totals.opened,
            breaker_changes,
            breaker_history,
        }
    }
}

fn breaker_config() -> Config {
    let (calls, min_calls) = WINDOW;
    Config::builder()
        .window(Window::Calls(calls))
        .min_calls(min_calls)
        .slow_rate(SLOW_CALL, 0.5)
        .open_wait(OPEN_WAIT)
        .open_wait_growth(2.0, OPEN_WAIT_MAX)
        .build()
        .expect("the settings are constants within their limits")
}

/// The lookups of a service: what makes one, with all policies around it.
fn protected(
    wire: Wire,
    service: Service,
    breaker: &CircuitBreaker,
    decisions: &Arc<Decisions>,
    time: &DeskTime,
    seed: Seed,
) -> Box<LookUp> {
    let budget = Budget::new(BudgetSettings::default()).expect("the defaults are within limits");
    let sink = Arc::clone(decisions);
    let (waiting, wait) = WAITING;
    let pipeline = Pipeline::builder()
        .name(service.name())
        .time(time.time().clone())
        .seed(seed)
        .sink(sink)
        .fallback(Fallback::with(unknown))
        .fallback(last_good(service))
        .total_deadline(TOTAL)
        .retry(Retry::exponential(RETRY_BASE).budget(&budget).by_recovery())
        .breaker(Guard::new(breaker.clone()).classify(AnswersSucceed))
        .bulkhead(BulkheadConfig::new(AT_ONCE).with_wait(wait, waiting))
        .attempt_timeout(ATTEMPT)
        .build()
        .expect("the order and the settings are constants that work");
    let wire = Arc::new(wire);
    Box::new(move |query, key, lookup| {
        let (pipeline, wire) = (pipeline.clone(), Arc::clone(&wire));
        Box::pin(async move {
            let missing = Arc::new(AtomicBool::new(false));
            let made = pipeline.run_with(Call::new().with_key(key), |_| {
                let (wire, query) = (Arc::clone(&wire), query.clone());
                let missing = Arc::clone(&missing);
                async move {
                    let result = wire.call(query).await;
                    if let Err(ServiceError::NotFound(_)) = &result {
                        missing.store(true, Ordering::Relaxed);
                    }
                    result.map(|record| Reading { record: Some(record), lookup })
                }
            });
            let reading = made.await.unwrap_or(Reading { record: None, lookup: 0 });
            match reading.record {
                Some(record) if reading.lookup == lookup => Finding::Fresh(record),
                kept if missing.load(Ordering::Relaxed) => Finding::Missing(kept),
                kept => Finding::Unanswered(kept),
            }
        })
    })
}

/// The last resort: nothing is known. That there is no record is an answer, and passed on.
fn unknown(error: Error<ServiceError>) -> Result<Reading, Error<ServiceError>> {
    match error {
        Error::Inner(ServiceError::NotFound(_)) => Err(error),
        _ => Ok(Reading { record: None, lookup: 0 }),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("service", &self.service).finish_non_exhaustive()
    }
}
