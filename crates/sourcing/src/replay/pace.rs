//! The pace of a replay: waits between steps, and pauses from elsewhere.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::sync::Notify;

use steadfast_base::{Instant, Time, Timestamp};
use steadfast_eventlog::Speed;

/// How fast the steps of a replay follow each other.
pub(super) struct Pace {
    speed: Speed,
    time: Time,
    /// When the last step was due; the next wait begins there, so that waits lie end to end.
    due: Option<Instant>,
    /// What is left of a wait that was paused.
    left: Option<Duration>,
    paused: Arc<Paused>,
}

#[derive(Debug, Default)]
struct Paused {
    is_on: AtomicBool,
    rung: Notify,
}

impl Pace {
    pub(super) fn new(speed: Speed, time: Time) -> Self {
        Self { speed, time, due: None, left: None, paused: Arc::default() }
    }

    /// The same pace, for another replay.
    pub(super) fn again(&self) -> Self {
        Self::new(self.speed, self.time.clone())
    }

    /// A run begins: what lies between it and the last one does not count.
    pub(super) fn begin(&mut self) {
        self.paused.is_on.store(false, Ordering::SeqCst);
        self.due = None;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_on.load(Ordering::SeqCst)
    }

    pub(super) fn switch(&self) -> PauseSwitch {
        PauseSwitch(Arc::clone(&self.paused))
    }

    pub(super) fn set_speed(&mut self, speed: Speed) {
        self.speed = speed;
        self.reset();
    }

    /// The next step is no longer the one that was waited for.
    pub(super) fn reset(&mut self) {
        (self.due, self.left) = (None, None);
    }

    /// The step that was waited for, or was not, is played.
    pub(super) fn step(&mut self) {
        self.left = None;
    }

    /// Waits for the gap between two steps; a pause ends the wait, and what is left of it comes after.
    pub(super) async fn keep(&mut self, before: Timestamp, at: Timestamp) {
        let wait = self.left.unwrap_or_else(|| self.speed.wait(gap(before, at)));
        if wait == Duration::ZERO {
            return;
        }
        let due = self.due.unwrap_or_else(|| self.time.now());
        let due = due.checked_add(wait).unwrap_or(due);
        let mut rung = pin!(self.paused.rung.notified());
        // From here on no pause goes unnoticed.
        rung.as_mut().enable();
        if !self.paused.is_on.load(Ordering::SeqCst) {
            let mut slept = pin!(self.time.sleep_until(due));
            std::future::poll_fn(|task| match rung.as_mut().poll(task) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => slept.as_mut().poll(task),
            })
            .await;
        }
        let left = due.saturating_duration_since(self.time.now());
        if self.paused.is_on.load(Ordering::SeqCst) {
            self.left = Some(left);
        } else {
            self.due = Some(due);
        }
    }
}

/// Pauses a replay that runs elsewhere. Made by
/// [`ReplayController::pause_switch`](super::ReplayController::pause_switch).
#[derive(Clone, Debug)]
pub struct PauseSwitch(Arc<Paused>);

impl PauseSwitch {
    /// Pauses the replay before its next step, at once where it waits for it.
    pub fn pause(&self) {
        self.0.is_on.store(true, Ordering::SeqCst);
        self.0.rung.notify_waiters();
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "the difference of timestamps saturates")]
fn gap(before: Timestamp, at: Timestamp) -> Duration {
    at - before
}
