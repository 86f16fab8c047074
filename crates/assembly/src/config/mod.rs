//! The one configuration of a whole system: plain data, validated as a whole.

mod component;
mod seconds;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use steadfast_health::{ChecksConfig, DegradationConfig, HealingConfig};

use crate::fault::{ConfigError, Fault};
use crate::limits;

pub use self::component::ComponentConfig;

/// Everything that can be set, by name: what a configuration file holds.
///
/// | Section | Default | Meaning |
/// |---|---|---|
/// | `components` | none | how calls to each component are protected, see [`ComponentConfig`] |
/// | `health` | [`ChecksConfig`]'s | when checks run and how they are judged |
/// | `healing` | [`HealingConfig`]'s | when and how often components are healed |
/// | `degradation` | [`DegradationConfig`]'s | levels, features, hysteresis |
///
/// # Example
///
/// ```
/// use steadfast_assembly::Config;
///
/// let config = Config::from_toml(
///     r#"
///     [components.inventory]
///     total_deadline = 2.0
///     attempt_timeout = 0.5
///     retry = { max_attempts = 3 }
///     breaker = { consecutive_failures = 5 }
///     bulkhead = { max_concurrent_calls = 20 }
///
///     [degradation.features]
///     recommendations = "normal"
///     "#,
/// )?;
/// assert!(config.validate().is_ok());
///
/// let error = Config::from_toml("[components.mail]\nretry = { max_attempts = 0 }")?.validate();
/// let text = error.unwrap_err().to_string();
/// assert!(text.contains("component mail: retry.max_attempts is 0; it must be between"), "{text}");
/// # Ok::<(), steadfast_assembly::ConfigError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How calls to each component are protected.
    pub components: BTreeMap<String, ComponentConfig>,
    /// Health checks.
    pub health: ChecksConfig,
    /// Self-healing.
    pub healing: HealingConfig,
    /// Degradation.
    pub degradation: DegradationConfig,
}

impl Config {
    /// Reads a configuration from TOML, without validating it.
    ///
    /// # Errors
    ///
    /// Fails if the text is not TOML or has a setting that does not exist; says where.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let understood = toml::from_str(text);
        understood.map_err(|error| ConfigError::not_understood(error.to_string().trim_end()))
    }

    /// Checks every setting, and how those of each component fit together.
    ///
    /// # Errors
    ///
    /// Fails with all faults, each with the component and the fix. What needs the code (names of
    /// checks, of healing rules) is checked at the start.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check(self.faults())
    }

    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let (count, most) = (self.components.len(), limits::COMPONENTS_MAX);
        if count > most {
            let problem = format!("are {count}; at most {most} are possible, so split the system");
            faults.push(Fault::general("components", problem));
        }
        for (name, component) in &self.components {
            if name.is_empty() || name.len() > limits::NAME_BYTES_MAX {
                let most = limits::NAME_BYTES_MAX;
                let problem = format!("has a name of {} bytes; use 1 to {most}", name.len());
                faults.push(Fault::of(name, "name", problem));
            }
            faults.extend(component.faults(name));
        }
        for (section, checked) in [
            ("health", self.health.validate()),
            ("healing", self.healing.validate()),
            ("degradation", self.degradation.validate()),
        ] {
            faults.extend(checked.err().iter().flat_map(|error| Fault::of_health(section, error)));
        }
        faults
    }

    /// This configuration, with the components that only `code` has.
    pub(crate) fn over(mut self, code: &Self) -> Self {
        for (name, component) in &code.components {
            self.components.entry(name.clone()).or_insert_with(|| component.clone());
        }
        self
    }
}
