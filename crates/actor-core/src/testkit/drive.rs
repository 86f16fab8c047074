//! What moves virtual time: called by the runtime whenever no task is ready.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use steadfast_base::{Clock, Instant, VirtualClock};

/// Decides what happens when the runtime of a test has run out of ready tasks.
#[derive(Debug)]
pub(super) struct Drive {
    clock: VirtualClock,
    /// Time moves only in `advance`, and an idle runtime waits for other threads.
    manual: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The test's own future, while it runs.
    main: Option<Waker>,
    /// How often the runtime was found idle while somebody waited for that.
    settled: u64,
    settling: Vec<Waker>,
    /// Time may move so far by itself.
    until: Instant,
    stuck: bool,
}

impl Drive {
    pub(super) fn new(clock: VirtualClock, manual: bool) -> Self {
        Self { clock, manual, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time may move by itself until `at`. In manual mode only `advance` says so.
    pub(super) fn allow_until(&self, at: Instant) {
        let mut state = self.state();
        state.until = state.until.max(at);
    }

    pub(super) fn is_manual(&self) -> bool {
        self.manual
    }

    /// Notes the waker of the test's own future; true if the test cannot come to its end.
    pub(super) fn enter_main(&self, waker: &Waker) -> bool {
        let mut state = self.state();
        if !state.main.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.main = Some(waker.clone());
        }
        std::mem::take(&mut state.stuck)
    }

    pub(super) fn leave_main(&self) {
        self.state().main = None;
    }

    /// The runtime has no ready task: lets those go on who wait for just that, else moves time to
    /// the next deadline. If there is none, the test would wait for ever: it is told so.
    pub(super) fn idle(&self) {
        let (settling, until, main) = {
            let mut state = self.state();
            let Some(main) = state.main.clone() else { return };
            let settling = std::mem::take(&mut state.settling);
            if !settling.is_empty() {
                state.settled += 1;
            }
            (settling, state.until, main)
        };
        if !settling.is_empty() {
            settling.into_iter().for_each(Waker::wake);
            return;
        }
        match self.clock.next_wakeup().filter(|at| *at <= until) {
            Some(at) => self.clock.advance_to(at),
            None if self.manual => return,
            None => self.state().stuck = true,
        }
        // A wait may have had nobody to wake: the runtime looks again instead of going to sleep.
        main.wake();
    }
}

/// Ready once no task of the runtime is ready any more.
#[derive(Debug)]
pub(super) struct Settle {
    drive: Arc<Drive>,
    since: Option<u64>,
}

impl Settle {
    pub(super) fn new(drive: Arc<Drive>) -> Self {
        Self { drive, since: None }
    }
}

impl Future for Settle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let drive = Arc::clone(&self.drive);
        let mut state = drive.state();
        let since = *self.since.get_or_insert(state.settled);
        if state.settled > since {
            return Poll::Ready(());
        }
        if !state.settling.iter().any(|known| known.will_wake(task.waker())) {
            state.settling.push(task.waker().clone());
        }
        Poll::Pending
    }
}

/// The test's own future has ended or panicked: the drive forgets it.
pub(super) struct Leave<'a>(pub(super) &'a Drive);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.leave_main();
    }
}

impl Drive {
    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }
}
