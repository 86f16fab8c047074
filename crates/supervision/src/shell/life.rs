//! How a supervisor waits and ends: its one timer, waiting inside of hooks, its last words.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use steadfast_actor_core::{Cx, ExitReason, Signal};
use steadfast_base::{Instant, Value};

use super::{Request, SupervisorActor};
use crate::names;
use crate::{Input, KILL_WAIT, Outcome, WORKER_SHUTDOWN};

/// The key of the one timer of a supervisor.
const TIMER: &str = "supervision";

/// When those are killed that leave by themselves while the supervisor ends.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    Until(Instant),
    Killed(Instant),
}

impl SupervisorActor {
    /// Whether everything is over: the machine and the actors that left by themselves.
    pub(super) fn is_over(&mut self, cx: &mut Cx<Self>) -> bool {
        let Some(outcome) = &self.outcome else { return false };
        if !self.table.is_anyone_leaving() {
            return true;
        }
        let now = cx.now();
        let killed = *outcome == Outcome::Killed;
        self.patience = Some(match self.patience {
            None if killed => {
                self.table.kill_leaving();
                Patience::Killed(now + KILL_WAIT)
            }
            None => Patience::Until(now + WORKER_SHUTDOWN),
            Some(Patience::Until(at)) if at <= now => {
                self.table.kill_leaving();
                Patience::Killed(now + KILL_WAIT)
            }
            // What computes without awaiting is left behind.
            Some(Patience::Killed(at)) if at <= now => return true,
            Some(patience) => patience,
        });
        false
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let patience = self.patience.map(|patience| match patience {
            Patience::Until(at) | Patience::Killed(at) => at,
        });
        let gate = self.tree.root.as_ref().filter(|_| self.is_root);
        let gate = gate.and_then(|root| root.next_wake());
        [self.core.next_wake(), patience, gate].into_iter().flatten().min()
    }

    /// Ends the actor if all is over, else sets its timer.
    pub(super) fn settle(&mut self, cx: &mut Cx<Self>) {
        self.tend_nest();
        if self.is_over(cx) {
            let reason = self.end_reason(cx);
            self.say_last_words(&reason, cx);
            cx.stop_with(reason);
            return;
        }
        let wake = self.next_wake();
        if wake == self.armed {
            return;
        }
        self.armed = wake;
        match wake {
            None => {
                cx.cancel(TIMER);
            }
            Some(at) => {
                let delay = at.saturating_duration_since(cx.now());
                drop(cx.once(TIMER, delay, Request::Tick));
            }
        }
    }

    /// Waits inside of a hook for the next thing that happens; true if it is the order to stop.
    pub(super) async fn wait(&mut self, cx: &mut Cx<Self>, stoppable: bool) -> bool {
        let system = cx.system();
        let mut sleep = self.next_wake().map(|at| system.time().sleep_until(at));
        let signal = poll_fn(|task| {
            if let Poll::Ready(signal) = cx.poll_signal(task) {
                return Poll::Ready(Some(signal));
            }
            if stoppable && cx.is_told_to_stop() {
                return Poll::Ready(None);
            }
            match &mut sleep {
                Some(sleep) => Pin::new(sleep).poll(task).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await;
        match signal {
            Some(Signal::Child(event)) => self.on_child(event, cx),
            Some(_) => {}
            None if stoppable && cx.is_told_to_stop() => return true,
            None => self.tick(cx),
        }
        false
    }

    pub(super) fn say_last_words(&mut self, reason: &ExitReason, cx: &Cx<Self>) {
        self.emit(names::SUPERVISOR_ENDED, &[(names::EXIT, Value::Str(reason.name()))], cx);
        self.last_words = Some(reason.clone());
    }

    pub(super) fn tick(&mut self, cx: &mut Cx<Self>) {
        if let Some(root) = self.tree.root.as_ref().filter(|_| self.is_root) {
            root.tick(cx.now());
            self.take_granted(cx);
        }
        self.feed(Input::Tick, cx);
    }
}
