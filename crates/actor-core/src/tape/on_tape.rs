//! Which tape a thread plays: it is put there around each poll of a turn, and taken away again.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{Fault, Outcome, Output, OutputKind, Passage, Recalled, Tape};

thread_local! {
    /// Whether `PLAYING` holds a tape; without a destructor, so that looking costs one load.
    static ON: Cell<bool> = const { Cell::new(false) };
    static PLAYING: RefCell<Option<Box<dyn Tape>>> = const { RefCell::new(None) };
}

/// Whether this thread takes a turn that is on tape.
#[inline]
#[must_use]
pub fn is_on() -> bool {
    ON.get()
}

/// Calls `act` with the tape that this thread plays, if it plays one.
pub fn with<R>(act: impl FnOnce(&mut dyn Tape) -> R) -> Option<R> {
    if !is_on() {
        return None;
    }
    // Out of its place meanwhile: what it encodes is code of the user, which must not meet it.
    let mut tape = swap(None)?;
    let result = act(&mut *tape);
    swap(Some(tape));
    Some(result)
}

/// Puts a tape in place and gives back the one that was there.
fn swap(tape: Option<Box<dyn Tape>>) -> Option<Box<dyn Tape>> {
    ON.set(tape.is_some());
    PLAYING.replace(tape)
}

/// Tells the tape of an output without a value; `None` if this thread plays none.
#[cold]
pub(crate) fn note(kind: OutputKind, target: &str) -> Option<Passage> {
    with(|tape| tape.output(&Output { kind, target, value: None, type_name: "" }))
}

/// Tells the tape of an output with a value; `None` if this thread plays none.
#[cold]
pub(crate) fn note_value<T: 'static>(kind: OutputKind, target: &str, value: &T) -> Option<Passage> {
    let type_name = std::any::type_name::<T>();
    with(|tape| tape.output(&Output { kind, target, value: Some(value), type_name }))
}

/// The fault that an output had which was kept back, if it had one.
#[cold]
pub(crate) fn fault(number: u32) -> Option<Fault> {
    match with(|tape| tape.recall(number, None))? {
        Recalled::Fault(fault) => Some(fault),
        _ => None,
    }
}

/// Tells the tape what came of an output that went out.
#[cold]
pub(crate) fn settle(number: u32, outcome: Outcome<'_>) {
    with(|tape| tape.outcome(number, outcome));
}

/// An output that answers with a yes or a no: really asked, or recalled.
#[cold]
pub(crate) fn flagged(kind: OutputKind, target: &str, ask: impl FnOnce() -> bool) -> bool {
    match note(kind, target) {
        Some(Passage::Kept(number)) => {
            matches!(with(|tape| tape.recall(number, None)), Some(Recalled::Flag(true)))
        }
        Some(Passage::Out(number)) => {
            let answer = ask();
            settle(number, Outcome::Flag(answer));
            answer
        }
        None => ask(),
    }
}

/// Plays a tape on this thread until the guard is taken apart; nested, the inner one plays.
#[must_use]
pub fn enter(tape: Box<dyn Tape>) -> TapeGuard {
    TapeGuard { outer: swap(Some(tape)), left: false, on_this_thread: PhantomData }
}

/// A tape being played. Dropping it drops the tape.
pub struct TapeGuard {
    outer: Option<Box<dyn Tape>>,
    left: bool,
    on_this_thread: PhantomData<*const ()>,
}

impl TapeGuard {
    /// Stops playing, and gives the tape back.
    #[must_use]
    pub fn leave(mut self) -> Option<Box<dyn Tape>> {
        self.left = true;
        swap(self.outer.take())
    }
}

impl Drop for TapeGuard {
    fn drop(&mut self) {
        if !self.left {
            drop(swap(self.outer.take()));
        }
    }
}

impl fmt::Debug for TapeGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TapeGuard(..)")
    }
}

/// The place of an actor's tape, shared by its context and the turn at hand.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Mutex<Option<Box<dyn Tape>>>>);

impl Slot {
    pub(crate) fn new(tape: Box<dyn Tape>) -> Self {
        Self(Arc::new(Mutex::new(Some(tape))))
    }

    fn place(&self) -> MutexGuard<'_, Option<Box<dyn Tape>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `act` with the tape, unless it is being played.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut dyn Tape) -> R) -> Option<R> {
        let mut tape = self.place().take()?;
        let result = act(&mut *tape);
        *self.place() = Some(tape);
        Some(result)
    }

    pub(crate) fn take(&self) -> Option<Box<dyn Tape>> {
        self.place().take()
    }

    /// Waits until the next turn may begin.
    pub(crate) fn poll_room(&self, task: &mut Context<'_>) -> Poll<()> {
        self.with(|tape| tape.poll_room(task)).unwrap_or(Poll::Ready(()))
    }
}

/// Plays the tape of a slot for one poll, and puts it back.
struct Playing<'a> {
    slot: &'a Slot,
    guard: Option<TapeGuard>,
}

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        if let Some(tape) = self.guard.take().and_then(TapeGuard::leave) {
            *self.slot.place() = Some(tape);
        }
    }
}

pin_project! {
    /// A future whose polls are on tape. Made by [`on_tape`].
    pub(crate) struct OnTape<F> {
        slot: Slot,
        #[pin]
        future: F,
    }
}

/// Polls a future with the tape of a slot in place.
pub(crate) fn on_tape<F: Future>(slot: Slot, future: F) -> OnTape<F> {
    OnTape { slot, future }
}

impl<F: Future> Future for OnTape<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let guard = this.slot.place().take().map(enter);
        let _playing = Playing { slot: this.slot, guard };
        this.future.poll(task)
    }
}
