//! The settings of self-healing: looks, cooldowns, approval, the governor.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFaults};

use crate::serde_forms::seconds;
use crate::{defaults, limits};

/// What becomes of a request for approval that nobody answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// Nothing is done; the component cools down, then it is asked for again.
    #[default]
    Skip,
    /// It is done as if approved, under the same governor.
    Act,
}

/// How an operator's approval is asked for.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `expires_after` | 15 min | time to answer |
/// | `on_expiry` | skip | what no answer means |
///
/// # Example
///
/// ```
/// use steadfast_health::{Approval, OnExpiry};
///
/// assert_eq!(Approval::default().on_expiry, OnExpiry::Skip);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Approval {
    /// Time from the request to its expiry. An approval that could not be used by then expires too.
    #[serde(with = "seconds")]
    pub expires_after: Duration,
    /// What no answer means.
    pub on_expiry: OnExpiry,
}

impl Default for Approval {
    fn default() -> Self {
        Self { expires_after: defaults::APPROVAL_EXPIRY, on_expiry: OnExpiry::Skip }
    }
}

/// How one component is healed.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `cooldown` | 300 s | shortest time from the end of an act to the next |
/// | `timeout` | 60 s | an act that takes longer is dropped and has failed |
/// | `approval` | not needed | whether an operator must approve each act |
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealingSettings {
    /// Shortest time from the end of an act, or from a refused approval, to the next.
    #[serde(with = "seconds")]
    pub cooldown: Duration,
    /// Longest time for one act.
    #[serde(with = "seconds")]
    pub timeout: Duration,
    /// How an operator is asked, if at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}

impl Default for HealingSettings {
    fn default() -> Self {
        Self {
            cooldown: defaults::HEALING_COOLDOWN,
            timeout: defaults::ACTION_TIMEOUT,
            approval: None,
        }
    }
}

impl HealingSettings {
    fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        faults.positive(self.timeout, "timeout");
        if let Some(approval) = &self.approval {
            faults.positive(approval.expires_after, "approval.expires_after");
        }
        faults.into_result("health")
    }
}

/// What keeps healing from doing harm.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `actions_max` | 10 | acts that may begin within the window |
/// | `window` | 600 s | the sliding time that they are counted in |
/// | `share_max` | 0.25 | share of the components that may be acted on at once; one always may |
/// | `settle` | 60 s | how long after its act a component counts as acted on |
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GovernorConfig {
    /// Acts that may begin within `window`.
    pub actions_max: usize,
    /// The sliding time that acts are counted in.
    #[serde(with = "seconds")]
    pub window: Duration,
    /// Share of the components that may be acted on at once, rounded down, but at least one.
    pub share_max: f64,
    /// How long after its act a component counts as acted on.
    #[serde(with = "seconds")]
    pub settle: Duration,
}

impl Default for GovernorConfig {
    fn default() -> Self {
        Self {
            actions_max: defaults::GOVERNOR_ACTIONS_MAX,
            window: defaults::GOVERNOR_WINDOW,
            share_max: defaults::GOVERNOR_SHARE_MAX,
            settle: defaults::GOVERNOR_SETTLE,
        }
    }
}

impl GovernorConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        faults.between(self.actions_max, 1..=limits::GOVERNOR_ACTIONS_MAX, "actions_max");
        faults.positive(self.window, "window");
        faults.share(self.share_max, "share_max");
        faults.into_result("health")
    }
}

/// Everything that can be set on self-healing.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `interval` | 60 s | time between two looks at the components |
/// | `condition_timeout` | 5 s | longest time to find out whether a component is unwell |
/// | `history_max` | 256 | acts that are remembered, the oldest forgotten first |
/// | `governor` | see [`GovernorConfig`] | bounds rate and blast radius |
/// | `default` | see [`HealingSettings`] | for components without settings of their own |
/// | `components` | none | settings by component |
///
/// In serialized form durations are seconds.
///
/// # Example
///
/// ```
/// use steadfast_health::HealingConfig;
///
/// let config: HealingConfig = serde_json::from_str(
///     r#"{"interval": 30.0, "components": {"db": {"approval": {"expires_after": 600.0}}}}"#,
/// )?;
/// assert!(config.validate().is_ok());
/// assert_eq!(config.components["db"].cooldown.as_secs(), 300);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealingConfig {
    /// Time between two looks.
    #[serde(with = "seconds")]
    pub interval: Duration,
    /// Longest time to find out whether a component is unwell.
    #[serde(with = "seconds")]
    pub condition_timeout: Duration,
    /// Acts that are remembered.
    pub history_max: usize,
    /// What bounds rate and blast radius.
    pub governor: GovernorConfig,
    /// For components without settings of their own.
    pub default: HealingSettings,
    /// Settings by component; whole, they take nothing from `default`.
    pub components: BTreeMap<String, HealingSettings>,
}

impl Default for HealingConfig {
    fn default() -> Self {
        Self {
            interval: defaults::HEALING_INTERVAL,
            condition_timeout: defaults::CONDITION_TIMEOUT,
            history_max: defaults::HISTORY_MAX,
            governor: GovernorConfig::default(),
            default: HealingSettings::default(),
            components: BTreeMap::new(),
        }
    }
}

impl HealingConfig {
    /// Checks every setting. Names of components are checked at the start, with the rules at hand.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    ///
    /// # Example
    ///
    /// See [`HealingConfig`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        faults.at_least(self.interval, limits::INTERVAL_MIN, "interval");
        faults.positive(self.condition_timeout, "condition_timeout");
        faults.between(self.history_max, 1..=limits::HISTORY_MAX, "history_max");
        faults.nest("governor", self.governor.validate());
        faults.nest("default", self.default.validate());
        for (component, settings) in &self.components {
            faults.nest(&format!("components.{component}"), settings.validate());
        }
        faults.into_result("health")
    }

    /// Checks the settings of one component.
    pub(super) fn validate_one(settings: &HealingSettings) -> Result<(), ConfigError> {
        settings.validate()
    }
}
