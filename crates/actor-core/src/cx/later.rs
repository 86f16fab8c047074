//! What comes back to an actor later: timers, stashed messages, results of pipes.

use std::{future::Future, sync::Arc, time::Duration};

use steadfast_base::context;

use super::Cx;
use crate::{
    Actor,
    cell::Envelope,
    extras::{PIPES_MAX, STASH_MAX},
    tape::{self, OutputKind, Passage},
    timers::{TimerKey, TooManyTimers},
};

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

    /// Makes a message with `make` every `period` (at least 1 ms), the first one after a period. A
    /// handler that is late gets one message, not one for each period missed.
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
    /// The future, if [`PIPES_MAX`](crate::PIPES_MAX) run, or have results that wait for their turn.
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
        let come = cell.at_desk(|desk| desk.piped.len()).unwrap_or(0);
        let extras = self.extras();
        extras.pipes.retain(|pipe| !pipe.is_finished());
        if extras.pipes.len() + extras.piped.len() + come >= PIPES_MAX {
            return Err(future);
        }
        let pipe = crate::pipe::run(Arc::clone(&cell), future, into_message);
        let pipe = cell.system.spawn_task(pipe);
        extras.pipes.push(pipe);
        Ok(())
    }
}
