//! Actions that are there: reset a breaker, restart an actor, drain and resize a bulkhead, a closure.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;

use steadfast_base::{Health, Time};
use steadfast_breaker::{CircuitBreaker, State};
use steadfast_policy::Bulkhead;
use steadfast_supervision::{ChildError, ChildId, SupervisorRef};

use super::rule::{HealingAction, HealingError};

type Heal =
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), HealingError>> + Send>> + Send + Sync;

/// Anything: an action from a name and an asynchronous closure.
///
/// # Example
///
/// ```
/// use steadfast_health::{HealBy, HealingAction};
///
/// let action = HealBy::new("clear the cache", || async { Ok(()) });
/// assert_eq!(action.name(), "clear the cache");
/// ```
pub struct HealBy {
    name: String,
    heal: Box<Heal>,
}

impl HealBy {
    /// An action of this name that runs `heal`.
    ///
    /// # Example
    ///
    /// See [`HealBy`].
    pub fn new<F, R>(name: impl Into<String>, heal: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), HealingError>> + Send + 'static,
    {
        Self { name: name.into(), heal: Box::new(move || Box::pin(heal())) }
    }
}

#[async_trait]
impl HealingAction for HealBy {
    fn name(&self) -> &str {
        &self.name
    }

    async fn heal(&self) -> Result<(), HealingError> {
        (self.heal)().await
    }
}

impl fmt::Debug for HealBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealBy").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Resets a breaker, but only after a real probe: all of its own health checks must pass.
///
/// A breaker without checks is never reset, since nothing would tell that its callee is back; nor is one
/// that was forced open by hand. With checks that do not pass it stays open.
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_breaker::{CircuitBreaker, Config};
/// use steadfast_health::{BreakerOpen, HealingRule, ResetBreaker};
///
/// let mail = CircuitBreaker::new("mail", Config::default(), Time::system())?;
/// let rule = HealingRule::new("mail", BreakerOpen::new(mail.clone()), ResetBreaker::new(mail));
/// # drop(rule);
/// # Ok::<(), steadfast_breaker::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResetBreaker {
    breaker: CircuitBreaker,
}

impl ResetBreaker {
    /// An action for this breaker.
    ///
    /// # Example
    ///
    /// See [`ResetBreaker`].
    pub fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker }
    }
}

#[async_trait]
impl HealingAction for ResetBreaker {
    fn name(&self) -> &'static str {
        "reset the breaker after a probe"
    }

    async fn heal(&self) -> Result<(), HealingError> {
        if self.breaker.state() == State::ForcedOpen {
            return Err("the breaker was forced open by hand".into());
        }
        let run = self.breaker.run_health_checks().await;
        if run.reports.is_empty() {
            return Err("the breaker has no health check to probe with".into());
        }
        if run.health != Health::Healthy {
            let failed = run.reports.iter().find(|(_, report)| report.health != Health::Healthy);
            let name = failed.map(|(name, _)| name.as_str()).unwrap_or_default();
            return Err(format!("the probe found it {}: {name}", run.health).into());
        }
        // An operator may have stepped in while the probe ran.
        match self.breaker.state() {
            State::Open | State::HalfOpen => self.breaker.reset(),
            State::ForcedOpen => return Err("the breaker was forced open by hand".into()),
            _ => {}
        }
        Ok(())
    }
}

/// Restarts an actor through its supervisor: same reference, same mailbox, no budget spent.
///
/// A child that has stopped is started, one that is just being restarted is left to that.
///
/// # Example
///
/// ```
/// use steadfast_health::{HealingAction, RestartActor};
/// use steadfast_supervision::SupervisorRef;
///
/// fn action(supervisor: SupervisorRef) -> impl HealingAction {
///     RestartActor::new(supervisor, "indexer")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RestartActor {
    supervisor: SupervisorRef,
    child: ChildId,
}

impl RestartActor {
    /// An action for this child of this supervisor.
    ///
    /// # Example
    ///
    /// See [`RestartActor`].
    pub fn new(supervisor: SupervisorRef, child: impl Into<ChildId>) -> Self {
        Self { supervisor, child: child.into() }
    }
}

#[async_trait]
impl HealingAction for RestartActor {
    fn name(&self) -> &'static str {
        "restart the actor"
    }

    async fn heal(&self) -> Result<(), HealingError> {
        let restarted = match self.supervisor.recycle_child(self.child.clone()).await {
            Err(ChildError::NotRunning) => self.supervisor.restart_child(self.child.clone()).await,
            restarted => restarted,
        };
        match restarted {
            Ok(_) | Err(ChildError::Restarting | ChildError::Running) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// How often a bulkhead that drains is looked at.
const DRAIN_LOOK: Duration = Duration::from_millis(50);
/// Longest time for a bulkhead to drain, unless told otherwise.
const DRAIN_WAIT: Duration = Duration::from_secs(10);

/// Drains a bulkhead, then opens it again with another number of places and fresh statistics.
///
/// While it drains no call gets a place; calls in its queue wait on. If calls still run after 10 s, the
/// act has failed; however it ends, also when dropped, the bulkhead is open again with the new size.
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_health::{HealingAction, ResizeBulkhead};
/// use steadfast_policy::{Bulkhead, BulkheadConfig};
///
/// let time = Time::system();
/// let uploads = Bulkhead::new(BulkheadConfig::new(8), time.clone())?;
/// let action = ResizeBulkhead::new(uploads, 4, time);
/// assert_eq!(action.name(), "drain and resize the bulkhead");
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResizeBulkhead {
    bulkhead: Bulkhead,
    places: u32,
    drain_wait: Duration,
    time: Time,
}

impl ResizeBulkhead {
    /// An action that leaves the bulkhead with so many places.
    ///
    /// # Example
    ///
    /// See [`ResizeBulkhead`].
    pub fn new(bulkhead: Bulkhead, places: u32, time: Time) -> Self {
        Self { bulkhead, places, drain_wait: DRAIN_WAIT, time }
    }

    /// Sets the longest time for it to drain.
    #[must_use]
    pub fn drain_within(mut self, wait: Duration) -> Self {
        self.drain_wait = wait;
        self
    }
}

/// Opens the bulkhead again, however the draining ends.
struct Reopen<'a>(&'a ResizeBulkhead);

impl Drop for Reopen<'_> {
    fn drop(&mut self) {
        // A size that it refuses was refused before it was drained.
        drop(self.0.bulkhead.resize(self.0.places));
    }
}

#[async_trait]
impl HealingAction for ResizeBulkhead {
    fn name(&self) -> &'static str {
        "drain and resize the bulkhead"
    }

    async fn heal(&self) -> Result<(), HealingError> {
        // Tried first, so that a bulkhead is never drained that could not be opened again.
        self.bulkhead.resize(self.places)?;
        let _reopen = Reopen(self);
        self.bulkhead.resize(0)?;
        let end = self.time.now() + self.drain_wait;
        loop {
            let running = self.bulkhead.statistics().running;
            if running == 0 {
                self.bulkhead.reset_statistics();
                return Ok(());
            }
            if self.time.now() >= end {
                return Err(format!("{running} calls still ran after {:?}", self.drain_wait).into());
            }
            self.time.sleep(DRAIN_LOOK).await;
        }
    }
}
