//! Threads for calls that block, and futures that wait for them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};

use crate::error::SnapshotError;
use crate::limits::QUEUE_MAX;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads and a bounded queue; dropping it ends them after what is queued.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Calls that wait for room in the queue, the one that came first in front.
    waiting: BTreeMap<u64, Waker>,
    /// Calls that ever waited.
    waited: u64,
    closed: bool,
}

impl State {
    /// Takes the call out that has waited longest.
    fn next_waiting(&mut self) -> Option<Waker> {
        self.waiting.pop_first().map(|(_, waker)| waker)
    }
}

/// The place of a call among those that wait for room, if it had to.
struct Place<'a> {
    shared: &'a Shared,
    number: Option<u64>,
}

impl Place<'_> {
    /// Waits, at the place that the call has already, or behind all others.
    fn wait(&mut self, state: &mut State, waker: &Waker) {
        let number = *self.number.get_or_insert_with(|| {
            state.waited += 1;
            state.waited
        });
        state.waiting.insert(number, waker.clone());
    }

    /// Waits no more, since there is room.
    fn leave(&mut self, state: &mut State) {
        if let Some(number) = self.number.take() {
            state.waiting.remove(&number);
        }
    }
}

impl Drop for Place<'_> {
    /// A call that was woken and is dropped before it took the room passes it on.
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.shared.lock();
        if state.waiting.remove(&number).is_some() {
            return;
        }
        let next = state.next_waiting();
        drop(state);
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

impl Pool {
    /// Starts the threads; as many as can be had, at least one or an error.
    pub(crate) fn start(threads: NonZeroUsize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new() });
        let mut pool = Self { shared, threads: Vec::new() };
        for _ in 0..threads.get() {
            let shared = Arc::clone(&pool.shared);
            let builder = thread::Builder::new().name("steadfast-snapshot".into());
            match builder.spawn(move || shared.work()) {
                Ok(thread) => pool.threads.push(thread),
                Err(error) if pool.threads.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(pool)
    }

    /// Runs a job on one of the threads; waits for room in the queue first.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
    ) -> Result<T, SnapshotError> {
        let slot: Arc<Slot<T>> = Arc::default();
        let answer = Answer(Arc::clone(&slot));
        let mut job: Option<Job> = Some(Box::new(move || answer.give(job())));
        let mut place = Place { shared: &self.shared, number: None };
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if state.closed {
                return Poll::Ready(Err(SnapshotError::Closed));
            }
            if state.jobs.len() >= QUEUE_MAX {
                place.wait(&mut state, cx.waker());
                return Poll::Pending;
            }
            place.leave(&mut state);
            state.jobs.extend(job.take());
            self.shared.work.notify_one();
            Poll::Ready(Ok(()))
        })
        .await?;
        poll_fn(|cx| slot.poll(cx.waker())).await
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // The last handle may be dropped by a job: a thread does not wait for itself.
            if thread.thread().id() != thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs jobs until the pool is closed and the queue is empty.
    fn work(&self) {
        loop {
            let mut state = self.lock();
            let job = loop {
                if let Some(job) = state.jobs.pop_front() {
                    break job;
                }
                if state.closed {
                    return;
                }
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            let waiting = state.next_waiting();
            drop(state);
            if let Some(waker) = waiting {
                waker.wake();
            }
            // A panic ends its job, whose answer says so, and not the thread that others need.
            drop(panic::catch_unwind(AssertUnwindSafe(job)));
        }
    }
}

/// Gives the result of a job to whoever waits; an error if the job ends without one.
struct Answer<T>(Arc<Slot<T>>);

impl<T> Answer<T> {
    fn give(self, result: Result<T, SnapshotError>) {
        self.0.put(result);
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        self.0.put(Err(SnapshotError::Closed));
    }
}

struct Slot<T>(Mutex<Stage<T>>);

/// How far a job has come.
enum Stage<T> {
    Running,
    Awaited(Waker),
    Done(Result<T, SnapshotError>),
    Taken,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(Stage::Running))
    }
}

impl<T> Slot<T> {
    /// Keeps the first result that is given.
    fn put(&self, result: Result<T, SnapshotError>) {
        let mut stage = self.lock();
        if matches!(*stage, Stage::Done(_) | Stage::Taken) {
            return;
        }
        let before = std::mem::replace(&mut *stage, Stage::Done(result));
        drop(stage);
        if let Stage::Awaited(waker) = before {
            waker.wake();
        }
    }

    fn poll(&self, waker: &Waker) -> Poll<Result<T, SnapshotError>> {
        let mut stage = self.lock();
        match std::mem::replace(&mut *stage, Stage::Taken) {
            Stage::Done(result) => Poll::Ready(result),
            Stage::Taken => Poll::Ready(Err(SnapshotError::Closed)),
            Stage::Running | Stage::Awaited(_) => {
                *stage = Stage::Awaited(waker.clone());
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stage<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::task::{Context, Wake};

    use steadfast_eventlog::block_on;

    use super::*;

    #[test]
    fn a_job_that_panics_does_not_take_its_thread_along() {
        let pool = Pool::start(NonZeroUsize::MIN).unwrap();
        let broken = block_on(pool.run::<()>(|| std::panic::panic_any("broken storage")));
        assert!(matches!(broken, Err(SnapshotError::Closed)));
        assert_eq!(block_on(pool.run(|| Ok(7))).unwrap(), 7);
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_call_that_waits_for_room_has_one_place_and_passes_it_on_when_it_is_dropped() {
        let pool = Pool::start(NonZeroUsize::MIN).unwrap();
        let mut task = Context::from_waker(Waker::noop());
        let held = || {
            let (go, held) = mpsc::channel::<()>();
            let job = move || {
                held.recv().ok();
                Ok(())
            };
            (go, job)
        };
        let ((go, job), (go_on, next)) = (held(), held());
        let mut first = pin!(pool.run(job));
        assert!(first.as_mut().poll(&mut task).is_pending());
        // Until the thread has it, the first one is in the queue too.
        while !pool.shared.lock().jobs.is_empty() {
            thread::yield_now();
        }
        let mut second = pin!(pool.run(next));
        assert!(second.as_mut().poll(&mut task).is_pending());
        let mut queued: Vec<_> = (1..QUEUE_MAX).map(|_| Box::pin(pool.run(|| Ok(())))).collect();
        assert!(queued.iter_mut().all(|call| call.as_mut().poll(&mut task).is_pending()));
        let mut dropped = Box::pin(pool.run(|| Ok(())));
        for _ in 0..1_000 {
            assert!(dropped.as_mut().poll(&mut task).is_pending());
        }
        assert_eq!(pool.shared.lock().waiting.len(), 1, "polled a thousand times");
        let mut last = Box::pin(pool.run(|| Ok(7)));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(last.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        go.send(()).unwrap();
        // The one that is first in line is woken, and never comes for its room.
        while pool.shared.lock().waiting.contains_key(&1) {
            thread::yield_now();
        }
        assert!(!woken.0.load(Ordering::SeqCst));
        drop(dropped);
        assert!(woken.0.load(Ordering::SeqCst), "there is room for the next one");
        assert!(last.as_mut().poll(&mut task).is_pending());
        go_on.send(()).unwrap();
        assert_eq!(block_on(last).unwrap(), 7);
    }
}
