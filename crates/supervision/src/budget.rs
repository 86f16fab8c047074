//! How many restarts are affordable: a true sliding window.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::Instant;

/// Restarts within the period that are affordable.
pub const BUDGET_RESTARTS: u32 = 3;
/// The period of the budget.
pub const BUDGET_PERIOD: Duration = Duration::from_mins(1);

/// At most `restarts` within any `period`; one more is a meltdown.
///
/// | field | default | unit |
/// |---|---|---|
/// | `restarts` | 3 | restarts; 0 makes the first failure fatal |
/// | `period` | 60 | s, above 0 |
///
/// The window slides and its edge is inclusive: a restart exactly one period ago still counts
/// (OTP's `supervisor:add_restart/1`). An all-for-one restart of many children costs 1, each
/// failed start attempt 1 more, a resume nothing.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Affordable restarts per period; `u32::MAX` stands for no limit.
    pub restarts: u32,
    /// Length of the sliding window.
    pub period: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(BUDGET_RESTARTS, BUDGET_PERIOD)
    }
}

impl Budget {
    /// At most `restarts` within any `period`.
    pub const fn new(restarts: u32, period: Duration) -> Self {
        Self { restarts, period }
    }

    /// No limit; nothing is remembered.
    pub const fn unlimited() -> Self {
        Self::new(u32::MAX, BUDGET_PERIOD)
    }

    /// Whether this budget can never be spent.
    pub const fn is_unlimited(&self) -> bool {
        self.restarts == u32::MAX
    }
}

/// The stamps of recent restarts; at most `restarts + 1` of them.
#[derive(Clone, Debug, Default)]
pub struct BudgetWindow {
    stamps: VecDeque<Instant>,
}

impl BudgetWindow {
    /// Records one restart at `now`; false when the budget is spent.
    ///
    /// ```
    /// use std::time::Duration;
    /// use steadfast_base::Instant;
    /// use steadfast_supervision::{Budget, BudgetWindow};
    ///
    /// let budget = Budget::new(2, Duration::from_secs(10));
    /// let mut window = BudgetWindow::default();
    /// let at = |s| Instant::ZERO + Duration::from_secs(s);
    /// assert!([0, 6, 11].iter().all(|s| window.charge(&budget, at(*s))));
    /// assert!(!window.charge(&budget, at(12)));
    /// ```
    pub fn charge(&mut self, budget: &Budget, now: Instant) -> bool {
        if budget.is_unlimited() {
            return true;
        }
        // INV-SUP-1: within any period, the edge included, no more restarts than the budget affords.
        self.expire(budget, now);
        self.stamps.push_back(now);
        let limit = usize::try_from(budget.restarts).unwrap_or(usize::MAX);
        if self.stamps.len() <= limit {
            return true;
        }
        self.stamps.pop_front();
        false
    }

    /// Restarts that are still affordable at `now`.
    pub fn left(&self, budget: &Budget, now: Instant) -> u32 {
        let spent = self.stamps.iter().filter(|stamp| counts(**stamp, budget, now)).count();
        budget.restarts.saturating_sub(u32::try_from(spent).unwrap_or(u32::MAX))
    }

    fn expire(&mut self, budget: &Budget, now: Instant) {
        while self.stamps.front().is_some_and(|stamp| !counts(*stamp, budget, now)) {
            self.stamps.pop_front();
        }
    }
}

fn counts(stamp: Instant, budget: &Budget, now: Instant) -> bool {
    now.saturating_duration_since(stamp) <= budget.period
}
