//! The pipeline: policies around a call, composed statically, the first one outermost.

mod builder;
mod call;
mod check;
mod compose;
mod later;
mod leaf;
mod stage;

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::error::Error;
use crate::events::Events;

pub use self::builder::{Layers, PipelineBuilder};
pub use self::call::{Call, Done};
pub(crate) use self::check::faults;
pub use self::compose::{Bare, Then};
pub(crate) use self::later::Later;
pub(crate) use self::leaf::{Leaf, LeafSync, Source, check, within};
pub use self::stage::{Environment, Layer, Next, NextSync, Profile, Stage};

/// Policies around calls, composed when the program is compiled; clones are the same pipeline.
///
/// The first policy added is the outermost: it sees the call first and the result last.
///
/// ```text
///            total_deadline  fallback  retry  breaker  bulkhead  attempt_timeout
/// call   ->  ------>---------->--------->-------->--------->---------->----------  your code
/// result <-  ------<----------<---------<--------<---------<----------<----------
/// ```
///
/// The order above is the recommended one. [`build`](PipelineBuilder::build) refuses orders that
/// cannot work and says what to do instead.
///
/// # Guarantees
///
/// - No boxed future, no dynamic call and, on the path of a success, no allocation.
/// - The clock is read at most twice per attempt, and not at all if no policy needs the time.
/// - A rejected call is never made, and its future never polled; nor is an attempt that could only begin
///   at its deadline, an inherited one included, or after it ([`Error::Timeout`] with
///   [`started`](crate::TimedOut::started) unset).
/// - A dropped run gives back all permits, whatever the point it has reached.
/// - Your code runs in a [`CallContext`](steadfast_base::CallContext) with the attempt's number and
///   deadline, and with retries forbidden inside of a retry.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Time;
/// use steadfast_breaker::{CircuitBreaker, Config};
/// use steadfast_policy::{Budget, BudgetSettings, Error, Fallback, Pipeline, Retry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let time = Time::system();
/// let breaker = CircuitBreaker::new("inventory", Config::default(), time.clone())?;
/// let budget = Budget::new(BudgetSettings::default())?;
/// let pipeline = Pipeline::builder()
///     .name("inventory")
///     .time(time)
///     .total_deadline(Duration::from_secs(2))
///     .fallback(Fallback::value(0))
///     .retry(Retry::exponential(Duration::from_millis(1)).budget(&budget))
///     .breaker(&breaker)
///     .attempt_timeout(Duration::from_millis(500))
///     .build()?;
///
/// let stock = pipeline.run(|call| async move {
///     if call.attempt() == 1 { Err("connection reset") } else { Ok(42) }
/// });
/// assert_eq!(stock.await, Ok(42));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pipeline<S = Bare> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    stages: S,
    environment: Environment,
    /// What the layers say about themselves, with the settings in force.
    layers: Mutex<Vec<Profile>>,
    idempotent: bool,
}

impl<S> Clone for Pipeline<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl Pipeline {
    /// A builder without policies.
    pub fn builder() -> PipelineBuilder<Bare> {
        PipelineBuilder::new()
    }
}

impl<S> Pipeline<S> {
    fn new(stages: S, environment: Environment, layers: Vec<Profile>, idempotent: bool) -> Self {
        let layers = Mutex::new(layers);
        Self { inner: Arc::new(Inner { stages, environment, layers, idempotent }) }
    }

    pub(crate) fn stages(&self) -> &S {
        &self.inner.stages
    }

    pub(crate) fn events(&self) -> &Events {
        &self.inner.environment.events
    }

    pub(crate) fn layers(&self) -> &Mutex<Vec<Profile>> {
        &self.inner.layers
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.inner.idempotent
    }

    /// The name given at construction.
    pub fn name(&self) -> &str {
        &self.inner.environment.name
    }

    /// Runs an asynchronous call through the policies; `make` is called once for each attempt.
    ///
    /// Deadline, priority and retry mark are inherited from the current
    /// [`CallContext`](steadfast_base::context).
    ///
    /// # Errors
    ///
    /// What the policies make of the call's own errors; see [`Error`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt that is running and gives back what the policies hold for
    /// it. A dropped call is not a time-out; what it counts as with a breaker is the breaker's
    /// [drop rule](steadfast_breaker::OnDrop).
    #[inline]
    pub async fn run<T, E, F, Fut>(&self, make: F) -> Result<T, Error<E>>
    where
        S: Stage<T, E>,
        F: Fn(Call) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let (call, source) = (Call::from_context(), self.source(make));
        match self.inner.stages.run(call, Leaf::new(&source)).await.result {
            // A success is moved as one: as a whole it would be read at once after it was written in
            // parts, and the processor would wait.
            Ok(value) => Ok(value),
            Err(error) => Err(error),
        }
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
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Priority;
    /// use steadfast_policy::{Call, Pipeline};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let pipeline = Pipeline::builder().build()?;
    /// let call = Call::from_context().with_priority(Priority::Low).with_key(7);
    /// let key = pipeline.run_with(call, |call| async move { Ok::<_, ()>(call.key()) }).await;
    /// assert_eq!(key, Ok(7));
    /// # Ok::<(), steadfast_policy::ConfigError>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub async fn run_with<T, E, F, Fut>(&self, call: Call, make: F) -> Result<T, Error<E>>
    where
        S: Stage<T, E>,
        F: Fn(Call) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let source = self.source(make);
        match self.inner.stages.run(call, Leaf::new(&source)).await.result {
            Ok(value) => Ok(value),
            Err(error) => Err(error),
        }
    }

    /// Runs a call through the policies on this thread; waits park it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), with this exception: a call that is running cannot be dropped, so it does
    /// not time out; it is not started after its deadline, and sees it.
    ///
    /// # Example
    ///
    /// ```
    /// let pipeline = steadfast_policy::Pipeline::builder().build()?;
    /// assert_eq!(pipeline.call(|_| Ok::<_, ()>(1)), Ok(1));
    /// # Ok::<(), steadfast_policy::ConfigError>(())
    /// ```
    #[inline]
    pub fn call<T, E, F>(&self, make: F) -> Result<T, Error<E>>
    where
        S: Stage<T, E>,
        F: Fn(Call) -> Result<T, E>,
    {
        self.call_with(Call::from_context(), make)
    }

    /// Runs a call on this thread, with a deadline, priority or key of its own.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    #[inline]
    pub fn call_with<T, E, F>(&self, call: Call, make: F) -> Result<T, Error<E>>
    where
        S: Stage<T, E>,
        F: Fn(Call) -> Result<T, E>,
    {
        self.inner.stages.call(call, LeafSync::new(&self.source(make))).result
    }

    /// What makes the attempts of a call.
    #[inline]
    fn source<F>(&self, make: F) -> Source<'_, F> {
        let Environment { time, events, .. } = &self.inner.environment;
        Source::new(make, time, events)
    }
}

impl<S> fmt::Debug for Pipeline<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("name", &self.name()).finish_non_exhaustive()
    }
}
