//! How the whole and its parts are doing, as data.

use serde::Serialize;

use steadfast_base::Health;
use steadfast_breaker::State;
use steadfast_health::HealthSummary;
use steadfast_policy::{BulkheadStatistics, RetryStatistics};

/// How one component is doing.
///
/// Critical if its breaker is open or more than half of its bulkhead's recent calls failed, degraded
/// if its breaker is half-open or all places of its bulkhead are taken, healthy otherwise, also while its
/// breaker is disabled or only measures.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComponentHealth {
    /// Its name.
    pub name: String,
    /// How it is.
    pub health: Health,
    /// Why it is not healthy, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the whole is critical while this is.
    pub critical: bool,
    /// The state of its breaker, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<State>,
    /// The figures of its bulkhead, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulkhead: Option<BulkheadStatistics>,
    /// What its retries came to, if it has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryStatistics>,
}

impl ComponentHealth {
    /// What it means for the whole.
    pub(crate) fn weight(&self) -> Health {
        demoted(self.health, self.critical)
    }
}

/// How the whole is doing, from the parts as they are now and the last results of the checks.
///
/// Serializable, so that it can be served as it is.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SystemHealth {
    /// The worst of all parts; what is not critical to the whole counts as degraded at most.
    pub health: Health,
    /// What is the matter, the worst first, if anything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The components, sorted by name.
    pub components: Vec<ComponentHealth>,
    /// The health checks.
    pub checks: HealthSummary,
    /// The level of degradation.
    pub level: String,
}

/// Most troubles that the reason names.
const REASONS_NAMED: usize = 3;

impl SystemHealth {
    pub(crate) fn new(
        components: Vec<ComponentHealth>,
        checks: HealthSummary,
        level: String,
    ) -> Self {
        let is_component = |name: &str| components.iter().any(|component| component.name == name);
        // The checks of components repeat what is known better here.
        let foreign = checks.checks.iter().filter(|check| !is_component(&check.name));
        let mut troubles: Vec<(Health, String)> = foreign
            .map(|check| {
                let reason = check.reason.as_deref().unwrap_or_default();
                let health = demoted(check.state.health(), check.critical);
                (health, explain(&check.name, check.state.as_str(), reason))
            })
            .collect();
        troubles.extend(components.iter().map(|component| {
            let reason = component.reason.as_deref().unwrap_or_default();
            (component.weight(), explain(&component.name, component.health.as_str(), reason))
        }));
        let health = match Health::worst_of(troubles.iter().map(|(health, _)| *health)) {
            Health::Unknown if troubles.is_empty() => Health::Healthy,
            health => health,
        };
        troubles.retain(|(health, _)| *health != Health::Healthy);
        // A stable sort: of equals, the order above.
        troubles.sort_by(|(one, _), (other, _)| one.score().total_cmp(&other.score()));
        let named: Vec<String> =
            troubles.into_iter().take(REASONS_NAMED).map(|(_, text)| text).collect();
        let reason = (!named.is_empty()).then(|| named.join("; "));
        Self { health, reason, components, checks, level }
    }

    /// The component of this name.
    pub fn component(&self, name: &str) -> Option<&ComponentHealth> {
        self.components.iter().find(|component| component.name == name)
    }
}

fn demoted(health: Health, critical: bool) -> Health {
    if health == Health::Critical && !critical { Health::Degraded } else { health }
}

fn explain(name: &str, state: &str, reason: &str) -> String {
    if reason.is_empty() {
        format!("{name} is {state}")
    } else {
        format!("{name} is {state}: {reason}")
    }
}
