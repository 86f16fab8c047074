//! Configurations that cannot be used: every fault, not only the first.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::recovery::{Recoverable, Recovery};

/// One setting, or composition of settings, that cannot be used.
///
/// # Example
///
/// ```
/// use steadfast_base::ConfigFault;
///
/// let fault = ConfigFault::new("retry.max", "is 0; it must be at least 1");
/// assert_eq!(fault.field(), "retry.max");
/// assert_eq!(fault.to_string(), "retry.max is 0; it must be at least 1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    field: String,
    problem: String,
}

impl ConfigFault {
    /// A fault of a setting, whose problem says what is allowed.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The setting, as a path into its configuration.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with it and what is allowed.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

/// A configuration with at least one fault; all of them are listed.
///
/// Every crate of the workspace refuses a configuration with this type.
///
/// # Example
///
/// ```
/// use steadfast_base::{ConfigError, ConfigFault};
///
/// assert!(ConfigError::check("log", Vec::new()).is_ok());
/// let faults = vec![ConfigFault::new("tail", "is 0; it must be at least 1")];
/// let error = ConfigError::check("log", faults).unwrap_err();
/// assert_eq!(error.to_string(), "invalid log configuration: tail is 0; it must be at least 1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    of: &'static str,
    faults: Vec<ConfigFault>,
}

impl ConfigError {
    /// Ok if there are no faults.
    ///
    /// # Errors
    ///
    /// Fails with all the faults otherwise.
    pub fn check(of: &'static str, faults: Vec<ConfigFault>) -> Result<(), Self> {
        ConfigFaults(faults).into_result(of)
    }

    /// What was to be configured, as `breaker` or `policy`.
    pub fn of(&self) -> &'static str {
        self.of
    }

    /// Every fault, in the order of the settings.
    pub fn faults(&self) -> &[ConfigFault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {} configuration: ", self.of)?;
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}

impl Recoverable for ConfigError {
    /// Never: the same configuration has the same faults.
    fn recovery(&self) -> Recovery {
        Recovery::Never
    }
}

/// Collects the faults of a configuration while it is checked.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::ConfigFaults;
///
/// let mut faults = ConfigFaults::default();
/// faults.between(0, 1..=8, "workers");
/// faults.positive(Duration::ZERO, "interval");
/// faults.require(true, "name", || "is empty".to_owned());
/// let error = faults.into_result("pool").unwrap_err();
/// assert_eq!(error.faults().len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigFaults(Vec<ConfigFault>);

impl ConfigFaults {
    /// Adds a fault.
    pub fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(ConfigFault::new(field, problem));
    }

    /// Adds a fault unless something holds.
    pub fn require(
        &mut self,
        holds: bool,
        field: impl Into<String>,
        problem: impl FnOnce() -> String,
    ) {
        if !holds {
            self.add(field, problem());
        }
    }

    /// Adds a fault unless a value lies within a range, its ends included.
    pub fn between<T>(&mut self, value: T, allowed: RangeInclusive<T>, field: impl Into<String>)
    where
        T: PartialOrd + Copy + fmt::Display,
    {
        self.require(allowed.contains(&value), field, || {
            format!("is {value}; it must be between {} and {}", allowed.start(), allowed.end())
        });
    }

    /// Adds a fault if a value is below the least that is allowed.
    pub fn at_least<T>(&mut self, value: T, least: T, field: impl Into<String>)
    where
        T: PartialOrd + Copy + fmt::Debug,
    {
        self.require(value >= least, field, || {
            format!("is {value:?}; it must be at least {least:?}")
        });
    }

    /// Adds a fault unless a share is above 0 and at most 1.
    pub fn share(&mut self, value: f64, field: impl Into<String>) {
        self.require(value > 0.0 && value <= 1.0, field, || {
            format!("is {value}; it must be above 0 and at most 1")
        });
    }

    /// Adds a fault if a duration is zero.
    pub fn positive(&mut self, value: Duration, field: impl Into<String>) {
        self.require(!value.is_zero(), field, || "is zero; it must be longer".to_owned());
    }

    /// Takes in the faults of a part, under the part's name.
    pub fn nest(&mut self, part: &str, inner: Result<(), ConfigError>) {
        for fault in inner.err().into_iter().flat_map(|error| error.faults) {
            self.add(format!("{part}.{}", fault.field), fault.problem);
        }
    }

    /// Takes in faults as they are.
    pub fn extend(&mut self, other: ConfigError) {
        self.0.extend(other.faults);
    }

    /// Whether no fault was found so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ok if there are no faults of what was to be configured, else all of them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every fault.
    pub fn into_result(self, of: &'static str) -> Result<(), ConfigError> {
        if self.is_empty() { Ok(()) } else { Err(self.into_error(of)) }
    }

    /// The error that lists what was found.
    pub fn into_error(self, of: &'static str) -> ConfigError {
        ConfigError { of, faults: self.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_listed_in_order() {
        let mut inner = ConfigFaults::default();
        inner.between(9, 1..=8, "workers");
        inner.between(8, 1..=8, "spares");
        let mut faults = ConfigFaults::default();
        faults.positive(Duration::ZERO, "interval");
        faults.nest("pool", inner.into_result("pool"));
        faults.require(false, "name", || "is empty".to_owned());
        let error = faults.into_result("service").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid service configuration: interval is zero; it must be longer; \
             pool.workers is 9; it must be between 1 and 8; name is empty"
        );
        assert_eq!((error.of(), error.recovery()), ("service", Recovery::Never));
    }

    #[test]
    fn without_a_fault_there_is_no_error() {
        let mut faults = ConfigFaults::default();
        faults.between(0.5, 0.0..=1.0, "ratio");
        faults.share(1.0, "share");
        faults.at_least(1, 1, "workers");
        faults.positive(Duration::from_nanos(1), "interval");
        assert_eq!(faults.into_result("service"), Ok(()));
    }
}
