//! Building a checker: checks, their settings, and the start, which validates all of it.

use std::fmt;
use std::sync::Arc;

use steadfast_actor_core::System;
use steadfast_base::{HealthCheck, Sink};

use crate::config_error::{ConfigError, Faults};
use crate::shell::{Crew, Reporter};

use super::checker::HealthChecker;
use super::graph::{Graph, Node};
use super::machine::{Machine, Rules};
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
        let Self { checks, mut config, sink } = self;
        let mut faults = Faults::default();
        faults.nest("default", config.default.validate());
        let default = &config.default;
        let mut settled = Vec::with_capacity(checks.len());
        for (check, own) in &checks {
            let name = check.name().to_owned();
            let configured = config.checks.get(&name).cloned();
            let settings = configured.or_else(|| own.clone()).unwrap_or_else(|| default.clone());
            if settings != *default {
                faults.nest(&format!("checks.{name}"), settings.validate());
            }
            settled.push((name, check.critical(), settings));
        }
        for (name, ..) in &settled {
            config.checks.remove(name);
        }
        for name in config.checks.keys() {
            faults.add(format!("checks.{name}"), "has settings, and there is no such check");
        }
        let nodes: Vec<Node<'_>> = settled.iter().map(node).collect();
        let graph = match Graph::new(&nodes) {
            Ok(graph) => graph,
            Err(error) => {
                faults.extend(error);
                Graph::default()
            }
        };
        faults.into_result()?;
        let rules = settled.into_iter().map(|(name, _, settings)| rules(name, &settings)).collect();
        let crew = Crew::new(system);
        let machine = Machine::new(rules, graph, system.time().now());
        let reporter = Reporter::new(sink, system.time().clone());
        let checks = checks.into_iter().map(|(check, _)| check).collect();
        Ok(HealthChecker::start(machine, checks, crew, reporter))
    }
}

fn node((name, critical, settings): &(String, bool, CheckSettings)) -> Node<'_> {
    let critical = settings.critical.unwrap_or(*critical);
    Node { name, needs: &settings.needs, critical }
}

fn rules(name: String, settings: &CheckSettings) -> Rules {
    Rules {
        name,
        interval: settings.interval,
        timeout: settings.timeout,
        failure_threshold: settings.failure_threshold,
        success_threshold: settings.success_threshold,
        liveness: settings.liveness,
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
