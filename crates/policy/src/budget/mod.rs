//! A budget of extra calls (retries, hedges) that many callers share.

mod settings;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steadfast_base::{ConfigError, Instant};

pub use self::settings::BudgetSettings;

use self::settings::{Rules, UNITS};

/// A budget of extra calls, shared by all its clones.
///
/// Retries multiply load exactly when the callee has none to spare, and layers of retries multiply each
/// other. A budget bounds the extra calls as a share of the first ones, whatever the number of callers
/// (Brooker, "Fixing retries with token buckets and circuit breakers", 2022; Finagle's `RetryBudget`;
/// gRPC A6). First attempts are never held back.
///
/// With [`BudgetSettings::ratio`] the extra calls are at most `burst` + `ratio` x first attempts +
/// `per_second` x time. With [`BudgetSettings::throttle`] all extra calls are off while the recent
/// results are bad.
///
/// While nothing fails the budget is full, and a call costs a load.
///
/// Defaults are those of [`BudgetSettings`]. It has no events: what it refuses, the policy that asked
/// tells; [`refused`](Budget::refused) counts it.
///
/// # Example
///
/// ```
/// use steadfast_base::Instant;
/// use steadfast_policy::{Budget, BudgetSettings};
///
/// let budget = Budget::new(BudgetSettings::throttle(10, 0.1))?;
/// for _ in 0..5 {
///     budget.failed();
/// }
/// assert!(!budget.withdraw(Instant::ZERO));
/// budget.succeeded();
/// assert!(budget.withdraw(Instant::ZERO));
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Budget {
    inner: Arc<Inner>,
}

struct Inner {
    /// What is in the bucket, in [`UNITS`].
    tokens: AtomicU64,
    /// Up to when the earnings of time are in the bucket, in nanoseconds; the maximum before the first
    /// look at the time.
    earned_until: AtomicU64,
    refused: AtomicU64,
    rules: Rules,
}

impl Budget {
    /// A full budget.
    ///
    /// # Errors
    ///
    /// Fails if the settings have faults; lists all of them.
    pub fn new(settings: BudgetSettings) -> Result<Self, ConfigError> {
        settings.validate()?;
        let rules = Rules::new(&settings);
        let inner = Inner {
            tokens: AtomicU64::new(rules.cap()),
            earned_until: AtomicU64::new(u64::MAX),
            refused: AtomicU64::new(0),
            rules,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A first attempt is sent; it earns its share of an extra call.
    #[inline]
    pub fn deposit(&self) {
        self.inner.add(self.inner.rules.per_first_attempt());
    }

    /// Asks for one extra call at `now`; if it may be made, it is paid for.
    #[must_use = "an extra call that was not allowed must not be made"]
    pub fn withdraw(&self, now: Instant) -> bool {
        let inner = &*self.inner;
        inner.earn(now);
        let (floor, price) = (inner.rules.floor(), inner.rules.price());
        let pay = |tokens: u64| (tokens > floor).then(|| tokens.saturating_sub(price));
        let paid = inner.tokens.fetch_update(Ordering::AcqRel, Ordering::Relaxed, pay).is_ok();
        if !paid {
            inner.refused.fetch_add(1, Ordering::Relaxed);
        }
        paid
    }

    /// An extra call that was paid for is not made after all.
    pub fn give_back(&self) {
        self.inner.add(self.inner.rules.price());
    }

    /// A call succeeded.
    #[inline]
    pub fn succeeded(&self) {
        self.inner.add(self.inner.rules.per_success());
    }

    /// A call failed.
    #[inline]
    pub fn failed(&self) {
        let loss = self.inner.rules.per_failure();
        if loss > 0 {
            let take = |tokens: u64| Some(tokens.saturating_sub(loss));
            // The closure never refuses, so the update cannot fail.
            let _ = self.inner.tokens.fetch_update(Ordering::AcqRel, Ordering::Relaxed, take);
        }
    }

    /// What is in the bucket, in tokens; earnings of time come in at the next withdrawal.
    #[expect(clippy::cast_precision_loss, reason = "a bucket holds far less than 2^52 units")]
    pub fn tokens(&self) -> f64 {
        self.inner.tokens.load(Ordering::Acquire) as f64 / UNITS as f64
    }

    /// Extra calls refused so far.
    pub fn refused(&self) -> u64 {
        self.inner.refused.load(Ordering::Relaxed)
    }

    /// Puts new settings in force. A full bucket is full again; of another one what is in it stays, cut
    /// at the new cap.
    ///
    /// # Errors
    ///
    /// Fails if the settings have faults and keeps the old ones.
    pub fn reconfigure(&self, settings: BudgetSettings) -> Result<(), ConfigError> {
        settings.validate()?;
        let Inner { tokens, rules, .. } = &*self.inner;
        let full = rules.cap();
        rules.set(&settings);
        let cap = rules.cap();
        let carry = |held: u64| Some(if held >= full { cap } else { held.min(cap) });
        // The closure never refuses, so the update cannot fail.
        let _ = tokens.fetch_update(Ordering::AcqRel, Ordering::Relaxed, carry);
        Ok(())
    }
}

impl Inner {
    #[inline]
    fn add(&self, gain: u64) {
        let cap = self.rules.cap();
        if gain > 0 && self.tokens.load(Ordering::Relaxed) < cap {
            self.put(gain, cap);
        }
    }

    #[cold]
    fn put(&self, gain: u64, cap: u64) {
        let put = |tokens: u64| (tokens < cap).then(|| tokens.saturating_add(gain).min(cap));
        // A bucket that is full by now needs nothing.
        let _ = self.tokens.fetch_update(Ordering::AcqRel, Ordering::Relaxed, put);
    }

    /// Puts what time has earned into the bucket, once.
    fn earn(&self, now: Instant) {
        let rate = self.rules.per_second();
        let now = now.as_nanos();
        let since = self.earned_until.load(Ordering::Acquire);
        if since == u64::MAX {
            // The bucket is full at first, so nothing is lost by counting from here.
            let _ =
                self.earned_until.compare_exchange(since, now, Ordering::AcqRel, Ordering::Relaxed);
            return;
        }
        let earned = u128::from(now.saturating_sub(since)) * u128::from(rate) / 1_000_000_000;
        let earned = u64::try_from(earned).unwrap_or(u64::MAX);
        // INV-POL-2: what time has earned is put in by the one who moves the time on.
        let won = earned > 0
            && self
                .earned_until
                .compare_exchange(since, now, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if won {
            self.add(earned);
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("tokens", &self.tokens())
            .field("refused", &self.refused())
            .finish_non_exhaustive()
    }
}
