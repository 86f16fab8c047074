//! Calls and crashes of one key in the last while.

use std::time::Duration;

use steadfast_base::Instant;

/// Steps that a window is cut into; one more is kept, so that nothing is forgotten too early.
const STEPS: u128 = 12;
const KEPT: u64 = 13;

/// Counts in steps of a twelfth of the window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    steps: [(u32, u32); 13],
    /// The number of the newest step since the beginning of time.
    newest: u64,
}

impl Window {
    /// Adds a call; how many calls and crashes the window holds now.
    pub(super) fn add(&mut self, now: Instant, length: Duration, crashed: bool) -> (u64, u64) {
        self.forget(now, length);
        let newest = self.newest;
        if let Some((calls, crashes)) = self.step(newest) {
            *calls = calls.saturating_add(1);
            *crashes = crashes.saturating_add(u32::from(crashed));
        }
        self.steps.iter().fold((0, 0), |(calls, crashes), step| {
            (calls + u64::from(step.0), crashes + u64::from(step.1))
        })
    }

    /// Goes on to the step of `now`; a time before the newest step counts as that one.
    fn forget(&mut self, now: Instant, length: Duration) {
        let step = (length.as_nanos() / STEPS).max(1);
        let number = u64::try_from(u128::from(now.as_nanos()) / step).unwrap_or(u64::MAX);
        let first = self.newest.saturating_add(1);
        // One round clears all places, however long nothing happened.
        for gone in first..=number.min(self.newest.saturating_add(KEPT)) {
            if let Some(step) = self.step(gone) {
                *step = (0, 0);
            }
        }
        self.newest = self.newest.max(number);
    }

    fn step(&mut self, number: u64) -> Option<&mut (u32, u32)> {
        self.steps.get_mut(usize::try_from(number % KEPT).ok()?)
    }
}
