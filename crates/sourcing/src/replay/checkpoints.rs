//! Moments in memory, to come back to: every so many steps, the old ones ever further apart.

use std::{collections::BTreeMap, sync::Arc};

use steadfast_base::Timestamp;
use steadfast_eventlog::{ActorName, Position};

use super::{controller::Last, player::Saved};

/// Steps between two checkpoints.
pub const CHECKPOINT_EVERY: u64 = 64;

/// Checkpoints of each power of two that are kept: at most 8 times 58 of them in all.
const KEPT_PER_OCTAVE: u64 = 8;

/// Checkpoints with a description at most; one more is refused.
pub const NAMED_CHECKPOINTS_MAX: usize = 64;

/// One moment of a replay.
#[derive(Clone)]
pub(crate) struct Moment {
    /// Steps played by then.
    pub(crate) step: u64,
    /// The last event that was read.
    pub(crate) position: Position,
    /// The latest time of a step so far.
    pub(crate) latest: Timestamp,
    pub(crate) last: Option<Last>,
    /// Gaps met, and turns skipped, by then.
    pub(crate) gaps: u64,
    pub(crate) skipped: u64,
    pub(crate) players: Arc<BTreeMap<ActorName, Saved>>,
}

/// The checkpoints of a replay, by their step.
#[derive(Clone, Default)]
pub(crate) struct Checkpoints {
    moments: BTreeMap<u64, Moment>,
}

impl Checkpoints {
    /// Keeps a moment, and lets go of some that have become old.
    ///
    /// Of those `a` checkpoints ago, one in every `a / 8` (as a power of two) stays: so a step back of `n`
    /// costs at most `n / 4` steps forward, beyond the distance of two checkpoints, and there are few.
    pub(crate) fn keep(&mut self, moment: Moment) {
        let newest = moment.step / CHECKPOINT_EVERY;
        self.moments.insert(moment.step, moment);
        self.moments.retain(|step, _| {
            let number = step / CHECKPOINT_EVERY;
            let age = newest.saturating_sub(number);
            let apart = (age / KEPT_PER_OCTAVE).next_power_of_two().max(1);
            number.is_multiple_of(apart)
        });
    }

    /// The newest moment that `fits`.
    pub(crate) fn newest(&self, fits: impl Fn(&Moment) -> bool) -> Option<Moment> {
        self.moments.values().rev().find(|moment| fits(moment)).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.moments.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_few_and_those_near_are_near() {
        let mut checkpoints = Checkpoints::default();
        for number in 1..=20_000_u64 {
            let step = number * CHECKPOINT_EVERY;
            checkpoints.keep(Moment {
                step,
                position: Position::ZERO,
                latest: Timestamp::UNIX_EPOCH,
                last: None,
                gaps: 0,
                skipped: 0,
                players: Arc::default(),
            });
            assert!(checkpoints.len() <= 130, "{} after {number}", checkpoints.len());
            for back in [1, 5, 63, 64, 500, 3_000, 40_000] {
                let Some(target) = step.checked_sub(back) else { continue };
                let near = checkpoints.newest(|moment| moment.step <= target);
                let from = near.map_or(0, |moment| moment.step);
                let bound = CHECKPOINT_EVERY + back / 2;
                assert!(
                    target - from <= bound.max(2 * CHECKPOINT_EVERY),
                    "{back} back from {step}"
                );
            }
        }
    }
}
