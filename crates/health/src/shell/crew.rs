//! The tasks of one component: counted, ended together, none left behind.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use steadfast_actor_core::System;
use steadfast_base::Time;

use super::{Answer, caught};

/// How long the end of a crew waits for tasks that compute without awaiting.
pub(crate) const STOP_WAIT: Duration = Duration::from_secs(5);

/// Spawns the tasks of a component on its system; clones are the same crew.
#[derive(Clone)]
pub(crate) struct Crew {
    system: System,
    table: Arc<Table>,
}

#[derive(Default)]
struct Table {
    state: Mutex<State>,
    /// Notified whenever a task has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// The tasks that have not ended, by number; the handle comes right after the spawn.
    tasks: BTreeMap<u64, Option<AbortHandle>>,
    next: u64,
    closed: bool,
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes its task out of the table, however the task ends.
struct Place {
    table: Arc<Table>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let handle = self.table.lock().tasks.remove(&self.number);
        drop(handle);
        self.table.ended.notify_waiters();
    }
}

impl Crew {
    pub(crate) fn new(system: &System) -> Self {
        Self { system: system.clone(), table: Arc::default() }
    }

    pub(crate) fn time(&self) -> &Time {
        self.system.time()
    }

    /// Runs `future` as a task of its own. After the end of the crew it is dropped instead.
    pub(crate) fn spawn<F>(&self, future: F) -> Option<AbortHandle>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let number = {
            let mut state = self.table.lock();
            if state.closed {
                return None;
            }
            state.next += 1;
            let number = state.next;
            state.tasks.insert(number, None);
            number
        };
        let place = Place { table: Arc::clone(&self.table), number };
        let handle = self.system.spawn_task(async move {
            let _place = place;
            future.await;
        });
        let late = {
            let mut state = self.table.lock();
            let late = state.closed;
            if let Some(known) = state.tasks.get_mut(&number) {
                *known = Some(handle.clone());
            }
            late
        };
        if late {
            handle.abort();
        }
        Some(handle)
    }

    /// Ends all tasks, now and from now on, without waiting for them.
    pub(crate) fn close(&self) {
        let handles: Vec<AbortHandle> = {
            let mut state = self.table.lock();
            state.closed = true;
            state.tasks.values_mut().filter_map(Option::take).collect()
        };
        handles.iter().for_each(AbortHandle::abort);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.table.lock().closed
    }

    /// Ends all tasks and waits for them, at most [`STOP_WAIT`]; tells how many have not ended.
    pub(crate) async fn stop(&self) -> usize {
        self.close();
        let all_ended = async {
            loop {
                let mut ended = pin!(self.table.ended.notified());
                ended.as_mut().enable();
                if self.table.lock().tasks.is_empty() {
                    return;
                }
                ended.await;
            }
        };
        let waited = self.time().timeout(STOP_WAIT, all_ended).await;
        if waited.is_ok() { 0 } else { self.table.lock().tasks.len() }
    }

    /// Runs each future in a task of its own and waits for all, at most `limit`.
    ///
    /// A task that is late is ended. One that does not even end then (it computes without awaiting)
    /// keeps its seat taken, and a future whose seat is taken is not run: it is late at once.
    pub(crate) async fn gather<T, F>(&self, limit: Duration, work: Vec<(Seat, F)>) -> Vec<Answer<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let mut waiting = Vec::with_capacity(work.len());
        for (seat, future) in work {
            waiting.push(seat.take().and_then(|taken| {
                let (sender, receiver) = tokio::sync::oneshot::channel();
                let handle = self.spawn(async move {
                    let _taken = taken;
                    // Whoever asked may have given up.
                    drop(sender.send(caught(future).await));
                })?;
                Some((receiver, Late(handle)))
            }));
        }
        let deadline = self.time().now() + limit;
        let mut answers = Vec::with_capacity(waiting.len());
        for task in waiting {
            let Some((receiver, _late)) = task else {
                answers.push(Answer::Late);
                continue;
            };
            let answer = self.time().timeout_at(deadline, receiver).await;
            answers.push(answer.ok().and_then(Result::ok).unwrap_or(Answer::Late));
        }
        answers
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("tasks", &self.table.lock().tasks.len())
            .finish_non_exhaustive()
    }
}

/// Ends its task when dropped; does nothing to a task that has ended.
struct Late(AbortHandle);

impl Drop for Late {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// At most one task at a time has a seat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seat(Arc<AtomicBool>);

/// Gives the seat back when the task has ended.
pub(crate) struct Taken(Arc<AtomicBool>);

impl Seat {
    pub(crate) fn take(&self) -> Option<Taken> {
        let free = !self.0.swap(true, Ordering::AcqRel);
        free.then(|| Taken(Arc::clone(&self.0)))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Ends its crew when dropped: held by the handles of a component, never by its tasks.
#[derive(Debug)]
pub(crate) struct Owner(pub(crate) Crew);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}
