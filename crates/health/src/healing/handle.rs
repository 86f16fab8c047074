//! The handle to self-healing, and the task that looks, decides and acts.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use steadfast_base::{ConfigError, Time};

use crate::shell::{Crew, Owner, Reporter, shortened};

use super::config::HealingConfig;
use super::healer::{Healer, Shared};
use super::machine::Machine;
use super::plan::Plan;
use super::record::{
    ApprovalRequest, ComponentStatus, HealingRecord, HealingStats, UnknownRequest,
};
use super::rule::HealingRule;
use super::start::SelfHealingBuilder;
use super::tell::Teller;

/// Looks at components and acts on those that are unwell, within bounds; clones are the same.
///
/// At every look (each 60 s by default) the conditions of all components are asked, each in a task of its
/// own and within its time-out: one that hangs, fails or panics holds up nobody, and nothing is done about
/// a component that cannot be seen. Then, for each unwell component, those not acted on for the longest
/// time first:
///
/// ```text
///   unwell -> cooled down? -> approval needed? -> governor: rate, blast radius -> act -> cool down
///               |                |                   |
///               | no: next look  | ask, once         | no: next look, tell once
///                                v
///                    approved -> looked at again -> governor ..
///                    denied, expired -> cool down          (well again -> withdrawn)
/// ```
///
/// # Guarantees
///
/// - At most one act on a component at a time, and none within the cooldown of its last one.
/// - Within any window of the governor no more acts begin than allowed, and no more components are acted
///   on at once than its share.
/// - An act that needs approval never begins without it, unless
///   [`OnExpiry::Act`](crate::OnExpiry::Act) was chosen. Between approval and act the component is looked
///   at again.
///
/// It does not promise that an action helps: [`HealingRecord::recovered`] tells.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use steadfast_actor_core::System;
/// use steadfast_health::{HealBy, HealingRule, SelfHealing};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let system = System::builder("shop").build()?;
/// let stuck = Arc::new(AtomicBool::new(true));
/// let (seen, freed) = (Arc::clone(&stuck), Arc::clone(&stuck));
/// let healing = SelfHealing::builder()
///     .rule(HealingRule::new(
///         "printer",
///         move || seen.load(Ordering::Relaxed).then(|| "paper jam".to_owned()),
///         HealBy::new("pull the paper", move || {
///             freed.store(false, Ordering::Relaxed);
///             async { Ok(()) }
///         }),
///     ))
///     .start(&system)?;
/// healing.look_now().await;
/// healing.idle().await;
/// assert_eq!(healing.stats().success_rate(), Some(1.0));
/// assert_eq!(healing.history()[0].reason, "paper jam");
/// # system.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SelfHealing {
    plan: Arc<Plan>,
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

impl SelfHealing {
    /// Self-healing without components.
    ///
    /// # Example
    ///
    /// See [`SelfHealing`].
    pub fn builder() -> SelfHealingBuilder {
        SelfHealingBuilder::default()
    }

    pub(super) fn start(
        plan: Plan,
        machine: Machine,
        rules: Vec<HealingRule>,
        crew: Crew,
        reporter: Reporter,
    ) -> Self {
        let shared = Arc::new(Shared::new(machine, Teller::new(&rules, reporter)));
        let healer = Healer::new(&shared, rules, &crew);
        // A system that has ended drops it, and healing reads as stopped.
        drop(crew.spawn(healer.run()));
        Self { plan: Arc::new(plan), shared, owner: Arc::new(Owner(crew)) }
    }

    /// Looks at all components now, and waits until it is decided what is done.
    ///
    /// Acts have begun then, not ended. After [`stop`](Self::stop) it does nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses the wait only; the look happens.
    ///
    /// # Example
    ///
    /// See [`SelfHealing`].
    pub async fn look_now(&self) {
        let number = self.shared.ask_look();
        self.wait_until(|| self.shared.has_looked(number)).await;
    }

    /// Waits until no act is under way.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses the wait only.
    ///
    /// # Example
    ///
    /// See [`SelfHealing`].
    pub async fn idle(&self) {
        self.wait_until(|| !self.shared.machine().is_acting()).await;
    }

    /// The last acts that have ended, the oldest first.
    ///
    /// # Example
    ///
    /// See [`SelfHealing`].
    pub fn history(&self) -> Vec<HealingRecord> {
        self.shared.machine().history().cloned().collect()
    }

    /// The figures of all acts since the start.
    ///
    /// # Example
    ///
    /// See [`SelfHealing`].
    pub fn stats(&self) -> HealingStats {
        self.shared.machine().stats()
    }

    /// What is known of each component, in the order in which they were added.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_health::{HealingPhase, SelfHealing};
    /// # fn example(healing: &SelfHealing) {
    /// let acting = healing.components().iter().any(|one| one.phase == HealingPhase::Acting);
    /// # let _ = acting;
    /// # }
    /// ```
    pub fn components(&self) -> Vec<ComponentStatus> {
        self.shared.machine().status(self.time().now())
    }

    /// The acts that wait for an operator.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_health::SelfHealing;
    /// # fn example(healing: &SelfHealing) -> Result<(), steadfast_health::UnknownRequest> {
    /// for request in healing.approvals() {
    ///     healing.approve(request.id, "ada")?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn approvals(&self) -> Vec<ApprovalRequest> {
        self.shared.machine().requests(self.time().now())
    }

    /// Approves a request; the component is looked at again and acted on if it is still unwell.
    ///
    /// # Errors
    ///
    /// Fails if the request was answered, has expired or was withdrawn.
    ///
    /// # Example
    ///
    /// See [`approvals`](Self::approvals).
    pub fn approve(&self, request: u64, by: &str) -> Result<(), UnknownRequest> {
        self.answer(request, true, by)
    }

    /// Denies a request, or takes an approval back that the governor still puts off; the component then
    /// cools down.
    ///
    /// # Errors
    ///
    /// Fails if the request was denied, has expired, was withdrawn or acted on.
    ///
    /// # Example
    ///
    /// See [`approvals`](Self::approvals).
    pub fn deny(&self, request: u64, by: &str) -> Result<(), UnknownRequest> {
        self.answer(request, false, by)
    }

    /// Takes new settings for the same components; history, cooldowns and acts under way stay.
    ///
    /// # Errors
    ///
    /// Fails with every fault, as the start does, and keeps the old settings.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_health::{ConfigError, HealingConfig, SelfHealing};
    /// # fn example(healing: &SelfHealing) -> Result<(), ConfigError> {
    /// let mut config = HealingConfig::default();
    /// config.governor.actions_max = 1;
    /// healing.reconfigure(&config)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconfigure(&self, config: &HealingConfig) -> Result<(), ConfigError> {
        let rules = self.plan.resolve(config)?;
        self.shared.reconfigure(rules, config, self.time().now());
        Ok(())
    }

    /// Lets no further act begin until [`resume`](Self::resume); looks go on, so do acts under way.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_health::SelfHealing;
    /// # fn example(healing: &SelfHealing) {
    /// healing.pause();
    /// assert!(healing.is_paused());
    /// healing.resume();
    /// # }
    /// ```
    pub fn pause(&self) {
        self.shared.machine().set_paused(true);
    }

    /// Lets acts begin again, from the next look on.
    ///
    /// # Example
    ///
    /// See [`pause`](Self::pause).
    pub fn resume(&self) {
        self.shared.machine().set_paused(false);
    }

    /// Whether acts are held back by hand.
    ///
    /// # Example
    ///
    /// See [`pause`](Self::pause).
    pub fn is_paused(&self) -> bool {
        self.shared.machine().is_paused()
    }

    /// Stops healing and waits, at most 5 s, until all tasks have ended; acts under way are dropped.
    ///
    /// Answers how many tasks have not ended: those block their thread. History and figures stay
    /// readable.
    ///
    /// # Cancel safety
    ///
    /// Once polled, healing stops; dropping it loses the wait only.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_health::SelfHealing;
    /// # async fn example(healing: SelfHealing) {
    /// assert_eq!(healing.stop().await, 0);
    /// # }
    /// ```
    pub async fn stop(&self) -> usize {
        self.owner.0.stop().await
    }

    fn answer(&self, id: u64, approved: bool, by: &str) -> Result<(), UnknownRequest> {
        let mut effects = Vec::new();
        let now = self.time().now();
        self.shared.machine().answer(id, approved, &shortened(by), now, &mut effects)?;
        self.shared.leave(effects);
        Ok(())
    }

    async fn wait_until(&self, done: impl Fn() -> bool) {
        loop {
            let mut stepped = pin!(self.shared.stepped());
            stepped.as_mut().enable();
            if done() || self.owner.0.is_closed() || self.shared.has_ended() {
                return;
            }
            stepped.await;
        }
    }

    fn time(&self) -> &Time {
        self.owner.0.time()
    }
}

impl fmt::Debug for SelfHealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfHealing").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
