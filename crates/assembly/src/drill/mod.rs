//! Drills: a configuration tried on twins, in virtual time, before an outage tries it.
//!
//! Each drill builds a twin of one component from the same settings, in a system of its own whose time
//! is virtual, puts it before a callee that fails, hangs or is slow as told, and compares what happens
//! with what was to be expected. The live system is never touched; a whole suite takes well under a second
//! of real time.
//!
//! | Drill | What it expects |
//! |---|---|
//! | [`Drill::Breaker`] | opens on a callee that fails, rejects while open, closes once the callee is back |
//! | [`Drill::Bulkhead`] | never more calls at once than it has places; all places are given back |
//! | [`Drill::Retries`] | while everything fails, extra attempts stay within the budget |
//! | [`Drill::TimeLimit`] | a callee that hangs holds a caller no longer than the limits say |
//! | [`Drill::Healing`] | an open breaker stays open while its probe fails, and is reset once it passes |
//! | [`Drill::ManyCallers`] | 50 callers at once before a bad callee: all get an answer, nothing stays taken |
//!
//! What depends on code (fallbacks, your own rules and probes) is not part of a twin.
//!
//! Actors are code, so [`run_actors`] is given the function that starts them:
//!
//! | Drill | What it expects |
//! |---|---|
//! | [`Drill::KilledActors`] | actors killed at random come back under their supervisors, and work |
//! | [`Drill::PartedActors`] | after a time in which no message passed, all are there, and work |

mod actors;
mod breaker;
mod callers;
mod healing;
mod limits;
mod load;
mod report;
mod retries;
mod twin;

use std::any::Any;
use std::thread;

use crate::config::Config;
use crate::fault::ConfigError;

use self::report::Finding;
use self::twin::Subject;

pub use self::actors::{ActorOptions, ActorTwin, KILLS_MAX, PARTITIONS_MAX, run_actors};
pub use self::report::{Outcome, Report, Verdict};

/// What can be drilled.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drill {
    /// The breaker opens and recovers.
    Breaker,
    /// The bulkhead holds.
    Bulkhead,
    /// Retries stay in budget.
    Retries,
    /// Time limits hold.
    TimeLimit,
    /// Healing works.
    Healing,
    /// Many callers at once are all served or turned away.
    ManyCallers,
    /// Actors that are killed come back.
    KilledActors,
    /// Actors that were cut off from each other work again.
    PartedActors,
}

impl Drill {
    /// All drills of components, in the order in which they run.
    pub const ALL: [Self; 6] = [
        Self::Breaker,
        Self::Bulkhead,
        Self::Retries,
        Self::TimeLimit,
        Self::Healing,
        Self::ManyCallers,
    ];

    /// All drills of actors, in the order in which they run.
    pub const ACTORS: [Self; 2] = [Self::KilledActors, Self::PartedActors];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::Bulkhead => "bulkhead",
            Self::Retries => "retries",
            Self::TimeLimit => "time-limit",
            Self::Healing => "healing",
            Self::ManyCallers => "many-callers",
            Self::KilledActors => "killed-actors",
            Self::PartedActors => "parted-actors",
        }
    }

    fn run(self, subject: &Subject) -> Finding {
        match self {
            Self::Breaker => breaker::drill(subject),
            Self::Bulkhead => load::bulkhead(subject),
            Self::Retries => retries::drill(subject),
            Self::TimeLimit => limits::drill(subject),
            Self::Healing => healing::drill(subject),
            Self::ManyCallers => load::many_callers(subject),
            Self::KilledActors | Self::PartedActors => {
                Finding::skipped("it is a drill of actors, not of components")
            }
        }
    }
}

/// Callers at once by default, as the issue of every outage has them: more than any one is tested with.
const CALLERS: u32 = 50;
/// Most callers at once.
pub const CALLERS_MAX: u32 = 2_000;

/// What is drilled, and how hard.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `drills` | all of components | what is drilled |
/// | `components` | all | names of the components that are drilled; unknown ones are left out |
/// | `callers` | 50 | callers at once, at most 2,000 |
/// | `seed` | 0 | of the jitter; the same seed gives the same report |
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is drilled.
    pub drills: Vec<Drill>,
    /// The components that are drilled; empty: all.
    pub components: Vec<String>,
    /// Callers at once.
    pub callers: u32,
    /// The seed of the jitter.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        let drills = Drill::ALL.to_vec();
        Self { drills, components: Vec::new(), callers: CALLERS, seed: 0 }
    }
}

/// Runs drills on twins of the components of a configuration.
///
/// It blocks its thread while the drills compute, well under a second for a few components; in
/// asynchronous code run it where that is welcome (`spawn_blocking`).
///
/// # Errors
///
/// Fails if the configuration has faults. A drill that finds something is no error, but a failed
/// outcome of the report.
///
/// # Example
///
/// ```
/// use steadfast_assembly::{Config, drill};
///
/// let config = Config::from_toml(
///     r#"
///     [components.inventory]
///     total_deadline = 2.0
///     retry = {}
///     breaker = {}
///     bulkhead = { max_concurrent_calls = 10 }
///     "#,
/// )?;
/// let report = drill::run(&config, &drill::Options::default())?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), steadfast_assembly::ConfigError>(())
/// ```
pub fn run(config: &Config, options: &Options) -> Result<Report, ConfigError> {
    config.validate()?;
    let mut outcomes = Vec::new();
    for (name, component) in &config.components {
        if !options.components.is_empty() && !options.components.contains(name) {
            continue;
        }
        let subject = Subject {
            name: name.clone(),
            config: component.clone(),
            healing: config.healing.clone(),
            callers: options.callers.clamp(1, CALLERS_MAX),
            seed: options.seed,
        };
        for drill in &options.drills {
            let finding = on_a_thread_of_its_own(*drill, || drill.run(&subject));
            outcomes.push(Outcome::new(name, *drill, finding));
        }
    }
    Ok(Report::new(outcomes))
}

/// The test system owns a runtime, which must not be started inside of another one; and a drill that
/// cannot end panics, which is a finding.
fn on_a_thread_of_its_own(drill: Drill, run: impl FnOnce() -> Finding + Send) -> Finding {
    let ended = thread::scope(|scope| {
        let thread = thread::Builder::new().name(format!("drill-{}", drill.name()));
        thread.spawn_scoped(scope, run).map(thread::ScopedJoinHandle::join)
    });
    let expected = "the drill ends";
    match ended {
        Ok(Ok(finding)) => finding,
        Ok(Err(panic)) => Finding::failed(expected, format!("it panicked: {}", text(&*panic))),
        Err(error) => Finding::failed(expected, format!("no thread to run it on: {error}")),
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}
