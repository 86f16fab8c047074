//! Time-driven changes without calls: a future that sleeps until the next one.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use steadfast_base::Instant;

use super::CircuitBreaker;

/// What the driving future waits for.
#[derive(Debug, Default)]
pub(super) struct Driver {
    /// Driving futures alive; without one no step takes the lock.
    drivers: AtomicUsize,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    next: Option<Instant>,
    waker: Option<Waker>,
}

impl Driver {
    /// Wakes the driving future if the next change is due at another time than it thinks.
    pub(super) fn plan(&self, next: Option<Instant>) {
        if self.drivers.load(Ordering::Acquire) == 0 {
            return;
        }
        let waker = {
            let mut plan = self.lock();
            if plan.next == next {
                return;
            }
            plan.next = next;
            plan.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_still(&self, planned: Option<Instant>, waker: &Waker) -> bool {
        let mut plan = self.lock();
        let same = plan.next == planned;
        if same {
            plan.waker = Some(waker.clone());
        }
        same
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Registers a driving future for as long as it lives.
struct Registration<'a>(&'a Driver);

impl<'a> Registration<'a> {
    fn new(driver: &'a Driver) -> Self {
        driver.drivers.fetch_add(1, Ordering::AcqRel);
        Self(driver)
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.0.drivers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl CircuitBreaker {
    /// Makes the changes that time brings when they are due, also without calls; never returns.
    ///
    /// With [`Recovery::Automatic`](crate::Recovery::Automatic) that is open to half-open at the end of
    /// the open wait; in both modes, the end of a probing whose probe stays unanswered. Without it the
    /// same changes are made by the next call or reading, at the same times. One driving task for each
    /// breaker is enough; spawn it where its owner can stop it.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing; the breaker goes on as without it.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config, Recovery};
    ///
    /// let config = Config::builder().recovery(Recovery::Automatic).build()?;
    /// let breaker = CircuitBreaker::new("mail", config, Time::system())?;
    /// let driving = breaker.clone().drive();
    /// # drop(driving);
    /// # Ok::<(), steadfast_breaker::ConfigError>(())
    /// ```
    pub async fn drive(self) -> Infallible {
        let driver = &self.inner.driver;
        let _registration = Registration::new(driver);
        loop {
            let now = self.inner.now();
            let planned = self.inner.step(|machine| {
                machine.tick(now);
                machine.next_tick()
            });
            let mut sleep = planned.map(|at| self.inner.family.time.sleep_until(at));
            poll_fn(|cx| {
                let due = sleep.as_mut().is_some_and(|sleep| Pin::new(sleep).poll(cx).is_ready());
                if due || !driver.is_still(planned, cx.waker()) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }
}
