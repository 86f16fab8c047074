//! The writer's thread: takes jobs, hands them to the engine, and looks after what callers leave behind.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use super::engine::Engine;
use super::group::{Reply, Request};
use super::queue::{Job, Woken};
use super::shared::Shared;
use crate::append::{AppendError, Appended, Completion};

/// Runs until the log is closed.
pub(super) fn run(engine: &Mutex<Engine>, shared: &Arc<Shared>) {
    let end = End { shared };
    let mut jobs = VecDeque::new();
    let mut ticks = Ticks { last: shared.time.now(), commits: shared.commits(), is_settled: true };
    // Ends when it is told to close, or when a caller panicked over the engine.
    loop {
        let tick = shared.config.tick().filter(|_tick| !ticks.is_settled);
        let woken = shared.queue.wait(tick);
        let since = shared.time.now().saturating_duration_since(ticks.last);
        let is_late = tick.is_some_and(|tick| since >= tick);
        if (woken == Woken::Idle || is_late) && ticks.tick(engine, shared).is_err() {
            return;
        }
        if woken != Woken::Jobs {
            ticks.is_settled = ticks.is_settled && woken != Woken::Nudged;
            continue;
        }
        shared.queue.gather();
        let Ok(mut engine) = engine.lock() else { return };
        shared.queue.take(&mut jobs);
        if let Some(completion) = work(&mut engine, &mut jobs) {
            let closed = engine.mark(true);
            engine.write_index();
            engine.close_record();
            // While nobody else has the engine: what is appended now comes too late, wherever it is written.
            refuse(shared.queue.close().into_iter());
            drop(engine);
            drop(end);
            completion.complete(closed.map(|()| Appended::NOTHING));
            return;
        }
        ticks.is_settled = engine.is_settled();
        shared.set_watched(!ticks.is_settled);
    }
}

/// What the writer remembers from one look at the log to the next.
struct Ticks {
    last: steadfast_base::Instant,
    commits: u64,
    /// Whether there is nothing to be looked after.
    is_settled: bool,
}

/// A caller panicked while it had the engine.
struct Broken;

impl Ticks {
    /// Writes out what is buffered, and marks the log if nothing was committed since the last look.
    fn tick(&mut self, engine: &Mutex<Engine>, shared: &Shared) -> Result<(), Broken> {
        self.last = shared.time.now();
        shared.make_check_due();
        shared.write_out();
        let commits = shared.commits();
        if std::mem::replace(&mut self.commits, commits) != commits {
            return Ok(());
        }
        let mut engine = engine.lock().map_err(|_poisoned| Broken)?;
        if shared.config.mark_after.is_some() && shared.commits() == commits {
            // A failure stays with the engine, and whoever appends next is told.
            engine.mark(false).ok();
        }
        let is_done = engine.is_settled() || shared.config.mark_after.is_none();
        self.is_settled = is_done && shared.commits() == commits;
        shared.set_watched(!self.is_settled);
        Ok(())
    }
}

/// Does all jobs in their order; gives the answer back that waits for the end.
fn work(engine: &mut Engine, jobs: &mut VecDeque<Job>) -> Option<Completion> {
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
            state.listeners.take()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn refuse(jobs: impl Iterator<Item = Job>) {
    for job in jobs {
        match job {
            Job::Append(Request { append, reply: Reply::Later(completion) }) => {
                completion.complete(Err(AppendError::Closed { events: append.events }));
            }
            // Whoever does the work himself never waits in the queue.
            Job::Append(Request { reply: Reply::Here, .. }) => {}
            Job::Sync(completion) | Job::Roll(completion) => {
                completion.complete(Err(AppendError::Closed { events: Vec::new() }));
            }
            Job::Close(completion) => completion.complete(Ok(Appended::NOTHING)),
        }
    }
}
