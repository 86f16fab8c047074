//! The end of a group: readers see it and callers are answered, or all are told that it failed.

use std::sync::Arc;
use std::task::Waker;

use super::engine::{Engine, Failure, Stopped};
use super::group::{Group, Reply};
use super::publish;
use crate::append::{AppendError, Appended, Cause, Places};
use crate::event::NewEvent;

impl Engine {
    /// Lets readers see a group, then answers it.
    pub(super) fn publish(&mut self, group: &mut Group) {
        self.next = group.end().unwrap_or(self.next);
        let wakers = {
            let mut state = self.shared.write_state();
            publish::publish(&mut state, &self.frames, group, self.durable);
            let taken = u64::try_from(group.taken.len()).unwrap_or(u64::MAX);
            let statistics = &mut state.statistics;
            statistics.appends_total = statistics.appends_total.saturating_add(taken);
            statistics.syncs_total = statistics.syncs_total.saturating_add(self.syncs);
            self.syncs = 0;
            if state.has_listeners() {
                group.pieces().for_each(|event, place| {
                    state.push_tail(|| event.clone().placed(place.placed));
                });
            }
            state.listeners.take()
        };
        let mut rest = group.places.as_slice();
        for taken in &mut group.taken {
            let (own, after) = rest.split_at_checked(taken.events.len()).unwrap_or_default();
            rest = after;
            let places = match own {
                [place] => Places::One(place.placed),
                places => Places::Many(places.iter().map(|place| place.placed).collect()),
            };
            let answer = Ok(Appended { places, duplicate: false });
            match taken.reply.take() {
                // The events go where they came from: that thread frees them at least cost.
                Some(Reply::Later(completion)) => {
                    completion.complete_and_return(answer, std::mem::take(&mut taken.events));
                }
                Some(Reply::Here) => self.own_answer = Some(answer),
                None => {}
            }
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
        for taken in &mut group.taken {
            let events = std::mem::take(&mut taken.events);
            if let Some(reply) = taken.reply.take() {
                self.reply(reply, Err(error(events)));
            }
        }
    }
}
