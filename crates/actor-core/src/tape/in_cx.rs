//! What a context does for the tape of its actor.

use std::{any::Any, future::poll_fn, sync::Arc};

use steadfast_base::{CallContext, context};

use super::{
    About, End, Ending, Input, Source, Tape,
    on_tape::{Slot, on_tape},
};
use crate::{Actor, BoxError, Cx, Flow, Signal, Started};

/// Tapes. The seam for recorders; plain code has no use for it.
impl<A: Actor> Cx<A> {
    /// Puts a tape in: from the next turn on, it hears all that they take in and give out.
    ///
    /// Gives back the one that was there. Called inside of a turn on tape, it gives nothing back: the
    /// tape being played ends with the turn.
    pub fn set_tape(&mut self, tape: Box<dyn Tape>) -> Option<Box<dyn Tape>> {
        let old = self.take_tape();
        let slot = Slot::new(tape);
        let (path, words_drawn) = (self.path(), self.words_drawn());
        let system = Arc::clone(&self.cell.system);
        let about = About {
            id: self.cell.id,
            path: &path,
            incarnation: self.cell.incarnation(),
            seed: system.seed,
            words_drawn,
            time: &system.time,
        };
        slot.with(|tape| tape.inserted(&about));
        self.extras().tape = Some(slot);
        old
    }

    /// Takes the tape out: nothing more is told to it.
    pub fn take_tape(&mut self) -> Option<Box<dyn Tape>> {
        self.extras_mut()?.tape.take()?.take()
    }

    /// Calls `act` with the tape, if there is one and it is not being played.
    pub fn with_tape<R>(&mut self, act: impl FnOnce(&mut dyn Tape) -> R) -> Option<R> {
        self.tape()?.with(act)
    }

    /// How many 32-bit words the actor has drawn from its random stream.
    #[must_use]
    pub fn words_drawn(&self) -> u64 {
        let stream = self.extras_ref().and_then(|extras| extras.stream.as_ref());
        stream.map_or(0, steadfast_base::Stream::words_drawn)
    }

    pub(crate) fn tape(&self) -> Option<Slot> {
        self.extras_ref()?.tape.clone()
    }

    pub(crate) fn has_tape(&self) -> bool {
        self.extras_ref().is_some_and(|extras| extras.tape.is_some())
    }

    fn begin_on_tape(
        &mut self,
        slot: &Slot,
        source: Source,
        message: Option<&dyn Any>,
        signal: Option<&Signal>,
    ) -> Option<Arc<CallContext>> {
        let context = self.last_context();
        let time = &self.cell.system.time;
        let incarnation = self.cell.incarnation();
        let context = context.as_deref();
        let input = Input { source, incarnation, message, signal, context, time };
        slot.with(|tape| tape.begin(&input)).flatten()
    }

    /// Ends a turn that failed, where it is on tape.
    #[cold]
    pub(crate) fn fail_on_tape(&mut self, ending: Ending<'_>) {
        let words_drawn = self.words_drawn();
        if let Some(slot) = self.tape() {
            slot.with(|tape| tape.end(&End { actor: None, ending, words_drawn }));
        }
    }

    pub(crate) fn destroy_tape(&mut self) {
        let Some(mut tape) = self.take_tape() else { return };
        tape.destroyed(&self.cell.ending());
    }

    pub(crate) fn note_visit(&mut self, actor: &A) {
        if let Some(slot) = self.tape() {
            slot.with(|tape| tape.visited(actor));
        }
    }
}

/// Ends a turn that went well; what it gives waits until the next one may begin.
fn end<A: Actor>(
    actor: &A,
    cx: &Cx<A>,
    slot: Slot,
    stops: bool,
) -> impl Future<Output = ()> + Send + use<A> {
    let words_drawn = cx.words_drawn();
    let ending = if stops || cx.is_stopping() { Ending::Stops } else { Ending::Goes };
    slot.with(|tape| tape.end(&End { actor: Some(actor), ending, words_drawn }));
    poll_fn(move |task| slot.poll_room(task))
}

/// Handles a message in a turn on tape.
///
/// A handler that fails leaves its turn open: whoever sees the failure ends it.
pub(crate) async fn handle<A: Actor>(
    actor: &mut A,
    message: A::Msg,
    cx: &mut Cx<A>,
    slot: Slot,
    source: Source,
) -> Result<Flow, A::Error> {
    let context = cx.begin_on_tape(&slot, source, Some(&message), None);
    let handling = on_tape(slot.clone(), actor.handle(message, cx));
    let flow = in_context(context, handling).await?;
    end(actor, cx, slot, flow == Flow::Stop).await;
    Ok(flow)
}

/// Hands a signal over in a turn on tape.
pub(crate) async fn signal<A: Actor>(
    actor: &mut A,
    signal: Signal,
    cx: &mut Cx<A>,
    slot: Slot,
) -> Result<Flow, A::Error> {
    let context = cx.begin_on_tape(&slot, Source::Signal, None, Some(&signal));
    let handling = on_tape(slot.clone(), actor.signal(signal, cx));
    let flow = in_context(context, handling).await?;
    end(actor, cx, slot, flow == Flow::Stop).await;
    Ok(flow)
}

/// Runs the `started` hook in a turn on tape.
pub(crate) async fn start<A: Actor>(
    actor: &mut A,
    cx: &mut Cx<A>,
    slot: Slot,
    fresh: bool,
) -> Result<Started, BoxError> {
    let source = if fresh { Source::Start } else { Source::Resumed };
    let context = cx.begin_on_tape(&slot, source, None, None);
    let starting = on_tape(slot.clone(), actor.started(cx));
    match in_context(context, starting).await {
        Ok(started) => {
            end(actor, cx, slot, started == Started::Ignore).await;
            Ok(started)
        }
        Err(error) => {
            let error: BoxError = error.into();
            cx.fail_on_tape(Ending::Failed(&error.to_string()));
            Err(error)
        }
    }
}

async fn in_context<F: Future>(call: Option<Arc<CallContext>>, future: F) -> F::Output {
    match call {
        Some(call) => context::scope(call, future).await,
        None => future.await,
    }
}
