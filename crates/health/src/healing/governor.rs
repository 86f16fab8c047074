//! The governor: how often healing may act, and on how much of the whole at once.

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;

use steadfast_base::Instant;

use super::config::GovernorConfig;

/// The rule by which an act was put off.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GovernorRule {
    /// Enough acts began within the window.
    Rate,
    /// Enough components are being acted on.
    BlastRadius,
}

impl GovernorRule {
    /// The name, as it is serialized.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_health::GovernorRule::BlastRadius.as_str(), "blast_radius");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::BlastRadius => "blast_radius",
        }
    }
}

impl fmt::Display for GovernorRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Debug)]
pub(super) struct Governor {
    config: GovernorConfig,
    /// Components that may be acted on at once.
    at_once_max: usize,
    /// When the acts within the window began; never more than `actions_max`.
    begun: VecDeque<Instant>,
}

impl Governor {
    pub(super) fn new(config: &GovernorConfig, components: usize) -> Self {
        let at_once_max = share_of(components, config.share_max).max(1);
        Self { config: config.clone(), at_once_max, begun: VecDeque::new() }
    }

    /// Takes new bounds; acts that began before count.
    pub(super) fn reconfigure(&mut self, config: &GovernorConfig, components: usize) {
        let begun = std::mem::take(&mut self.begun);
        *self = Self { begun, ..Self::new(config, components) };
    }

    /// Lets one more act begin, or names the rule against it.
    ///
    /// `acted_on` is the number of other components that are being acted on.
    pub(super) fn admit(&mut self, now: Instant, acted_on: usize) -> Result<(), GovernorRule> {
        while self.begun.front().is_some_and(|begun| now - *begun >= self.config.window) {
            self.begun.pop_front();
        }
        if acted_on >= self.at_once_max {
            return Err(GovernorRule::BlastRadius);
        }
        if self.begun.len() >= self.config.actions_max {
            return Err(GovernorRule::Rate);
        }
        self.begun.push_back(now);
        Ok(())
    }

    /// Whether a component whose act ended at `ended` still counts as acted on.
    pub(super) fn is_settling(&self, ended: Instant, now: Instant) -> bool {
        now - ended < self.config.settle
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few hundred components times a share in 0..=1"
)]
fn share_of(components: usize, share: f64) -> usize {
    // Three tenths of ten are three.
    (components as f64 * share + 1e-9).floor() as usize
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn governor(actions_max: usize, share_max: f64, components: usize) -> Governor {
        let window = Duration::from_mins(1);
        Governor::new(
            &GovernorConfig { actions_max, window, share_max, ..Default::default() },
            components,
        )
    }

    #[test]
    fn no_more_acts_begin_than_allowed_within_any_window() {
        let mut governor = governor(2, 1.0, 10);
        let admitted: Vec<bool> =
            [0, 10, 20, 59, 60, 69, 70].map(|now| governor.admit(at(now), 0).is_ok()).into();
        assert_eq!(admitted, [true, true, false, false, true, false, true]);
    }

    #[test]
    fn the_share_at_once_is_rounded_down_and_at_least_one() {
        for (components, share, at_once) in
            [(1, 0.25, 1), (3, 0.25, 1), (8, 0.25, 2), (10, 0.3, 3), (10, 0.39, 3), (4, 1.0, 4)]
        {
            let mut governor = governor(100, share, components);
            assert_eq!(governor.admit(at(0), at_once - 1), Ok(()), "{components} {share}");
            assert_eq!(governor.admit(at(0), at_once), Err(GovernorRule::BlastRadius));
        }
    }
}
