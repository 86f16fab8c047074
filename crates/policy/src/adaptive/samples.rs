//! The latencies of one window.

use super::config::SAMPLES_MAX;

/// The last latencies, in nanoseconds, at most [`SAMPLES_MAX`].
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    kept: Vec<u64>,
    /// All that were added since the start of the window.
    added: u32,
    /// Most calls seen running at once.
    running_max: u32,
}

impl Samples {
    pub(super) fn add(&mut self, latency: u64, running: u32) {
        let oldest = (self.added % SAMPLES_MAX) as usize;
        match self.kept.get_mut(oldest) {
            Some(place) => *place = latency,
            None => self.kept.push(latency),
        }
        self.added = self.added.saturating_add(1);
        self.running_max = self.running_max.max(running);
    }

    pub(super) fn count(&self) -> u32 {
        self.added
    }

    pub(super) fn running_max(&self) -> u32 {
        self.running_max
    }

    /// The latency at a percentile (nearest rank), and empties the window.
    pub(super) fn take(&mut self, percentile: f64) -> Option<u64> {
        let last = u32::try_from(self.kept.len()).ok()?.checked_sub(1)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count below 1,000"
        )]
        let rank = (f64::from(last) * percentile).round() as usize;
        let (_, latency, _) = self.kept.select_nth_unstable(rank.min(last as usize));
        let latency = *latency;
        self.kept.clear();
        self.added = 0;
        self.running_max = 0;
        Some(latency)
    }
}
