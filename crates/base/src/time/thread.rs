//! The timer that needs no runtime: one thread per timer, parked until the next deadline.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::queue::{Key, TimerQueue};
use super::{Clock, Instant, Sleep, SystemClock, Timer};

/// The longest the thread parks in one go. Not a limit on waits: it looks again and parks again. It
/// keeps the timeout within what every platform's condition variable takes.
const PARK_MAX: Duration = Duration::from_hours(1);

/// The most tasks woken between two looks at the state, so that callers never wait long for the
/// lock.
const BATCH_MAX: usize = 256;

/// A timer thread and the way to stop it; see [`Time::system`](super::Time::system).
#[derive(Debug)]
pub(super) struct ThreadTimer {
    owner: Arc<Owner>,
}

/// Held by the timer and by every unfinished wait; the last one to go ends the thread.
struct Owner {
    shared: Arc<Shared>,
}

/// What callers and the thread have in common. The thread holds only this, so it keeps no
/// [`Owner`].
struct Shared {
    clock: SystemClock,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: TimerQueue,
    thread: Option<JoinHandle<()>>,
    stopping: bool,
}

impl ThreadTimer {
    pub(super) fn new(clock: SystemClock) -> Self {
        let shared = Shared { clock, state: Mutex::default(), changed: Condvar::new() };
        Self { owner: Arc::new(Owner { shared: Arc::new(shared) }) }
    }

    /// Takes the thread's handle, so that a test can wait for its end.
    #[cfg(test)]
    pub(super) fn take_thread(&self) -> Option<JoinHandle<()>> {
        self.owner.shared.lock().thread.take()
    }

    /// How many waits are registered.
    #[cfg(test)]
    pub(super) fn pending(&self) -> usize {
        self.owner.shared.lock().queue.len()
    }
}

impl Timer for ThreadTimer {
    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::thread(at, ThreadSleep { owner: Arc::clone(&self.owner), at, key: None })
    }
}

impl Shared {
    /// Locks the state. A poisoned lock is taken over: the state is whole between any two
    /// statements, because no foreign code (waking, cloning or dropping a waker) runs under the
    /// lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fires what is due and parks until the next deadline, over and over.
    fn run(&self) {
        let mut due: Vec<Waker> = Vec::new();
        let mut state = self.lock();
        while !state.stopping {
            let now = self.clock.now();
            while due.len() < BATCH_MAX
                && let Some((_, waker)) = state.queue.pop_due(now)
            {
                due.extend(waker);
            }
            if !due.is_empty() {
                drop(state);
                due.drain(..).for_each(wake_contained);
                state = self.lock();
                continue;
            }
            state = match state.queue.next_deadline() {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let park = (at - now).min(PARK_MAX);
                    let woken = self.changed.wait_timeout(state, park);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// Wakes one task. A waker is foreign code: its panic, which the panic hook has reported already,
/// must not take the timer down with it.
pub(super) fn wake_contained(waker: Waker) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) else { return };
    // The payload's drop is foreign code too. One that panics in turn is leaked, to put an end to
    // it.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        Box::leak(payload);
    }
}

/// Starts the thread; it ends when the last [`Owner`] is dropped.
fn start(shared: &Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    Builder::new().name("steadfast-timer".to_owned()).spawn(move || shared.run())
}

impl Drop for Owner {
    /// Tells the thread to end. Not joined: this may run on that very thread, inside a waker, or
    /// under a lock that a waker wants.
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_one();
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").finish_non_exhaustive()
    }
}

/// One wait on a [`ThreadTimer`]; registered by the first poll that finds it not yet due.
pub(super) struct ThreadSleep {
    owner: Arc<Owner>,
    at: Instant,
    key: Option<Key>,
}

impl ThreadSleep {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &self.owner.shared;
        if shared.clock.now() >= self.at {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let mut state = shared.lock();
        let replaced = if let Some(key) = self.key {
            state.queue.set_waker(key, waker)
        } else {
            self.key = Some(state.queue.insert(self.at, Some(waker)));
            Ok(None)
        };
        if replaced.is_err() {
            drop(state);
            return Poll::Ready(());
        }
        if state.thread.is_none() {
            state.thread = start(shared).ok();
        } else if state.queue.next_deadline() == Some(self.at) {
            shared.changed.notify_one();
        }
        let unserved = state.thread.is_none();
        drop(state);
        drop(replaced);
        if unserved {
            // No thread to be had: stay correct by polling until one is, or until the time comes.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for ThreadSleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = self.owner.shared.lock().queue.remove(key);
            drop(waker);
        }
    }
}
