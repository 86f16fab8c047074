//! Building self-healing: its rules and settings, validated at the start.

use std::fmt;
use std::sync::Arc;

use steadfast_actor_core::System;
use steadfast_base::{ConfigError, Sink};

use crate::shell::{Crew, Reporter};

use super::config::HealingConfig;
use super::handle::SelfHealing;
use super::machine::Machine;
use super::plan::{Plan, Planned};
use super::rule::HealingRule;

/// Collects rules and settings until [`start`](Self::start).
///
/// # Example
///
/// See [`SelfHealing`].
#[derive(Default)]
#[must_use = "a builder heals nothing until `start`"]
pub struct SelfHealingBuilder {
    rules: Vec<HealingRule>,
    config: HealingConfig,
    sink: Option<Arc<dyn Sink>>,
}

impl SelfHealingBuilder {
    /// Adds a component with its condition and action.
    ///
    /// # Example
    ///
    /// See [`SelfHealing`].
    pub fn rule(mut self, rule: HealingRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Sets the configuration; what it has for a component overrules the rule's own settings.
    ///
    /// # Example
    ///
    /// See [`SelfHealing`].
    pub fn config(mut self, config: HealingConfig) -> Self {
        self.config = config;
        self
    }

    /// Emits what is done to `sink`, see [`names`](crate::names).
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use steadfast_base::MemorySink;
    /// use steadfast_health::SelfHealing;
    ///
    /// let builder = SelfHealing::builder().sink(Arc::new(MemorySink::new(100)));
    /// # drop(builder);
    /// ```
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Starts looking at the components, at once for the first time.
    ///
    /// # Errors
    ///
    /// Fails with every fault: of the settings, of names (used twice, empty, unknown), of more than
    /// [`COMPONENTS_MAX`](crate::limits::COMPONENTS_MAX) components.
    ///
    /// # Example
    ///
    /// See [`SelfHealing`].
    pub fn start(self, system: &System) -> Result<SelfHealing, ConfigError> {
        let Self { rules, config, sink } = self;
        let plan = Plan(rules.iter().map(Planned::new).collect());
        let resolved = plan.resolve(&config)?;
        let machine = Machine::new(resolved, &config, system.time().now());
        let reporter = Reporter::new(sink, system.time().clone());
        Ok(SelfHealing::start(plan, machine, rules, Crew::new(system), reporter))
    }
}

impl fmt::Debug for SelfHealingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfHealingBuilder")
            .field("rules", &self.rules)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
