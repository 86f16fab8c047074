//! One scan: trackers, gauges and the process, and what is told of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use steadfast_base::{Instant, Limit, LimitExceeded, Seed, Time, Value};

use crate::monitor::{Files, ProcessReading, on_own_thread, process_reading};
use crate::shell::{Reporter, Seat, caught_now};
use crate::{defaults, limits, names};

use super::config::LeakConfig;
use super::gauge::{Change, Gauge};
use super::ledger::Overdue;
use super::report::{LeakCause, LeakKind, LeakReport, Suspect};
use super::sampler::Sampler;
use super::tracker::LeakTracker;

const TRACKERS: Limit = Limit::new("leak_trackers_max", limits::LEAK_TRACKERS_MAX as u64);

/// Acquire sites that one report names.
const SUSPECTS_MAX: usize = 3;

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

/// What a detector knows and looks at.
pub(super) struct Scanner {
    config: Mutex<LeakConfig>,
    /// Wakes the scanning task when the settings have changed.
    kick: Notify,
    sources: Vec<Source>,
    process: Option<(Arc<dyn Files>, Seat)>,
    reporter: Reporter,
    seed: Seed,
    time: Time,
    gauges: Mutex<Vec<Gauge>>,
    trackers: Mutex<BTreeMap<String, Made>>,
    told: Mutex<VecDeque<LeakReport>>,
}

/// A tracker, and whether its things may be held for the configured time.
struct Made {
    tracker: LeakTracker,
    follows: bool,
}

impl Scanner {
    pub(super) fn new(parts: Parts, time: Time) -> Self {
        let Parts { config, gauges, process, reporter, seed } = parts;
        let (gauges, sources) = gauges.into_iter().unzip();
        Self {
            config: Mutex::new(config),
            kick: Notify::new(),
            sources,
            process,
            reporter,
            seed,
            time,
            gauges: Mutex::new(gauges),
            trackers: Mutex::default(),
            told: Mutex::default(),
        }
    }

    pub(super) fn config(&self) -> LeakConfig {
        lock(&self.config).clone()
    }

    pub(super) fn kick(&self) -> &Notify {
        &self.kick
    }

    /// Takes new settings, which are valid.
    pub(super) fn reconfigure(&self, config: &LeakConfig) {
        lock(&self.config).clone_from(config);
        // A tracker that is made meanwhile has the old time and is in the table, or has the new one.
        for Made { tracker, .. } in lock(&self.trackers).values().filter(|made| made.follows) {
            tracker.set_held_max(config.held_max);
        }
        for gauge in lock(&self.gauges).iter_mut() {
            gauge.reconfigure(config);
        }
        self.kick.notify_one();
    }

    /// The tracker of this name, made if it is not there; its things may be held for the configured time
    /// if no other is given.
    pub(super) fn tracker(
        &self,
        name: &str,
        kind: LeakKind,
        held_max: Option<Duration>,
    ) -> Result<LeakTracker, LimitExceeded> {
        let mut trackers = lock(&self.trackers);
        if let Some(made) = trackers.get(name) {
            return Ok(made.tracker.clone());
        }
        let config = self.config();
        TRACKERS.check(u64::try_from(trackers.len() + 1).unwrap_or(u64::MAX))?;
        let one_in = u32::try_from(config.sample_one_in).unwrap_or(u32::MAX);
        let seed = self.seed.stream("leak sampling").fork(name).next_u64();
        let tracker = LeakTracker::new(
            name.to_owned(),
            kind,
            held_max.unwrap_or(config.held_max),
            Sampler::new(one_in, seed),
            config.tracked_max,
            self.time.clone(),
        );
        let made = Made { tracker: tracker.clone(), follows: held_max.is_none() };
        trackers.insert(name.to_owned(), made);
        Ok(tracker)
    }

    /// How many trackers there are.
    pub(super) fn tracker_count(&self) -> usize {
        lock(&self.trackers).len()
    }

    /// The reports that are kept, the oldest first.
    pub(super) fn reports(&self) -> Vec<LeakReport> {
        lock(&self.told).iter().cloned().collect()
    }

    /// Looks at everything once, and tells what was not told before.
    pub(super) async fn scan(&self) -> Vec<LeakReport> {
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

    /// What was told and is not over.
    pub(super) fn open_leaks(&self) -> Vec<LeakReport> {
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
        lock(&self.trackers).values().map(|made| made.tracker.clone()).collect()
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
