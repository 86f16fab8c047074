//! What the handles and the task share: the level, the switches, what the monitors said.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use steadfast_base::{ConfigError, ConfigFaults, Instant, Value};

use crate::names;
use crate::resource::ResourceMonitor;
use crate::shell::Reporter;

use super::config::DegradationConfig;
use super::machine::{Cause, Change, Machine, Readings};
use super::reader::{Attempt, Known, Told};
use super::status::DegradationStatus;
use super::switches::{FeatureSwitch, Switches};

/// What the handles and the task share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Names of the levels, from the best to the worst.
    levels: Vec<Arc<str>>,
    /// Names of the features; the bit of each is its place.
    features: Vec<Arc<str>>,
    switches: Switches,
    /// Wakes the task that reads the monitors.
    kick: Notify,
    reporter: Reporter,
}

struct State {
    machine: Machine,
    monitors: Vec<Known>,
    /// The worst level of each feature.
    worst: Vec<usize>,
    pace: Pace,
}

/// How often and how long the monitors are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    stale_after: Duration,
}

impl Pace {
    fn new(config: &DegradationConfig) -> Self {
        Self {
            interval: config.interval,
            timeout: config.reading_timeout,
            stale_after: config.stale_after,
        }
    }
}

fn worst_levels(config: &DegradationConfig) -> Vec<usize> {
    // An unknown level is a fault that the validation finds.
    config.features.values().map(|level| config.place_of(level).unwrap_or_default()).collect()
}

impl Shared {
    /// At the best level.
    pub(super) fn new(
        config: &DegradationConfig,
        monitors: &[Arc<dyn ResourceMonitor>],
        reporter: Reporter,
    ) -> Self {
        let monitors = monitors.iter().map(|monitor| Known::new(&**monitor)).collect();
        let machine = Machine::new(config);
        let (worst, pace) = (worst_levels(config), Pace::new(config));
        let shared = Self {
            state: Mutex::new(State { machine, monitors, worst, pace }),
            levels: config.levels.iter().map(|level| level.name.as_str().into()).collect(),
            features: config.features.keys().map(|name| name.as_str().into()).collect(),
            switches: Switches::default(),
            kick: Notify::new(),
            reporter,
        };
        shared.set_switches(&shared.lock());
        shared
    }

    /// Takes new settings, whose levels and features must have the same names.
    pub(super) fn reconfigure(&self, config: &DegradationConfig) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        if let Err(error) = config.validate() {
            faults.extend(error);
        }
        let levels = config.levels.iter().map(|level| level.name.as_str());
        if !levels.eq(self.levels.iter().map(|level| &**level)) {
            faults.add("levels", "have other names than at the start");
        }
        let features = config.features.keys().map(String::as_str);
        if !features.eq(self.features.iter().map(|feature| &**feature)) {
            faults.add("features", "have other names than at the start");
        }
        faults.into_result("health")?;
        let mut state = self.lock();
        state.machine.reconfigure(config);
        (state.worst, state.pace) = (worst_levels(config), Pace::new(config));
        self.set_switches(&state);
        drop(state);
        self.kick.notify_one();
        Ok(())
    }

    pub(super) fn pace(&self) -> Pace {
        self.lock().pace
    }

    pub(super) fn kick(&self) -> &Notify {
        &self.kick
    }

    pub(super) fn level_in_force(&self) -> &str {
        let level = self.lock().machine.level();
        self.level(level)
    }

    pub(super) fn feature(&self, name: &str) -> Option<FeatureSwitch> {
        let mut features = self.features.iter().enumerate();
        let (bit, name) = features.find(|(_, known)| &***known == name)?;
        Some(self.switches.switch(bit, name))
    }

    /// Puts a level in force, if there is one of this name.
    pub(super) fn pin(&self, level: &str) -> Option<()> {
        let place = self.levels.iter().position(|known| &**known == level)?;
        let change = self.change(|machine| machine.pin(place));
        self.reporter.emit(names::LEVEL_PINNED, &[(names::LEVEL, Value::Str(level))]);
        self.tell(change);
        Some(())
    }

    pub(super) fn release(&self) {
        let mut pinned = None;
        let change = self.change(|machine| {
            pinned = machine.pinned();
            machine.release()
        });
        if let Some(level) = pinned {
            let level = self.level(level);
            self.reporter.emit(names::LEVEL_RELEASED, &[(names::LEVEL, Value::Str(level))]);
        }
        self.tell(change);
    }

    pub(super) fn status(&self, now: Instant) -> DegradationStatus {
        let state = self.lock();
        let level = state.machine.level();
        let features = self.features.iter().zip(&state.worst);
        let monitors = state.monitors.iter();
        DegradationStatus {
            level: self.level(level).to_owned(),
            automatic_level: self.level(state.machine.automatic()).to_owned(),
            pinned: state.machine.pinned().is_some(),
            features: features.map(|(name, worst)| (name.to_string(), level <= *worst)).collect(),
            readings: monitors.map(|known| known.status(now, state.pace.stale_after)).collect(),
        }
    }

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
        self.set_switches(&state);
        change
    }

    /// Shows the level in force; the caller holds the lock, so that the last one to change it is shown.
    fn set_switches(&self, state: &State) {
        let level = state.machine.level();
        let mut on = 0;
        for (bit, worst) in state.worst.iter().enumerate() {
            on |= u64::from(level <= *worst) << bit;
        }
        self.switches.set(on);
    }

    pub(super) fn take_readings(&self, now: Instant, answers: Vec<Attempt>) {
        let (told, change) = {
            let mut state = self.lock();
            let State { machine, monitors, pace, .. } = &mut *state;
            let attempts = monitors.iter_mut().zip(answers);
            let told: Vec<Told> = attempts
                .filter_map(|(known, answer)| known.take(now, answer, pace.stale_after))
                .collect();
            let mut readings = Readings::new();
            for known in monitors.iter() {
                let Some(reading) = known.fresh(now, pace.stale_after) else { continue };
                let highest = readings.entry(known.resource.clone()).or_insert(reading);
                *highest = highest.max(reading);
            }
            let change = machine.sample(now, &readings);
            self.set_switches(&state);
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
