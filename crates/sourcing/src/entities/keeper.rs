//! The actor that looks after the entities: lets idle ones leave, and opens a poisoned log again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::{Actor, BoxError, Cx, Flow, Started};
use steadfast_eventlog::EventStore;

use super::shared::Shared;
use crate::EventSourced;

/// How often it looks in a span of idleness.
const LOOKS: u32 = 4;

/// How often it looks where idle entities stay.
const LOOK_EVERY: Duration = Duration::from_mins(1);

pub(crate) enum Order {
    Sweep,
    Reopen,
    Reopened(Result<Arc<dyn EventStore>, BoxError>),
}

pub(crate) struct Keeper<S: EventSourced> {
    shared: Arc<Shared<S>>,
    /// How far the count of uses had come at the last looks.
    marks: VecDeque<u64>,
    /// Failed attempts to open the log again, since the last one that did not fail.
    failures: u32,
    reopening: bool,
}

impl<S: EventSourced> Keeper<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>) -> Self {
        Self { shared, marks: VecDeque::new(), failures: 0, reopening: false }
    }

    fn sweep(&mut self, cx: &Cx<Self>) {
        let mut before = 0;
        if self.shared.config.passivate_after.is_some() {
            self.marks.push_back(self.shared.residents.uses());
            if self.marks.len() > LOOKS as usize {
                before = self.marks.pop_front().unwrap_or(0);
            }
        }
        self.shared.residents.sweep(before, cx.now(), self.shared.config.retry_after);
    }

    fn reopen(&mut self, cx: &mut Cx<Self>) {
        if self.reopening || !self.shared.gate.is_poisoned() {
            return;
        }
        if let Some(reopen) = &self.shared.reopen {
            self.reopening = cx.pipe_to_self(reopen(), Order::Reopened).is_ok();
        }
    }
}

impl<S: EventSourced> Actor for Keeper<S> {
    type Msg = Order;
    type Error = Infallible;

    async fn started(&mut self, cx: &mut Cx<Self>) -> Result<Started, Infallible> {
        let after = self.shared.config.passivate_after;
        let every = after.map_or(LOOK_EVERY, |after| after / LOOKS);
        let timer = cx.every("sweep", every, || Order::Sweep);
        debug_assert!(timer.is_ok(), "it is one timer of two");
        self.reopen(cx);
        Ok(Started::Running)
    }

    async fn handle(&mut self, order: Order, cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match order {
            Order::Sweep => self.sweep(cx),
            Order::Reopen => self.reopen(cx),
            Order::Reopened(Ok(log)) => {
                (self.reopening, self.failures) = (false, 0);
                self.shared.reopened(log);
            }
            Order::Reopened(Err(_)) => {
                self.reopening = false;
                let sample = cx.rng().unit_f64();
                let wait = self.shared.config.backoff.delay(self.failures, sample);
                self.failures = self.failures.saturating_add(1);
                drop(cx.once("reopen", wait, Order::Reopen));
            }
        }
        Ok(Flow::Continue)
    }
}
