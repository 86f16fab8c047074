//! The detector: the scheduled scan, and the handle that is asked.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_base::{Instant, Limit, LimitExceeded, Seed, Time, Value};

use crate::monitor::{Files, ProcessReading, on_own_thread, process_reading};
use crate::shell::{Crew, Owner, Reporter, Seat, caught_now};
use crate::{defaults, limits, names};

use super::config::LeakConfig;
use super::gauge::{Change, Gauge};
use super::ledger::Overdue;
use super::report::{LeakCause, LeakKind, LeakReport, Suspect};
use super::sampler::Sampler;
use super::start::LeakDetectorBuilder;
use super::tracker::LeakTracker;

const TRACKERS: Limit = Limit::new("leak_trackers_max", limits::LEAK_TRACKERS_MAX as u64);

/// Acquire sites that one report names.
const SUSPECTS_MAX: usize = 3;

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
/// Memory is bounded: [`LeakConfig::tracked_max`] things for each tracker,
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
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

/// What a detector is started with.
pub(super) struct Parts {
    pub(super) config: LeakConfig,
    pub(super) gauges: Vec<(Gauge, Source)>,
    pub(super) process: Option<(Arc<dyn Files>, Seat)>,
    pub(super) reporter: Reporter,
    pub(super) seed: Seed,
}

/// Where the readings of a gauge come from.
pub(super) enum Source {
    Count(Box<dyn Fn() -> f64 + Send + Sync>),
    Process,
}

struct Shared {
    config: LeakConfig,
    sources: Vec<Source>,
    process: Option<(Arc<dyn Files>, Seat)>,
    reporter: Reporter,
    seed: Seed,
    time: Time,
    gauges: Mutex<Vec<Gauge>>,
    trackers: Mutex<BTreeMap<String, LeakTracker>>,
    told: Mutex<VecDeque<LeakReport>>,
}

impl LeakDetector {
    /// A detector that watches the process, and the tasks and actors of its system.
    pub fn builder() -> LeakDetectorBuilder {
        LeakDetectorBuilder::default()
    }

    pub(super) fn start(parts: Parts, crew: Crew) -> Self {
        let Parts { config, gauges, process, reporter, seed } = parts;
        let (gauges, sources) = gauges.into_iter().unzip();
        let shared = Arc::new(Shared {
            config,
            sources,
            process,
            reporter,
            seed,
            time: crew.time().clone(),
            gauges: Mutex::new(gauges),
            trackers: Mutex::default(),
            told: Mutex::default(),
        });
        let scanning = Arc::clone(&shared);
        // A system that has ended drops it; then nothing is left to scan.
        drop(crew.spawn(async move {
            let mut next = scanning.time.now() + scanning.config.interval;
            loop {
                scanning.time.sleep_until(next).await;
                // Reports are kept and emitted; the answer is for those who ask.
                drop(scanning.scan().await);
                let now = scanning.time.now();
                next += scanning.config.interval;
                if next <= now {
                    // Scans that were missed, as by a suspended machine, are not made up for.
                    next = now + scanning.config.interval;
                }
            }
        }));
        Self { shared, owner: Arc::new(Owner(crew)) }
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
        self.tracker_with(name, kind, self.shared.config.held_max)
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
        let Shared { config, seed, time, .. } = &*self.shared;
        let mut trackers = lock(&self.shared.trackers);
        if let Some(tracker) = trackers.get(name) {
            return Ok(tracker.clone());
        }
        TRACKERS.check(u64::try_from(trackers.len() + 1).unwrap_or(u64::MAX))?;
        let one_in = u32::try_from(config.sample_one_in).unwrap_or(u32::MAX);
        let seed = seed.stream("leak sampling").fork(name).next_u64();
        let sampler = Sampler::new(one_in, seed);
        let tracker = LeakTracker::new(
            name.to_owned(),
            kind,
            held_max,
            sampler,
            config.tracked_max,
            time.clone(),
        );
        trackers.insert(name.to_owned(), tracker.clone());
        Ok(tracker)
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
        self.shared.scan().await
    }

    /// The reports that are kept, the oldest first; the oldest make room for new ones.
    pub fn reports(&self) -> Vec<LeakReport> {
        lock(&self.shared.told).iter().cloned().collect()
    }

    /// The leaks that were told and are not over, as of now.
    pub fn open_leaks(&self) -> Vec<LeakReport> {
        self.shared.open_leaks()
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
            .field("trackers", &lock(&self.shared.trackers).len())
            .field("told", &lock(&self.shared.told).len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    async fn scan(&self) -> Vec<LeakReport> {
        let process = self.read_process().await;
        let now = self.time.now();
        let mut found = self.scan_trackers(now);
        found.extend(self.scan_gauges(process, now));
        {
            let mut told = lock(&self.told);
            told.extend(found.iter().cloned());
            let surplus = told.len().saturating_sub(limits::LEAK_REPORTS_KEPT);
            told.drain(..surplus);
        }
        for report in &found {
            self.tell(report);
        }
        found
    }

    /// The use of the process; nothing if it cannot be read, or not in time.
    async fn read_process(&self) -> ProcessReading {
        let Some((files, seat)) = &self.process else { return ProcessReading::default() };
        let files = Arc::clone(files);
        let reading = on_own_thread(seat, "leak-reading", move || process_reading(&*files));
        let reading = self.time.timeout(defaults::READING_TIMEOUT, reading).await;
        reading.ok().and_then(Result::ok).unwrap_or_default()
    }

    fn scan_trackers(&self, now: Instant) -> Vec<LeakReport> {
        let mut found = Vec::new();
        for tracker in self.trackers() {
            let overdue = tracker.ledger().overdue(tracker.held_max(), now);
            found.extend(overdue.into_iter().map(|overdue| self.held_report(&tracker, overdue)));
        }
        found
    }

    fn held_report(&self, tracker: &LeakTracker, overdue: Overdue) -> LeakReport {
        let held_max = tracker.held_max();
        let cause = LeakCause::HeldTooLong { held_for: overdue.held_for, held_max };
        let sites = vec![Suspect { site: overdue.site, held_about: 1 }];
        self.report(tracker.name(), tracker.kind(), cause, sites)
    }

    fn scan_gauges(&self, process: ProcessReading, now: Instant) -> Vec<LeakReport> {
        // Functions of others run before the lock is taken.
        let readings: Vec<Reading> = self.sources.iter().map(Source::read).collect();
        let mut gone = Vec::new();
        let mut found = Vec::new();
        for (gauge, reading) in lock(&self.gauges).iter_mut().zip(readings) {
            let value = match (reading, gauge.kind) {
                (Reading::Counted(value), _) => value,
                (Reading::OfProcess, LeakKind::Memory) => process.memory,
                (Reading::OfProcess, LeakKind::FileHandles) => process.file_handles,
                (Reading::OfProcess, _) => process.sockets,
            };
            let Some(value) = value else { continue };
            match gauge.step(now, value) {
                Some(Change::Found(cause)) => found.push((gauge.name.clone(), gauge.kind, cause)),
                Some(Change::Gone) => gone.push((gauge.name.clone(), gauge.kind)),
                None => {}
            }
        }
        for (name, kind) in gone {
            let fields = [(names::NAME, Value::Str(&name)), (names::KIND, kind.as_str().into())];
            self.reporter.emit(names::LEAK_GONE, &fields);
        }
        let report = |(name, kind, cause): (String, _, _)| {
            self.report(&name, kind, cause, self.suspects(kind))
        };
        found.into_iter().map(report).collect()
    }

    fn open_leaks(&self) -> Vec<LeakReport> {
        let now = self.time.now();
        let mut open = Vec::new();
        for tracker in self.trackers() {
            let leaked = tracker.ledger().leaked(now);
            open.extend(leaked.into_iter().map(|overdue| self.held_report(&tracker, overdue)));
        }
        let gauges: Vec<_> = lock(&self.gauges)
            .iter()
            .filter_map(|gauge| Some((gauge.name.clone(), gauge.kind, gauge.open()?)))
            .collect();
        for (name, kind, cause) in gauges {
            open.push(self.report(&name, kind, cause, self.suspects(kind)));
        }
        open
    }

    /// Where most of what is held of a kind was acquired.
    fn suspects(&self, kind: LeakKind) -> Vec<Suspect> {
        let trackers = self.trackers().into_iter().filter(|tracker| tracker.kind() == kind);
        let mut suspects: Vec<_> = trackers.flat_map(|tracker| tracker.suspects()).collect();
        suspects.sort_by(|left, right| {
            right.held_about.cmp(&left.held_about).then_with(|| left.site.cmp(&right.site))
        });
        suspects.truncate(SUSPECTS_MAX);
        suspects
    }

    fn report(
        &self,
        name: &str,
        kind: LeakKind,
        cause: LeakCause,
        sites: Vec<Suspect>,
    ) -> LeakReport {
        LeakReport { name: name.to_owned(), kind, cause, sites, at: self.time.timestamp() }
    }

    fn tell(&self, report: &LeakReport) {
        let site = report.sites.first().map(|suspect| suspect.site.to_string());
        self.reporter.emit(
            names::LEAK_FOUND,
            &[
                (names::NAME, Value::Str(&report.name)),
                (names::KIND, Value::Str(report.kind.as_str())),
                (names::CAUSE, Value::Display(&report.cause)),
                (names::SITE, Value::Str(site.as_deref().unwrap_or_default())),
            ],
        );
    }

    fn trackers(&self) -> Vec<LeakTracker> {
        lock(&self.trackers).values().cloned().collect()
    }
}

impl Source {
    /// What a function counts; one that panics counts nothing.
    fn read(&self) -> Reading {
        match self {
            Self::Count(count) => Reading::Counted(caught_now(count).ok()),
            Self::Process => Reading::OfProcess,
        }
    }
}

/// What a source gives.
enum Reading {
    Counted(Option<f64>),
    OfProcess,
}

/// What is behind these locks is whole between any two statements, so a poisoned one is taken over.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
