//! The builder: everything by name, from code and from a configuration, checked as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::{ExitReason, System};
use steadfast_base::{HealthCheck, Seed, Sink};
use steadfast_health::{
    BreakerOpen, CheckSettings, Condition, CpuMonitor, Degradation, DiskMonitor, HealingAction,
    HealingRule, HealthChecker, MemoryMonitor, ResetBreaker, ResourceMonitor,
};

use crate::component::Component;
use crate::config::{ComponentConfig, Config};
use crate::defaults;
use crate::error::SetupError;
use crate::fault::{ConfigError, Fault};
use crate::file::ConfigFile;
use crate::known::{FailedCall, Known};
use crate::stack::Environment;
use crate::steadfast::{Parts, Steadfast};

type MakeRule = Box<dyn FnOnce(&Component) -> HealingRule + Send>;

/// Gathers components, checks, healing rules and monitors until [`start`](Self::start).
///
/// # Example
///
/// See [`Steadfast`].
#[derive(Default)]
#[must_use = "a builder runs nothing until `start`"]
pub struct Builder {
    config: Config,
    file: Option<PathBuf>,
    look_every: Option<Duration>,
    extras: BTreeMap<String, Extras>,
    checks: Vec<(Arc<dyn HealthCheck>, Option<CheckSettings>)>,
    rules: Vec<(String, HealingRule)>,
    monitors: Vec<Arc<dyn ResourceMonitor>>,
    machine: Option<PathBuf>,
    sink: Option<Arc<dyn Sink>>,
}

/// What the code adds to a component that no configuration can say.
#[derive(Default)]
struct Extras {
    known: Known,
    probes: Vec<Arc<dyn HealthCheck>>,
    rule: Option<MakeRule>,
}

impl Builder {
    /// Sets the whole configuration; components added before stay.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config.over(&self.config);
        self
    }

    /// Reads the configuration from a file at the start, and again whenever the file changes.
    ///
    /// The file is the configuration; of what was set in code only those components stay that it does not
    /// name. A file that has faults later on changes nothing, and an event tells once. Replace it by a
    /// rename, so that nobody reads half of it.
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Time from one look at the file to the next; 2 s by default.
    pub fn look_every(mut self, every: Duration) -> Self {
        self.look_every = Some(every);
        self
    }

    /// Adds a component; of two with the same name the later one counts.
    pub fn component(mut self, name: impl Into<String>, config: ComponentConfig) -> Self {
        self.config.components.insert(name.into(), config);
        self
    }

    /// Answers failed calls to a component whose values are of this type with a value.
    pub fn fallback<T>(self, component: &str, value: T) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        self.fallback_with(component, move |_| Some(value.clone()))
    }

    /// Answers failed calls to a component whose values are of this type with what a function gives; the
    /// error stays if it gives nothing.
    ///
    /// A component may have one for each type of value. Errors that are
    /// [expected](Self::expected_error) are not answered.
    pub fn fallback_with<T: 'static>(
        mut self,
        component: &str,
        answer: impl Fn(&FailedCall) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        self.extras(component).known.add_answer(answer);
        self
    }

    /// Says which errors of a component's calls are answers rather than failures ("not found").
    ///
    /// They are not retried, not answered by a fallback, and to the breaker they are successes, since the
    /// callee is there. A bulkhead counts them among its failed calls all the same.
    pub fn expected_error<E: 'static>(
        mut self,
        component: &str,
        test: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.extras(component).known.add_expected(test);
        self
    }

    /// Adds a probe to a component's breaker: healing closes it as soon as all its probes pass.
    pub fn probe(mut self, component: &str, probe: Arc<dyn HealthCheck>) -> Self {
        self.extras(component).probes.push(probe);
        self
    }

    /// Heals a component by a condition and an action of one's own, in place of what its probes bring.
    ///
    /// Cooldown, time-out and approval are settings: `healing.components.<name>`.
    pub fn heal<C, A>(
        mut self,
        component: &str,
        rule: impl FnOnce(&Component) -> (C, A) + Send + 'static,
    ) -> Self
    where
        C: Condition + 'static,
        A: HealingAction + 'static,
    {
        self.extras(component).rule = Some(Box::new(|component| {
            let (condition, action) = rule(component);
            HealingRule::new(component.name(), condition, action)
        }));
        self
    }

    /// Heals anything else: an actor, a cache.
    pub fn heal_other(
        mut self,
        name: impl Into<String>,
        condition: impl Condition + 'static,
        action: impl HealingAction + 'static,
    ) -> Self {
        let name = name.into();
        let rule = HealingRule::new(name.clone(), condition, action);
        self.rules.push((name, rule));
        self
    }

    /// Adds a health check; its settings are those that the configuration has for its name.
    pub fn check(mut self, check: Arc<dyn HealthCheck>) -> Self {
        self.checks.push((check, None));
        self
    }

    /// Adds a health check with settings; the configuration overrules them if it names the check.
    pub fn check_with(mut self, check: Arc<dyn HealthCheck>, settings: CheckSettings) -> Self {
        self.checks.push((check, Some(settings)));
        self
    }

    /// Adds a monitor of a resource that degradation follows.
    pub fn monitor(mut self, monitor: Arc<dyn ResourceMonitor>) -> Self {
        self.monitors.push(monitor);
        self
    }

    /// Adds monitors of this machine's processor, memory, and the disk that holds `path`.
    pub fn machine_monitors(mut self, path: impl Into<PathBuf>) -> Self {
        self.machine = Some(path.into());
        self
    }

    /// Where all parts tell what they decide.
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sink = Some(sink);
        self
    }

    fn extras(&mut self, component: &str) -> &mut Extras {
        self.extras.entry(component.to_owned()).or_default()
    }

    /// Starts on a system of its own, which [`Steadfast::stop`] shuts down.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and if the system cannot be built (no runtime, no valid name).
    pub fn start_alone(self, name: &str) -> Result<Steadfast, SetupError> {
        let system = System::builder(name).build().map_err(SetupError::System)?;
        let started = self.start_on(&system, true);
        if started.is_err() {
            system.begin_shutdown(ExitReason::Shutdown);
        }
        started
    }

    /// Checks everything and starts the health checks and the readings of degradation.
    ///
    /// Self-healing starts with [`Steadfast::start_self_healing`].
    ///
    /// # Errors
    ///
    /// Fails with every fault of the configuration, each with the component and the fix, or if the
    /// configuration file cannot be read. Then nothing is left running.
    pub fn start(self, system: &System) -> Result<Steadfast, SetupError> {
        self.start_on(system, false)
    }

    fn start_on(mut self, system: &System, owns_system: bool) -> Result<Steadfast, SetupError> {
        let code = std::mem::take(&mut self.config);
        let mut file = self.file.take().map(ConfigFile::new);
        let config = match &mut file {
            Some(file) => file.look()?.unwrap_or_default().over(&code),
            None => code.clone(),
        };
        let mut faults = config.faults();
        faults.extend(self.strangers(&config));
        ConfigError::check(faults)?;

        let mut faults = Vec::new();
        let components = self.build_components(&config, system, &mut faults);
        let rules = self.rules(&components, &mut faults);
        faults.extend(rule_faults(&rules, &config));
        let checker = self.checker(&components, &config).start(system);
        let degradation = self.degradation(&config, system).start(system);
        match (checker, degradation) {
            (Ok(checker), Ok(degradation)) if faults.is_empty() => {
                let look_every = self.look_every.unwrap_or(defaults::FILE_LOOK_EVERY);
                let (system, sink) = (system.clone(), self.sink.take());
                let rules = rules.into_iter().map(|(_, rule)| rule).collect();
                let parts =
                    Parts { components, checker, degradation, rules, system, owns_system, sink };
                Ok(Steadfast::start(parts, &config, code, file, look_every))
            }
            (checker, degradation) => {
                let of_checks = checker.as_ref().err().into_iter();
                faults.extend(of_checks.flat_map(|error| Fault::of_health("health", error)));
                let of_levels = degradation.as_ref().err().into_iter();
                faults.extend(of_levels.flat_map(|error| Fault::of_health("degradation", error)));
                Err(SetupError::Config(ConfigError::of(faults)))
            }
        }
    }

    /// Faults of what the code adds to components that there are not.
    fn strangers(&self, config: &Config) -> Vec<Fault> {
        let unknown = self.extras.keys().filter(|name| !config.components.contains_key(*name));
        let known: Vec<&str> = config.components.keys().map(String::as_str).collect();
        let known = known.join(", ");
        unknown
            .map(|name| {
                let problem = format!(
                    "has a fallback, probe or rule in code, but is not configured; add it to the \
                     components, or mend the name (known: {known})"
                );
                Fault::of(name, "name", problem)
            })
            .collect()
    }

    fn build_components(
        &mut self,
        config: &Config,
        system: &System,
        faults: &mut Vec<Fault>,
    ) -> BTreeMap<String, Component> {
        let mut components = BTreeMap::new();
        for (name, settings) in &config.components {
            let known = self.extras.get_mut(name).map(|extras| std::mem::take(&mut extras.known));
            let environment = Environment {
                name: name.clone(),
                time: system.time().clone(),
                // Retries of different components must not wait in step.
                seed: Seed::new(system.seed().stream(name).next_u64()),
                sink: self.sink.clone(),
                known: Arc::new(known.unwrap_or_default()),
            };
            match Component::build(settings.clone(), &environment) {
                Ok(component) => {
                    self.equip(&component, faults);
                    components.insert(name.clone(), component);
                }
                Err(found) => faults.extend(found),
            }
        }
        components
    }

    /// Gives a component's breaker its probes, and somebody to tell.
    fn equip(&self, component: &Component, faults: &mut Vec<Fault>) {
        let breaker = component.any_breaker();
        let probes = self.extras.get(component.name()).map_or(&[][..], |extras| &extras.probes);
        for probe in probes {
            if let Err(error) = breaker.add_health_check(Arc::clone(probe)) {
                faults.push(Fault::of(component.name(), "probe", error.to_string()));
            }
        }
        if let Some(sink) = &self.sink {
            // A new breaker has room for its first listener.
            let _ = breaker.report_to(Arc::clone(sink));
        }
    }

    /// Every healing rule, with the name of what it heals.
    fn rules(
        &mut self,
        components: &BTreeMap<String, Component>,
        faults: &mut Vec<Fault>,
    ) -> Vec<(String, HealingRule)> {
        let mut rules = Vec::new();
        for component in components.values() {
            let Some(extras) = self.extras.get_mut(component.name()) else { continue };
            if let Some(make) = extras.rule.take() {
                rules.push((component.name().to_owned(), make(component)));
            } else if !extras.probes.is_empty() {
                if component.breaker().is_none() {
                    let problem = "has probes but no breaker to reset; add a breaker to its settings, or \
                                   remove the probes";
                    faults.push(Fault::of(component.name(), "probe", problem));
                }
                let breaker = component.any_breaker();
                let condition = BreakerOpen::new(breaker.clone());
                let action = ResetBreaker::new(breaker.clone());
                let rule = HealingRule::new(component.name(), condition, action);
                rules.push((component.name().to_owned(), rule));
            }
        }
        rules.append(&mut self.rules);
        rules
    }

    fn checker(
        &mut self,
        components: &BTreeMap<String, Component>,
        config: &Config,
    ) -> steadfast_health::HealthCheckerBuilder {
        let mut builder = HealthChecker::builder().config(config.health.clone());
        for (check, settings) in std::mem::take(&mut self.checks) {
            builder = match settings {
                Some(settings) => builder.check_with(check, settings),
                None => builder.check(check),
            };
        }
        for component in components.values() {
            // It has thresholds of its own.
            builder = builder.check_with(Arc::new(component.clone()), CheckSettings::immediate());
        }
        match &self.sink {
            Some(sink) => builder.sink(Arc::clone(sink)),
            None => builder,
        }
    }

    fn degradation(
        &mut self,
        config: &Config,
        system: &System,
    ) -> steadfast_health::DegradationBuilder {
        let mut builder = Degradation::builder().config(config.degradation.clone());
        if let Some(path) = self.machine.take() {
            builder = builder
                .monitor(Arc::new(CpuMonitor::new(system.time().clone())))
                .monitor(Arc::new(MemoryMonitor::new()))
                .monitor(Arc::new(DiskMonitor::new(path)));
        }
        for monitor in std::mem::take(&mut self.monitors) {
            builder = builder.monitor(monitor);
        }
        match &self.sink {
            Some(sink) => builder.sink(Arc::clone(sink)),
            None => builder,
        }
    }
}

/// Names of healing rules that are there twice, and settings for rules that are not there.
fn rule_faults(rules: &[(String, HealingRule)], config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    for (name, _) in rules {
        if !names.insert(name.as_str()) {
            let problem = "has two rules; keep one, or join their actions";
            faults.push(Fault::general(format!("healing rule {name}"), problem));
        }
    }
    for name in config.healing.components.keys().filter(|name| !names.contains(name.as_str())) {
        let known: Vec<&str> = names.iter().copied().collect();
        let problem = format!(
            "is for what no rule heals; give it a probe or a rule, or remove the settings (rules: {})",
            known.join(", ")
        );
        faults.push(Fault::general(format!("healing.components.{name}"), problem));
    }
    faults
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
