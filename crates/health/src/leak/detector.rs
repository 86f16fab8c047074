//! The detector: the scheduled scan, and the handle that is asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use steadfast_base::{ConfigError, LimitExceeded};

use crate::shell::{Crew, Owner, wait};

use super::config::LeakConfig;
use super::report::{LeakKind, LeakReport};
use super::scan::{Parts, Scanner};
use super::start::LeakDetectorBuilder;
use super::tracker::LeakTracker;

/// Looks for leaks on a schedule, and tells each once; clones are the same detector.
///
/// | Looked at | Leak when | Told |
/// |---|---|---|
/// | things wrapped by a [`LeakTracker`] | held for longer than allowed | once each, with the acquire site |
/// | memory, file handles, sockets of the process | above the limit, or growing towards it | once, until it is over |
/// | tasks and actors of the system | the same | the same |
/// | gauges of your own | the same | the same |
///
/// A leak of the second sort is over after five scans in a row without a cause. Its report names the sites
/// where most of what is held of the same kind was acquired, if a tracker watches them.
///
/// # Guarantees
///
/// Memory is bounded: [`tracked_max`](crate::LeakConfig::tracked_max) things for each tracker,
/// [`LEAK_TRACKERS_MAX`](crate::limits::LEAK_TRACKERS_MAX) trackers,
/// [`LEAK_REPORTS_KEPT`](crate::limits::LEAK_REPORTS_KEPT) reports. Which acquires are tracked follows from
/// the seed of the system. Of leaks at one in 128 a single leaked permit may go unseen; of 10,000 leaked on
/// one thread 78 or 79 are told.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_actor_core::System;
/// use steadfast_health::{LeakConfig, LeakDetector, LeakKind};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let system = System::builder("shop").build()?;
/// let mut config = LeakConfig::default();
/// config.sample_one_in = 1;
/// config.held_max = Duration::from_nanos(1);
/// let detector = LeakDetector::builder().config(config).without_process().start(&system)?;
///
/// let permits = detector.tracker("inventory permits", LeakKind::Permits)?;
/// let held = permits.track("a permit");
/// assert_eq!(held.len(), 8);
///
/// let reports = detector.scan().await;
/// assert_eq!(reports[0].name, "inventory permits");
/// assert_eq!(reports[0].sites[0].site.file(), file!());
/// assert!(detector.scan().await.is_empty(), "each leak is told once");
/// # detector.stop().await;
/// # system.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LeakDetector {
    scanner: Arc<Scanner>,
    owner: Arc<Owner>,
}

impl LeakDetector {
    /// A detector that watches the process, and the tasks and actors of its system.
    pub fn builder() -> LeakDetectorBuilder {
        LeakDetectorBuilder::default()
    }

    pub(super) fn start(parts: Parts, crew: Crew) -> Self {
        let scanner = Arc::new(Scanner::new(parts, crew.time().clone()));
        let (scanning, time) = (Arc::clone(&scanner), crew.time().clone());
        // A system that has ended drops it; then nothing is left to scan.
        drop(crew.spawn(async move {
            let mut last = time.now();
            loop {
                let next = last + scanning.config().interval;
                if time.now() < next {
                    // New settings may bring it nearer, or put it off.
                    wait(&time, Some(next), scanning.kick()).await;
                    continue;
                }
                // Reports are kept and emitted; the answer is for those who ask.
                drop(scanning.scan().await);
                let now = time.now();
                // Scans that were missed, as by a suspended machine, are not made up for.
                last = if next + scanning.config().interval <= now { now } else { next };
            }
        }));
        Self { scanner, owner: Arc::new(Owner(crew)) }
    }

    /// The tracker of this name, made if it is not there; things may be held for the configured time.
    ///
    /// # Errors
    ///
    /// Fails if there are [`LEAK_TRACKERS_MAX`](crate::limits::LEAK_TRACKERS_MAX) others.
    ///
    /// # Example
    ///
    /// See [`LeakDetector`].
    pub fn tracker(&self, name: &str, kind: LeakKind) -> Result<LeakTracker, LimitExceeded> {
        self.scanner.tracker(name, kind, None)
    }

    /// The tracker of this name, made if it is not there, whose things may be held for `held_max`.
    ///
    /// One that is there stays as it is.
    ///
    /// # Errors
    ///
    /// Fails if there are [`LEAK_TRACKERS_MAX`](crate::limits::LEAK_TRACKERS_MAX) others.
    ///
    /// # Example
    ///
    /// See [`LeakDetector`].
    pub fn tracker_with(
        &self,
        name: &str,
        kind: LeakKind,
        held_max: Duration,
    ) -> Result<LeakTracker, LimitExceeded> {
        self.scanner.tracker(name, kind, Some(held_max))
    }

    /// The settings in force.
    pub fn config(&self) -> LeakConfig {
        self.scanner.config()
    }

    /// Takes new settings: times, limits and what counts as growth hold from now on.
    ///
    /// Gauges with a limit of their own and trackers with a time of their own keep them. Sampling and the
    /// size of the table are those of trackers made from now on.
    ///
    /// # Errors
    ///
    /// Fails with every fault and keeps the old settings.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_base::ConfigError;
    /// # use steadfast_health::LeakDetector;
    /// # fn example(detector: &LeakDetector) -> Result<(), ConfigError> {
    /// let mut config = detector.config();
    /// config.connections = 500;
    /// detector.reconfigure(&config)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconfigure(&self, config: &LeakConfig) -> Result<(), ConfigError> {
        config.validate()?;
        self.scanner.reconfigure(config);
        Ok(())
    }

    /// Looks for leaks now, beside the schedule; answers with those not told before.
    ///
    /// # Cancel safety
    ///
    /// Dropping it may drop this scan; what it would have found is found by the next.
    ///
    /// # Example
    ///
    /// See [`LeakDetector`].
    pub async fn scan(&self) -> Vec<LeakReport> {
        self.scanner.scan().await
    }

    /// The reports that are kept, the oldest first; the oldest make room for new ones.
    pub fn reports(&self) -> Vec<LeakReport> {
        self.scanner.reports()
    }

    /// The leaks that were told and are not over, as of now.
    pub fn open_leaks(&self) -> Vec<LeakReport> {
        self.scanner.open_leaks()
    }

    /// Stops scanning and waits, at most 5 s, until the task has ended; answers how many have not.
    ///
    /// # Cancel safety
    ///
    /// Once polled, scanning stops; dropping it loses the wait only.
    pub async fn stop(&self) -> usize {
        self.owner.0.stop().await
    }
}

impl fmt::Debug for LeakDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeakDetector")
            .field("trackers", &self.scanner.tracker_count())
            .finish_non_exhaustive()
    }
}
