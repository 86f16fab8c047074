//! Phases: their order, what they may take, and how they went.

use std::{collections::BTreeSet, fmt, time::Duration};

use crate::ExitReason;

/// How long a phase may take unless it says otherwise.
pub const PHASE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// The phase in which the system stops its actors.
pub(super) const STOP_ACTORS: &str = "stop-actors";

/// A phase of the shutdown.
///
/// | phase | comes after | what happens in it |
/// |---|---|---|
/// | `before-stop` | | your tasks, actors still run: stop taking work, drain |
/// | `stop-actors` | `before-stop` | all actors stop, in order within each tree; late ones are killed |
/// | `after-stop` | `stop-actors` | your tasks, no actor runs: flush, close |
///
/// Add your own with [`System::add_phase`](crate::System::add_phase). Tasks of a phase run in parallel,
/// those of `stop-actors` beside the end of the actors. A phase that is not done within its time-out is
/// passed over and reported; killed actors get one more second to end.
#[derive(Clone, Debug)]
pub struct Phase {
    pub(super) name: String,
    pub(super) after: Vec<String>,
    pub(super) timeout: Duration,
    pub(super) abort_on_timeout: bool,
}

impl Phase {
    /// A phase with the default time-out of 5 s that depends on no other.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            after: Vec::new(),
            timeout: PHASE_TIMEOUT_DEFAULT,
            abort_on_timeout: false,
        }
    }

    /// Runs the phase after another one.
    #[must_use]
    pub fn after(mut self, phase: impl Into<String>) -> Self {
        self.after.push(phase.into());
        self
    }

    /// Sets how long it may take.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Lets the shutdown skip the other phases of the user when this one runs late; actors are
    /// stopped all the same (Pekko's `recover = off`).
    #[must_use]
    pub fn abort_on_timeout(mut self) -> Self {
        self.abort_on_timeout = true;
        self
    }
}

/// Why a phase or a task was not added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PhaseError {
    /// There is no phase of that name.
    Unknown(String),
    /// There is a phase of that name already.
    Exists(String),
    /// The phase would come after itself.
    Cycle(String),
    /// The shutdown has begun.
    Begun,
}

impl fmt::Display for PhaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "there is no shutdown phase {name:?}"),
            Self::Exists(name) => write!(f, "there is a shutdown phase {name:?} already"),
            Self::Cycle(name) => write!(f, "the shutdown phase {name:?} would come after itself"),
            Self::Begun => f.write_str("the shutdown has begun"),
        }
    }
}

impl std::error::Error for PhaseError {}

/// How one phase went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhaseOutcome {
    /// The phase.
    pub phase: String,
    /// The tasks that were not done in time, by name.
    pub late: Vec<String>,
    /// True if it was skipped because an earlier phase ran late.
    pub skipped: bool,
}

/// How the shutdown went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Why the system ended.
    pub reason: ExitReason,
    /// The phases, in the order in which they ran.
    pub phases: Vec<PhaseOutcome>,
    /// Actors that had to be killed.
    pub killed: usize,
    /// Actors that did not even end when killed: their handlers compute without awaiting.
    pub stuck: usize,
}

/// The phases in an order in which each comes after those it names; equal ones as they were added.
pub(super) fn in_order(phases: &[Phase]) -> Result<Vec<Phase>, PhaseError> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut ordered = Vec::new();
    while ordered.len() < phases.len() {
        let ready = |phase: &&Phase| {
            !done.contains(phase.name.as_str())
                && phase.after.iter().all(|before| done.contains(before.as_str()))
        };
        let Some(next) = phases.iter().find(ready) else {
            let stuck = phases.iter().find(|phase| !done.contains(phase.name.as_str()));
            return Err(PhaseError::Cycle(stuck.map_or_else(String::new, |p| p.name.clone())));
        };
        done.insert(&next.name);
        ordered.push(next.clone());
    }
    Ok(ordered)
}
