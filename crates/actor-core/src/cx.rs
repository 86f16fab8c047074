//! `Cx`: what an actor can do from inside its handlers and hooks.

mod family;
mod later;
mod turn;

use std::sync::Arc;

use steadfast_base::{ActorId, CallContext, Instant, Stream, Timestamp, context};

use crate::{
    Actor, ActorHandle, ActorRef, ExitReason, Failure, System,
    cell::Cell,
    extras::Extras,
    mailbox::Held,
    tape::{self, OutputKind},
};

/// The actor's side of itself: refs, children, watches, timers, stash, time, randomness.
///
/// Everything tied to an incarnation (timers, piped futures, watches) is gone when it ends.
pub struct Cx<A: Actor> {
    pub(crate) cell: Held<A::Msg>,
    extras: Option<Box<Extras<A::Msg>>>,
}

impl<A: Actor> Cx<A> {
    pub(crate) fn new(cell: Held<A::Msg>) -> Self {
        Self { cell, extras: None }
    }

    pub(crate) fn extras_mut(&mut self) -> Option<&mut Extras<A::Msg>> {
        self.extras.as_deref_mut()
    }

    pub(crate) fn extras_ref(&self) -> Option<&Extras<A::Msg>> {
        self.extras.as_deref()
    }

    pub(crate) fn extras(&mut self) -> &mut Extras<A::Msg> {
        self.extras.get_or_insert_default()
    }

    /// A ref to this actor.
    #[must_use]
    pub fn me(&self) -> ActorRef<A::Msg> {
        ActorRef::new(Arc::clone(&self.cell))
    }

    /// The number that identifies this actor within its system.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.cell.id
    }

    /// The path: `/system/name`, or `/system/$id` for an anonymous actor.
    #[must_use]
    pub fn path(&self) -> Arc<str> {
        self.cell.path()
    }

    /// How often the actor has started: 1 in its first incarnation.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.cell.incarnation()
    }

    /// The system that the actor lives in.
    #[must_use]
    pub fn system(&self) -> System {
        System::from_inner(Arc::clone(&self.cell.system))
    }

    /// The injected monotonic time.
    #[must_use]
    pub fn now(&self) -> Instant {
        let time = &self.cell.system.time;
        if tape::is_on()
            && let Some(now) = tape::with(|tape| tape.now(time))
        {
            return now;
        }
        time.now()
    }

    /// The injected wall-clock time.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        let time = &self.cell.system.time;
        tape::with(|tape| tape.timestamp(time)).unwrap_or_else(|| time.timestamp())
    }

    /// The actor's own random stream, derived from the system's seed and the actor's path.
    pub fn rng(&mut self) -> &mut Stream {
        let cell = Arc::clone(&self.cell);
        self.extras().stream.get_or_insert_with(|| cell.system.seed.stream(&cell.path()))
    }

    /// The context that the message at hand came with, if any.
    #[must_use]
    pub fn context(&self) -> Option<Arc<CallContext>> {
        context::current()
    }

    /// Ends the actor after this message, with [`ExitReason::Normal`].
    pub fn stop(&mut self) {
        self.stop_with(ExitReason::Normal);
    }

    /// Ends the actor after this message, with a reason of its choice.
    pub fn stop_with(&mut self, reason: ExitReason) {
        if tape::is_on() {
            tape::note(OutputKind::Stop, reason.name());
        }
        self.extras().stopping = Some(reason);
    }

    /// Reports a failure to the supervisor without ending; false if there is no supervisor.
    pub fn report_error(&self, failure: Failure) -> bool {
        let me = ActorHandle::new(Arc::<Cell<A::Msg>>::clone(&self.cell));
        if tape::is_on() {
            let text = failure.message().to_owned();
            return tape::flagged(OutputKind::Report, &text, || me.report_error(failure));
        }
        me.report_error(failure)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.stopping.is_some())
    }

    pub(crate) fn stop_reason(&mut self) -> ExitReason {
        let reason = self.extras.as_mut().and_then(|extras| extras.stopping.take());
        reason.unwrap_or(ExitReason::Normal)
    }
}

impl<A: Actor> std::fmt::Debug for Cx<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx").field("cell", &**self.cell).finish_non_exhaustive()
    }
}
