//! What the root of a tree adds: a breaker over all restarts and the history of failures.

mod gate;
mod history;
mod shared;

#[cfg(test)]
mod tests;

use std::time::Duration;
use std::{error, fmt};

use serde::{Deserialize, Serialize};

pub use gate::RestartGate;
pub use history::ErrorHistory;
pub(crate) use shared::{Root, Waiter};

/// Restarts of the whole tree within the window before the breaker opens.
pub const RESTARTS_MAX: u32 = 100;
/// The window in which restarts are counted.
pub const RESTARTS_WINDOW: Duration = Duration::from_mins(1);
/// How long no restart is started once the breaker is open.
pub const OPEN_WAIT: Duration = Duration::from_secs(30);
/// Restarts that have to stay up, one at a time, before the breaker closes.
pub const TRIALS: u32 = 3;
/// How long a tried restart has to stay up.
pub const STAY_UP: Duration = Duration::from_secs(5);
/// Failures kept in the history; the oldest ones go.
pub const HISTORY_MAX: u32 = 1_000;

/// Settings of the root.
///
/// | field | default | unit |
/// |---|---|---|
/// | `restarts_max` | 100 | restarts per window, above 0 |
/// | `window` | 60 | s, above 0 |
/// | `open_wait` | 30 | s, above 0 |
/// | `trials` | 3 | restarts, above 0 |
/// | `stay_up` | 5 | s |
/// | `history_max` | 1,000 | failures |
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootRules {
    /// Restarts within the window that are let through; one more opens the breaker.
    pub restarts_max: u32,
    /// The sliding window in which restarts are counted.
    pub window: Duration,
    /// How long no restart is started once the breaker is open.
    pub open_wait: Duration,
    /// Restarts that have to stay up, one at a time, before the breaker closes.
    pub trials: u32,
    /// How long a tried restart has to stay up.
    pub stay_up: Duration,
    /// Failures kept in the history.
    pub history_max: u32,
}

impl Default for RootRules {
    fn default() -> Self {
        Self {
            restarts_max: RESTARTS_MAX,
            window: RESTARTS_WINDOW,
            open_wait: OPEN_WAIT,
            trials: TRIALS,
            stay_up: STAY_UP,
            history_max: HISTORY_MAX,
        }
    }
}

impl RootRules {
    /// Sets how many restarts the whole tree may have within a window.
    #[must_use]
    pub fn with_limit(mut self, restarts_max: u32, window: Duration) -> Self {
        self.restarts_max = restarts_max;
        self.window = window;
        self
    }

    /// Sets how long no restart is started once the breaker is open.
    #[must_use]
    pub fn with_open_wait(mut self, open_wait: Duration) -> Self {
        self.open_wait = open_wait;
        self
    }

    /// Sets how many restarts have to stay up for how long before the breaker closes.
    #[must_use]
    pub fn with_trials(mut self, trials: u32, stay_up: Duration) -> Self {
        self.trials = trials;
        self.stay_up = stay_up;
        self
    }

    /// Sets how many failures the history keeps.
    #[must_use]
    pub fn with_history_max(mut self, history_max: u32) -> Self {
        self.history_max = history_max;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// Names all fields that are out of range.
    pub fn validate(&self) -> Result<(), RootFaults> {
        let checks = [
            ("restarts_max", self.restarts_max == 0),
            ("window", self.window.is_zero()),
            ("open_wait", self.open_wait.is_zero()),
            ("trials", self.trials == 0),
        ];
        let faults: Vec<&'static str> =
            checks.into_iter().filter(|(_, fault)| *fault).map(|(field, _)| field).collect();
        if faults.is_empty() { Ok(()) } else { Err(RootFaults { fields: faults, limit: None }) }
    }
}

/// Settings of the root that cannot be used.
#[derive(Debug)]
pub struct RootFaults {
    fields: Vec<&'static str>,
    limit: Option<steadfast_breaker::ConfigError>,
}

impl RootFaults {
    /// The fields that have to be above 0.
    pub fn fields(&self) -> &[&'static str] {
        &self.fields
    }
}

impl fmt::Display for RootFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.limit.is_some() {
            return f.write_str("the breaker refuses the limits of the root");
        }
        write!(f, "must be above 0: {}", self.fields.join(", "))
    }
}

impl error::Error for RootFaults {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.limit.as_ref().map(|limit| limit as &dyn error::Error)
    }
}
