//! What the life loop asks of the context.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use steadfast_base::CallContext;

use super::Cx;
use crate::{
    Actor, Signal,
    cell::{ChildCell, Desk, Envelope, Flags},
    extras::{Extras, Letter},
    probe::TurnStart,
    tape::Source,
};

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
