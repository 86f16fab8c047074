//! The fixed stack of policies of a component: one static pipeline, each policy with a switch.

mod switched;

use std::sync::Arc;
use std::time::Duration;

use steadfast_base::{Seed, Sink, Time};
use steadfast_breaker::CircuitBreaker;
use steadfast_policy::{
    Bare, Budget, Bulkhead, Fallback, FallbackStage, Guard, GuardStage, NoAnswer, Pipeline,
    PipelineSettings, RateLimiter, Retrier, Retry, Then, TimeLimit, TimeLimitStage,
};

use crate::config::ComponentConfig;
use crate::fault::Fault;
use crate::known::{Answers, Known, Unexpected};

use self::switched::{Switch, Switched};

type Around<Outer, S> = Then<Outer, Switched<S>>;
type Answering = Then<Bare, FallbackStage<Answers>>;
type Retrying = Around<Around<Answering, TimeLimitStage>, Retrier<Unexpected>>;
type Guarding = Around<Retrying, Guarded>;
type Bounded = Around<Around<Guarding, Bulkhead>, RateLimiter>;
type Guarded = GuardStage<CircuitBreaker, Unexpected, NoAnswer>;

/// All policies, outermost first; no box and no dynamic call on the path of a success.
pub(crate) type Stages = Around<Bounded, TimeLimitStage>;

/// What a stack lives in.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) name: String,
    pub(crate) time: Time,
    pub(crate) seed: Seed,
    pub(crate) sink: Option<Arc<dyn Sink>>,
    pub(crate) known: Arc<Known>,
}

impl Environment {
    /// For a stack that is only built to see whether it can be.
    pub(crate) fn on_trial(name: &str, time: Time) -> Self {
        let (name, seed) = (name.to_owned(), Seed::new(0));
        Self { name, time, seed, sink: None, known: Arc::default() }
    }
}

/// The policies of one component at work, with a handle to each.
pub(crate) struct Stack {
    pub(crate) pipeline: Pipeline<Stages>,
    pub(crate) breaker: CircuitBreaker,
    pub(crate) total: Switched<TimeLimitStage>,
    pub(crate) retry: Switched<Retrier<Unexpected>>,
    pub(crate) guard: Switched<Guarded>,
    pub(crate) bulkhead: Switched<Bulkhead>,
    pub(crate) rate_limit: Switched<RateLimiter>,
    pub(crate) attempt: Switched<TimeLimitStage>,
    known: Arc<Known>,
}

impl Stack {
    /// Builds all policies, those that are off with default settings.
    pub(crate) fn build(
        config: &ComponentConfig,
        environment: &Environment,
    ) -> Result<Self, Vec<Fault>> {
        let Environment { name, time, seed, sink, known } = environment.clone();
        let mut faults = Vec::new();
        let (breaker, budget) = parts(config, environment, &mut faults);
        let unexpected = Unexpected(Arc::clone(&known));

        let limit = |limit: Option<Duration>| limit.map(Some);
        let (total, at_total) =
            Switch::new(limit(config.total_deadline), |at| TimeLimit::total(given(at)));
        let (retry, at_retry) = Switch::new(config.retry, |settings| {
            Retry::new(settings).budget(&budget).condition(unexpected.clone())
        });
        let (guard, at_guard) = Switch::new(config.breaker.as_ref().map(drop), |()| {
            Guard::new(breaker.clone()).classify(unexpected.clone())
        });
        let (bulkhead, at_bulkhead) = Switch::new(config.bulkhead, |settings| settings);
        let (rate_limit, at_rate) = Switch::new(config.rate_limit, |settings| settings);
        let (attempt, at_attempt) =
            Switch::new(limit(config.attempt_timeout), |at| TimeLimit::attempt(given(at)));

        known.switch_answers(config.fallback);
        let mut builder = Pipeline::builder().name(name.clone()).time(time).seed(seed);
        if let Some(sink) = sink {
            builder = builder.sink(sink);
        }
        let built = builder
            .fallback(Fallback::new(Answers(Arc::clone(&known))))
            .layer(total)
            .layer(retry)
            .layer(guard)
            .layer(bulkhead)
            .layer(rate_limit)
            .layer(attempt)
            .build();
        match built {
            Ok(pipeline) if faults.is_empty() => Ok(Self {
                pipeline,
                breaker,
                total: at_total.get(),
                retry: at_retry.get(),
                guard: at_guard.get(),
                bulkhead: at_bulkhead.get(),
                rate_limit: at_rate.get(),
                attempt: at_attempt.get(),
                known,
            }),
            Ok(_) => Err(faults),
            Err(error) => {
                faults.extend(error.faults().iter().map(|fault| Fault::of_policy(&name, fault)));
                Err(faults)
            }
        }
    }

    /// Puts settings in force that a trial has found sound.
    pub(crate) fn tune(
        &self,
        config: &ComponentConfig,
    ) -> Result<(), steadfast_policy::ConfigError> {
        let mut settings = PipelineSettings::default();
        settings.total_deadline = config.total_deadline;
        settings.attempt_timeout = config.attempt_timeout;
        settings.retry = config.retry;
        settings.budget = Some(config.retry_budget.unwrap_or_default());
        settings.breaker.clone_from(&config.breaker);
        settings.bulkhead = config.bulkhead;
        settings.rate_limit = config.rate_limit;
        // The one that can refuse comes first.
        self.rate_limit.tune(config.rate_limit.is_some(), &settings)?;
        self.total.tune(config.total_deadline.is_some(), &settings)?;
        self.retry.tune(config.retry.is_some(), &settings)?;
        self.guard.tune(config.breaker.is_some(), &settings)?;
        self.bulkhead.tune(config.bulkhead.is_some(), &settings)?;
        self.attempt.tune(config.attempt_timeout.is_some(), &settings)?;
        self.known.switch_answers(config.fallback);
        Ok(())
    }
}

/// A limit that is on has a time; one that is off is never looked at.
fn given(limit: Option<Duration>) -> Duration {
    limit.unwrap_or(steadfast_policy::limits::TIMEOUT_MAX)
}

/// The breaker and the budget; the default ones in place of those with faults.
fn parts(
    config: &ComponentConfig,
    environment: &Environment,
    faults: &mut Vec<Fault>,
) -> (CircuitBreaker, Budget) {
    let Environment { name, time, .. } = environment;
    let breaker = |config| CircuitBreaker::new(name.clone(), config, time.clone());
    let breaker =
        breaker(config.breaker.clone().unwrap_or_default()).unwrap_or_else(|error| {
            let found = error.faults().iter();
            faults.extend(found.map(|fault| {
                Fault::of(name, &format!("breaker.{}", fault.field()), fault.problem())
            }));
            breaker(steadfast_breaker::Config::default()).expect("the defaults are valid")
        });
    let budget = Budget::new(config.retry_budget.unwrap_or_default()).unwrap_or_else(|error| {
        faults.extend(error.faults().iter().map(|fault| Fault::of_policy(name, fault)));
        Budget::new(steadfast_policy::BudgetSettings::default()).expect("the defaults are valid")
    });
    (breaker, budget)
}
