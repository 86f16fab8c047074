//! The desk's time: simulated, moved on by the calls that wait for it.
//!
//! A call waits either for an actor, which takes real time and no simulated time, or for simulated
//! time to pass. So while no actor is being asked and no call can go on, the clock moves on to the
//! next moment that one of them waits for. What happens at which simulated moment then depends on
//! the seed alone, not on the machine.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use steadfast::base::{Instant, Time, VirtualClock};

use crate::calendar::Minute;

const SECONDS_PER_MINUTE: u64 = 60;

/// A boxed call, so that calls of one batch may differ.
pub(crate) type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A simulated clock and who is busy without it; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct DeskTime {
    clock: VirtualClock,
    time: Time,
    first: Minute,
    /// Requests that an actor is working on.
    asking: Arc<AtomicU32>,
}

impl DeskTime {
    /// A clock that begins at a minute of the year.
    pub(crate) fn starting_at(first: Minute) -> Self {
        let clock = VirtualClock::new();
        let time = clock.time();
        Self { clock, time, first, asking: Arc::default() }
    }

    /// The clock and timer for the policies.
    pub(crate) fn time(&self) -> &Time {
        &self.time
    }

    /// The minute that it is now.
    pub(crate) fn minute(&self) -> Minute {
        self.minute_of(self.time.now())
    }

    /// The minute of a moment on this clock.
    pub(crate) fn minute_of(&self, at: Instant) -> Minute {
        let minutes = (at - Instant::ZERO).as_secs() / SECONDS_PER_MINUTE;
        Minute::new(self.first.get().saturating_add(u32::try_from(minutes).unwrap_or(u32::MAX)))
    }

    /// Moves on to a minute, unless it is later than that already.
    pub(crate) fn move_to(&self, minute: Minute) {
        let seconds = u64::from(minute.since(self.first)) * SECONDS_PER_MINUTE;
        self.clock.advance_to(Instant::ZERO + Duration::from_secs(seconds));
    }

    /// Notes that an actor is busy for a call until this is dropped.
    pub(crate) fn asking(&self) -> Asking {
        self.asking.fetch_add(1, Ordering::Relaxed);
        Asking(Arc::clone(&self.asking))
    }

    /// Runs calls at the same time, in their order wherever it matters, and lets time pass for them.
    pub(crate) async fn run_all<T>(&self, mut tasks: Vec<Task<'_, T>>) -> Vec<T> {
        let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
        poll_fn(|cx| {
            let woken = Arc::new(Woken { again: AtomicBool::new(false), task: cx.waker().clone() });
            let waker = Waker::from(Arc::clone(&woken));
            loop {
                woken.again.store(false, Ordering::Relaxed);
                let left = poll_each(&mut tasks, &mut results, &mut Context::from_waker(&waker));
                if !left {
                    return Poll::Ready(());
                }
                if woken.again.load(Ordering::Relaxed) {
                    continue;
                }
                let busy = self.asking.load(Ordering::Relaxed) > 0;
                if busy || !self.clock.advance_to_next() {
                    return Poll::Pending;
                }
            }
        })
        .await;
        results.into_iter().flatten().collect()
    }
}

/// Polls what has not ended; answers whether anything is left.
fn poll_each<T>(
    tasks: &mut [Task<'_, T>],
    results: &mut [Option<T>],
    cx: &mut Context<'_>,
) -> bool {
    let mut left = false;
    for (task, result) in tasks.iter_mut().zip(results) {
        if result.is_none() {
            match task.as_mut().poll(cx) {
                Poll::Ready(value) => *result = Some(value),
                Poll::Pending => left = true,
            }
        }
    }
    left
}

/// Says that something can go on, to whoever polls and to the task around it.
struct Woken {
    again: AtomicBool,
    task: Waker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.again.store(true, Ordering::Relaxed);
        self.task.wake_by_ref();
    }
}

/// A request that an actor is working on.
#[derive(Debug)]
pub(crate) struct Asking(Arc<AtomicU32>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
