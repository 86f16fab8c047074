//! From checks and a configuration to rules: what applies to which check, and every fault of it.

use steadfast_base::{ConfigError, ConfigFaults, HealthCheck};

use super::graph::{Graph, Node};
use super::machine::Rules;
use super::settings::{CheckSettings, ChecksConfig};

/// What a check says of itself, and what was said of it when it was added.
#[derive(Debug)]
pub(super) struct Planned {
    name: String,
    critical: bool,
    own: Option<CheckSettings>,
}

impl Planned {
    pub(super) fn new(check: &dyn HealthCheck, own: Option<&CheckSettings>) -> Self {
        Self { name: check.name().to_owned(), critical: check.critical(), own: own.cloned() }
    }

    /// The configuration goes first, then what was said, then the default.
    fn settings<'a>(&'a self, config: &'a ChecksConfig) -> &'a CheckSettings {
        config.checks.get(&self.name).or(self.own.as_ref()).unwrap_or(&config.default)
    }

    fn node<'a>(&'a self, config: &'a ChecksConfig) -> Node<'a> {
        let settings = self.settings(config);
        let critical = settings.critical.unwrap_or(self.critical);
        Node { name: &self.name, needs: &settings.needs, critical }
    }
}

/// All checks of a checker, in the order in which they were added.
#[derive(Debug)]
pub(super) struct Plan(pub(super) Vec<Planned>);

impl Plan {
    /// The rules of every check and how they depend on each other, or all faults.
    pub(super) fn resolve(
        &self,
        config: &ChecksConfig,
    ) -> Result<(Vec<Rules>, Graph), ConfigError> {
        let mut faults = ConfigFaults::default();
        faults.nest("default", config.default.validate());
        for planned in &self.0 {
            let settings = planned.settings(config);
            if *settings != config.default {
                faults.nest(&format!("checks.{}", planned.name), settings.validate());
            }
        }
        for name in config.checks.keys() {
            if !self.0.iter().any(|planned| planned.name == *name) {
                faults.add(format!("checks.{name}"), "has settings, and there is no such check");
            }
        }
        let nodes: Vec<Node<'_>> = self.0.iter().map(|planned| planned.node(config)).collect();
        let graph = match Graph::new(&nodes) {
            Ok(graph) => graph,
            Err(error) => {
                faults.extend(error);
                Graph::default()
            }
        };
        faults.into_result("health")?;
        let rules = self.0.iter().map(|planned| rules(&planned.name, planned.settings(config)));
        Ok((rules.collect(), graph))
    }
}

fn rules(name: &str, settings: &CheckSettings) -> Rules {
    Rules {
        name: name.to_owned(),
        interval: settings.interval,
        timeout: settings.timeout,
        failure_threshold: settings.failure_threshold,
        success_threshold: settings.success_threshold,
        liveness: settings.liveness,
    }
}
