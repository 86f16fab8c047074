//! The writer's thread: takes jobs, hands them to the engine, marks the log when it is idle.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use super::engine::Engine;
use super::group::Request;
use super::queue::Job;
use super::shared::Shared;
use crate::append::{AppendError, Appended};

/// Runs until the log is closed.
pub(super) fn run(mut engine: Engine) {
    let shared = Arc::clone(&engine.shared);
    let end = End { shared: &shared };
    let mut jobs = VecDeque::new();
    let mut expected = 0;
    // Ends when it is told to close.
    loop {
        let idle = shared.config.mark_after.filter(|_idle| !engine.is_settled());
        shared.queue.take(idle, expected, &mut jobs);
        expected = jobs.len();
        if jobs.is_empty() {
            // A failure stays with the engine, and whoever appends next is told.
            engine.mark(false).ok();
        }
        if let Some(completion) = work(&mut engine, &mut jobs) {
            let closed = engine.mark(true);
            engine.write_index();
            drop(engine);
            drop(end);
            completion.complete(closed.map(|()| Appended::NOTHING));
            return;
        }
    }
}

/// Does all jobs in their order; gives the answer back that waits for the end.
fn work(engine: &mut Engine, jobs: &mut VecDeque<Job>) -> Option<crate::append::Completion> {
    let mut requests: Vec<Request> = Vec::with_capacity(jobs.len());
    while let Some(job) = jobs.pop_front() {
        match job {
            Job::Append(request) => requests.push(request),
            Job::Sync(completion) => {
                engine.commit(requests.drain(..));
                let synced = engine.sync();
                completion.complete(synced.map(|()| Appended::NOTHING));
            }
            Job::Roll(completion) => {
                engine.commit(requests.drain(..));
                let rolled = engine.begin_segment();
                completion.complete(rolled.map(|()| Appended::NOTHING));
            }
            Job::Close(completion) => {
                engine.commit(requests.drain(..));
                refuse(jobs.drain(..));
                return Some(completion);
            }
        }
    }
    engine.commit(requests);
    None
}

/// Ends the log for everybody, however the thread ends.
struct End<'a> {
    shared: &'a Shared,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        refuse(self.shared.queue.close().into_iter());
        self.shared.end_spares();
        let wakers = {
            let mut state = self.shared.write_state();
            state.closed = true;
            state.take_wakers()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn refuse(jobs: impl Iterator<Item = Job>) {
    for job in jobs {
        match job {
            Job::Append(Request { append, completion }) => {
                completion.complete(Err(AppendError::Closed { events: append.events }));
            }
            Job::Sync(completion) | Job::Roll(completion) => {
                completion.complete(Err(AppendError::Closed { events: Vec::new() }));
            }
            Job::Close(completion) => completion.complete(Ok(Appended::NOTHING)),
        }
    }
}
