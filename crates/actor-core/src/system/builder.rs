//! Building a system: its configuration, checked once.

use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use tokio::runtime::{Builder, Handle, Runtime};

use steadfast_base::{IdSource, Seed, Time};

use super::{
    NextId, System, SystemInner,
    installed::Installed,
    registry::{Registry, check_name},
    shutdown::Shutdown,
    tasks::Tasks,
};
use crate::{
    Overflow, Probe, StartError,
    dead_letters::DeadLetters,
    group::Groups,
    live::Live,
    mailbox::MAX_CAPACITY,
    overflow::limit_ms,
    slot::{SlotPool, Ticker},
    waits::Waits,
};

/// Messages that a mailbox holds by default.
pub const CAPACITY_DEFAULT: u32 = 1_024;

/// The deadline of an ask by default.
pub const ASK_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// How often coarse deadlines are looked at while any ask waits.
const TICK: Duration = Duration::from_millis(50);

/// Configures a [`System`].
///
/// | setting | default |
/// |---|---|
/// | [`capacity`](Self::capacity) | 1,024 messages a mailbox |
/// | [`overflow`](Self::overflow) | wait for room, at most 5 s |
/// | [`ask_timeout`](Self::ask_timeout) | 5 s |
/// | [`time`](Self::time) | the real clock, with tokio's timer |
/// | [`seed`](Self::seed) | from the operating system |
/// | [`runtime`](Self::runtime) | the current tokio runtime, else one of its own |
/// | [`still`](Self::still) | no: what is spawned runs |
/// | [`probe`](Self::probe) | none |
/// | [`sigterm`](Self::sigterm) | not handled |
#[must_use = "a builder builds nothing until `build`"]
pub struct SystemBuilder {
    name: String,
    time: Option<Time>,
    seed: Option<Seed>,
    capacity: u32,
    overflow: Overflow,
    ask_timeout: Duration,
    runtime: Option<Handle>,
    probe: Option<Arc<dyn Probe>>,
    sigterm: bool,
    still: bool,
}

/// Why a system was not built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// Everything that is wrong with the settings.
    Settings(Vec<String>),
    /// No runtime could be started.
    Runtime(std::io::Error),
    /// The signal that shall end the system could not be caught.
    Signal(std::io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(faults) => write!(f, "the system's settings: {}", faults.join("; ")),
            Self::Runtime(_) => f.write_str("no tokio runtime could be started"),
            Self::Signal(_) => f.write_str("the signal for the shutdown could not be caught"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Settings(_) => None,
            Self::Runtime(error) | Self::Signal(error) => Some(error),
        }
    }
}

impl SystemBuilder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            time: None,
            seed: None,
            capacity: CAPACITY_DEFAULT,
            overflow: Overflow::default(),
            ask_timeout: ASK_TIMEOUT_DEFAULT,
            runtime: None,
            probe: None,
            sigterm: false,
            still: false,
        }
    }

    /// How many messages a mailbox holds unless its spawn says otherwise: 1 to 2^30 - 1.
    pub fn capacity(mut self, messages_max: u32) -> Self {
        self.capacity = messages_max;
        self
    }

    /// What a full mailbox does unless its spawn says otherwise.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The deadline of asks that set none; fires up to 100 ms late, never early.
    pub fn ask_timeout(mut self, limit: Duration) -> Self {
        self.ask_timeout = limit;
        self
    }

    /// The clock and timer, such as a virtual one.
    pub fn time(mut self, time: Time) -> Self {
        self.time = Some(time);
        self
    }

    /// The seed of all random streams.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The runtime that runs the actors.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Gives the system a runtime that nobody drives: nothing that is spawned in it ever runs. For
    /// replays, which take the turns of their actors by hand.
    pub fn still(mut self) -> Self {
        self.still = true;
        self
    }

    /// Installs the instrumentation.
    pub fn probe(mut self, probe: Arc<dyn Probe>) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Shuts the system down in order when the process gets SIGTERM (ctrl-c where there is none).
    pub fn sigterm(mut self, handled: bool) -> Self {
        self.sigterm = handled;
        self
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if check_name(&self.name).is_err() {
            faults.push(format!("{}", StartError::BadName(self.name.clone())));
        }
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            faults.push(format!("the capacity {} is not in 1..={MAX_CAPACITY}", self.capacity));
        }
        if self.ask_timeout.is_zero() {
            faults.push("the ask timeout is 0".to_owned());
        }
        if self.overflow == Overflow::Wait(Duration::ZERO) {
            faults.push("a wait for room of 0: use Overflow::Reject".to_owned());
        }
        faults
    }

    /// Builds the system.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: all faults of the settings at once, or that no runtime could be started.
    pub fn build(self) -> Result<System, BuildError> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(BuildError::Settings(faults));
        }
        let runtime = if self.still { still() } else { runtime(self.runtime) };
        let (runtime, owned) = runtime.map_err(BuildError::Runtime)?;
        let time = self.time.unwrap_or_else(Time::tokio);
        let seed = self.seed.unwrap_or_else(Seed::from_entropy);
        let ids = IdSource::new(Arc::clone(time.clock()), seed.stream("steadfast/ids"));
        let inner = Arc::new(SystemInner {
            name: self.name.into(),
            ids,
            seed,
            capacity: self.capacity,
            overflow: self.overflow,
            ask_limit_ms: limit_ms(self.ask_timeout),
            probe: self.probe,
            pool: SlotPool::new(),
            dead_letters: DeadLetters::default(),
            groups: Groups::default(),
            waits: Waits::default(),
            runtime,
            owned: Mutex::new(owned),
            next_id: NextId(AtomicU64::new(1)),
            live: Live::default(),
            registry: Registry::default(),
            installed: Installed::default(),
            tasks: Arc::new(Tasks::default()),
            shutdown: Shutdown::default(),
            time: time.clone(),
        });
        if let Some(ticker) = inner.pool.ticker() {
            drop(inner.spawn_task(tick(ticker, time)));
        }
        let system = System::from_inner(inner);
        if self.sigterm {
            system.shut_down_on_sigterm().map_err(BuildError::Signal)?;
        }
        Ok(system)
    }
}

fn still() -> std::io::Result<(Handle, Option<Runtime>)> {
    let owned = Builder::new_current_thread().build()?;
    Ok((owned.handle().clone(), Some(owned)))
}

fn runtime(given: Option<Handle>) -> std::io::Result<(Handle, Option<Runtime>)> {
    if let Some(handle) = given.or_else(|| Handle::try_current().ok()) {
        return Ok((handle, None));
    }
    let owned = Builder::new_multi_thread().enable_all().build()?;
    Ok((owned.handle().clone(), Some(owned)))
}

/// Looks at the coarse deadlines while any ask waits; sleeps for good otherwise.
async fn tick(mut ticker: Ticker, time: Time) {
    while poll_fn(|task| ticker.poll_needed(task)).await {
        ticker.scan(|| time.now().as_nanos());
        time.sleep(TICK).await;
    }
}

impl fmt::Debug for SystemBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
