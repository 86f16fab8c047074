//! The assembled system: the handle that everything is reached through.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;

use steadfast_actor_core::System;
use steadfast_base::{Sink, Value};
use steadfast_breaker::Recovery;
use steadfast_health::{
    Degradation, FeatureSwitch, HealingRule, HealthChecker, SelfHealing, UnknownFeature,
};
use steadfast_policy::Events;

use crate::builder::Builder;
use crate::component::{Component, lock};
use crate::config::Config;
use crate::error::{SetupError, UnknownComponent};
use crate::fault::{ConfigError, Fault};
use crate::file::ConfigFile;
use crate::protect::Protect;
use crate::status::SystemHealth;
use crate::{limits, names};

/// A protected system: components, health, healing and degradation under one handle.
///
/// Clones are the same system. Two of them in one process share nothing.
///
/// # Guarantees
///
/// - What is configured was checked as a whole; a start that fails leaves nothing running.
/// - New settings are put in force all or none, and calls under way go on.
/// - After [`stop`](Self::stop) none of its tasks is left, but for code that blocks its thread, which is
///   counted. Calls go on being protected.
///
/// # Example
///
/// ```
/// use steadfast_actor_core::System;
/// use steadfast_assembly::{Config, Steadfast};
/// use steadfast_base::Health;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let system = System::builder("shop").build()?;
/// let config = Config::from_toml(
///     r#"
///     [components.inventory]
///     total_deadline = 2.0
///     retry = { max_attempts = 3, backoff = { base = 0.001 } }
///     breaker = {}
///     "#,
/// )?;
/// let shop = Steadfast::builder().config(config).fallback("inventory", 0_u32).start(&system)?;
///
/// let stock = shop.protect("inventory").run(|call| async move {
///     if call.attempt() == 1 { Err("connection reset") } else { Ok(42_u32) }
/// });
/// assert_eq!(stock.await, Ok(42));
/// assert_eq!(shop.health().health, Health::Healthy);
///
/// let unknown = shop.protect("stock").call(|_| Ok::<u32, ()>(1)).unwrap_err();
/// assert_eq!(unknown.to_string(), "there is no component \"stock\"; known are inventory");
/// assert_eq!(shop.stop().await, 0);
/// # system.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Steadfast {
    inner: Arc<Inner>,
}

/// What a builder has made.
pub(crate) struct Parts {
    pub(crate) components: BTreeMap<String, Component>,
    pub(crate) checker: HealthChecker,
    pub(crate) degradation: Degradation,
    pub(crate) rules: Vec<HealingRule>,
    pub(crate) system: System,
    pub(crate) owns_system: bool,
    pub(crate) sink: Option<Arc<dyn Sink>>,
}

struct Inner {
    parts: Parts,
    /// What the code configured: the file leaves those components that it does not name.
    code: Config,
    /// The settings in force; held while they are changed.
    config: Mutex<Config>,
    file: Mutex<Option<ConfigFile>>,
    healing: Mutex<Option<SelfHealing>>,
    /// The tasks that look at the file and drive breakers, by name.
    tasks: Mutex<BTreeMap<String, AbortHandle>>,
    stopped: AtomicBool,
    events: Events,
}

/// The task that looks at the file; no component has an empty name.
const FILE_TASK: &str = "";

impl Steadfast {
    /// A builder without components.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn start(
        parts: Parts,
        config: &Config,
        code: Config,
        file: Option<ConfigFile>,
        look_every: Duration,
    ) -> Self {
        let events = match &parts.sink {
            Some(sink) => {
                Events::new(parts.system.name(), parts.system.time().clone(), Arc::clone(sink))
            }
            None => Events::off(),
        };
        let watches = file.is_some();
        let inner = Arc::new(Inner {
            parts,
            code,
            config: Mutex::new(config.clone()),
            file: Mutex::new(file),
            healing: Mutex::new(None),
            tasks: Mutex::default(),
            stopped: AtomicBool::new(false),
            events,
        });
        inner.drive_breakers(config);
        if watches {
            let watch = watch(Arc::downgrade(&inner), look_every);
            let task = inner.parts.system.spawn_task(watch);
            lock(&inner.tasks).insert(FILE_TASK.to_owned(), task);
        }
        Self { inner }
    }

    /// The component of this name, to keep where calls are many.
    ///
    /// # Errors
    ///
    /// Fails if there is none; lists the names that there are.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_assembly::{Component, Steadfast, UnknownComponent};
    ///
    /// fn inventory(shop: &Steadfast) -> Result<Component, UnknownComponent> {
    ///     shop.component("inventory").cloned()
    /// }
    /// # let _ = inventory;
    /// ```
    pub fn component(&self, name: &str) -> Result<&Component, UnknownComponent> {
        let components = &self.inner.parts.components;
        components
            .get(name)
            .ok_or_else(|| UnknownComponent::new(name, components.keys().cloned().collect()))
    }

    /// All components, sorted by name.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.inner.parts.components.values()
    }

    /// Protects a call as the component of this name says; an unknown name is an error of the call.
    pub fn protect(&self, name: &str) -> Protect<'_> {
        Protect::new(self.component(name))
    }

    /// How everything is doing now.
    ///
    /// Components are looked at as they are, checks by their last results. By default the whole is
    /// critical while a breaker is open or more than half of a bulkhead's recent calls failed, and
    /// degraded while a breaker is half-open; see [`ComponentHealth`](crate::ComponentHealth).
    pub fn health(&self) -> SystemHealth {
        let Parts { components, checker, degradation, .. } = &self.inner.parts;
        let components = components.values().map(Component::health).collect();
        SystemHealth::new(components, checker.overall(), degradation.level().to_owned())
    }

    /// The health checks: their verdicts, and the probes of an orchestrator.
    ///
    /// Each component is a check of its name among them.
    pub fn checks(&self) -> &HealthChecker {
        &self.inner.parts.checker
    }

    /// Degradation: the level in force, by readings or by hand.
    pub fn degradation(&self) -> &Degradation {
        &self.inner.parts.degradation
    }

    /// The switch of a feature, to keep where it is asked.
    ///
    /// # Errors
    ///
    /// Fails if the configuration has no such feature.
    pub fn feature(&self, name: &str) -> Result<FeatureSwitch, UnknownFeature> {
        self.inner.parts.degradation.feature(name)
    }

    /// Starts to heal what is unwell; if that was started before, the same handle.
    ///
    /// # Errors
    ///
    /// Fails with every fault of rules and settings, and after [`stop`](Self::stop).
    pub fn start_self_healing(&self) -> Result<SelfHealing, ConfigError> {
        let mut healing = lock(&self.inner.healing);
        if let Some(healing) = &*healing {
            return Ok(healing.clone());
        }
        if self.inner.stopped.load(Ordering::Acquire) {
            let problem = "cannot start after the stop; start the system anew";
            return Err(ConfigError::one(Fault::general("healing", problem)));
        }
        let Parts { rules, sink, system, .. } = &self.inner.parts;
        let config = lock(&self.inner.config).healing.clone();
        let mut builder = SelfHealing::builder().config(config);
        for rule in rules {
            builder = builder.rule(rule.clone());
        }
        if let Some(sink) = sink {
            builder = builder.sink(Arc::clone(sink));
        }
        let started = builder.start(system).map_err(|error| of_health("healing", &error))?;
        *healing = Some(started.clone());
        Ok(started)
    }

    /// Self-healing, if it was started.
    pub fn self_healing(&self) -> Option<SelfHealing> {
        lock(&self.inner.healing).clone()
    }

    /// The actor system that it runs on.
    pub fn system(&self) -> &System {
        &self.inner.parts.system
    }

    /// The settings in force.
    pub fn config(&self) -> Config {
        lock(&self.inner.config).clone()
    }

    /// Puts a configuration in force while everything runs: all of it, or nothing.
    ///
    /// Policies of a component may be added, removed and set. Calls under way keep the time limits they
    /// started with.
    ///
    /// # Errors
    ///
    /// Fails with every fault, and if it adds or removes components, features, levels, or changes the
    /// algorithm of a rate limit; then the old settings stay.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        self.inner.reconfigure(config, "code")
    }

    /// Looks at the configuration file now; true if it had changed and is in force.
    ///
    /// A file that was refused is not tried again before it changes. Without a file, false.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or has faults; then everything stays as it was.
    pub fn look_at_file(&self) -> Result<bool, SetupError> {
        self.inner.look_at_file()
    }

    /// Drills the settings in force on twins of the components; what is live is not touched.
    ///
    /// It blocks its thread while the drills compute, see [`drill::run`](crate::drill::run).
    ///
    /// # Errors
    ///
    /// Does not fail: what is in force is valid.
    #[cfg(feature = "drill")]
    pub fn drill(
        &self,
        options: &crate::drill::Options,
    ) -> Result<crate::drill::Report, ConfigError> {
        crate::drill::run(&self.config(), options)
    }

    /// Stops checks, healing, readings and the watch of the file, and waits, at most 5 s for each, until
    /// all their tasks have ended; shuts down the system if that is its own.
    ///
    /// Answers how many tasks have not ended: those block their thread. Calls are protected as before.
    ///
    /// # Cancel safety
    ///
    /// Once polled, everything stops; dropping it loses the wait only. Call it again to wait on.
    pub async fn stop(&self) -> usize {
        self.inner.stopped.store(true, Ordering::Release);
        let tasks: Vec<AbortHandle> = lock(&self.inner.tasks).values().cloned().collect();
        tasks.iter().for_each(AbortHandle::abort);
        let healing = lock(&self.inner.healing).clone();
        let Parts { checker, degradation, system, owns_system, .. } = &self.inner.parts;
        let mut left = 0;
        if let Some(healing) = healing {
            left += healing.stop().await;
        }
        left += checker.stop().await;
        left += degradation.stop().await;
        left += self.inner.wait_for(&tasks).await;
        if *owns_system {
            system.shutdown().await;
        }
        left
    }
}

impl Inner {
    fn reconfigure(&self, config: Config, source: &str) -> Result<(), ConfigError> {
        let mut current = lock(&self.config);
        let applied = self.put_in_force(&current, &config);
        match &applied {
            Ok(()) => {
                self.drive_breakers(&config);
                *current = config;
                self.events.emit(names::CONFIG_APPLIED, || [("source", Value::Str(source))]);
            }
            Err(error) => self.tell_refusal(source, error),
        }
        applied
    }

    fn tell_refusal(&self, source: &str, error: &dyn fmt::Display) {
        self.events.emit(names::CONFIG_REFUSED, || {
            [("source", Value::Str(source)), ("error", Value::Display(error))]
        });
    }

    fn put_in_force(&self, current: &Config, config: &Config) -> Result<(), ConfigError> {
        let mut faults = config.faults();
        faults.extend(self.changed_names(config));
        for (name, settings) in &config.components {
            let component = self.parts.components.get(name);
            faults.extend(component.and_then(|component| component.fixed(settings)));
        }
        ConfigError::check(faults)?;
        // These know names that nobody else does, so they are asked first, and taken back if need be.
        let outcome = self.put_health_in_force(config).and_then(|()| self.put_components(config));
        if outcome.is_err() {
            // What was in force is valid.
            drop(self.put_health_in_force(current));
            drop(self.put_components(current));
        }
        outcome
    }

    fn put_health_in_force(&self, config: &Config) -> Result<(), ConfigError> {
        let Parts { checker, degradation, .. } = &self.parts;
        checker.reconfigure(&config.health).map_err(|error| of_health("health", &error))?;
        degradation
            .reconfigure(&config.degradation)
            .map_err(|error| of_health("degradation", &error))?;
        match &*lock(&self.healing) {
            Some(healing) => {
                healing.reconfigure(&config.healing).map_err(|error| of_health("healing", &error))
            }
            None => Ok(()),
        }
    }

    fn put_components(&self, config: &Config) -> Result<(), ConfigError> {
        let mut faults = Vec::new();
        for (name, settings) in &config.components {
            if let Some(component) = self.parts.components.get(name) {
                faults.extend(component.reconfigure(settings).err().into_iter().flatten());
            }
        }
        ConfigError::check(faults)
    }

    fn changed_names(&self, config: &Config) -> Vec<Fault> {
        let there = &self.parts.components;
        let added = config.components.keys().filter(|name| !there.contains_key(*name)).map(|name| {
            let known: Vec<&str> = there.keys().map(String::as_str).collect();
            let known = known.join(", ");
            let problem = format!(
                "is new, and components are added at a start only; start the system anew, or mend the \
                 name (known: {known})"
            );
            Fault::of(name, "name", problem)
        });
        let removed = there.keys().filter(|name| !config.components.contains_key(*name));
        let removed = removed.map(|name| {
            let problem =
                "is missing, and calls may still come; keep it, with empty settings if need be";
            Fault::of(name, "name", problem)
        });
        added.chain(removed).collect()
    }

    fn look_at_file(&self) -> Result<bool, SetupError> {
        let mut file = lock(&self.file);
        let Some(file) = &mut *file else { return Ok(false) };
        let looked = file.look();
        let refusal = looked.as_ref().err().map(ToString::to_string);
        // A refusal of the settings is told where they are refused.
        if file.is_news(refusal)
            && let Err(error) = &looked
        {
            self.tell_refusal("file", error);
        }
        match looked? {
            Some(config) => Ok(self.reconfigure(config.over(&self.code), "file").map(|()| true)?),
            None => Ok(false),
        }
    }

    /// Lets time itself move the breakers that are to recover by themselves.
    fn drive_breakers(&self, config: &Config) {
        let mut tasks = lock(&self.tasks);
        for (name, component) in &self.parts.components {
            let breaker = config.components.get(name).and_then(|config| config.breaker.as_ref());
            let driven = breaker.is_some_and(|config| config.recovery == Recovery::Automatic);
            if !driven || self.stopped.load(Ordering::Acquire) {
                if let Some(task) = tasks.get(name) {
                    task.abort();
                }
            } else if tasks.get(name).is_none_or(AbortHandle::is_finished) {
                let driving = component.any_breaker().clone().drive();
                let task = async move { match driving.await {} };
                tasks.insert(name.clone(), self.parts.system.spawn_task(task));
            }
        }
    }

    /// Waits a while until aborted tasks have ended; answers how many have not.
    async fn wait_for(&self, tasks: &[AbortHandle]) -> usize {
        /// Between two looks; an aborted task ends as soon as its thread is free.
        const LOOK: Duration = Duration::from_millis(1);
        let time = self.parts.system.time();
        let until = time.now() + limits::STOP_WAIT;
        loop {
            let left = tasks.iter().filter(|task| !task.is_finished()).count();
            if left == 0 || time.now() >= until {
                return left;
            }
            time.sleep(LOOK).await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        lock(&self.tasks).values().for_each(AbortHandle::abort);
    }
}

/// Looks at the file every so often, for as long as the system is there.
async fn watch(inner: Weak<Inner>, every: Duration) {
    loop {
        let Some(sleep) = inner.upgrade().map(|inner| inner.parts.system.time().sleep(every))
        else {
            return;
        };
        sleep.await;
        let Some(looking) = inner.upgrade() else { return };
        // Reading blocks, so it happens on a thread for that; one look at a time.
        let looked = tokio::task::spawn_blocking(move || looking.look_at_file());
        // A refusal was told as an event; the settings in force stay.
        drop(looked.await);
    }
}

fn of_health(section: &str, error: &steadfast_health::ConfigError) -> ConfigError {
    let faults = Fault::of_health(section, error).collect();
    ConfigError::of(faults)
}

impl fmt::Debug for Steadfast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steadfast")
            .field("system", &self.inner.parts.system.name())
            .field("components", &self.inner.parts.components.keys())
            .finish_non_exhaustive()
    }
}
