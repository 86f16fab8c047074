//! What is wrong with a configuration: every fault, not only the first.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::limits::INTERVAL_MIN;

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    field: String,
    problem: String,
}

impl ConfigFault {
    /// The setting, as a path into the configuration.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with it and what is allowed.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// A configuration with at least one fault; all of them are listed.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_health::HealingConfig;
///
/// let mut config = HealingConfig::default();
/// config.interval = Duration::ZERO;
/// config.history_max = 0;
/// assert_eq!(config.validate().unwrap_err().faults().len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<ConfigFault>,
}

impl ConfigError {
    /// Every fault, in the order of the settings.
    pub fn faults(&self) -> &[ConfigFault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{} {}", fault.field, fault.problem)?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}

/// Collects faults.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<ConfigFault>);

impl Faults {
    pub(crate) fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(ConfigFault { field: field.into(), problem: problem.into() });
    }

    pub(crate) fn positive(&mut self, value: Duration, field: impl Into<String>) {
        if value.is_zero() {
            self.add(field, "is zero; it must be longer");
        }
    }

    /// A time between two rounds.
    pub(crate) fn interval(&mut self, value: Duration, field: impl Into<String>) {
        if value < INTERVAL_MIN {
            self.add(field, format!("is {value:?}; it must be at least {INTERVAL_MIN:?}"));
        }
    }

    pub(crate) fn count(&mut self, value: usize, max: usize, field: impl Into<String>) {
        if !(1..=max).contains(&value) {
            self.add(field, format!("is {value}; it must be between 1 and {max}"));
        }
    }

    /// A share: above 0 and at most 1.
    pub(crate) fn share(&mut self, value: f64, field: impl Into<String>) {
        if !(value > 0.0 && value <= 1.0) {
            self.add(field, format!("is {value}; it must be above 0 and at most 1"));
        }
    }

    /// Takes in the faults of a part, under the part's name.
    pub(crate) fn nest(&mut self, part: &str, inner: Result<(), ConfigError>) {
        for fault in inner.err().into_iter().flat_map(|error| error.faults) {
            self.add(format!("{part}.{}", fault.field), fault.problem);
        }
    }

    /// Takes in faults as they are.
    pub(crate) fn extend(&mut self, other: ConfigError) {
        self.0.extend(other.faults);
    }

    pub(crate) fn into_result(self) -> Result<(), ConfigError> {
        if self.0.is_empty() { Ok(()) } else { Err(ConfigError { faults: self.0 }) }
    }
}
