//! What is done about a child that ended by itself.

use std::time::Duration;

use super::children::{Children, Phase, Then};
use super::{Choice, Effect, Event, Life, Outcome, SupervisorCore, Turn};
use crate::{AutoShutdown, ChildRules, Directive, Exit, ExitKind, RestartPolicy};

/// What a failure came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The incarnation ended.
    Exit,
    /// The start failed.
    Start,
    /// An error was reported; the incarnation still runs.
    Report,
}

/// One end to decide on.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) slot: u32,
    incarnation: u32,
    generation: u32,
    exit: Exit,
    choice: Choice,
    cause: Cause,
    /// How long the incarnation was up.
    up_for: Duration,
}

impl Failure {
    pub(super) fn new(
        children: &Children,
        slot: u32,
        exit: Exit,
        choice: Choice,
        cause: Cause,
    ) -> Self {
        let incarnation = children.get(slot).map_or(0, |child| child.incarnation);
        let generation = children.key(slot).generation;
        Self { slot, incarnation, generation, exit, choice, cause, up_for: Duration::ZERO }
    }

    fn up_for(mut self, up_for: Duration) -> Self {
        self.up_for = up_for;
        self
    }

    /// Whether both were reported of the same incarnation: one decision is enough.
    fn repeats(&self, other: &Self) -> bool {
        let of = |failure: &Self| (failure.slot, failure.generation, failure.incarnation);
        self.cause == Cause::Report && of(self) == of(other)
    }

    fn is_failure(&self) -> bool {
        self.cause != Cause::Exit || self.exit.is_failure()
    }

    /// Whether it leads to a restart, if that is affordable.
    fn asks_for_restart(&self, policy: RestartPolicy) -> bool {
        if self.is_failure() {
            self.choice.directive == Directive::Restart && policy != RestartPolicy::Never
        } else {
            policy.restarts_after(self.exit.kind)
        }
    }

    fn can_resume(&self) -> bool {
        self.choice.directive == Directive::Resume
            && (self.cause == Cause::Report
                || self.cause == Cause::Exit && self.exit.kind.keeps_state())
    }
}

/// Who paid for a restart.
enum Charge {
    Paid,
    ChildSpent,
    SupervisorSpent,
}

impl SupervisorCore {
    pub(super) fn exited(&mut self, slot: u32, exit: Exit, choice: Choice, turn: &mut Turn<'_>) {
        match self.phase(slot) {
            Phase::Running(since) => {
                let up_for = turn.now.saturating_duration_since(since);
                let failure = Failure::new(&self.children, slot, exit, choice, Cause::Exit);
                self.ended(failure.up_for(up_for), turn);
            }
            Phase::Starting(_) if exit.is_failure() => self.start_failed(slot, exit, choice, turn),
            Phase::Starting(_) => {
                self.started(slot, turn);
                self.exited(slot, exit, choice, turn);
            }
            Phase::Stopping(_) | Phase::Killing => self.stopped(slot, exit, turn),
            _ => {}
        }
    }

    /// An incarnation ended by itself.
    fn ended(&mut self, failure: Failure, turn: &mut Turn<'_>) {
        let slot = failure.slot;
        if failure.exit.is_failure() {
            self.note_error(slot, &failure.exit);
        }
        let member = self.children.get(slot).is_some_and(|child| child.marks.member);
        let ending = matches!(self.life, Life::Ending(_));
        if !member && !ending && failure.can_resume() {
            return self.resume(failure, turn);
        }
        self.children.set_phase(slot, Phase::Ended);
        if ending {
            self.note_shutdown_error(slot, &failure.exit, turn);
            self.close(slot, failure.exit, turn);
        } else if member {
            self.note_shutdown_error(slot, &failure.exit, turn);
            self.renew(slot, turn);
            self.requeue(slot, failure.exit, turn);
        } else {
            self.decide_or_queue(failure, turn);
        }
    }

    pub(super) fn reported(&mut self, slot: u32, exit: Exit, choice: Choice, turn: &mut Turn<'_>) {
        let since = match self.phase(slot) {
            Phase::Running(since) => since,
            // Its start may still fail, or not: this error is counted, and decides nothing.
            Phase::Starting(_) => {
                self.note_error(slot, &exit);
                let key = self.children.key(slot);
                return turn.report(Event::Failed(key, exit, Directive::Resume));
            }
            _ => return,
        };
        self.note_error(slot, &exit);
        let up_for = turn.now.saturating_duration_since(since);
        let failure =
            Failure::new(&self.children, slot, exit, choice, Cause::Report).up_for(up_for);
        if failure.can_resume() {
            turn.report(Event::Failed(self.children.key(slot), failure.exit, Directive::Resume));
        } else if !matches!(self.life, Life::Ending(_)) {
            self.decide_or_queue(failure, turn);
        }
    }

    fn decide_or_queue(&mut self, failure: Failure, turn: &mut Turn<'_>) {
        if self.has_to_wait(&failure) {
            if failure.cause == Cause::Report && self.pending.iter().any(|of| of.repeats(&failure))
            {
                return;
            }
            self.remember_end(&failure);
            // The others may take their time, and its state is not going to be resumed.
            let policy = self.rules_of(failure.slot).restart;
            if failure.asks_for_restart(policy) {
                self.renew(failure.slot, turn);
            }
            self.pending.push_back(failure);
        } else {
            self.decide(failure, turn);
        }
    }

    /// Whether the boot or a group restart has to be over first. A child that is not restarted, or whose
    /// failure is passed up, does not wait for a group: the siblings may take all the time they want.
    pub(super) fn has_to_wait(&self, failure: &Failure) -> bool {
        let policy = self.rules_of(failure.slot).restart;
        self.is_busy() && (self.life == Life::Booting || failure.asks_for_restart(policy))
    }

    /// Keeps how a child ended for its close, which comes later if at all.
    fn remember_end(&mut self, failure: &Failure) {
        if failure.cause != Cause::Report
            && let Some(child) = self.children.get_mut(failure.slot)
        {
            child.extra_mut().close_as = Some(failure.exit.clone());
        }
    }

    /// Decides the oldest queued failure; false if there is none or it has to wait.
    pub(super) fn decide_pending(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.is_busy() {
            return false;
        }
        let Some(failure) = self.pending.pop_front() else { return false };
        let current = self.children.get(failure.slot).is_some_and(|child| {
            let waits = match failure.cause {
                Cause::Report => matches!(child.phase, Phase::Running(_)),
                Cause::Exit | Cause::Start => child.phase == Phase::Ended,
            };
            waits && child.incarnation == failure.incarnation
        });
        if current && self.children.key(failure.slot).generation == failure.generation {
            self.decide(failure, turn);
        }
        true
    }

    pub(super) fn decide(&mut self, failure: Failure, turn: &mut Turn<'_>) {
        let key = self.children.key(failure.slot);
        let rules = self.rules_of(failure.slot);
        if failure.is_failure() {
            let directive = failure.choice.directive;
            turn.report(Event::Failed(key, failure.exit.clone(), directive));
            if directive == Directive::Escalate {
                self.remember_end(&failure);
                return self.end(Outcome::Escalated(key, failure.exit), turn);
            }
        }
        if !failure.asks_for_restart(rules.restart) {
            return self.end_for_good(failure.slot, failure.exit, turn);
        }
        self.remember_end(&failure);
        match self.charge(failure.slot, &rules, turn) {
            Charge::Paid => self.schedule(&failure, &rules, turn),
            Charge::SupervisorSpent => self.end(Outcome::Meltdown(key, failure.exit), turn),
            Charge::ChildSpent => {
                turn.report(Event::BudgetSpent(key));
                let exit = Exit { kind: ExitKind::Meltdown, message: failure.exit.message };
                if rules.significant || rules.restart == RestartPolicy::Always {
                    self.end(Outcome::Escalated(key, exit), turn);
                } else {
                    self.end_for_good(failure.slot, exit, turn);
                }
            }
        }
    }

    fn resume(&mut self, failure: Failure, turn: &mut Turn<'_>) {
        let key = self.children.key(failure.slot);
        turn.report(Event::Failed(key, failure.exit, Directive::Resume));
        turn.emit(Effect::Resume(key));
    }

    fn charge(&mut self, slot: u32, rules: &ChildRules, turn: &Turn<'_>) -> Charge {
        let Some(own) = &rules.budget else {
            let paid = self.window.charge(&self.rules.budget, turn.now);
            return if paid { Charge::Paid } else { Charge::SupervisorSpent };
        };
        let Some(child) = self.children.get_mut(slot) else { return Charge::Paid };
        let paid = child.extra_mut().window.charge(own, turn.now);
        if paid { Charge::Paid } else { Charge::ChildSpent }
    }

    fn schedule(&mut self, failure: &Failure, rules: &ChildRules, turn: &mut Turn<'_>) {
        let slot = failure.slot;
        let Some(child) = self.children.get_mut(slot) else { return };
        let extra = child.extra_mut();
        if failure.up_for >= rules.backoff.reset {
            extra.attempts = 0;
        }
        let delay = rules.backoff.delay(extra.attempts, failure.choice.sample);
        extra.attempts = extra.attempts.saturating_add(1);
        turn.report(Event::RestartScheduled(self.children.key(slot), delay));
        let until = turn.now + delay;
        self.renew(slot, turn);
        if self.rules.strategy.is_group() {
            self.restart_group(slot, until, turn);
        } else {
            self.restart_at(slot, until, turn);
        }
    }

    /// Ends a child that failed or finished and is not restarted.
    fn end_for_good(&mut self, slot: u32, exit: Exit, turn: &mut Turn<'_>) {
        if let Some(child) = self.children.get_mut(slot)
            && let Some(extra) = &mut child.extra
        {
            extra.close_as = Some(exit.clone());
        }
        if self.phase(slot).is_live() {
            self.end_child(slot, Then::Close, turn);
            return;
        }
        let significant = self.rules_of(slot).significant;
        self.close(slot, exit, turn);
        self.settle(slot);
        if significant {
            self.auto_shutdown(turn);
        }
    }

    /// A significant child ended by itself and is not restarted.
    fn auto_shutdown(&mut self, turn: &mut Turn<'_>) {
        let shut = match self.rules.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !self
                .children
                .iter()
                .any(|(slot, child)| child.phase != Phase::Down && self.rules_of(slot).significant),
        };
        if shut {
            self.end(Outcome::AutoShutdown, turn);
        }
    }

    pub(super) fn note_error(&mut self, slot: u32, exit: &Exit) {
        self.errors_total += 1;
        if let Some(child) = self.children.get_mut(slot) {
            let extra = child.extra_mut();
            extra.errors = extra.errors.saturating_add(1);
            extra.last_error = Some(exit.clone());
        }
    }
}
