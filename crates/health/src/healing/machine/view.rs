//! What operators see of the machine.

use steadfast_base::Instant;

use crate::healing::record::{
    ApprovalRequest, ComponentStatus, HealingPhase, HealingRecord, HealingStats,
};

use super::{Component, Machine, Phase};

impl Machine {
    pub(in crate::healing) fn history(&self) -> impl Iterator<Item = &HealingRecord> {
        self.history.iter()
    }

    pub(in crate::healing) fn stats(&self) -> HealingStats {
        let add = |sum: HealingStats, component: &Component| HealingStats {
            ended: sum.ended + component.stats.ended,
            succeeded: sum.succeeded + component.stats.succeeded,
            recovered: sum.recovered + component.stats.recovered,
        };
        self.components.iter().fold(HealingStats::default(), add)
    }

    pub(in crate::healing) fn status(&self, now: Instant) -> Vec<ComponentStatus> {
        let status = |component: &Component| ComponentStatus {
            component: component.rules.component.clone(),
            phase: match &component.phase {
                Phase::Acting(_) => HealingPhase::Acting,
                Phase::Asking(_) => HealingPhase::AwaitingApproval,
                Phase::Watching if now < component.cool_until => HealingPhase::CoolingDown,
                Phase::Watching => HealingPhase::Watching,
            },
            unwell: component.unwell.as_ref().map(|(_, reason)| reason.clone()),
            deferred_by: component.deferred,
            stats: component.stats,
        };
        self.components.iter().map(status).collect()
    }

    pub(in crate::healing) fn requests(&self, now: Instant) -> Vec<ApprovalRequest> {
        let request = |component: &Component| match &component.phase {
            Phase::Asking(request) => Some(ApprovalRequest {
                id: request.id,
                component: component.rules.component.clone(),
                action: component.rules.action.clone(),
                reason: request.reason.clone(),
                expires_in: request.expires - now,
                approved_by: request.approved_by.clone(),
            }),
            _ => None,
        };
        self.components.iter().filter_map(request).collect()
    }
}
