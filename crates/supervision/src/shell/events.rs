//! What the children tell: steps of their lives, turned into inputs of the machine.

use steadfast_actor_core::{ActorHandle, ChildEvent, ChildStage, Cx, ExitReason};
use steadfast_base::ActorId;

use super::SupervisorActor;
use super::reasons::{exit_of, kind_of, start_error_of};
use crate::spec::Hooks;
use crate::{
    ChildFailure, ChildKey, ChildStatus, Choice, Directive, FAILURES_KEPT, FailureStage, Growth,
    Input,
};

impl SupervisorActor {
    pub(super) fn on_child(&mut self, event: ChildEvent, cx: &mut Cx<Self>) {
        let id = event.id;
        let mut event = Some(event);
        let Some(child) = self.key_of(&mut event) else { return };
        let Some(ChildEvent { stage, .. }) = event else { return };
        if let Some(input) = self.input_of(child, id, stage, cx) {
            self.feed(input, cx);
        }
    }

    /// What a step in the life of a child is to the machine.
    pub(super) fn input_of(
        &mut self,
        child: ChildKey,
        id: ActorId,
        stage: ChildStage,
        cx: &mut Cx<Self>,
    ) -> Option<Input> {
        if !self.table.is_present(child, id) {
            if matches!(stage, ChildStage::Stopped(_)) {
                self.born.remove(&id);
                if self.table.left(id) {
                    self.start_delayed(id, cx);
                }
            }
            return None;
        }
        Some(match stage {
            ChildStage::Started => {
                self.set_parts(child);
                Input::Started(child)
            }
            ChildStage::Ignored => {
                self.tell_gate_ended(child, false, cx);
                drop(self.table.take(child));
                if self.core.status(child) == Some(ChildStatus::Running) {
                    self.ignored_at_birth(child, cx);
                    return None;
                }
                Input::Ignored(child)
            }
            ChildStage::StartFailed(reason) => self.start_failed(child, &reason, cx),
            ChildStage::Ended(reason) => self.exited(child, &reason, cx),
            ChildStage::Stopped(reason) => {
                let input = self.exited(child, &reason, cx);
                self.born.remove(&id);
                drop(self.table.take(child));
                input
            }
            ChildStage::Reported(failure) => {
                if !self.can_report(child).unwrap_or(false) {
                    return None;
                }
                let reason = ExitReason::Error(failure);
                let choice = self.judge(child, FailureStage::Reported, &reason, cx);
                Input::Reported(child, exit_of(&reason), choice)
            }
            _ => return None,
        })
    }

    fn start_failed(&mut self, child: ChildKey, reason: &ExitReason, cx: &mut Cx<Self>) -> Input {
        let choice = self.judge(child, FailureStage::Starting, reason, cx);
        let exit = exit_of(reason);
        self.start_error = Some((child, start_error_of(reason)));
        if self.table.get(child).is_some_and(is_gone) {
            drop(self.table.take(child));
            if self.core.status(child) == Some(ChildStatus::Running) {
                // It was taken in before its first start was over, and its factory is gone.
                return Input::Exited(child, exit, Directive::Stop.into());
            }
        }
        Input::StartFailed(child, exit, choice)
    }

    pub(super) fn exited(
        &mut self,
        child: ChildKey,
        reason: &ExitReason,
        cx: &mut Cx<Self>,
    ) -> Input {
        let choice = self.judge(child, FailureStage::Running, reason, cx);
        Input::Exited(child, exit_of(reason), choice)
    }

    /// Asks the decider about a failure and remembers it; normal ends are not its business.
    pub(super) fn judge(
        &mut self,
        child: ChildKey,
        stage: FailureStage,
        reason: &ExitReason,
        cx: &mut Cx<Self>,
    ) -> Choice {
        if !reason.is_failure() && stage != FailureStage::Starting {
            let by_itself = self.core.status(child) == Some(ChildStatus::Running);
            let rules = self.core.child_rules(child).filter(|_| by_itself);
            let again = rules.is_some_and(|rules| rules.restart.restarts_after(kind_of(reason)));
            self.tell_gate_ended(child, again, cx);
            return Choice { directive: Directive::Restart, sample: self.sample(child, cx) };
        }
        self.tell_gate_failed(child, cx);
        let directive = self.ask_decider(child, stage, reason, cx);
        let kept = self.histories.entry(child).or_default();
        if kept.len() >= FAILURES_KEPT {
            kept.pop_front();
        }
        kept.push_back(reason.clone());
        Choice { directive, sample: self.sample(child, cx) }
    }

    /// A random sample for the delay of a restart, where its rules ask for one.
    fn sample(&self, child: ChildKey, cx: &mut Cx<Self>) -> f64 {
        let rules = self.core.child_rules(child);
        let delayed = rules.is_some_and(|rules| rules.backoff.growth != Growth::None);
        if delayed { cx.rng().unit_f64() } else { 0.0 }
    }

    fn ask_decider(
        &mut self,
        child: ChildKey,
        stage: FailureStage,
        reason: &ExitReason,
        cx: &Cx<Self>,
    ) -> Directive {
        let on_error = self.hooks_of(child).and_then(|hooks| hooks.on_error.clone());
        if on_error.is_none() && self.spec.decider.is_none() {
            return Directive::Restart;
        }
        let (errors, restarts) = self.counts_of(child, cx);
        let history = match self.histories.get_mut(&child) {
            Some(history) => &*history.make_contiguous(),
            None => &[],
        };
        let failure = ChildFailure {
            child: self.table.get(child),
            name: self.core.name(child).map(|name| &**name),
            stage,
            reason,
            errors,
            restarts,
            history,
        };
        if let Some(hook) = on_error {
            hook(&failure);
        }
        self.spec.decider.as_ref().map_or(Directive::Restart, |decide| decide(&failure))
    }

    /// Failures and restarts of a child so far.
    pub(super) fn counts_of(&self, child: ChildKey, cx: &Cx<Self>) -> (u32, u32) {
        let health = self.core.health(child, cx.now());
        health.map_or((0, 0), |health| (health.errors, health.restarts))
    }

    pub(super) fn hooks_of(&self, child: ChildKey) -> Option<&Hooks> {
        match self.spec_of(child) {
            Some(spec) => Some(&spec.hooks),
            None => self.spec.template.as_ref().map(|template| &template.hooks),
        }
    }

    pub(super) fn last_reason(&self, child: ChildKey) -> Option<&ExitReason> {
        self.histories.get(&child)?.back()
    }
}

/// Whether the actor has ended for good.
pub(super) fn is_gone(handle: &ActorHandle) -> bool {
    handle.exit_reason().is_some()
}
