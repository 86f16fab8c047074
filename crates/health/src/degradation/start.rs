//! Building a degradation: its settings and monitors, validated at the start.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use steadfast_actor_core::System;
use steadfast_base::{ConfigError, ConfigFaults, Sink};

use crate::limits;
use crate::resource::ResourceMonitor;
use crate::shell::{Crew, Reporter};

use super::config::DegradationConfig;
use super::handle::Degradation;

/// Collects settings and monitors until [`start`](Self::start).
///
/// # Example
///
/// See [`Degradation`].
#[derive(Default)]
#[must_use = "a builder reads nothing until `start`"]
pub struct DegradationBuilder {
    config: DegradationConfig,
    monitors: Vec<Arc<dyn ResourceMonitor>>,
    sink: Option<Arc<dyn Sink>>,
}

impl DegradationBuilder {
    /// Sets the configuration.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn config(mut self, config: DegradationConfig) -> Self {
        self.config = config;
        self
    }

    /// Adds a monitor.
    ///
    /// # Example
    ///
    /// See [`ResourceMonitor`].
    pub fn monitor(mut self, monitor: Arc<dyn ResourceMonitor>) -> Self {
        self.monitors.push(monitor);
        self
    }

    /// Emits changes of the level to `sink`, see [`names`](crate::names).
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use steadfast_base::MemorySink;
    /// use steadfast_health::Degradation;
    ///
    /// let builder = Degradation::builder().sink(Arc::new(MemorySink::new(100)));
    /// # drop(builder);
    /// ```
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Starts reading the monitors, at once for the first time, at the best level.
    ///
    /// Resources with thresholds and without a monitor are taken for calm.
    ///
    /// # Errors
    ///
    /// Fails with every fault: of the settings, of names of monitors (used twice, empty), of more than
    /// [`MONITORS_MAX`](crate::limits::MONITORS_MAX) monitors.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn start(self, system: &System) -> Result<Degradation, ConfigError> {
        let Self { config, monitors, sink } = self;
        let mut faults = ConfigFaults::default();
        if let Err(error) = config.validate() {
            faults.extend(error);
        }
        if monitors.len() > limits::MONITORS_MAX {
            let (monitors, max) = (monitors.len(), limits::MONITORS_MAX);
            faults.add("monitors", format!("are {monitors}; at most {max} are read"));
        }
        let mut names = BTreeSet::new();
        for monitor in &monitors {
            if monitor.name().is_empty() {
                faults.add("monitors", "have one without a name");
            } else if !names.insert(monitor.name()) {
                faults.add(format!("monitors.{}", monitor.name()), "is added twice");
            }
        }
        faults.into_result("health")?;
        let reporter = Reporter::new(sink, system.time().clone());
        Ok(Degradation::start(&config, monitors, Crew::new(system), reporter))
    }
}

impl fmt::Debug for DegradationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DegradationBuilder")
            .field("config", &self.config)
            .field("monitors", &self.monitors.len())
            .finish_non_exhaustive()
    }
}
