//! `TestSystem`: a system on one thread, in virtual time, from a seed.

use std::{
    future::{Future, poll_fn},
    ops::Deref,
    panic::Location,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};

use steadfast_base::{Clock, Instant, Seed, VirtualClock};

use super::{
    TestProbe, Trace,
    drive::{Drive, Leave, Settle},
};
use crate::{ActorHandle, Probe, System, SystemBuilder};

/// Virtual time that may pass by itself during one [`TestSystem::run`]; then it panics.
pub const RUN_TIME_MAX: Duration = Duration::from_hours(24);

/// Actors that the report on a stuck test names.
const ACTORS_NAMED: usize = 16;

/// A [`System`] for tests: one thread, virtual time, a seed, and a [`Trace`].
///
/// It dereferences to the system. [`run`](Self::run) drives a future of the test together with all
/// actors. Whenever nothing is ready, time jumps to the next deadline, so waiting takes no real
/// time; and if there is no deadline either, `run` panics and names the actors instead of
/// hanging. The same test with the same seed does exactly the same each time.
///
/// | setting | default |
/// |---|---|
/// | name of the system | `test` |
/// | [`seed`](TestSystemBuilder::seed) | 0 |
/// | [`settings`](TestSystemBuilder::settings) | those of [`SystemBuilder`] |
/// | [`probe`](TestSystemBuilder::probe) | only the trace |
/// | [`manual_time`](TestSystemBuilder::manual_time) | off: time moves by itself |
///
/// The runtime has no timer of its own: `tokio::time::sleep` in an actor panics, since it would
/// pass real time.
///
/// # Example
///
/// ```
/// use std::{convert::Infallible, time::Duration};
///
/// use steadfast_actor_core::{Actor, Cx, Flow, Recipient, testkit::TestSystem};
///
/// /// Says "tea" to a listener three minutes after it was asked to.
/// struct Kettle { listener: Recipient<&'static str> }
/// enum Msg { Boil, Done }
///
/// impl Actor for Kettle {
///     type Msg = Msg;
///     type Error = Infallible;
///     async fn handle(&mut self, msg: Msg, cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
///         match msg {
///             Msg::Boil => drop(cx.once("boil", Duration::from_secs(180), Msg::Done)),
///             Msg::Done => drop(self.listener.try_tell("tea")),
///         }
///         Ok(Flow::Continue)
///     }
/// }
///
/// let test = TestSystem::new();
/// test.run(async {
///     let mut probe = test.probe::<&str>("listener");
///     let listener = probe.recipient();
///     let kettle = test.spawn("kettle", move || Kettle { listener: listener.clone() }).await?;
///     kettle.tell(Msg::Boil).await.ok();
///     probe.expect_no_msg(Duration::from_secs(179)).await;
///     assert_eq!(probe.expect_msg().await, "tea");
///     Ok::<(), steadfast_actor_core::StartError>(())
/// })?;
/// # Ok::<(), steadfast_actor_core::StartError>(())
/// ```
#[derive(Debug)]
pub struct TestSystem {
    system: System,
    clock: VirtualClock,
    trace: Trace,
    drive: Arc<Drive>,
    runtime: Runtime,
}

/// Configures a [`TestSystem`].
#[must_use = "a builder builds nothing until `build`"]
pub struct TestSystemBuilder {
    name: String,
    seed: u64,
    manual: bool,
    probe: Option<Arc<dyn Probe>>,
    settings: Vec<Box<dyn FnOnce(SystemBuilder) -> SystemBuilder>>,
}

impl TestSystemBuilder {
    /// Names the system: the first segment of all paths.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the seed of all random streams.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Changes settings of the system: `.settings(|system| system.capacity(2))`. Its clock, seed,
    /// runtime and probe are the testkit's.
    pub fn settings(
        mut self,
        change: impl FnOnce(SystemBuilder) -> SystemBuilder + 'static,
    ) -> Self {
        self.settings.push(Box::new(change));
        self
    }

    /// Lets a probe of the test hear everything beside the trace.
    pub fn probe(mut self, probe: Arc<dyn Probe>) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Moves time only in [`TestSystem::advance`]. An idle runtime then really waits: for tests
    /// with other threads. A test that waits for what never comes hangs.
    pub fn manual_time(mut self) -> Self {
        self.manual = true;
        self
    }

    /// Builds the system.
    ///
    /// # Panics
    ///
    /// If a setting is at fault, or the operating system refuses a runtime.
    pub fn build(self) -> TestSystem {
        let clock = VirtualClock::new();
        let drive = Arc::new(Drive::new(clock.clone(), self.manual));
        let idle = Arc::clone(&drive);
        let runtime = Builder::new_current_thread().on_thread_park(move || idle.idle()).build();
        let runtime = runtime.expect("a runtime without I/O needs nothing of the system");
        let trace = Trace::new(clock.clone(), self.probe);
        let mut builder = System::builder(self.name);
        for change in self.settings {
            builder = change(builder);
        }
        let system = builder
            .time(clock.time())
            .seed(Seed::new(self.seed))
            .runtime(runtime.handle().clone())
            .probe(trace.probe())
            .build()
            .expect("the test's settings have no fault");
        TestSystem { system, clock, trace, drive, runtime }
    }
}

impl TestSystem {
    /// A system called `test` with the seed 0.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A system called `test` with a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::builder().seed(seed).build()
    }

    /// Starts the configuration of a test system.
    pub fn builder() -> TestSystemBuilder {
        TestSystemBuilder {
            name: "test".to_owned(),
            seed: 0,
            manual: false,
            probe: None,
            settings: Vec::new(),
        }
    }

    /// Runs a future of the test together with all actors until it is ready.
    ///
    /// Actors stand still between two runs.
    ///
    /// # Panics
    ///
    /// If the future waits for what nothing can bring any more, or virtual time runs on for
    /// [`RUN_TIME_MAX`]. If it is called inside of a runtime.
    #[track_caller]
    pub fn run<F: Future>(&self, test: F) -> F::Output {
        if !self.drive.is_manual() {
            self.drive.allow_until(self.drive.now() + RUN_TIME_MAX);
        }
        let caller = Location::caller();
        let _leave = Leave(&self.drive);
        let mut test = pin!(test);
        self.runtime.block_on(poll_fn(|task| {
            if self.drive.enter_main(task.waker()) {
                // The last wait may have ended it just now.
                if let Poll::Ready(output) = test.as_mut().poll(task) {
                    return Poll::Ready(output);
                }
                self.give_up(caller);
            }
            test.as_mut().poll(task)
        }))
    }

    #[expect(clippy::panic, reason = "a test that cannot end has failed")]
    fn give_up(&self, caller: &Location<'_>) -> ! {
        let mut actors: Vec<String> = self.actors().iter().take(ACTORS_NAMED).map(show).collect();
        if self.actor_count() > ACTORS_NAMED {
            actors.push(format!("and {} more", self.actor_count() - ACTORS_NAMED));
        }
        let at = Duration::from_nanos(self.drive.now().as_nanos());
        panic!(
            "the test run at {caller} waits at {at:?} for what nothing brings any more; actors: {}",
            if actors.is_empty() { "none".to_owned() } else { actors.join(", ") },
        );
    }

    /// Lets `span` of virtual time pass, deadline by deadline, with everything that it brings.
    ///
    /// When it is ready, no task is ready any more: what was due has happened.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, time has moved half-way.
    pub async fn advance(&self, span: Duration) {
        let end = self.clock().now() + span;
        self.drive.allow_until(end);
        self.settle().await;
        self.time().sleep_until(end).await;
        self.settle().await;
    }

    /// Waits until no task is ready any more, without any time passing.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn settle(&self) {
        Settle::new(Arc::clone(&self.drive)).await;
    }

    /// The clock of the test.
    #[must_use]
    pub fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    /// Virtual time since the start of the test.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.drive.now().saturating_duration_since(Instant::ZERO)
    }

    /// The system itself, to be cloned into actors and threads.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    /// What has happened so far.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Starts an actor that records its messages.
    ///
    /// # Panics
    ///
    /// If the name is taken or not usable, or the system is shutting down.
    #[must_use]
    #[track_caller]
    pub fn probe<M: Send + std::fmt::Debug + 'static>(&self, name: &str) -> TestProbe<M> {
        TestProbe::spawn(&self.system, name)
    }
}

fn show(actor: &ActorHandle) -> String {
    format!("{} ({:?}, {} queued)", actor.path(), actor.status(), actor.queued())
}

impl Default for TestSystem {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TestSystem {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

impl std::fmt::Debug for TestSystemBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestSystemBuilder")
            .field("name", &self.name)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
