//! Running the attempts of one call side by side.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use steadfast_base::{Instant, Sleep};

use crate::names;

use super::race::{Move, Race};
use super::{Hedge, Idempotency};

impl Hedge {
    /// Runs a call, made by `attempt` with the number of the attempt, counted from 1.
    ///
    /// # Errors
    ///
    /// Fails with the error of the first attempt if all fail.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops all attempts.
    pub async fn run<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        idempotency: Idempotency,
        mut attempt: impl FnMut(u32) -> F,
    ) -> Result<T, E> {
        let may_repeat = idempotency == Idempotency::Idempotent;
        let first = attempt(1);
        self.race(may_repeat, first, |number| Some(attempt(number)), Result::is_err).await
    }

    /// Runs a call that consumes its request; `copy` makes one for a further attempt, if it can.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_policy::{Budget, BudgetSettings, Hedge, HedgeConfig, Idempotency};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let budget = Budget::new(BudgetSettings::ratio(0.05))?;
    /// let hedge = Hedge::new(HedgeConfig::at_once(), &budget, Time::system())?;
    /// let request = String::from("GET /");
    /// let answer = hedge
    ///     .run_request(Idempotency::Idempotent, request, |request| Some(request.clone()), |request| {
    ///         async move { Ok::<_, std::io::Error>(request.len()) }
    ///     })
    ///     .await?;
    /// assert_eq!(answer, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn run_request<R, T, E, F: Future<Output = Result<T, E>>>(
        &self,
        idempotency: Idempotency,
        request: R,
        copy: impl Fn(&R) -> Option<R>,
        mut call: impl FnMut(R) -> F,
    ) -> Result<T, E> {
        let may_repeat = idempotency == Idempotency::Idempotent;
        let spare = if may_repeat { copy(&request) } else { None };
        let first = call(request);
        let more = |_| spare.as_ref().and_then(&copy).map(&mut call);
        self.race(spare.is_some(), first, more, Result::is_err).await
    }

    /// Runs the first attempt, and those that `more` makes, until one does not fail.
    pub(super) async fn race<T, F: Future<Output = T>>(
        &self,
        may_repeat: bool,
        first: F,
        more: impl FnMut(u32) -> Option<F>,
        failed: impl Fn(&T) -> bool,
    ) -> T {
        let inner = &*self.inner;
        inner.calls.fetch_add(1, Ordering::Relaxed);
        inner.budget.deposit();
        let mut first = pin!(first);
        let mut race = Race::new(self.config());
        if !may_repeat {
            race.close();
        }
        let mut attempts = Attempts {
            hedge: self,
            race,
            more,
            hedges: Vec::new(),
            first_failure: None,
            sleep: None,
        };
        // The losers are dropped here, before the answer is given to anybody.
        poll_fn(|cx| attempts.poll(first.as_mut(), cx, &failed)).await
    }
}

/// The attempts of one call but the first, which the caller keeps.
struct Attempts<'a, T, F, M> {
    hedge: &'a Hedge,
    race: Race,
    more: M,
    hedges: Vec<Pin<Box<F>>>,
    /// How the first attempt ended, if it failed.
    first_failure: Option<T>,
    sleep: Option<Sleep>,
}

// Attempts are boxed, and nothing else in here is pinned.
impl<T, F, M> Unpin for Attempts<'_, T, F, M> {}

impl<T, F: Future<Output = T>, M: FnMut(u32) -> Option<F>> Attempts<'_, T, F, M> {
    fn poll(
        &mut self,
        mut first: Pin<&mut F>,
        cx: &mut Context<'_>,
        failed: &impl Fn(&T) -> bool,
    ) -> Poll<T> {
        // With no delay all attempts start before any is polled.
        if self.race.started() == 1 {
            self.start_eager();
        }
        loop {
            if self.first_failure.is_none()
                && let Poll::Ready(output) = first.as_mut().poll(cx)
            {
                if !failed(&output) {
                    self.hedge.inner.budget.succeeded();
                    return Poll::Ready(output);
                }
                self.fail();
                self.first_failure = Some(output);
            }
            if let Some(output) = self.poll_hedges(cx, failed) {
                return Poll::Ready(output);
            }
            match self.race.next(|| self.hedge.inner.time.now()) {
                Move::Start => self.start(),
                Move::Wait => return Poll::Pending,
                Move::WaitUntil(at) => {
                    if self.sleep(at, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Move::Lost => {
                    let lost = self.first_failure.take();
                    return Poll::Ready(lost.expect("a lost race means that the first failed too"));
                }
            }
        }
    }

    /// Polls the hedges in the order of their start; the answer of the first that has one.
    fn poll_hedges(&mut self, cx: &mut Context<'_>, failed: &impl Fn(&T) -> bool) -> Option<T> {
        let mut index = 0;
        while let Some(hedge) = self.hedges.get_mut(index) {
            match hedge.as_mut().poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(output) => {
                    drop(self.hedges.remove(index));
                    if !failed(&output) {
                        self.hedge.inner.won.fetch_add(1, Ordering::Relaxed);
                        self.hedge.inner.budget.succeeded();
                        self.hedges.clear();
                        return Some(output);
                    }
                    self.fail();
                }
            }
        }
        None
    }

    fn start_eager(&mut self) {
        while self.race.starts_at_once() && self.race.next(|| Instant::ZERO) == Move::Start {
            self.start();
        }
    }

    /// Starts one more attempt, if the budget and the request allow it.
    fn start(&mut self) {
        let inner = &*self.hedge.inner;
        let now = inner.time.now();
        let number = self.race.started() + 1;
        self.sleep = None;
        if !inner.budget.withdraw(now) {
            inner.refused.fetch_add(1, Ordering::Relaxed);
            inner.events.emit(names::HEDGE_REFUSED, || [("attempt", number.into())]);
            self.race.close();
            return;
        }
        let Some(attempt) = (self.more)(number) else {
            inner.budget.give_back();
            self.race.close();
            return;
        };
        self.hedges.push(Box::pin(attempt));
        self.race.start(Some(now));
        inner.hedges.fetch_add(1, Ordering::Relaxed);
        inner.events.emit(names::HEDGE_STARTED, || [("attempt", number.into())]);
    }

    fn fail(&mut self) {
        self.race.fail();
        self.hedge.inner.budget.failed();
    }

    fn sleep(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = match &mut self.sleep {
            Some(sleep) if sleep.deadline() == at => sleep,
            stale => stale.insert(self.hedge.inner.time.sleep_until(at)),
        };
        Pin::new(sleep).poll(cx)
    }
}
