//! The last failures of a tree.

use std::collections::VecDeque;

use steadfast_base::FailureRecord;

/// The last failures, oldest first; at the limit the oldest one goes.
#[derive(Clone, Debug, Default)]
pub struct ErrorHistory {
    records: VecDeque<FailureRecord>,
    max: usize,
    total: u64,
}

impl ErrorHistory {
    /// An empty history of at most `max` failures.
    pub fn new(max: u32) -> Self {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Self { records: VecDeque::new(), max, total: 0 }
    }

    /// Adds a failure.
    pub fn record(&mut self, failure: FailureRecord) {
        self.total += 1;
        if self.max == 0 {
            return;
        }
        if self.records.len() >= self.max {
            self.records.pop_front();
        }
        self.records.push_back(failure);
    }

    /// The failures kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &FailureRecord> + ExactSizeIterator {
        self.records.iter()
    }

    /// Failures kept.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no failure is kept.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Failures ever recorded, kept or not; clearing does not change it.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Forgets all failures kept.
    pub fn clear(&mut self) {
        self.records.clear();
    }
}
