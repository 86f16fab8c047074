//! The settings of a budget, and the one set of rules that both kinds come down to.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::defaults;
use crate::limits;

/// One token, in the units that are counted.
pub(super) const UNITS: u64 = 1_000_000;

/// How many extra calls there may be.
///
/// | Setting | Default |
/// |---|---|
/// | `ratio` | 0.1 extra calls for each first attempt |
/// | `per_second` | 10 extra calls a second on top |
/// | `burst` | 10 extra calls may be saved up |
///
/// # Example
///
/// ```
/// use steadfast_policy::BudgetSettings;
///
/// assert!(BudgetSettings::default().validate().is_ok());
/// assert_eq!(BudgetSettings::ratio(2.0).validate().unwrap_err().faults().len(), 1);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BudgetSettings {
    /// Extra calls as a share of the first attempts.
    Ratio {
        /// Extra calls earned by each first attempt, 0 to 1.
        ratio: f64,
        /// Extra calls earned by each second, so that rare callers can retry at all.
        per_second: f64,
        /// Most extra calls that can be saved up; the budget starts with them.
        burst: u32,
    },
    /// gRPC's throttle (A6): each failure takes one token, each success puts `token_ratio` back, and
    /// extra calls are off at half of `max_tokens` and below.
    Throttle {
        /// Tokens in the full bucket.
        max_tokens: u32,
        /// Tokens that a success puts back.
        token_ratio: f64,
    },
}

impl BudgetSettings {
    /// Extra calls as a share of the first attempts, with the default reserve.
    pub fn ratio(ratio: f64) -> Self {
        Self::Ratio {
            ratio,
            per_second: defaults::BUDGET_PER_SECOND,
            burst: defaults::BUDGET_BURST,
        }
    }

    /// gRPC's throttle.
    pub fn throttle(max_tokens: u32, token_ratio: f64) -> Self {
        Self::Throttle { max_tokens, token_ratio }
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("policy", self.faults())
    }

    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        let mut require = |holds: bool, field: &str, problem: String| {
            if !holds {
                faults.push(ConfigFault::new(format!("budget.{field}"), problem));
            }
        };
        match *self {
            Self::Ratio { ratio, per_second, burst } => {
                require(
                    (0.0..=1.0).contains(&ratio),
                    "ratio",
                    format!("is {ratio}; it must be between 0 and 1"),
                );
                require(
                    (0.0..=limits::BUDGET_PER_SECOND_MAX).contains(&per_second),
                    "per_second",
                    format!(
                        "is {per_second}; it must be between 0 and {}",
                        limits::BUDGET_PER_SECOND_MAX
                    ),
                );
                require(
                    (1..=limits::BUDGET_TOKENS_MAX).contains(&burst),
                    "burst",
                    format!("is {burst}; it must be between 1 and {}", limits::BUDGET_TOKENS_MAX),
                );
            }
            Self::Throttle { max_tokens, token_ratio } => {
                require(
                    (1..=limits::BUDGET_TOKENS_MAX).contains(&max_tokens),
                    "max_tokens",
                    format!(
                        "is {max_tokens}; it must be between 1 and {}",
                        limits::BUDGET_TOKENS_MAX
                    ),
                );
                require(
                    token_ratio > 0.0 && token_ratio <= f64::from(limits::BUDGET_TOKENS_MAX),
                    "token_ratio",
                    format!("is {token_ratio}; it must be above 0"),
                );
            }
        }
        faults
    }
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self::ratio(defaults::BUDGET_RATIO)
    }
}

/// Both kinds of budget as numbers, in units: what adds, what takes, and down to where.
#[derive(Debug, Default)]
pub(super) struct Rules {
    cap: AtomicU64,
    per_first_attempt: AtomicU64,
    per_second: AtomicU64,
    per_success: AtomicU64,
    per_failure: AtomicU64,
    /// An extra call needs strictly more than this.
    floor: AtomicU64,
    price: AtomicU64,
}

/// A reader for each rule.
macro_rules! read {
    ($($name:ident),+ $(,)?) => {
        $(#[inline]
        pub(super) fn $name(&self) -> u64 {
            self.$name.load(Ordering::Relaxed)
        })+
    };
}

impl Rules {
    read!(cap, per_first_attempt, per_second, per_success, per_failure, floor, price);

    pub(super) fn new(settings: &BudgetSettings) -> Self {
        let rules = Self::default();
        rules.set(settings);
        rules
    }

    pub(super) fn set(&self, settings: &BudgetSettings) {
        let values = match *settings {
            BudgetSettings::Ratio { ratio, per_second, burst } => {
                [u64::from(burst) * UNITS, units(ratio), units(per_second), 0, 0, UNITS - 1, UNITS]
            }
            BudgetSettings::Throttle { max_tokens, token_ratio } => {
                let cap = u64::from(max_tokens) * UNITS;
                [cap, 0, 0, units(token_ratio), UNITS, cap / 2, 0]
            }
        };
        let rules = [
            &self.cap,
            &self.per_first_attempt,
            &self.per_second,
            &self.per_success,
            &self.per_failure,
            &self.floor,
            &self.price,
        ];
        for (rule, value) in rules.into_iter().zip(values) {
            rule.store(value, Ordering::Relaxed);
        }
    }
}

/// A validated number of tokens as units.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "validated to be positive and small"
)]
fn units(tokens: f64) -> u64 {
    (tokens * UNITS as f64).round() as u64
}
