//! An actor without a task: its turns are taken one by one, by whoever holds it.

use std::{
    any::Any,
    fmt,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use steadfast_base::ActorId;

use super::Source;
use crate::{
    Actor, ActorRef, BoxError, Cx, Failure, Flow, Overflow, Signal, Started, System, TimerKey,
    cell::{Cell, Status, catch},
    mailbox::Held,
};

/// A ref to an actor that is not there: for the state of an actor in a replay.
///
/// It has an id and a path. What is sent to it on tape goes to the tape; anything else is refused once
/// its mailbox is full, and never handled.
#[must_use]
pub fn stand_in<M: Send + 'static>(system: &System, id: ActorId, path: &str) -> ActorRef<M> {
    ActorRef::new(cell(system, id, path))
}

pub(crate) fn cell<M: Send + 'static>(system: &System, id: ActorId, path: &str) -> Arc<Cell<M>> {
    let inner = Arc::clone(system.inner());
    let cell = Cell::new(id, inner, 1, Overflow::Reject, Some(path.into()), None);
    cell.set_status(Status::Running);
    Arc::new(cell)
}

/// An actor on a stage of its own: no task, no mailbox, no time that passes.
///
/// [`take`](Self::take) runs one turn on the calling thread to its end. Enter a replaying
/// [`Tape`](super::Tape) first: without one, what the actor sends really goes out.
pub struct Rehearsal<A: Actor> {
    actor: Option<A>,
    cx: Cx<A>,
    woken: Arc<Woken>,
    waker: Waker,
}

/// What a turn is taken with.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<M> {
    /// The `started` hook of the next incarnation.
    Start,
    /// A message.
    Message(Source, M),
    /// A notice of the control lane.
    Signal(Signal),
}

/// What a turn came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Taken {
    /// The actor takes the next one.
    Goes,
    /// The actor stops.
    Stops,
    /// It failed.
    Failed(BoxError),
    /// It panicked.
    Panicked(String),
    /// It waits for something that is not on the tape. What it had done stays done.
    Waits,
    /// There is no state to take it.
    Empty,
}

impl<A: Actor> Rehearsal<A> {
    /// A stage for an actor with this number and path, which is the path's in `system`.
    ///
    /// # Panics
    ///
    /// Never: a new cell has its receiving end.
    #[must_use]
    pub fn new(system: &System, id: ActorId, path: &str) -> Self {
        let held = Held::new(cell(system, id, path)).expect("a new cell has no receiver yet");
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        Self { actor: None, cx: Cx::new(held), woken, waker }
    }

    /// The state, if there is one.
    #[must_use]
    pub fn actor(&self) -> Option<&A> {
        self.actor.as_ref()
    }

    /// The state, to be changed.
    pub fn actor_mut(&mut self) -> Option<&mut A> {
        self.actor.as_mut()
    }

    /// Puts a state in, and gives back the one that was there.
    pub fn seat(&mut self, actor: A) -> Option<A> {
        self.actor.replace(actor)
    }

    /// Begins the next incarnation; what belonged to the former one is gone, but for the state.
    pub fn next_incarnation(&mut self) {
        self.cx.end_incarnation();
        self.cx.cell.next_incarnation();
    }

    /// The incarnation that is up; 0 before the first one.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.cx.incarnation()
    }

    /// Counts incarnations on until this one is up.
    pub fn catch_up(&mut self, incarnation: u32) {
        while self.cx.incarnation() < incarnation {
            self.cx.cell.next_incarnation();
        }
    }

    /// Whether it holds nothing beside its state: no timer, no message held back, no child. Watches do not count.
    #[must_use]
    pub fn is_bare(&mut self) -> bool {
        self.cx.is_at_rest()
    }

    /// How many 32-bit words it has drawn from its random stream.
    #[must_use]
    pub fn words_drawn(&self) -> u64 {
        self.cx.words_drawn()
    }

    /// Moves the random stream on or back.
    pub fn set_words_drawn(&mut self, words: u64) {
        if words != self.cx.words_drawn() {
            self.cx.rng().set_words_drawn(words);
        }
    }

    /// The key of the running timer with this name.
    #[must_use]
    pub fn timer_named(&self, name: &str) -> Option<TimerKey> {
        self.cx.extras_ref()?.timers.key_named(name)
    }

    /// Takes one turn to its end. A handler that merely yields is polled again, a thousand times at most.
    pub fn take(&mut self, step: Step<A::Msg>) -> Taken {
        let Self { actor: Some(actor), cx, woken, waker } = self else { return Taken::Empty };
        let mut task = Context::from_waker(waker);
        let polled = catch(|| match step {
            Step::Start => {
                let started = poll(pin!(actor.started(cx)), woken, &mut task);
                started.map_ok(|started| match started {
                    Started::Running => Flow::Continue,
                    Started::Ignore => Flow::Stop,
                })
            }
            Step::Message(source, message) => {
                cx.note_taken(source);
                poll(pin!(actor.handle(message, cx)), woken, &mut task)
            }
            Step::Signal(signal) => {
                cx.note_signal(&signal);
                poll(pin!(actor.signal(signal, cx)), woken, &mut task)
            }
        });
        match polled {
            Ok(Poll::Ready(Ok(Flow::Continue))) if !self.cx.is_stopping() => Taken::Goes,
            Ok(Poll::Ready(Ok(_))) => {
                drop(self.cx.stop_reason());
                Taken::Stops
            }
            Ok(Poll::Ready(Err(error))) => Taken::Failed(error.into()),
            Ok(Poll::Pending) => Taken::Waits,
            Err(payload) => Taken::Panicked(text_of(&*payload)),
        }
    }
}

/// Whether the turn asked to be polled again.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How often a handler is polled that merely yields.
const POLLS_MAX: u32 = 1_000;

#[inline]
fn poll<F: Future>(
    mut turn: Pin<&mut F>,
    woken: &Woken,
    task: &mut Context<'_>,
) -> Poll<F::Output> {
    for _ in 0..POLLS_MAX {
        let polled = turn.as_mut().poll(task);
        if polled.is_ready() || !woken.0.swap(false, Ordering::Relaxed) {
            return polled;
        }
    }
    Poll::Pending
}

/// The text of a panic, as failures have it.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> String {
    let at = steadfast_base::Timestamp::UNIX_EPOCH;
    Failure::from_panic(at, "", payload).message().to_owned()
}

/// It was never entered anywhere: there is nothing to bury.
impl<A: Actor> Drop for Rehearsal<A> {
    fn drop(&mut self) {
        self.cx.cell.set_status(Status::Stopped);
    }
}

impl<A: Actor> fmt::Debug for Rehearsal<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal").field("cx", &self.cx).finish_non_exhaustive()
    }
}
