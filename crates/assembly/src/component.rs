//! A component: what protects calls to one thing that can fail.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use steadfast_base::{Health, HealthCheck, HealthReport, Time};
use steadfast_breaker::{CircuitBreaker, State};
use steadfast_policy::defaults::HEALTH_MIN_CALLS;
use steadfast_policy::{
    Bulkhead, Call, Error, RateAlgorithm, RateLimiterStatistics, RetryStatistics,
};

use crate::config::ComponentConfig;
use crate::fault::Fault;
use crate::recent::Recent;
use crate::stack::{Environment, Stack};
use crate::status::ComponentHealth;

/// The policies around calls to one thing, by name; clones are the same component.
///
/// A fixed stack, composed when the program is compiled: no boxed future, no dynamic call, and on
/// the path of a success no allocation. A policy that is off costs one load of its switch. Keep the handle
/// where calls are many: it saves the look-up of the name.
///
/// # Example
///
/// See [`Steadfast::component`](crate::Steadfast::component).
#[derive(Clone)]
pub struct Component {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    stack: Stack,
    time: Time,
    config: Mutex<ComponentConfig>,
    recent: Mutex<Recent>,
}

impl Component {
    pub(crate) fn build(
        config: ComponentConfig,
        environment: &Environment,
    ) -> Result<Self, Vec<Fault>> {
        let stack = Stack::build(&config, environment)?;
        let (name, time) = (environment.name.clone(), environment.time.clone());
        let recent = Mutex::new(Recent::new(time.now()));
        let inner = Inner { name, stack, time, config: Mutex::new(config), recent };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The settings in force.
    pub fn config(&self) -> ComponentConfig {
        lock(&self.inner.config).clone()
    }

    /// Its breaker, if that is on.
    pub fn breaker(&self) -> Option<&CircuitBreaker> {
        self.inner.stack.guard.is_on().then_some(&self.inner.stack.breaker)
    }

    /// Its bulkhead, if that is on.
    pub fn bulkhead(&self) -> Option<&Bulkhead> {
        self.inner.stack.bulkhead.stage()
    }

    /// What its retries came to, if they are on.
    pub fn retry_statistics(&self) -> Option<RetryStatistics> {
        self.inner.stack.retry.stage().map(steadfast_policy::Retrier::statistics)
    }

    /// The figures of its rate limit, if that is on.
    pub fn rate_limit_statistics(&self) -> Option<RateLimiterStatistics> {
        self.inner.stack.rate_limit.stage().map(steadfast_policy::RateLimiter::statistics)
    }

    /// The breaker, on or off.
    pub(crate) fn any_breaker(&self) -> &CircuitBreaker {
        &self.inner.stack.breaker
    }

    /// Runs an asynchronous call through the policies; `make` is called once for each attempt.
    ///
    /// # Errors
    ///
    /// What the policies make of the call's own errors.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt that is running and gives back what the policies hold.
    #[inline]
    pub async fn run<T, E, F, Fut>(&self, make: F) -> Result<T, Error<E>>
    where
        T: 'static,
        E: 'static,
        F: Fn(Call) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.inner.stack.pipeline.run(make).await
    }

    /// Runs an asynchronous call with a deadline, priority or key of its own.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    #[inline]
    pub async fn run_with<T, E, F, Fut>(&self, call: Call, make: F) -> Result<T, Error<E>>
    where
        T: 'static,
        E: 'static,
        F: Fn(Call) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.inner.stack.pipeline.run_with(call, make).await
    }

    /// Runs a call on this thread; waits park it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); a call that is running does not time out.
    #[inline]
    pub fn call<T, E, F>(&self, make: F) -> Result<T, Error<E>>
    where
        T: 'static,
        E: 'static,
        F: Fn(Call) -> Result<T, E>,
    {
        self.inner.stack.pipeline.call(make)
    }

    /// Runs a call on this thread, with a deadline, priority or key of its own.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    #[inline]
    pub fn call_with<T, E, F>(&self, call: Call, make: F) -> Result<T, Error<E>>
    where
        T: 'static,
        E: 'static,
        F: Fn(Call) -> Result<T, E>,
    {
        self.inner.stack.pipeline.call_with(call, make)
    }

    /// How it is doing now.
    ///
    /// Healthy while its breaker is disabled or only measures. Critical while its breaker is open, and if more than half of the calls of the last minute or two
    /// failed, once there were ten of them ([`HEALTH_MIN_CALLS`]); degraded while its breaker probes or all its
    /// places are taken.
    pub fn health(&self) -> ComponentHealth {
        let breaker = self.breaker().map(CircuitBreaker::state);
        let bulkhead = self.bulkhead().map(Bulkhead::statistics);
        let mut worst = match breaker {
            // It protects nothing, by an operator's will, but harms nothing either.
            None | Some(State::Disabled | State::MetricsOnly) => (Health::Healthy, String::new()),
            Some(state) => (state.health(), format!("the breaker is {state}")),
        };
        if let Some(bulkhead) = &bulkhead {
            let now = self.inner.time.now();
            let (failed, succeeded) =
                lock(&self.inner.recent).look(now, bulkhead.failed, bulkhead.succeeded);
            let calls = failed + succeeded;
            let of_bulkhead = if failed > succeeded && calls >= HEALTH_MIN_CALLS {
                (Health::Critical, format!("{failed} of the last {calls} calls failed"))
            } else if bulkhead.available == 0 {
                let places = bulkhead.max_concurrent_calls;
                (Health::Degraded, format!("all {places} places are taken"))
            } else {
                (Health::Healthy, String::new())
            };
            if worst.0 != worst.0.worst(of_bulkhead.0) {
                worst = of_bulkhead;
            }
        }
        let (health, reason) = worst;
        ComponentHealth {
            name: self.inner.name.clone(),
            health,
            reason: (health != Health::Healthy).then_some(reason),
            critical: lock(&self.inner.config).critical,
            breaker,
            bulkhead,
            retry: self.retry_statistics(),
        }
    }

    /// What keeps sound settings from being put in force while calls run.
    pub(crate) fn fixed(&self, config: &ComponentConfig) -> Option<Fault> {
        let limiter = self.inner.stack.rate_limit.any_stage();
        let given = config.rate_limit.map(|settings| settings.algorithm);
        let current: RateAlgorithm = limiter.config().algorithm;
        given.filter(|given| *given != current).map(|_| {
            let problem = "cannot change while the system runs; keep it, or start the system anew";
            Fault::of(&self.inner.name, "rate_limit.algorithm", problem)
        })
    }

    /// Puts settings in force that were validated.
    pub(crate) fn reconfigure(&self, config: &ComponentConfig) -> Result<(), Vec<Fault>> {
        let mut current = lock(&self.inner.config);
        self.inner.stack.tune(config).map_err(|error| {
            let faults = error.faults().iter();
            faults.map(|fault| Fault::of_policy(&self.inner.name, fault)).collect::<Vec<_>>()
        })?;
        *current = config.clone();
        Ok(())
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.breaker().map(CircuitBreaker::state);
        f.debug_struct("Component")
            .field("name", &self.inner.name)
            .field("breaker", &state as &Option<State>)
            .finish_non_exhaustive()
    }
}

/// A component as a health check, named after it: what readiness asks.
#[async_trait]
impl HealthCheck for Component {
    fn name(&self) -> &str {
        Component::name(self)
    }

    fn critical(&self) -> bool {
        lock(&self.inner.config).critical
    }

    async fn check(&self) -> HealthReport {
        let ComponentHealth { health, reason, .. } = self.health();
        let report = HealthReport::new(health);
        match reason {
            Some(reason) => report.because(reason),
            None => report,
        }
    }
}

/// Locks what is whole between any two statements: a poisoned lock is taken over.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
