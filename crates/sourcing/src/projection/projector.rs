//! The projector: drives a projection, retries, and stands still in front of poison.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use steadfast_actor_core::{Actor, BoxError, Cx, Flow, Started};
use steadfast_base::Time;
use steadfast_eventlog::{EventStore, Upcasters};

use super::control::{Order, ProjectorHandle};
use super::follow::{Pass, Progress, Trouble, Turn, wait};
use super::interest::Projection;
use super::settings::{OnPoison, ProjectionSettings};
use super::status::ProjectionState;
use super::store::ProjectionStore;

/// Drives a projection over a log into a store.
///
/// It subscribes behind the offset that is stored beside the output, hands events to the projection in the order
/// of the log, and stores each unit with its offset. It reads when it is ready for more, so it holds at most
/// two batches of events, and a slow one costs the writers nothing.
///
/// What fails is tried again after a delay, from the stored offset. After
/// [`retries_max`](ProjectionSettings::retries_max) tries, or at once where another try changes nothing (damage, events
/// removed by retention), it stands still and says why ([`ProjectorHandle::status`]) until it is told to go on.
///
/// Run it as an actor ([`actor`](Self::actor)), under a supervisor or not, or as a task
/// ([`run`](Self::run)). A panic in a projection ends the run: as an actor it is restarted by its rules, from
/// the stored offset. Clones are the same projector.
pub struct Projector<P, S> {
    inner: Arc<Inner<P, S>>,
}

pub(super) struct Inner<P, S> {
    pub(super) projection: P,
    pub(super) output: S,
    pub(super) log: Arc<dyn EventStore>,
    pub(super) upcasters: Option<Upcasters>,
    pub(super) settings: ProjectionSettings,
    pub(super) time: Time,
    pub(super) handle: ProjectorHandle,
    running: AtomicBool,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProjectionEnd {
    /// It was told to.
    Stopped,
    /// The log was closed; everything it had is in the output.
    LogClosed,
    /// Another run of the same projector is under way.
    Busy,
}

impl<P, S> Projector<P, S>
where
    P: Projection,
    S: ProjectionStore<Output = P::Output>,
{
    /// A projector with the default settings.
    pub fn new(
        name: impl Into<Arc<str>>,
        projection: P,
        log: Arc<dyn EventStore>,
        output: S,
        time: Time,
    ) -> Self {
        let handle = ProjectorHandle::new(name.into(), Arc::clone(&log));
        let settings = ProjectionSettings::default();
        let running = AtomicBool::new(false);
        let inner =
            Inner { projection, output, log, upcasters: None, settings, time, handle, running };
        Self { inner: Arc::new(inner) }
    }

    /// Sets how it works.
    ///
    /// # Panics
    ///
    /// If the projector has been cloned or given away as an actor.
    #[must_use]
    pub fn with_settings(mut self, settings: ProjectionSettings) -> Self {
        self.inner_mut().settings = settings;
        self
    }

    /// Brings payloads up to their newest versions before they are handled; a type that is not declared
    /// there fails then.
    ///
    /// # Panics
    ///
    /// If the projector has been cloned or given away as an actor.
    #[must_use]
    pub fn with_upcasters(mut self, upcasters: Upcasters) -> Self {
        self.inner_mut().upcasters = Some(upcasters);
        self
    }

    fn inner_mut(&mut self) -> &mut Inner<P, S> {
        Arc::get_mut(&mut self.inner).expect("settings come before the first clone")
    }

    /// What looks at it and tells it what to do.
    pub fn handle(&self) -> ProjectorHandle {
        self.inner.handle.clone()
    }

    /// The store of its output.
    pub fn output(&self) -> &S {
        &self.inner.output
    }

    /// An actor that runs it: the factory of a child is `move || projector.actor()`.
    pub fn actor(&self) -> ProjectionActor<P, S> {
        ProjectionActor { projector: self.clone() }
    }

    /// Follows the log until it is told to stop or the log is closed.
    ///
    /// For a task with an owner: `system.spawn_task(async move { projector.run().await; })`.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any await, a unit under way is stored whole or not at all; the next run goes on from there.
    pub async fn run(&self) -> ProjectionEnd {
        let inner = &*self.inner;
        let Some(_running) = Running::begin(inner) else { return ProjectionEnd::Busy };
        let mut orders = inner.handle.inbox();
        let mut progress = Progress::default();
        loop {
            let turn = Pass::new(inner, &mut orders, &mut progress).run().await;
            let order = match turn {
                Turn::LogClosed => return ProjectionEnd::LogClosed,
                Turn::Ordered(order) => Some(order),
                Turn::Failed(trouble) => match inner.give_up_or_delay(&trouble, &mut progress) {
                    Next::Try(delay) => wait(inner, &mut orders, delay).await,
                    Next::GoOn => None,
                    Next::StandStill => Some(orders.next().await),
                },
            };
            match order {
                Some(Order::Stop) => return ProjectionEnd::Stopped,
                Some(Order::Resume(skip)) => {
                    progress.failures = 0;
                    progress.skips.extend(Some(skip).filter(|skip| skip.get() > 0));
                }
                Some(Order::Rebuild) => progress = Progress::default(),
                None => {}
            }
        }
    }
}

/// What follows a failure.
enum Next {
    Try(std::time::Duration),
    GoOn,
    StandStill,
}

impl<P, S> Inner<P, S> {
    fn give_up_or_delay(&self, trouble: &Trouble, progress: &mut Progress) -> Next {
        let at = self.time.timestamp();
        let error = Some((at, trouble.message.clone()));
        if trouble.retry && progress.failures < self.settings.retries_max {
            let delay = self.settings.backoff.delay(progress.failures, 0.0);
            progress.failures += 1;
            self.handle.update(|status| {
                status.state = ProjectionState::Retrying;
                status.last_error = error;
                status.retries_total += 1;
            });
            return Next::Try(delay);
        }
        progress.failures = 0;
        match &trouble.event {
            Some(event) if self.settings.on_poison == OnPoison::Skip => {
                progress.skips.insert(event.position);
                self.handle.update(|status| status.last_error = error);
                Next::GoOn
            }
            event => {
                self.handle.update(|status| {
                    status.state = ProjectionState::Failed;
                    status.last_error = error;
                    status.poison.clone_from(event);
                });
                Next::StandStill
            }
        }
    }
}

/// Held while a run is under way: there is one at a time.
struct Running<'a> {
    running: &'a AtomicBool,
    handle: &'a ProjectorHandle,
}

impl<'a> Running<'a> {
    fn begin<P, S>(inner: &'a Inner<P, S>) -> Option<Self> {
        let begun =
            inner.running.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        begun.ok()?;
        inner.handle.update(|status| status.state = ProjectionState::CatchingUp);
        Some(Self { running: &inner.running, handle: &inner.handle })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.handle.update(|status| status.state = ProjectionState::Idle);
        self.running.store(false, Ordering::Release);
    }
}

impl<P, S> Clone for Projector<P, S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<P, S> fmt::Debug for Projector<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Projector").field(&self.inner.handle).finish()
    }
}

/// Runs a projector as an actor; its end is the end of the run.
///
/// Stop the actor and the run stops; a panic in the projection fails the actor.
pub struct ProjectionActor<P, S> {
    projector: Projector<P, S>,
}

impl<P, S> Actor for ProjectionActor<P, S>
where
    P: Projection,
    S: ProjectionStore<Output = P::Output>,
{
    type Msg = ProjectionEnd;
    type Error = BoxError;

    async fn started(&mut self, cx: &mut Cx<Self>) -> Result<Started, BoxError> {
        let projector = self.projector.clone();
        let run = async move { projector.run().await };
        cx.pipe_to_self(run, |end| end).map_err(|_full| "no future can be piped")?;
        Ok(Started::Running)
    }

    async fn handle(&mut self, end: ProjectionEnd, _: &mut Cx<Self>) -> Result<Flow, BoxError> {
        match end {
            // The run of a former incarnation is still on its way out: a restart tries again.
            ProjectionEnd::Busy => Err("another run of the projection is under way".into()),
            ProjectionEnd::Stopped | ProjectionEnd::LogClosed => Ok(Flow::Stop),
        }
    }
}

impl<P, S> fmt::Debug for ProjectionActor<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProjectionActor").field(&self.projector).finish()
    }
}
