//! What the asynchronous shells share: owned tasks, caught panics, waiting, events.

mod crew;
mod foreign;
mod reporter;
#[cfg(test)]
mod tests;

pub(crate) use self::crew::{Crew, Owner, Seat};
pub(crate) use self::foreign::{Answer, caught, caught_now, shortened};
pub(crate) use self::reporter::Reporter;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::sync::Notify;

use steadfast_base::{Instant, Time};

/// Waits until `at`, if given, or until `kick` is notified.
pub(crate) async fn wait(time: &Time, at: Option<Instant>, kick: &Notify) {
    let mut sleep = at.map(|at| Box::pin(time.sleep_until(at)));
    let mut kicked = pin!(kick.notified());
    poll_fn(|cx| {
        let due = sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready());
        if due || kicked.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
