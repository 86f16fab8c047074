//! Settings and compositions that cannot be used, each with what to do about it.

use std::error::Error;
use std::fmt;

/// One setting or composition that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    at: String,
    problem: String,
}

impl Fault {
    /// A fault of a setting (`retry.max`) or of a composition (`pipeline`), which says what is allowed.
    pub fn new(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { at: at.into(), problem: problem.into() }
    }

    /// The setting or composition.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// What is wrong with it and how to mend it.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.problem)
    }
}

/// Settings with at least one fault; all of them are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

impl ConfigError {
    /// Ok if there are no faults.
    ///
    /// # Errors
    ///
    /// Fails with all the faults otherwise.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_policy::{ConfigError, Fault};
    ///
    /// assert!(ConfigError::check(Vec::new()).is_ok());
    /// let error = ConfigError::check(vec![Fault::new("retry.max", "is 0; use 1 or more")]).unwrap_err();
    /// assert_eq!(error.to_string(), "invalid policy settings: retry.max is 0; use 1 or more");
    /// ```
    pub fn check(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self { faults }) }
    }

    /// An error of at least one fault.
    pub(crate) fn of(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    /// Every fault, the outermost policy's first.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid policy settings: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}
