//! The settings of chaos injection: which faults, how often, and when.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::serde_forms::seconds;

/// Most rules of one kind.
const RULES_MAX: usize = 64;
/// Most memory that all faults together may hold: 16 GiB.
const MEMORY_BYTES_MAX: u64 = 16 << 30;
/// Most file handles that all faults together may hold.
const FILE_HANDLES_MAX: u64 = 100_000;
/// Most disk space that all faults together may hold: 64 GiB.
const DISK_BYTES_MAX: u64 = 64 << 30;

/// Which faults are injected. By default none: chaos has to be asked for.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::{CallFault, ChaosConfig, ChaosSchedule};
///
/// let config = ChaosConfig::default()
///     .with_call_fault(CallFault::Error, 0.05)
///     .with_call_fault(CallFault::latency(Duration::from_millis(200)), 0.1)
///     .during(ChaosSchedule::after(Duration::from_mins(1)).lasting(Duration::from_mins(5)));
/// assert!(config.validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChaosConfig {
    /// Faults of calls.
    pub calls: Vec<CallRule>,
    /// Faults of the system around the calls.
    pub system: Vec<SystemRule>,
}

/// One fault of calls: what, how often, when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallRule {
    /// What is done to a call.
    pub fault: CallFault,
    /// Share of the calls, 0 to 1.
    pub rate: f64,
    /// When.
    #[serde(default)]
    pub schedule: ChaosSchedule,
}

/// What is done to a call.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CallFault {
    /// It starts later, by a time between the two, each equally likely.
    Latency {
        /// The shortest delay.
        #[serde(with = "seconds")]
        min: Duration,
        /// The longest delay.
        #[serde(with = "seconds")]
        max: Duration,
    },
    /// It is not made and fails with an error.
    Error,
    /// It is not made and panics.
    Panic,
    /// It is not made, and no answer ever comes. A synchronous call, which could not be given up, fails
    /// with an error instead.
    Drop,
}

impl CallFault {
    /// Exactly this delay.
    pub fn latency(delay: Duration) -> Self {
        Self::Latency { min: delay, max: delay }
    }

    /// The name in events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Drop => "drop",
        }
    }
}

/// One fault of the system: what, how often, when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemRule {
    /// What is done to the system.
    pub fault: SystemFault,
    /// Time between two occasions.
    #[serde(with = "seconds")]
    pub every: Duration,
    /// How likely the fault is at each occasion, 0 to 1.
    pub rate: f64,
    /// When.
    #[serde(default)]
    pub schedule: ChaosSchedule,
}

/// What is done to the system.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SystemFault {
    /// So many actors, each equally likely, are killed.
    KillActors(u32),
    /// No message passes between two groups of actors for a while.
    Partition {
        /// One group; if both are empty, all actors are dealt into two halves at random.
        #[serde(default)]
        left: Vec<String>,
        /// The other group.
        #[serde(default)]
        right: Vec<String>,
        /// How long.
        #[serde(with = "seconds")]
        lasting: Duration,
    },
    /// So much memory is taken for a while.
    Memory {
        /// How much; at most 16 GiB, with that of other rules.
        bytes: u64,
        /// How long.
        #[serde(with = "seconds")]
        lasting: Duration,
    },
    /// So many files are held open for a while.
    FileHandles {
        /// How many; at most 100,000, with those of other rules.
        count: u32,
        /// How long.
        #[serde(with = "seconds")]
        lasting: Duration,
    },
    /// So much disk space is filled for a while.
    Disk {
        /// How much; at most 64 GiB, with that of other rules.
        bytes: u64,
        /// The folder in which a file is made.
        folder: PathBuf,
        /// How long.
        #[serde(with = "seconds")]
        lasting: Duration,
    },
}

impl SystemFault {
    /// The name in events and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::KillActors(_) => "kill-actors",
            Self::Partition { .. } => "partition",
            Self::Memory { .. } => "memory",
            Self::FileHandles { .. } => "file-handles",
            Self::Disk { .. } => "disk",
        }
    }

    /// How long it lasts; nothing is left of a killed actor to last.
    pub(super) fn lasting(&self) -> Option<Duration> {
        match self {
            Self::KillActors(_) => None,
            Self::Partition { lasting, .. }
            | Self::Memory { lasting, .. }
            | Self::FileHandles { lasting, .. }
            | Self::Disk { lasting, .. } => Some(*lasting),
        }
    }

    /// Bytes of memory, file handles and bytes of disk space that it holds.
    fn held_max(&self) -> [u64; 3] {
        match self {
            Self::Memory { bytes, .. } => [*bytes, 0, 0],
            Self::FileHandles { count, .. } => [0, u64::from(*count), 0],
            Self::Disk { bytes, .. } => [0, 0, *bytes],
            Self::KillActors(_) | Self::Partition { .. } => [0; 3],
        }
    }
}

/// When a fault may happen, counted from the making of the chaos; by default always.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::ChaosSchedule;
///
/// let minute = Duration::from_mins(1);
/// let schedule = ChaosSchedule::after(minute).lasting(minute).repeated_every(minute * 10);
/// let active: Vec<u32> = (0..23).filter(|at| schedule.is_active(minute * *at)).collect();
/// assert_eq!(active, [1, 11, 21]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChaosSchedule {
    /// When it begins.
    #[serde(with = "seconds")]
    pub begins_after: Duration,
    /// How long it lasts; `None` for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Duration>,
    /// Time from one beginning to the next; `None` if there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats_every: Option<Duration>,
}

impl ChaosSchedule {
    /// From then on.
    pub fn after(begins_after: Duration) -> Self {
        Self { begins_after, ..Self::default() }
    }

    /// For so long.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasts = Some(time);
        self
    }

    /// Again and again.
    #[must_use]
    pub fn repeated_every(mut self, time: Duration) -> Self {
        self.repeats_every = Some(time);
        self
    }

    /// Whether a fault may happen so long after the making of the chaos.
    pub fn is_active(&self, elapsed: Duration) -> bool {
        let Some(since) = elapsed.checked_sub(self.begins_after) else { return false };
        let period = self.repeats_every.map_or(0, |period| period.as_nanos());
        let since = since.as_nanos().checked_rem(period).unwrap_or(since.as_nanos());
        self.lasts.is_none_or(|lasts| since < lasts.as_nanos())
    }
}

impl ChaosConfig {
    /// Adds a fault of calls, at any time.
    #[must_use]
    pub fn with_call_fault(mut self, fault: CallFault, rate: f64) -> Self {
        self.calls.push(CallRule { fault, rate, schedule: ChaosSchedule::default() });
        self
    }

    /// Adds a fault of the system, at any time.
    #[must_use]
    pub fn with_system_fault(mut self, fault: SystemFault, every: Duration, rate: f64) -> Self {
        self.system.push(SystemRule { fault, every, rate, schedule: ChaosSchedule::default() });
        self
    }

    /// Gives all faults added so far a schedule.
    #[must_use]
    pub fn during(mut self, schedule: ChaosSchedule) -> Self {
        self.calls.iter_mut().for_each(|rule| rule.schedule = schedule);
        self.system.iter_mut().for_each(|rule| rule.schedule = schedule);
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("policy", self.faults())
    }

    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        let mut require = |holds: bool, at: String, problem: &str| {
            if !holds {
                faults.push(ConfigFault::new(at, problem));
            }
        };
        for (kind, rules) in [("calls", self.calls.len()), ("system", self.system.len())] {
            require(rules <= RULES_MAX, format!("chaos.{kind}"), "has more than 64 rules");
        }
        for (number, rule) in self.calls.iter().enumerate() {
            let at = |field| format!("chaos.calls[{number}].{field}");
            require((0.0..=1.0).contains(&rule.rate), at("rate"), "must be between 0 and 1");
            let ordered = match rule.fault {
                CallFault::Latency { min, max } => min <= max,
                _ => true,
            };
            require(ordered, at("fault"), "has a min that is longer than its max");
        }
        for (number, rule) in self.system.iter().enumerate() {
            let at = |field| format!("chaos.system[{number}].{field}");
            require((0.0..=1.0).contains(&rule.rate), at("rate"), "must be between 0 and 1");
            require(!rule.every.is_zero(), at("every"), "is zero; it must be longer");
        }
        for (place, what, most) in [
            (0, "memory", MEMORY_BYTES_MAX),
            (1, "file handles", FILE_HANDLES_MAX),
            (2, "disk space", DISK_BYTES_MAX),
        ] {
            let held =
                self.system.iter().filter_map(|rule| rule.fault.held_max().get(place).copied());
            let total = held.fold(0, u64::saturating_add);
            let problem = format!("may hold {total} of {what} at once; at most {most} are allowed");
            require(total <= most, "chaos.system".to_owned(), &problem);
        }
        faults
    }
}
