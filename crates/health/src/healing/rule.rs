//! What heals a component: the condition that says it is unwell, and the action that helps.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::config::{Approval, HealingSettings};

/// Why an action failed.
pub type HealingError = Box<dyn Error + Send + Sync>;

/// Says whether a component is unwell, and why.
///
/// Closures that answer at once are conditions: `|| Some("stuck".to_owned())`.
///
/// # Example
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use steadfast_health::Condition;
///
/// static STUCK: AtomicBool = AtomicBool::new(false);
///
/// fn condition() -> impl Condition {
///     || STUCK.load(Ordering::Relaxed).then(|| "stuck".to_owned())
/// }
/// # let _ = condition();
/// ```
#[async_trait]
pub trait Condition: Send + Sync {
    /// The reason if the component is unwell, none if it is well.
    ///
    /// # Cancel safety
    ///
    /// Implementations must be cancel safe: a condition that takes too long is dropped, and nothing is
    /// done about the component at this look.
    async fn unwell(&self) -> Option<String>;
}

#[async_trait]
impl<F: Fn() -> Option<String> + Send + Sync> Condition for F {
    async fn unwell(&self) -> Option<String> {
        self()
    }
}

/// Does something about a component that is unwell.
///
/// There are [`ResetBreaker`](crate::ResetBreaker), [`RestartActor`](crate::RestartActor) and
/// [`ResizeBulkhead`](crate::ResizeBulkhead), and [`HealBy`](crate::HealBy) for a closure.
///
/// # Example
///
/// See [`SelfHealing`](crate::SelfHealing).
#[async_trait]
pub trait HealingAction: Send + Sync {
    /// What it is called in events and records.
    fn name(&self) -> &str;

    /// Does it.
    ///
    /// # Errors
    ///
    /// Fails if it could not be done.
    ///
    /// # Cancel safety
    ///
    /// Implementations must leave things sound when dropped: an act that takes too long is.
    async fn heal(&self) -> Result<(), HealingError>;
}

/// A component, when it is unwell, and what is done then.
///
/// # Example
///
/// See [`SelfHealing`](crate::SelfHealing).
#[derive(Clone)]
pub struct HealingRule {
    pub(super) component: String,
    pub(super) condition: Arc<dyn Condition>,
    pub(super) action: Arc<dyn HealingAction>,
    pub(super) settings: Option<HealingSettings>,
}

impl HealingRule {
    /// A rule with the default settings.
    ///
    /// # Example
    ///
    /// See [`SelfHealing`](crate::SelfHealing).
    pub fn new(
        component: impl Into<String>,
        condition: impl Condition + 'static,
        action: impl HealingAction + 'static,
    ) -> Self {
        Self {
            component: component.into(),
            condition: Arc::new(condition),
            action: Arc::new(action),
            settings: None,
        }
    }

    /// Sets the shortest time between two acts.
    #[must_use]
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.settings.get_or_insert_default().cooldown = cooldown;
        self
    }

    /// Sets the longest time for one act.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.get_or_insert_default().timeout = timeout;
        self
    }

    /// Lets an operator approve each act.
    #[must_use]
    pub fn needs_approval(mut self, approval: Approval) -> Self {
        self.settings.get_or_insert_default().approval = Some(approval);
        self
    }
}

impl fmt::Debug for HealingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealingRule")
            .field("component", &self.component)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
