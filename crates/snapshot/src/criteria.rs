//! Which snapshots are meant.

use serde::{Deserialize, Serialize};

use steadfast_base::Timestamp;
use steadfast_eventlog::Seq;

/// Conditions on snapshots, all of which must hold.
///
/// | Condition | Default |
/// |---|---|
/// | `seq_from`, `seq_to` | all numbers, both ends included |
/// | `at_to` | any time; the end included |
/// | `at_before` | any time; the end not included |
///
/// # Example
///
/// ```
/// use steadfast_eventlog::Seq;
/// use steadfast_snapshot::Criteria;
///
/// let up_to = Criteria::up_to_seq(Seq::new(13));
/// assert_eq!(up_to.seq_to, Seq::new(13));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Criteria {
    /// The least number.
    pub seq_from: Seq,
    /// The greatest number.
    pub seq_to: Seq,
    /// The latest time.
    pub at_to: Option<Timestamp>,
    /// The time before which it must have been taken.
    pub at_before: Option<Timestamp>,
}

impl Criteria {
    /// Any snapshot; of several, the newest is loaded.
    pub fn latest() -> Self {
        Self { seq_from: Seq::ZERO, seq_to: Seq::MAX, at_to: None, at_before: None }
    }

    /// Snapshots with this number or a lower one.
    pub fn up_to_seq(seq: Seq) -> Self {
        Self { seq_to: seq, ..Self::latest() }
    }

    /// The snapshot with this number.
    pub fn exactly(seq: Seq) -> Self {
        Self { seq_from: seq, seq_to: seq, ..Self::latest() }
    }

    /// Also asks that it was taken at this time or earlier.
    #[must_use]
    pub fn taken_until(mut self, at: Timestamp) -> Self {
        self.at_to = Some(at);
        self
    }

    /// Also asks that it was taken before this time.
    #[must_use]
    pub fn taken_before(mut self, at: Timestamp) -> Self {
        self.at_before = Some(at);
        self
    }

    pub(crate) fn has_seq(&self, seq: Seq) -> bool {
        (self.seq_from..=self.seq_to).contains(&seq)
    }

    pub(crate) fn has_time(&self, at: Timestamp) -> bool {
        self.at_to.is_none_or(|to| at <= to) && self.at_before.is_none_or(|before| at < before)
    }

    pub(crate) fn asks_for_time(&self) -> bool {
        self.at_to.is_some() || self.at_before.is_some()
    }
}

impl Default for Criteria {
    fn default() -> Self {
        Self::latest()
    }
}
