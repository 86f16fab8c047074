//! How a projector works: batches, retries, and what is done about poison.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_supervision::Backoff;

/// How many events make a unit at most: as many as a subscription hands over at once.
pub const BATCH_EVENTS: usize = 1_000;

/// How often a failing unit is tried again: with the default delays, for half a minute.
pub const RETRIES: u32 = 8;

/// After how many positions without an event of interest the offset is stored by itself.
pub const IDLE_OFFSET_EVERY: u64 = 10_000;

/// How a projector works.
///
/// | Field | Default |
/// |---|---|
/// | `batch_events_max` | 1,000 |
/// | `linger` | none |
/// | `retries_max` | 8 |
/// | `backoff` | 0.1 s, doubled, at most 30 s; no jitter is drawn |
/// | `on_poison` | [`OnPoison::Stop`] |
/// | `idle_offset_every` | 10,000 positions |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_sourcing::projection::ProjectionSettings;
///
/// let settings = ProjectionSettings::default().with_linger(Duration::from_millis(100));
/// assert_eq!(settings.retries_max, 8);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ProjectionSettings {
    /// How many events make a unit at most; 0 counts as 1.
    pub batch_events_max: usize,
    /// How long to wait for more events before a unit is stored that is not full.
    pub linger: Duration,
    /// How often a unit is tried again before the projection stops.
    pub retries_max: u32,
    /// How long to wait before each try.
    pub backoff: Backoff,
    /// What is done about an event that fails each time.
    pub on_poison: OnPoison,
    /// After how many positions without an event of interest the offset is stored by itself.
    pub idle_offset_every: u64,
}

/// What is done about an event whose handling fails each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnPoison {
    /// The projection stops in front of it and names it.
    #[default]
    Stop,
    /// It is left out of the output, counted and named.
    Skip,
}

impl Default for ProjectionSettings {
    fn default() -> Self {
        Self {
            batch_events_max: BATCH_EVENTS,
            linger: Duration::ZERO,
            retries_max: RETRIES,
            backoff: Backoff::default().with_jitter(0.0),
            on_poison: OnPoison::default(),
            idle_offset_every: IDLE_OFFSET_EVERY,
        }
    }
}

impl ProjectionSettings {
    /// Sets how many events make a unit at most.
    #[must_use]
    pub fn with_batch_events_max(mut self, events: usize) -> Self {
        self.batch_events_max = events;
        self
    }

    /// Sets how long to wait for more events before a unit is stored that is not full.
    #[must_use]
    pub fn with_linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Sets how often, and after which delays, a unit is tried again.
    #[must_use]
    pub fn with_retries(mut self, retries_max: u32, backoff: Backoff) -> Self {
        (self.retries_max, self.backoff) = (retries_max, backoff);
        self
    }

    /// Sets what is done about an event that fails each time.
    #[must_use]
    pub fn with_on_poison(mut self, on_poison: OnPoison) -> Self {
        self.on_poison = on_poison;
        self
    }

    /// Sets after how many positions without an event of interest the offset is stored by itself.
    #[must_use]
    pub fn with_idle_offset_every(mut self, positions: u64) -> Self {
        self.idle_offset_every = positions;
        self
    }
}
