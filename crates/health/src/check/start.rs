//! Building a checker: checks, their settings, and the start, which validates all of it.

use std::fmt;
use std::sync::Arc;

use steadfast_actor_core::System;
use steadfast_base::{ConfigError, HealthCheck, Sink};

use crate::shell::{Crew, Reporter};

use super::checker::HealthChecker;
use super::machine::Machine;
use super::plan::{Plan, Planned};
use super::settings::{CheckSettings, ChecksConfig};

/// Collects checks and their settings until [`start`](Self::start).
///
/// # Example
///
/// See [`HealthChecker`].
#[derive(Default)]
#[must_use = "a builder runs nothing until `start`"]
pub struct HealthCheckerBuilder {
    checks: Vec<(Arc<dyn HealthCheck>, Option<CheckSettings>)>,
    config: ChecksConfig,
    sink: Option<Arc<dyn Sink>>,
}

impl HealthCheckerBuilder {
    /// Adds a check; its settings are those that the configuration has for its name, or the default.
    ///
    /// # Example
    ///
    /// See [`HealthChecker`].
    pub fn check(mut self, check: Arc<dyn HealthCheck>) -> Self {
        self.checks.push((check, None));
        self
    }

    /// Adds a check with settings; the configuration overrules them if it names the check.
    ///
    /// # Example
    ///
    /// See [`BreakerCheck`](crate::BreakerCheck).
    pub fn check_with(mut self, check: Arc<dyn HealthCheck>, settings: CheckSettings) -> Self {
        self.checks.push((check, Some(settings)));
        self
    }

    /// Sets the configuration.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_health::{ChecksConfig, HealthChecker};
    ///
    /// let builder = HealthChecker::builder().config(ChecksConfig::default());
    /// # drop(builder);
    /// ```
    pub fn config(mut self, config: ChecksConfig) -> Self {
        self.config = config;
        self
    }

    /// Emits changes of verdicts to `sink`, see [`names`](crate::names).
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use steadfast_base::MemorySink;
    /// use steadfast_health::HealthChecker;
    ///
    /// let builder = HealthChecker::builder().sink(Arc::new(MemorySink::new(100)));
    /// # drop(builder);
    /// ```
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Starts the checks; all of them run at once for the first time.
    ///
    /// # Errors
    ///
    /// Fails with every fault: of the settings, of names (used twice, empty, unknown), of dependencies
    /// that go round in a circle, of more than
    /// [`CHECKS_MAX`](crate::limits::CHECKS_MAX) checks.
    ///
    /// # Example
    ///
    /// See [`HealthChecker`].
    pub fn start(self, system: &System) -> Result<HealthChecker, ConfigError> {
        let Self { checks, config, sink } = self;
        let plan =
            Plan(checks.iter().map(|(check, own)| Planned::new(&**check, own.as_ref())).collect());
        let (rules, graph) = plan.resolve(&config)?;
        let crew = Crew::new(system);
        let machine = Machine::new(rules, graph, system.time().now());
        let reporter = Reporter::new(sink, system.time().clone());
        let checks = checks.into_iter().map(|(check, _)| check).collect();
        Ok(HealthChecker::start(plan, machine, checks, crew, reporter))
    }
}

impl fmt::Debug for HealthCheckerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthCheckerBuilder")
            .field("checks", &self.checks.len())
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
