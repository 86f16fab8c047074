//! The handle to degradation, and the task that reads the monitors.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_base::{Instant, Value};
use tokio::sync::Notify;

use crate::names;
use crate::resource::{ReadingError, Resource, ResourceMonitor};
use crate::shell::{Answer, Crew, Owner, Reporter, Seat, shortened, wait};

use super::config::DegradationConfig;
use super::machine::{Cause, Change, Machine, Readings};
use super::start::DegradationBuilder;
use super::status::{DegradationStatus, ReadingStatus, UnknownFeature, UnknownLevel};
use super::switches::{FeatureSwitch, Switches};

/// Switches features off while resources run short, and on again afterwards; clones are the same.
///
/// Monitors are read in tasks of their own, each within its time-out: one that hangs, fails or panics
/// holds up nobody. Its last reading counts for a while longer, then its resource is taken for calm.
///
/// ```text
///            CPU > 0.7, memory > 0.8              CPU > 0.9, memory > 0.9, disk > 0.95
///   normal ---------------------------> degraded ------------------------------------> minimal
///     ^  <- all of it 0.05 lower for 60 s --   <------- all of it 0.05 lower for 60 s -----
/// ```
///
/// Worse levels are entered at the first reading that exceeds a threshold, better ones one at a time. A
/// level [applied](Self::apply_level) by hand holds until it is [released](Self::release).
///
/// # Example
///
/// ```
/// use steadfast_actor_core::System;
/// use steadfast_health::{Degradation, DegradationConfig};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let system = System::builder("shop").build()?;
/// let config = DegradationConfig::default()
///     .feature("recommendations", "normal")
///     .feature("checkout", "minimal");
/// let degradation = Degradation::builder().config(config).start(&system)?;
///
/// let recommendations = degradation.feature("recommendations")?;
/// let checkout = degradation.feature("checkout")?;
/// assert!(recommendations.is_on());
///
/// degradation.apply_level("minimal")?;
/// assert!(!recommendations.is_on() && checkout.is_on());
/// degradation.release();
/// assert_eq!(degradation.level(), "normal");
/// # system.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Degradation {
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

/// What the handles and the task share.
struct Shared {
    state: Mutex<State>,
    levels: Vec<Arc<str>>,
    /// Name and worst level of each feature; its bit is its place.
    features: Vec<(Arc<str>, usize)>,
    switches: Switches,
    stale_after: Duration,
    reporter: Reporter,
}

struct State {
    machine: Machine,
    monitors: Vec<Known>,
}

/// What is known of one monitor.
struct Known {
    name: String,
    resource: Resource,
    reading: Option<(f64, Instant)>,
    error: Option<String>,
    silent: bool,
}

impl Degradation {
    /// A degradation with the default settings and without monitors.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn builder() -> DegradationBuilder {
        DegradationBuilder::default()
    }

    pub(super) fn start(
        config: &DegradationConfig,
        monitors: Vec<Arc<dyn ResourceMonitor>>,
        crew: Crew,
        reporter: Reporter,
    ) -> Self {
        let known = monitors.iter().map(|monitor| Known {
            name: monitor.name().to_owned(),
            resource: monitor.resource(),
            reading: None,
            error: None,
            silent: false,
        });
        let features = config.features.iter();
        let shared = Arc::new(Shared {
            state: Mutex::new(State { machine: Machine::new(config), monitors: known.collect() }),
            levels: config.levels.iter().map(|level| level.name.as_str().into()).collect(),
            features: features
                .filter_map(|(name, worst)| Some((name.as_str().into(), config.place_of(worst)?)))
                .collect(),
            switches: Switches::default(),
            stale_after: config.stale_after,
            reporter,
        });
        shared.set_switches(0);
        let reader = Reader {
            shared: Arc::clone(&shared),
            monitors: monitors.into_iter().map(|monitor| (monitor, Seat::default())).collect(),
            crew: crew.clone(),
            interval: config.interval,
            timeout: config.reading_timeout,
        };
        // A system that has ended drops it; levels then change by hand only.
        drop(crew.spawn(reader.run()));
        Self { shared, owner: Arc::new(Owner(crew)) }
    }

    /// The level in force.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn level(&self) -> &str {
        let level = self.shared.lock().machine.level();
        self.shared.level(level)
    }

    /// The switch of a feature, to keep where it is asked.
    ///
    /// # Errors
    ///
    /// Fails if the configuration has no such feature.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn feature(&self, name: &str) -> Result<FeatureSwitch, UnknownFeature> {
        let mut features = self.shared.features.iter().enumerate();
        let known = features.find(|(_, (known, _))| &**known == name);
        let (bit, (name, _)) = known.ok_or_else(|| UnknownFeature(name.to_owned()))?;
        Ok(self.shared.switches.switch(bit, name))
    }

    /// Puts a level in force by hand; it holds until [`release`](Self::release).
    ///
    /// # Errors
    ///
    /// Fails if there is no such level; nothing changes then.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn apply_level(&self, level: &str) -> Result<(), UnknownLevel> {
        let place = self.shared.levels.iter().position(|known| &**known == level);
        let place = place.ok_or_else(|| UnknownLevel(level.to_owned()))?;
        let change = self.shared.change(|machine| machine.pin(place));
        self.shared.reporter.emit(names::LEVEL_PINNED, &[(names::LEVEL, Value::Str(level))]);
        self.shared.tell(change);
        Ok(())
    }

    /// Goes back to the level that the readings ask for; does nothing if none was applied by hand.
    ///
    /// # Example
    ///
    /// See [`Degradation`].
    pub fn release(&self) {
        let mut pinned = None;
        let change = self.shared.change(|machine| {
            pinned = machine.pinned();
            machine.release()
        });
        if let Some(level) = pinned {
            let level = self.shared.level(level);
            self.shared.reporter.emit(names::LEVEL_RELEASED, &[(names::LEVEL, Value::Str(level))]);
        }
        self.shared.tell(change);
    }

    /// The level, the features and the readings, at one moment.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_actor_core::System;
    /// use steadfast_health::Degradation;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # let _guard = runtime.enter();
    /// let system = System::builder("shop").build()?;
    /// let degradation = Degradation::builder().start(&system)?;
    /// assert!(!degradation.status().pinned);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(&self) -> DegradationStatus {
        let now = self.owner.0.time().now();
        let state = self.shared.lock();
        let level = state.machine.level();
        let features = self.shared.features.iter();
        DegradationStatus {
            level: self.shared.level(level).to_owned(),
            automatic_level: self.shared.level(state.machine.automatic()).to_owned(),
            pinned: state.machine.pinned().is_some(),
            features: features.map(|(name, worst)| (name.to_string(), level <= *worst)).collect(),
            readings: state
                .monitors
                .iter()
                .map(|known| known.status(now, self.shared.stale_after))
                .collect(),
        }
    }

    /// Stops reading the monitors and waits, at most 5 s, until all tasks have ended.
    ///
    /// Answers how many have not: those block their thread. The level stays as it is, and can still be
    /// applied by hand.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the readings stop; dropping it loses the wait only.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_health::Degradation;
    /// # async fn example(degradation: Degradation) {
    /// assert_eq!(degradation.stop().await, 0);
    /// # }
    /// ```
    pub async fn stop(&self) -> usize {
        self.owner.0.stop().await
    }
}

impl fmt::Debug for Degradation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Degradation").field("level", &self.level()).finish_non_exhaustive()
    }
}

impl Known {
    fn is_fresh(&self, now: Instant, stale_after: Duration) -> bool {
        self.reading.is_some_and(|(_, at)| now - at <= stale_after)
    }

    fn status(&self, now: Instant, stale_after: Duration) -> ReadingStatus {
        ReadingStatus {
            monitor: self.name.clone(),
            resource: self.resource.clone(),
            reading: self.reading.map(|(reading, _)| reading),
            age: self.reading.map(|(_, at)| now - at),
            stale: !self.is_fresh(now, stale_after),
            error: self.error.clone(),
        }
    }

    /// Takes in an attempt to read; tells if it made the monitor silent, or ended that.
    fn take(&mut self, now: Instant, answer: Attempt, stale_after: Duration) -> Option<Told> {
        let read = match answer {
            Answer::Given(Ok(reading)) if reading.is_nan() => Err("is not a number".to_owned()),
            Answer::Given(Ok(reading)) => Ok(reading.clamp(0.0, 1.0)),
            Answer::Given(Err(error)) => Err(shortened(&error.to_string())),
            Answer::Panicked(text) => Err(text),
            Answer::Late => Err("did not answer in time".to_owned()),
        };
        match read {
            Ok(reading) => {
                self.reading = Some((reading, now));
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
        let silent = !self.is_fresh(now, stale_after);
        let changed = silent != std::mem::replace(&mut self.silent, silent);
        changed.then(|| Told { monitor: self.name.clone(), silent, error: self.error.clone() })
    }
}

type Attempt = Answer<Result<f64, ReadingError>>;

/// That a monitor became silent or gave a reading again.
struct Told {
    monitor: String,
    silent: bool,
    error: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn level(&self, place: usize) -> &str {
        self.levels.get(place).map(|name| &**name).unwrap_or_default()
    }

    /// Changes the machine and, before anybody else can, the switches.
    fn change(&self, change: impl FnOnce(&mut Machine) -> Option<Change>) -> Option<Change> {
        let mut state = self.lock();
        let change = change(&mut state.machine);
        self.set_switches(state.machine.level());
        change
    }

    fn set_switches(&self, level: usize) {
        let mut on = 0;
        for (bit, (_, worst)) in self.features.iter().enumerate() {
            on |= u64::from(level <= *worst) << bit;
        }
        self.switches.set(on);
    }

    fn take_readings(&self, now: Instant, answers: Vec<Attempt>) {
        let (told, change) = {
            let mut state = self.lock();
            let State { machine, monitors } = &mut *state;
            let attempts = monitors.iter_mut().zip(answers);
            let told: Vec<Told> = attempts
                .filter_map(|(known, answer)| known.take(now, answer, self.stale_after))
                .collect();
            let mut readings = Readings::new();
            for known in monitors.iter().filter(|known| known.is_fresh(now, self.stale_after)) {
                let Some((reading, _)) = known.reading else { continue };
                let highest = readings.entry(known.resource.clone()).or_insert(reading);
                *highest = highest.max(reading);
            }
            let change = machine.sample(now, &readings);
            self.set_switches(machine.level());
            (told, change)
        };
        for Told { monitor, silent, error } in told {
            let monitor = (names::MONITOR, Value::Str(&monitor));
            let reason = (names::REASON, Value::Str(error.as_deref().unwrap_or_default()));
            if silent {
                self.reporter.emit(names::MONITOR_SILENT, &[monitor, reason]);
            } else {
                self.reporter.emit(names::MONITOR_BACK, &[monitor]);
            }
        }
        self.tell(change);
    }

    fn tell(&self, change: Option<Change>) {
        let Some(Change { from, to, cause }) = change else { return };
        let cause = match cause {
            Cause::Exceeded { resource, reading, threshold } => {
                format!("{resource} is at {reading:.2}, above {threshold}")
            }
            Cause::Calm => "calm for long enough".to_owned(),
            Cause::ByHand => "by hand".to_owned(),
            Cause::Released => "released by hand".to_owned(),
        };
        self.reporter.emit(
            names::LEVEL_CHANGED,
            &[
                (names::FROM, Value::Str(self.level(from))),
                (names::TO, Value::Str(self.level(to))),
                (names::CAUSE, Value::Str(&cause)),
            ],
        );
    }
}

/// The task that reads the monitors.
struct Reader {
    shared: Arc<Shared>,
    monitors: Vec<(Arc<dyn ResourceMonitor>, Seat)>,
    crew: Crew,
    interval: Duration,
    timeout: Duration,
}

impl Reader {
    async fn run(self) {
        let never = Notify::new();
        let mut next = self.crew.time().now();
        loop {
            let reads = self.monitors.iter().map(|(monitor, seat)| {
                let monitor = Arc::clone(monitor);
                (seat.clone(), async move { monitor.read().await })
            });
            let answers = self.crew.gather(self.timeout, reads.collect()).await;
            let now = self.crew.time().now();
            self.shared.take_readings(now, answers);
            next = (next + self.interval).max(now);
            wait(self.crew.time(), Some(next), &never).await;
        }
    }
}
