//! Self-healing: a condition and an action for each component, under a governor.

mod actions;
mod conditions;
mod config;
mod governor;
mod handle;
mod healer;
mod machine;
mod plan;
mod record;
mod rule;
mod start;
mod tell;

pub use self::actions::{HealBy, ResetBreaker, ResizeBulkhead, RestartActor};
pub use self::conditions::{BreakerOpen, CheckUnhealthy};
pub use self::config::{Approval, GovernorConfig, HealingConfig, HealingSettings, OnExpiry};
pub use self::governor::GovernorRule;
pub use self::handle::SelfHealing;
pub use self::record::{
    ApprovalRequest, ComponentStatus, HealingOutcome, HealingPhase, HealingRecord, HealingStats,
    UnknownRequest,
};
pub use self::rule::{Condition, HealingAction, HealingError, HealingRule};
pub use self::start::SelfHealingBuilder;
