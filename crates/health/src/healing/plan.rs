//! From rules and a configuration to what applies to each component, and every fault of it.

use std::collections::BTreeSet;

use steadfast_base::{ConfigError, ConfigFaults};

use crate::limits;

use super::config::{HealingConfig, HealingSettings};
use super::machine::Rules;
use super::rule::HealingRule;

/// What was said of a component when it was added.
#[derive(Debug)]
pub(super) struct Planned {
    component: String,
    action: String,
    own: Option<HealingSettings>,
}

impl Planned {
    pub(super) fn new(rule: &HealingRule) -> Self {
        let HealingRule { component, action, settings, .. } = rule;
        let action = action.name().to_owned();
        Self { component: component.clone(), action, own: settings.clone() }
    }

    /// The configuration goes first, then what was said, then the default.
    fn resolve(&self, config: &HealingConfig) -> Rules {
        let configured = config.components.get(&self.component);
        let settings = configured.or(self.own.as_ref()).unwrap_or(&config.default);
        Rules {
            component: self.component.clone(),
            action: self.action.clone(),
            cooldown: settings.cooldown,
            timeout: settings.timeout,
            approval: settings.approval.clone(),
        }
    }
}

/// All components, in the order in which they were added.
#[derive(Debug)]
pub(super) struct Plan(pub(super) Vec<Planned>);

impl Plan {
    /// What applies to each component, or all faults.
    pub(super) fn resolve(&self, config: &HealingConfig) -> Result<Vec<Rules>, ConfigError> {
        let mut faults = ConfigFaults::default();
        if let Err(error) = config.validate() {
            faults.extend(error);
        }
        if self.0.len() > limits::COMPONENTS_MAX {
            let (rules, max) = (self.0.len(), limits::COMPONENTS_MAX);
            faults.add("components", format!("are {rules}; at most {max} are healed"));
        }
        let mut names = BTreeSet::new();
        for Planned { component, own, .. } in &self.0 {
            if component.is_empty() {
                faults.add("components", "have one without a name");
            } else if !names.insert(component.as_str()) {
                faults.add(format!("components.{component}"), "is added twice");
            }
            if let Some(settings) = own {
                let checked = HealingConfig::validate_one(settings);
                faults.nest(&format!("components.{component}"), checked);
            }
        }
        for component in config.components.keys().filter(|name| !names.contains(name.as_str())) {
            faults.add(
                format!("components.{component}"),
                "has settings, and there is no rule for it",
            );
        }
        faults.into_result("health")?;
        Ok(self.0.iter().map(|planned| planned.resolve(config)).collect())
    }
}
