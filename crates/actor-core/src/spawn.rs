//! `Spawn`: an actor about to start, with its options.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use serde::{Serialize, de::DeserializeOwned};

use steadfast_base::{ActorId, context};

use crate::{
    Actor, ActorHandle, ActorRef, ChildEvent, Cx, Nest, Overflow, StartError,
    cell::{AnyCell, Cell, Link, run},
    factory::Factory,
    hatch::{self, Hatches},
    mailbox::{Held, MAX_CAPACITY},
    slot::Asker,
    system::{System, SystemInner},
    tape::{self, Outcome, Output, OutputKind, Passage, Recalled, Tape},
};

/// An actor about to start. Await it to have it started and be told how that went.
///
/// | option | default |
/// |---|---|
/// | [`capacity`](Self::capacity) | the system's: 1,024 messages |
/// | [`overflow`](Self::overflow) | the system's: wait for room, at most 5 s |
/// | [`inspectable`](Self::inspectable), [`injectable`](Self::injectable) | no |
///
/// Nothing happens until it is awaited, or [`detach`](Self::detach) is called.
///
/// # Errors
///
/// [`StartError`]: the name is taken or unusable, the factory or the `started` hook failed or
/// chose not to start, or the system is shutting down. The name is free again when the error
/// arrives.
///
/// # Cancel safety
///
/// Dropping the future after its first poll leaves the actor running.
#[must_use = "an actor starts when this is awaited or detached"]
pub struct Spawn<A: Actor, F: Factory<A>> {
    system: Arc<SystemInner>,
    name: Option<Box<str>>,
    factory: F,
    parent: Option<Arc<dyn AnyCell>>,
    supervisor: Option<(Arc<dyn AnyCell>, u64)>,
    capacity: u32,
    overflow: Overflow,
    tape: Option<Box<dyn Tape>>,
    hatches: Option<Box<Hatches<A::Msg>>>,
    actor: PhantomData<fn() -> A>,
}

impl<A: Actor, F: Factory<A>> Spawn<A, F> {
    pub(crate) fn new(system: Arc<SystemInner>, name: Option<&str>, factory: F) -> Self {
        let (capacity, overflow) = (system.capacity, system.overflow);
        Self {
            system,
            name: name.map(Into::into),
            factory,
            parent: None,
            supervisor: None,
            capacity,
            overflow,
            tape: None,
            hatches: None,
            actor: PhantomData,
        }
    }

    pub(crate) fn under(mut self, parent: Arc<dyn AnyCell>) -> Self {
        self.parent = Some(parent);
        self
    }

    /// How many messages the mailbox holds at most, at least 1.
    pub fn capacity(mut self, messages_max: u32) -> Self {
        self.capacity = messages_max.clamp(1, MAX_CAPACITY);
        self
    }

    /// What the full mailbox does with the next message.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Lets operators look at the actor's state as JSON: see
    /// [`ActorHandle::inspect`](crate::ActorHandle::inspect).
    pub fn inspectable(mut self) -> Self
    where
        A: Serialize,
    {
        self.hatches.get_or_insert_default().inspect = Some(hatch::inspect::<A>);
        self
    }

    /// Lets operators put in messages as JSON: see
    /// [`ActorHandle::inject`](crate::ActorHandle::inject).
    pub fn injectable(mut self) -> Self
    where
        A::Msg: DeserializeOwned,
    {
        self.hatches.get_or_insert_default().inject = Some(hatch::inject::<A::Msg>);
        self
    }

    /// Records the actor from its first start on. The seam for recorders.
    pub fn on_tape(mut self, tape: Box<dyn Tape>) -> Self {
        self.tape = Some(tape);
        self
    }

    /// Starts the actor under a supervisor, which knows it by `key`: its path hangs under the
    /// supervisor's, and every step of its life is signaled. The seam for supervisors.
    pub fn supervised_by(mut self, supervisor: &ActorHandle, key: u64) -> Self {
        self.supervisor = Some((supervisor.cell_any(), key));
        self
    }

    /// Starts the actor without waiting for its `started` hook. A failed start shows as the
    /// actor's end, with the failure as its reason.
    ///
    /// # Errors
    ///
    /// As for awaiting, except that a failed start is not waited for.
    pub fn detach(self) -> Result<ActorRef<A::Msg>, StartError> {
        let number = match self.note() {
            Some(Passage::Kept(number)) => return self.recall(number),
            Some(Passage::Out(number)) => Some(number),
            None => None,
        };
        match self.launch(None, |cell| settle(number, Ok(cell.id))) {
            Ok((cell, ())) => Ok(ActorRef::new(cell)),
            Err(error) => {
                settle(number, Err(&error));
                Err(error)
            }
        }
    }

    /// Tells the tape of the turn, if it is on tape, that an actor is to be started.
    fn note(&self) -> Option<Passage> {
        if !tape::is_on() {
            return None;
        }
        let path = self.path_on_tape();
        let type_name = std::any::type_name::<A>();
        let output = Output { kind: OutputKind::Spawn, target: &path, value: None, type_name };
        tape::with(|tape| tape.output(&output))
    }

    fn path_on_tape(&self) -> String {
        let above = self.supervisor.as_ref().map(|(cell, _)| cell).or(self.parent.as_ref());
        let above =
            above.map_or_else(|| format!("/{}", self.system.name), |cell| cell.path().to_string());
        format!("{above}/{}", self.name.as_deref().unwrap_or("$"))
    }

    /// What had come of a start that the tape keeps back.
    fn recall(self, number: u32) -> Result<ActorRef<A::Msg>, StartError> {
        let path = self.path_on_tape();
        let id = match tape::with(|tape| tape.recall(number, None)) {
            Some(Recalled::Actor(id)) => id,
            Some(Recalled::Fault(fault)) => {
                return Err(tape::start_error(fault, &path, self.system.time.timestamp()));
            }
            _ => return Err(StartError::ShuttingDown),
        };
        let path = if self.name.is_some() { path } else { format!("/{}/${id}", self.system.name) };
        let cell = tape::stand_in_cell(&System::from_inner(self.system), id, &path);
        if let Some(parent) = self.parent {
            let link = Link { parent: Arc::clone(&parent), key: 0, supervised: false, nest: None };
            cell.rare().link = Some(Box::new(link));
            parent.bear(Arc::<Cell<A::Msg>>::clone(&cell));
        }
        Ok(ActorRef::new(cell))
    }

    /// As [`detach`](Self::detach), under a supervisor that finds the actor in its [`Nest`] under
    /// the key [`ChildEvent::BORN`]. The seam for supervisors.
    ///
    /// The second value is false if the nest did not take it: the supervisor has to be told of it.
    ///
    /// # Errors
    ///
    /// As for [`detach`](Self::detach).
    pub fn detach_into(
        self,
        supervisor: &ActorHandle,
        nest: &Arc<Nest>,
    ) -> Result<(ActorRef<A::Msg>, bool), StartError> {
        let spawn = self.supervised_by(supervisor, ChildEvent::BORN);
        if tape::is_on() {
            return spawn.detach().map(|child| (child, false));
        }
        // Before it runs: whatever it tells, the supervisor finds it.
        let (cell, held) = spawn.launch(None, |cell| nest.hold(cell))?;
        Ok((ActorRef::new(cell), held))
    }

    /// Enters the actor into the system's tables and starts its task; `before` is called between. The
    /// future of the task is made where it is handed on: each hand that it passes copies it.
    #[expect(clippy::type_complexity, reason = "the cell, and what the caller makes of it")]
    #[inline]
    fn launch<R>(
        self,
        report: crate::cell::StartReport,
        before: impl FnOnce(&Arc<Cell<A::Msg>>) -> R,
    ) -> Result<(Arc<Cell<A::Msg>>, R), StartError> {
        let Self {
            system,
            name,
            factory,
            parent,
            supervisor,
            capacity,
            overflow,
            tape,
            hatches,
            ..
        } = self;
        let above = supervisor.as_ref().map(|(cell, _)| cell).or(parent.as_ref());
        let path = match &name {
            Some(name) => Some(system.path_of(above.map(|cell| cell.path()).as_deref(), name)?),
            None => None,
        };
        let link = match (supervisor, &parent) {
            (Some((parent, key)), _) => {
                Some(Box::new(Link { parent, key, supervised: true, nest: None }))
            }
            (None, Some(parent)) => {
                let parent = Arc::clone(parent);
                Some(Box::new(Link { parent, key: 0, supervised: false, nest: None }))
            }
            (None, None) => None,
        };
        let id = system.next_id();
        let cell = Arc::new(Cell::new(id, system, capacity, overflow, path.clone(), link));
        let system = &cell.system;
        if context::is_set() {
            cell.note_birth();
        }
        if let Some(hatches) = hatches {
            cell.rare().desk().hatches = *hatches;
        }
        system.register(&cell, path.as_ref())?;
        if let Some(parent) = parent {
            let child: Arc<dyn AnyCell> = Arc::<Cell<A::Msg>>::clone(&cell);
            if !parent.bear(child) {
                system.forget(&*cell, path.as_deref());
                return Err(StartError::ShuttingDown);
            }
        }
        let held = Held::new(Arc::clone(&cell)).expect("a new cell has no receiver yet");
        let mut cx = Cx::new(held);
        if let Some(tape) = tape {
            cx.set_tape(tape);
        }
        let made = before(&cell);
        cell.system.spawn_actor(run::<A, F>(cx, factory, report));
        Ok((cell, made))
    }
}

impl<A: Actor, F: Factory<A>> IntoFuture for Spawn<A, F> {
    type Output = Result<ActorRef<A::Msg>, StartError>;
    type IntoFuture = Starting<A, F>;

    fn into_future(self) -> Starting<A, F> {
        Starting { spawn: Some(self), waiting: None, number: None }
    }
}

/// The future of a started actor.
///
/// # Cancel safety
///
/// Before the first poll nothing has begun. After it the actor runs on when the future is dropped;
/// only the ref is lost, which `System::lookup` finds again by its name.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Starting<A: Actor, F: Factory<A>> {
    spawn: Option<Spawn<A, F>>,
    waiting: Option<Waiting<A::Msg>>,
    /// The number of the output on the tape of the turn that starts it.
    number: Option<u32>,
}

/// How the start went, and the actor to refer to if it went well.
type Waiting<M> = (Asker<Result<(), Box<StartError>>>, Arc<Cell<M>>);

/// Nothing is pinned: the actor's own future is in its task.
impl<A: Actor, F: Factory<A>> Unpin for Starting<A, F> {}

impl<A: Actor, F: Factory<A>> Future for Starting<A, F> {
    type Output = Result<ActorRef<A::Msg>, StartError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(spawn) = self.spawn.take() {
            match spawn.note() {
                Some(Passage::Kept(number)) => return Poll::Ready(spawn.recall(number)),
                Some(Passage::Out(number)) => self.number = Some(number),
                None => {}
            }
            let (asker, answer) = spawn.system.pool.acquire(0);
            let number = self.number;
            let launched = spawn.launch(Some(answer), |_| {});
            let (cell, ()) = launched.inspect_err(|error| settle(number, Err(error)))?;
            self.waiting = Some((asker, cell));
        }
        let Some((asker, cell)) = &mut self.waiting else { return Poll::Pending };
        let started = match ready!(asker.poll(context)) {
            Ok(Ok(())) => Ok(ActorRef::new(Arc::clone(cell))),
            Ok(Err(error)) => Err(*error),
            Err(_) => Err(StartError::Killed),
        };
        settle(self.number.take(), started.as_ref().map(ActorRef::id));
        Poll::Ready(started)
    }
}

/// Tells the tape of the turn what came of a start.
fn settle(number: Option<u32>, started: Result<ActorId, &StartError>) {
    if let Some(number) = number {
        let outcome = match started {
            Ok(id) => Outcome::Actor(id),
            Err(error) => Outcome::Fault(tape::start_fault(error)),
        };
        tape::settle(number, outcome);
    }
}

impl<A: Actor, F: Factory<A>> fmt::Debug for Starting<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Starting").field("begun", &self.waiting.is_some()).finish_non_exhaustive()
    }
}

impl<A: Actor, F: Factory<A>> fmt::Debug for Spawn<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawn").field("name", &self.name).finish_non_exhaustive()
    }
}
