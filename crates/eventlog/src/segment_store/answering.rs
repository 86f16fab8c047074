//! The end of a group: readers see it and callers are answered, or all are told that it failed.

use std::sync::Arc;
use std::task::Waker;

use super::engine::{Engine, Failure, Stopped};
use super::group::{Group, Reply, Taken};
use super::publish;
use crate::append::{AppendError, Appended, Cause, Placed, Places};
use crate::event::NewEvent;

impl Engine {
    /// Lets readers see a group, then answers it.
    pub(super) fn publish(&mut self, group: &mut Group) {
        self.next = group.events.last().map_or(self.next, |(_, placed)| placed.position.next());
        let mut answers = Vec::with_capacity(group.taken.len());
        let wakers = {
            let shared = Arc::clone(&self.shared);
            let mut state = shared.write_state();
            publish::publish(&mut state, &self.frames, &group.events, self.durable);
            let taken = u64::try_from(group.taken.len()).unwrap_or(u64::MAX);
            let statistics = &mut state.statistics;
            statistics.appends_total = statistics.appends_total.saturating_add(taken);
            statistics.syncs_total = statistics.syncs_total.saturating_add(self.syncs);
            self.syncs = 0;
            let mut events = group.events.drain(..);
            for Taken { count, reply } in group.taken.drain(..) {
                let mut place = |(event, placed): (NewEvent, Placed)| {
                    state.push_tail(|| event.placed(placed));
                    placed
                };
                let own = events.by_ref().take(count);
                let places = match (count, own) {
                    (1, mut own) => own.next().map(&mut place).map(Places::One),
                    (_, own) => Some(Places::Many(own.map(&mut place).collect())),
                };
                answers.push((reply, places.unwrap_or(Places::Many(Vec::new()))));
            }
            state.take_wakers()
        };
        for (reply, places) in answers {
            self.reply(reply, Ok(Appended { places, duplicate: false }));
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Gives an answer to whoever waits for it.
    pub(super) fn reply(&mut self, reply: Reply, answer: Result<Appended, AppendError>) {
        match reply {
            Reply::Later(completion) => completion.complete(answer),
            Reply::Here => self.own_answer = Some(answer),
        }
    }

    /// Answers a group that failed, and stops if it must.
    pub(super) fn fail(&mut self, group: &mut Group, failure: Failure) {
        let taken = u64::try_from(group.taken.len()).unwrap_or(u64::MAX);
        self.shared.count_failures(taken);
        match failure {
            Failure::Untouched(error) => {
                let cause: Cause = Arc::new(error);
                self.answer_all(group, |events| AppendError::Unavailable {
                    cause: Arc::clone(&cause),
                    events,
                });
            }
            Failure::Unknown(error) => {
                let cause: Cause = Arc::new(error);
                // INV-LOG-2: nothing is written or synced after a write or sync has failed.
                self.stopped = Some(Stopped::Poisoned(Arc::clone(&cause)));
                self.answer_all(group, |events| AppendError::CommitUnknown {
                    cause: Arc::clone(&cause),
                    events,
                });
            }
            Failure::Fenced(current) => {
                self.stopped = Some(Stopped::Fenced(current));
                self.answer_all(group, |events| AppendError::Fenced { current, events });
            }
        }
    }

    fn answer_all(&mut self, group: &mut Group, error: impl Fn(Vec<NewEvent>) -> AppendError) {
        let mut events = group.events.drain(..).map(|(event, _)| event);
        for Taken { count, reply } in group.taken.drain(..) {
            let own: Vec<NewEvent> = events.by_ref().take(count).collect();
            self.reply(reply, Err(error(own)));
        }
    }
}
