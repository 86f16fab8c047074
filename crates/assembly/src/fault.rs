//! What is wrong with a configuration: every fault, with the component and the fix.

use std::error::Error;
use std::fmt;

use steadfast_health as health;
use steadfast_policy as policy;

/// One setting that cannot be used, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    component: Option<String>,
    at: String,
    problem: String,
}

impl Fault {
    pub(crate) fn of(component: &str, at: &str, problem: impl Into<String>) -> Self {
        Self { component: Some(component.to_owned()), at: at.to_owned(), problem: problem.into() }
    }

    pub(crate) fn general(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { component: None, at: at.into(), problem: problem.into() }
    }

    pub(crate) fn of_policy(component: &str, fault: &policy::ConfigFault) -> Self {
        // Kinds of policies by the names that the settings have here.
        let at = match fault.field() {
            policy::names::TOTAL_DEADLINE => "total_deadline",
            policy::names::TIMEOUT => "attempt_timeout",
            at => at,
        };
        let at = match at.strip_prefix("budget.") {
            Some(field) => format!("retry_budget.{field}"),
            None => at.to_owned(),
        };
        Self::of(component, &at, fault.problem())
    }

    pub(crate) fn of_health<'a>(
        section: &'a str,
        error: &'a health::ConfigError,
    ) -> impl Iterator<Item = Self> + 'a {
        let faults = error.faults().iter();
        faults.map(move |fault| {
            Self::general(format!("{section}.{}", fault.field()), fault.problem())
        })
    }

    /// The component, if the fault is one of a component.
    pub fn component(&self) -> Option<&str> {
        self.component.as_deref()
    }

    /// The setting, as a path into the component's settings or the whole configuration.
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
        if let Some(component) = &self.component {
            write!(f, "component {component}: ")?;
        }
        write!(f, "{} {}", self.at, self.problem)
    }
}

/// A configuration with at least one fault; all of them are listed.
///
/// # Example
///
/// See [`Config`](crate::Config).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

impl ConfigError {
    pub(crate) fn check(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self { faults }) }
    }

    pub(crate) fn not_understood(why: &str) -> Self {
        Self { faults: vec![Fault::general("text", format!("cannot be understood: {why}"))] }
    }

    /// An error of at least one fault.
    pub(crate) fn of(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    pub(crate) fn one(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }

    /// Every fault, in the order of the configuration.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid configuration: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}
