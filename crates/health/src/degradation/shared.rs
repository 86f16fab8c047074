//! What the handles and the task share: the level, the switches, what the monitors said.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_base::{Instant, Value};

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

impl Shared {
    /// At the best level.
    pub(super) fn new(
        config: &DegradationConfig,
        monitors: &[Arc<dyn ResourceMonitor>],
        reporter: Reporter,
    ) -> Self {
        let monitors = monitors.iter().map(|monitor| Known::new(&**monitor)).collect();
        let features = config.features.iter();
        let shared = Self {
            state: Mutex::new(State { machine: Machine::new(config), monitors }),
            levels: config.levels.iter().map(|level| level.name.as_str().into()).collect(),
            features: features
                .filter_map(|(name, worst)| Some((name.as_str().into(), config.place_of(worst)?)))
                .collect(),
            switches: Switches::default(),
            stale_after: config.stale_after,
            reporter,
        };
        shared.set_switches(0);
        shared
    }

    pub(super) fn level_in_force(&self) -> &str {
        let level = self.lock().machine.level();
        self.level(level)
    }

    pub(super) fn feature(&self, name: &str) -> Option<FeatureSwitch> {
        let mut features = self.features.iter().enumerate();
        let (bit, (name, _)) = features.find(|(_, (known, _))| &**known == name)?;
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
        let features = self.features.iter();
        let monitors = state.monitors.iter();
        DegradationStatus {
            level: self.level(level).to_owned(),
            automatic_level: self.level(state.machine.automatic()).to_owned(),
            pinned: state.machine.pinned().is_some(),
            features: features.map(|(name, worst)| (name.to_string(), level <= *worst)).collect(),
            readings: monitors.map(|known| known.status(now, self.stale_after)).collect(),
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

    pub(super) fn take_readings(&self, now: Instant, answers: Vec<Attempt>) {
        let (told, change) = {
            let mut state = self.lock();
            let State { machine, monitors } = &mut *state;
            let attempts = monitors.iter_mut().zip(answers);
            let told: Vec<Told> = attempts
                .filter_map(|(known, answer)| known.take(now, answer, self.stale_after))
                .collect();
            let mut readings = Readings::new();
            for known in monitors.iter() {
                let Some(reading) = known.fresh(now, self.stale_after) else { continue };
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
