//! What a supervisor tells about itself: names, health, figures and dry runs.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::Instant;

use super::children::{Child, Phase};
use super::{ChildKey, Life, SupervisorCore};
use crate::{ChildKind, ChildRules, RestartPolicy, Strategy, SupervisorRules};

/// Where a child is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildStatus {
    /// The boot has not come to it yet.
    Pending,
    /// Its first incarnation is starting.
    Starting,
    /// Up.
    Running,
    /// Between two incarnations: waiting, or being started again.
    Restarting,
    /// Told to end.
    Stopping,
    /// Only its spec is left.
    Stopped,
}

impl ChildStatus {
    /// The name used in text, DOT and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// Health metrics of one child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildHealth {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it is in its life.
    pub status: ChildStatus,
    /// Failures so far: crashes, failed starts, reported errors.
    pub errors: u32,
    /// Restarts that succeeded.
    pub restarts: u32,
    /// The last failure, in words.
    pub last_error: Option<String>,
    /// How long the running incarnation is up.
    pub uptime: Option<Duration>,
    /// When the next start is due.
    pub restart_in: Option<Duration>,
}

/// Figures of one supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorStats {
    /// Its strategy.
    pub strategy: Strategy,
    /// Children and specs it holds.
    pub children: u32,
    /// Children that are up.
    pub running: u32,
    /// Children between two incarnations or before the first.
    pub restarting: u32,
    /// Children told to end.
    pub stopping: u32,
    /// Specs without a child.
    pub stopped: u32,
    /// Failures so far.
    pub errors_total: u64,
    /// Restarts that succeeded.
    pub restarts_total: u64,
    /// Restarts it can afford right now.
    pub budget_left: u32,
    /// Time since all listed children were up for the first time.
    pub uptime: Option<Duration>,
}

/// What the failure of one child would do to one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affected {
    /// Whom.
    pub child: ChildKey,
    /// Whether it comes back; else it is only stopped.
    pub restarted: bool,
}

/// What the failure of a child would do, if the decider said `Restart`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impact {
    /// The children it touches, in start order; the failed one among them.
    pub children: Vec<Affected>,
    /// Whether the restart is not affordable, so that the failure ends the supervisor or, with
    /// a budget of its own, the child.
    pub exceeds_budget: bool,
}

impl SupervisorCore {
    /// The child of this name.
    pub fn find(&self, name: &str) -> Option<ChildKey> {
        self.children.find(name).map(|slot| self.children.key(slot))
    }

    /// The name of a child, if it exists and has one.
    pub fn name(&self, child: ChildKey) -> Option<&Arc<str>> {
        self.children.get(self.children.slot_of(child)?)?.name.as_ref()
    }

    /// The rules a child lives by.
    pub fn child_rules(&self, child: ChildKey) -> Option<Arc<ChildRules>> {
        self.children.slot_of(child).map(|slot| self.rules_of(slot))
    }

    /// The rules of the supervisor.
    pub fn rules(&self) -> &SupervisorRules {
        &self.rules
    }

    /// Where a child is in its life.
    pub fn status(&self, child: ChildKey) -> Option<ChildStatus> {
        let slot = self.children.slot_of(child)?;
        self.children.get(slot).map(status_of)
    }

    /// Whether an incarnation of it is just starting, for the first time or again.
    pub(crate) fn is_starting(&self, child: ChildKey) -> bool {
        let slot = self.children.slot_of(child);
        slot.is_some_and(|slot| matches!(self.phase(slot), Phase::Starting(_)))
    }

    /// All children in start order.
    pub fn children(&self) -> impl Iterator<Item = (ChildKey, ChildStatus)> {
        self.children.iter().map(|(slot, child)| (self.children.key(slot), status_of(child)))
    }

    /// Health metrics of one child at `now`.
    pub fn health(&self, child: ChildKey, now: Instant) -> Option<ChildHealth> {
        let child = self.children.get(self.children.slot_of(child)?)?;
        let extra = child.extra.as_deref();
        let last_error = extra.and_then(|extra| extra.last_error.as_ref());
        Some(ChildHealth {
            name: child.name.as_deref().map(str::to_owned),
            status: status_of(child),
            errors: extra.map_or(0, |extra| extra.errors),
            restarts: extra.map_or(0, |extra| extra.restarts),
            last_error: last_error.map(ToString::to_string),
            uptime: match child.phase {
                Phase::Running(since) => Some(now.saturating_duration_since(since)),
                _ => None,
            },
            restart_in: match child.phase {
                Phase::Waiting(until) => Some(until.saturating_duration_since(now)),
                _ => None,
            },
        })
    }

    /// Figures of the supervisor at `now`, without looking at each child.
    pub fn stats(&self, now: Instant) -> SupervisorStats {
        let zero = Instant::ZERO;
        let count = |phases: &[Phase]| phases.iter().map(|phase| self.children.count(*phase)).sum();
        SupervisorStats {
            strategy: self.rules.strategy,
            children: self.children.len(),
            running: count(&[Phase::Running(zero)]),
            restarting: count(&[
                Phase::Queued,
                Phase::Gated,
                Phase::Waiting(zero),
                Phase::Starting(None),
                Phase::Ended,
            ]),
            stopping: count(&[Phase::Stopping(zero), Phase::Killing]),
            stopped: count(&[Phase::Down]),
            errors_total: self.errors_total,
            restarts_total: self.restarts_total,
            budget_left: self.window.left(&self.rules.budget, now),
            uptime: self.up_since.map(|since| now.saturating_duration_since(since)),
        }
    }

    /// A dry run: what a failure of this child at `now` would do.
    pub fn affected_by(&self, child: ChildKey, now: Instant) -> Option<Impact> {
        let failed = self.children.slot_of(child)?;
        let rules = self.rules_of(failed);
        let alone = Affected { child, restarted: false };
        if rules.restart == RestartPolicy::Never {
            return Some(Impact { children: vec![alone], exceeds_budget: false });
        }
        let left = match &rules.budget {
            None => self.window.left(&self.rules.budget, now),
            Some(own) => {
                let extra = self.children.get(failed).and_then(|child| child.extra.as_deref());
                extra.map_or(own.restarts, |extra| extra.window.left(own, now))
            }
        };
        if left == 0 {
            let ends_supervisor = rules.budget.is_none()
                || rules.significant
                || rules.restart == RestartPolicy::Always;
            let all = self.children.iter().filter(|(slot, child)| {
                *slot == failed || ends_supervisor && child.phase != Phase::Down
            });
            let children =
                all.map(|(slot, _)| Affected { child: self.children.key(slot), restarted: false });
            return Some(Impact { children: children.collect(), exceeds_budget: true });
        }
        Some(Impact { children: self.restarted_with(failed), exceeds_budget: false })
    }

    fn restarted_with(&self, failed: u32) -> Vec<Affected> {
        let mut inside = self.rules.strategy == Strategy::AllForOne;
        let mut affected = Vec::new();
        if !self.rules.strategy.is_group() {
            return vec![Affected { child: self.children.key(failed), restarted: true }];
        }
        for (slot, _) in self.children.iter() {
            inside |= slot == failed;
            if inside {
                let restarted = self.rules_of(slot).restart != RestartPolicy::Never;
                affected.push(Affected { child: self.children.key(slot), restarted });
            }
        }
        affected
    }

    /// The rules of the template of a dynamic supervisor.
    pub fn template_rules(&self) -> Arc<ChildRules> {
        Arc::clone(&self.template)
    }

    /// Whether a child supervises others; a worker if there is no such child.
    pub fn kind(&self, child: ChildKey) -> ChildKind {
        self.children.slot_of(child).map_or(ChildKind::Worker, |slot| self.rules_of(slot).kind)
    }

    /// How many more children the rules allow; none once it ends.
    pub(crate) fn room(&self) -> u32 {
        if !(self.is_booting() || self.is_up()) {
            return 0;
        }
        self.rules.children_max.saturating_sub(self.children.len())
    }

    /// Whether the listed children are being started for the first time.
    pub fn is_booting(&self) -> bool {
        self.life == Life::Booting
    }

    /// Whether the supervisor is up: booted and not ending.
    pub fn is_up(&self) -> bool {
        self.life == Life::Up
    }
}

fn status_of(child: &Child) -> ChildStatus {
    match child.phase {
        Phase::Queued if !child.marks.restarting => ChildStatus::Pending,
        Phase::Starting(_) if !child.marks.restarting => ChildStatus::Starting,
        Phase::Queued | Phase::Gated | Phase::Waiting(_) | Phase::Ended | Phase::Starting(_) => {
            ChildStatus::Restarting
        }
        Phase::Running(_) => ChildStatus::Running,
        Phase::Stopping(_) | Phase::Killing => ChildStatus::Stopping,
        Phase::Down => ChildStatus::Stopped,
    }
}
