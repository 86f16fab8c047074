//! `Cx`: what an actor can do from inside its handlers and hooks.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    future::Future,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use steadfast_base::{ActorId, CallContext, Instant, Stream, Timestamp, context};

use crate::{
    Actor, ActorHandle, ActorRef, ExitReason, Failure, IntoFactory, Signal, Spawn, System,
    cell::{AnyCell, Cell, ChildCell, Desk, Envelope, Flags, Received, Watcher, notify},
    extras::{Extras, Letter, PIPES_MAX, STASH_MAX, Watched},
    mailbox::Held,
    probe::TurnStart,
    tape::{self, OutputKind, Passage, Source},
    timers::{TimerKey, TooManyTimers},
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

    pub(crate) fn is_stopping(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.stopping.is_some())
    }

    pub(crate) fn stop_reason(&mut self) -> ExitReason {
        let reason = self.extras.as_mut().and_then(|extras| extras.stopping.take());
        reason.unwrap_or(ExitReason::Normal)
    }
}

/// Children and watches.
impl<A: Actor> Cx<A> {
    /// Starts a child under this actor's path. It stops with this actor, before it.
    ///
    /// A child is not restarted when it fails: this actor gets
    /// [`Signal::ChildExited`](crate::Signal::ChildExited). To have it restarted, put it under a
    /// supervisor.
    pub fn spawn<C: Actor, K, F: IntoFactory<C, K>>(
        &mut self,
        name: &str,
        factory: F,
    ) -> Spawn<C, F::Factory> {
        let system = Arc::clone(&self.cell.system);
        let parent: Arc<dyn AnyCell> = Arc::<Cell<A::Msg>>::clone(&self.cell);
        Spawn::new(system, Some(name), factory.into_factory()).under(parent)
    }

    /// The children that are alive, in the order of their start.
    pub fn children(&mut self) -> Vec<ActorHandle> {
        self.adopt_children();
        let extras = self.extras.as_ref();
        let children = extras.map(|extras| &extras.children).into_iter().flatten();
        let own = children.filter(|(_, child)| child.is_child_of(self.cell.id));
        own.map(|(_, cell)| ActorHandle::new(Arc::clone(cell))).collect()
    }

    /// Takes over the children that were started since the last look.
    fn adopt_children(&mut self) {
        let born = match self.cell.rare().desk.as_mut() {
            Some(desk) if !desk.born.is_empty() => std::mem::take(&mut desk.born),
            _ => return,
        };
        for child in born {
            self.extras().children.insert(child.id(), child);
        }
    }

    /// The children that are still this actor's own: one may have been adopted by a supervisor.
    fn take_children(&mut self) -> BTreeMap<ActorId, Arc<dyn AnyCell>> {
        self.adopt_children();
        let id = self.cell.id;
        let Some(extras) = &mut self.extras else { return BTreeMap::new() };
        let mut children = std::mem::take(&mut extras.children);
        children.retain(|_, child| child.is_child_of(id));
        children
    }

    /// Takes a child off the list; false if it is not on it.
    pub(crate) fn forget_child(&mut self, child: ActorId) -> bool {
        self.adopt_children();
        self.extras.as_mut().is_some_and(|extras| extras.children.remove(&child).is_some())
    }

    /// Asks to be told once when `target` ends for good: a signal
    /// [`Terminated`](crate::Signal::Terminated). At once, if it has ended already. A second watch
    /// of the same actor changes nothing.
    pub fn watch<M: Send + 'static>(&mut self, target: &ActorRef<M>) {
        self.watch_cell(&target.cell_any(), None);
    }

    /// As [`watch`](Self::watch), but the end comes as `message`, handled before the mailbox.
    pub fn watch_with<M: Send + 'static>(&mut self, target: &ActorRef<M>, message: A::Msg) {
        self.watch_cell(&target.cell_any(), Some(message));
    }

    /// As [`watch`](Self::watch), for an actor whose message type is not known.
    pub fn watch_handle(&mut self, target: &ActorHandle) {
        self.watch_cell(&target.cell_any(), None);
    }

    fn watch_cell(&mut self, target: &Arc<dyn AnyCell>, message: Option<A::Msg>) {
        let id = target.id();
        let noted = tape::is_on().then(|| tape::note(OutputKind::Watch, &target.path())).flatten();
        let Entry::Vacant(free) = self.extras().watched.entry(id) else { return };
        free.insert(Watched { cell: Arc::clone(target), message });
        if matches!(noted, Some(Passage::Kept(_))) {
            return;
        }
        let watcher: Arc<dyn AnyCell> = Arc::<Cell<A::Msg>>::clone(&self.cell);
        let watcher = Watcher::Actor { watcher, incarnation: self.cell.incarnation() };
        if let Err((watcher, reason)) = target.watch(watcher) {
            notify(watcher, id, &target.path(), &reason);
        }
    }

    /// Takes a watch back; a notice already on its way is dropped.
    pub fn unwatch<M: Send + 'static>(&mut self, target: &ActorRef<M>) {
        self.unwatch_id(target.id());
    }

    /// As [`unwatch`](Self::unwatch), by the actor's number.
    pub fn unwatch_id(&mut self, target: ActorId) {
        if let Some(watched) = self.extras().watched.remove(&target) {
            if tape::is_on() {
                tape::note(OutputKind::Unwatch, &watched.cell.path());
            }
            watched.cell.unwatch(self.cell.id);
        }
    }

    pub(crate) fn receive_signal(&mut self, signal: Signal) -> Received<A::Msg> {
        match &signal {
            Signal::Terminated { id, .. } => match self.extras().watched.remove(id) {
                Some(Watched { message: Some(message), .. }) => Received::Message(message),
                Some(_) => Received::Hook(signal),
                None => Received::Stale,
            },
            // One that is not on the list was stopped by this actor itself, or is another's now.
            Signal::ChildExited { id, .. } if !self.forget_child(*id) => Received::Stale,
            Signal::ChildExited { .. } | Signal::Child(_) => Received::Hook(signal),
        }
    }
}

/// Timers, stash and pipes.
impl<A: Actor> Cx<A> {
    /// Sends `message` to this actor after `delay`, before the mailbox's messages. A timer that
    /// runs under the same key is replaced.
    ///
    /// # Errors
    ///
    /// The message, if [`TIMERS_MAX`](crate::TIMERS_MAX) timers run.
    pub fn once(
        &mut self,
        key: impl Into<TimerKey>,
        delay: Duration,
        message: A::Msg,
    ) -> Result<(), A::Msg> {
        let key = key.into();
        let at = self.cell.system.time.now() + delay;
        if tape::is_on() {
            tape::note_value(OutputKind::Timer, &tape::timer_target(key, false, delay), &message);
        }
        self.extras().timers.once(key, at, message)
    }

    /// Makes a message with `make` every `period`, the first one after a period. A handler that is
    /// late gets one message, not one for each period missed.
    ///
    /// # Errors
    ///
    /// [`TooManyTimers`] if [`TIMERS_MAX`](crate::TIMERS_MAX) timers run.
    pub fn every(
        &mut self,
        key: impl Into<TimerKey>,
        period: Duration,
        make: impl FnMut() -> A::Msg + Send + 'static,
    ) -> Result<(), TooManyTimers> {
        let period = period.max(Duration::from_millis(1));
        let key = key.into();
        let first = self.cell.system.time.now() + period;
        if tape::is_on() {
            tape::note(OutputKind::Timer, &tape::timer_target(key, true, period));
        }
        self.extras().timers.every(key, first, period, Box::new(make))
    }

    /// Stops a timer; false if none runs under the key. Its message does not come any more, even
    /// if its time had passed.
    pub fn cancel(&mut self, key: impl Into<TimerKey>) -> bool {
        let key = key.into();
        if tape::is_on() {
            tape::note(OutputKind::Cancel, &tape::key_target(key));
        }
        self.extras.as_mut().is_some_and(|extras| extras.timers.cancel(key))
    }

    /// True if a timer runs under the key.
    pub fn has_timer(&self, key: impl Into<TimerKey>) -> bool {
        let key = key.into();
        self.extras.as_ref().is_some_and(|extras| extras.timers.is_running(key))
    }

    /// Holds a message back until [`unstash`](Self::unstash). It keeps its context and survives
    /// a restart, after which it is handled first.
    ///
    /// # Errors
    ///
    /// The message, if [`STASH_MAX`](crate::STASH_MAX) are held back.
    pub fn stash(&mut self, message: A::Msg) -> Result<(), A::Msg> {
        let extras = self.extras();
        if extras.stash.len() + extras.ready.len() >= STASH_MAX {
            return Err(message);
        }
        let envelope = context::current().map(|context| Box::new(Envelope { context }));
        extras.stash.push_back((message, envelope));
        Ok(())
    }

    /// Puts all held-back messages before the mailbox, in the order in which they were stashed.
    pub fn unstash(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.unstash();
        }
    }

    /// How many messages are held back.
    pub fn stashed(&self) -> usize {
        self.extras.as_ref().map_or(0, |extras| extras.stash.len())
    }

    /// Runs `future` beside the actor and hands its result to it as a message, which a full
    /// mailbox does not delay. It is dropped when the incarnation ends. A panic in it fails the
    /// actor.
    ///
    /// # Errors
    ///
    /// The future, if [`PIPES_MAX`](crate::PIPES_MAX) run.
    pub fn pipe_to_self<F>(
        &mut self,
        future: F,
        into_message: impl FnOnce(F::Output) -> A::Msg + Send + 'static,
    ) -> Result<(), F>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        if tape::is_on()
            && let Some(Passage::Kept(number)) = tape::note(OutputKind::Pipe, "")
        {
            return match tape::fault(number) {
                Some(_) => Err(future),
                None => Ok(()),
            };
        }
        let cell = Arc::clone(&self.cell);
        let extras = self.extras();
        extras.pipes.retain(|pipe| !pipe.is_finished());
        if extras.pipes.len() >= PIPES_MAX {
            return Err(future);
        }
        let pipe = crate::pipe::run(Arc::clone(&cell), future, into_message);
        let pipe = cell.system.spawn_task(pipe);
        extras.pipes.push(pipe);
        Ok(())
    }
}

/// What the life loop asks of the context.
impl<A: Actor> Cx<A> {
    /// The next message, and whether it came with a context, which then waits in
    /// [`take_context`](Self::take_context).
    #[inline]
    pub(crate) fn next_message(&mut self) -> Option<(A::Msg, bool)> {
        let (message, envelope) = match self.extras.is_some().then(|| self.next_letter()).flatten()
        {
            Some(letter) => letter,
            None => self.cell.inbox().try_next()?,
        };
        if envelope.is_none() && !self.cell.turns_probed {
            return Some((message, self.settle_apart()));
        }
        Some((message, self.open(envelope)))
    }

    /// A message without a context comes next; whether it is to be handled apart nevertheless, on tape.
    #[inline]
    fn settle_apart(&mut self) -> bool {
        let Some(extras) = &mut self.extras else { return false };
        extras.context = None;
        extras.tape.is_some()
    }

    /// Whether there is, or will soon be, something to handle without a wait.
    pub(crate) fn has_more(&self) -> bool {
        let held = |extras: &Extras<A::Msg>| {
            !extras.ready.is_empty() || !extras.piped.is_empty() || !extras.timers.is_empty()
        };
        !self.cell.mailbox.is_empty() || self.extras.as_deref().is_some_and(held)
    }

    /// Whether messages are left that were accepted and not handled.
    pub(crate) fn has_accepted(&self) -> bool {
        let held = |extras: &Extras<A::Msg>| !extras.ready.is_empty() || !extras.stash.is_empty();
        !self.cell.mailbox.is_empty() || self.extras.as_deref().is_some_and(held)
    }

    fn next_letter(&mut self) -> Option<Letter<A::Msg>> {
        let extras = self.extras.as_mut()?;
        if !extras.timers.is_empty() {
            let now = self.cell.system.time.now();
            if let Some((key, message)) = extras.timers.due(now) {
                extras.source = Source::Timer(key);
                return Some((message, None));
            }
        }
        let letter = extras.ready.pop_front().or_else(|| extras.piped.pop_front())?;
        extras.source = Source::Ready;
        Some(letter)
    }

    #[cold]
    fn open(&mut self, envelope: Option<Box<Envelope>>) -> bool {
        if self.cell.turns_probed {
            self.begin_turn(envelope.as_deref());
        }
        let context = envelope.map(|envelope| envelope.context);
        let has_one = context.is_some();
        if has_one {
            self.extras().context = context;
        } else {
            self.forget_context();
        }
        has_one || self.has_tape()
    }

    /// Where the message at hand came from.
    pub(crate) fn take_source(&mut self) -> Source {
        self.extras_mut().map_or(Source::Mailbox, |extras| std::mem::take(&mut extras.source))
    }

    /// What comes next has nothing to do with the last message.
    pub(crate) fn forget_context(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.context = None;
        }
    }

    /// Ready when there may be something to do.
    pub(crate) fn poll_idle(&mut self, task: &mut Context<'_>) -> Poll<()> {
        if self.cell.flags.any() {
            return Poll::Ready(());
        }
        if let Some(extras) = &mut self.extras
            && extras.timers.poll_due(&self.cell.system.time, task).is_ready()
        {
            return Poll::Ready(());
        }
        let slept = self.cell.inbox().poll_sleep(task);
        // A flag set before the mailbox slept has woken nobody.
        if self.cell.flags.get() == 0 { slept } else { Poll::Ready(()) }
    }

    /// Ready when the control lane has something to say.
    pub(crate) fn poll_suspended(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match self.cell.flags.get() & !Flags::SUSPEND {
            0 if self.cell.flags.suspended() => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    pub(crate) fn take_piped(&mut self) {
        let piped = match self.cell.rare().desk.as_mut() {
            Some(desk) => std::mem::take(&mut desk.piped),
            None => return,
        };
        let incarnation = self.cell.incarnation();
        for (from, letter) in piped {
            if from == incarnation {
                self.extras().piped.push_back(letter);
            }
        }
        self.cell.settle_lost();
    }

    pub(crate) fn last_context(&self) -> Option<Arc<CallContext>> {
        // It stays, for the failure that may come of it.
        self.extras.as_ref()?.context.clone()
    }

    fn begin_turn(&mut self, envelope: Option<&Envelope>) {
        let began = TurnStart::new(&self.cell, envelope);
        self.extras().turn = Some(began);
    }

    #[cold]
    pub(crate) fn end_turn(&mut self, ok: bool) {
        if let Some(turn) = self.extras().turn.take() {
            turn.end(&self.cell, ok);
        }
    }

    pub(crate) fn end_incarnation(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.end_incarnation(self.cell.id);
        }
    }

    /// Whether it has used nothing that its end would have to undo or wait for.
    pub(crate) fn is_bare(&self) -> bool {
        let idle = |desk: &mut Desk<A::Msg>| desk.born.is_empty() && desk.piped.is_empty();
        self.extras.is_none() && self.cell.at_desk(idle).unwrap_or(true)
    }

    /// Stops the children, the youngest first, each within its time; then kills it.
    pub(crate) async fn stop_children(&mut self) {
        let mut children = self.take_children();
        while let Some((_, child)) = children.pop_last() {
            ChildCell(child).stop(&self.cell.system).await;
        }
    }

    /// Kills the children and waits for their end.
    pub(crate) async fn kill_children(&mut self) {
        let children = self.take_children();
        for child in children.values() {
            child.raise(Flags::KILL | Flags::FINAL);
        }
        for (_, child) in children {
            ChildCell(child).gone(&self.cell.system).await;
        }
    }

    /// Messages held outside the mailbox when the actor ends: they are leftovers too.
    pub(crate) fn take_letters(&mut self) -> Vec<Letter<A::Msg>> {
        let piped = self.cell.rare().desk.as_mut().map(|desk| std::mem::take(&mut desk.piped));
        let piped = piped.into_iter().flatten().map(|(_, letter)| letter);
        let Some(extras) = &mut self.extras else { return piped.collect() };
        extras.unstash();
        extras.ready.drain(..).chain(extras.piped.drain(..)).chain(piped).collect()
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

    /// What a rehearsal needs of its context.
    pub(crate) fn note_taken(&mut self, source: Source) {
        let now = self.cell.system.time.now();
        let Some(extras) = self.extras_mut() else { return };
        match source {
            Source::Timer(key) => extras.timers.fire(key, now),
            Source::Ready => drop(extras.ready.pop_front()),
            _ => {}
        }
    }

    pub(crate) fn note_signal(&mut self, signal: &Signal) {
        drop(self.receive_signal(signal.clone()));
    }

    pub(crate) fn is_at_rest(&mut self) -> bool {
        self.adopt_children();
        let at_rest = |extras: &Extras<A::Msg>| {
            extras.timers.is_empty()
                && extras.stash.is_empty()
                && extras.ready.is_empty()
                && extras.piped.is_empty()
                && extras.children.is_empty()
        };
        self.extras_ref().is_none_or(at_rest)
    }
}

impl<A: Actor> std::fmt::Debug for Cx<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx").field("cell", &**self.cell).finish_non_exhaustive()
    }
}
