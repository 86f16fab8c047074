//! Building a leak detector: gauges, settings, and the start, which validates all of it.

use std::fmt;
use std::sync::Arc;

use steadfast_actor_core::System;
use steadfast_base::{ConfigError, ConfigFaults, Sink};

use crate::limits;
use crate::monitor::{Files, SystemFiles};
use crate::shell::{Crew, Reporter, Seat};

use super::config::LeakConfig;
use super::detector::LeakDetector;
use super::gauge::Gauge;
use super::report::LeakKind;
use super::scan::{Parts, Source};

/// A function that counts what is in use.
type Count = Box<dyn Fn() -> f64 + Send + Sync>;

/// Collects gauges and settings until [`start`](Self::start).
///
/// # Example
///
/// See [`LeakDetector`].
#[must_use = "a builder watches nothing until `start`"]
pub struct LeakDetectorBuilder {
    config: LeakConfig,
    sink: Option<Arc<dyn Sink>>,
    gauges: Vec<(String, LeakKind, Option<f64>, Count)>,
    process: Option<Arc<dyn Files>>,
}

impl Default for LeakDetectorBuilder {
    fn default() -> Self {
        let process: Arc<dyn Files> = Arc::new(SystemFiles);
        Self {
            config: LeakConfig::default(),
            sink: None,
            gauges: Vec::new(),
            process: Some(process),
        }
    }
}

impl LeakDetectorBuilder {
    /// Sets the configuration.
    pub fn config(mut self, config: LeakConfig) -> Self {
        self.config = config;
        self
    }

    /// Emits what is found to `sink`, see [`names`](crate::names).
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Watches a count at the limit that the configuration has for its kind.
    ///
    /// `count` is called at every scan and must not block. [`LeakKind::Other`] has no limit in the
    /// configuration: use [`gauge_with_limit`](Self::gauge_with_limit).
    pub fn gauge(
        mut self,
        name: impl Into<String>,
        kind: LeakKind,
        count: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        self.gauges.push((name.into(), kind, None, Box::new(count)));
        self
    }

    /// Watches a count, or any other measure, at a limit of its own.
    pub fn gauge_with_limit(
        mut self,
        name: impl Into<String>,
        kind: LeakKind,
        limit: f64,
        count: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        self.gauges.push((name.into(), kind, Some(limit), Box::new(count)));
        self
    }

    /// Does not watch the memory, file handles and sockets of the process.
    ///
    /// They are read on a real thread, so a test in virtual time does without them.
    pub fn without_process(mut self) -> Self {
        self.process = None;
        self
    }

    #[cfg(test)]
    pub(super) fn process_files(mut self, files: Arc<dyn Files>) -> Self {
        self.process = Some(files);
        self
    }

    /// Starts to scan; for the first time after one interval.
    ///
    /// Beside the gauges that were added it watches the tasks and actors of the system, and the process.
    ///
    /// # Errors
    ///
    /// Fails with every fault: of the settings, of names (used twice, empty), of limits, of more than
    /// [`GAUGES_MAX`](crate::limits::GAUGES_MAX) gauges.
    ///
    /// # Example
    ///
    /// See [`LeakDetector`].
    pub fn start(self, system: &System) -> Result<LeakDetector, ConfigError> {
        let Self { config, sink, gauges, process } = self;
        let mut faults = ConfigFaults::default();
        if let Err(error) = config.validate() {
            faults.extend(error);
        }
        let mut all: Vec<(Gauge, Source)> = Vec::new();
        let gauge = |name: String, kind, limit: Option<f64>| {
            let own = limit.is_some();
            let limit = limit.unwrap_or_else(|| config.limit(kind));
            let gauge = Gauge::new(name, kind, limit, config.growth.clone());
            (if own { gauge } else { gauge.following() }, limit)
        };
        for (name, kind, limit, count) in gauges {
            let (gauge, limit) = gauge(name, kind, limit);
            let field = format!("gauges.{}", gauge.name);
            if gauge.name.is_empty() {
                faults.add("gauges", "one has an empty name");
            }
            if all.iter().any(|(other, _)| other.name == gauge.name) {
                faults.add(field.clone(), "is there twice");
            }
            if !(limit > 0.0 && limit.is_finite()) {
                faults.add(field, format!("has the limit {limit}; it must be a number above 0"));
            }
            all.push((gauge, Source::Count(count)));
        }
        if all.len() > limits::GAUGES_MAX {
            let (have, max) = (all.len(), limits::GAUGES_MAX);
            faults.add("gauges", format!("are {have}; at most {max} are allowed"));
        }
        faults.into_result("health")?;

        let mut add =
            |name: &str, kind, source| all.push((gauge(name.to_owned(), kind, None).0, source));
        let counted = system.clone();
        let tasks = move || real(counted.task_count());
        add("system tasks", LeakKind::Tasks, Source::Count(Box::new(tasks)));
        let counted = system.clone();
        let actors = move || real(counted.actor_count());
        add("system actors", LeakKind::Actors, Source::Count(Box::new(actors)));
        if process.is_some() {
            add("process memory", LeakKind::Memory, Source::Process);
            add("process file handles", LeakKind::FileHandles, Source::Process);
            add("process sockets", LeakKind::Connections, Source::Process);
        }

        let reporter = Reporter::new(sink, system.time().clone());
        let process = process.map(|files| (files, Seat::default()));
        let parts = Parts { config, gauges: all, process, reporter, seed: system.seed() };
        Ok(LeakDetector::start(parts, Crew::new(system)))
    }
}

impl fmt::Debug for LeakDetectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeakDetectorBuilder")
            .field("config", &self.config)
            .field("gauges", &self.gauges.len())
            .finish_non_exhaustive()
    }
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 tasks")]
fn real(count: usize) -> f64 {
    count as f64
}
