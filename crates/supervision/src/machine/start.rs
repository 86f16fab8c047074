//! Starts of incarnations and how they turn out.

use super::children::{Phase, Then, Want};
use super::failure::{Cause, Failure};
use super::{
    ChildKey, Choice, Effect, Event, Granted, Life, Origin, Outcome, Refusal, SupervisorCore, Turn,
};
use crate::{Exit, ExitKind, RestartState};

impl SupervisorCore {
    /// Starts an incarnation of a child of which none runs.
    pub(super) fn start(&mut self, slot: u32, turn: &mut Turn<'_>) {
        let key = self.children.key(slot);
        let state = self.rules_of(slot).state;
        let Some(child) = self.children.get_mut(slot) else { return };
        let command = child.extra.as_mut().and_then(|extra| {
            let at = extra.waiting.iter().position(|(_, want)| *want == Want::Start)?;
            Some(extra.waiting.remove(at).0)
        });
        let origin = match state {
            _ if !child.marks.has_cell => Origin::New,
            RestartState::Preserved if child.marks.start_failed => {
                Origin::Again(RestartState::Fresh)
            }
            state => Origin::Again(state),
        };
        child.marks.has_cell = true;
        child.marks.renewed = false;
        child.incarnation = child.incarnation.wrapping_add(1);
        self.children.set_phase(slot, Phase::Starting(command));
        turn.emit(Effect::Start(key, origin));
    }

    /// Ends what is left of the incarnation of a child that is going to be restarted, once. After a
    /// failed start nothing is left.
    pub(super) fn renew(&mut self, slot: u32, turn: &mut Turn<'_>) {
        let key = self.children.key(slot);
        let Some(child) = self.children.get_mut(slot) else { return };
        let marks = &mut child.marks;
        if child.phase == Phase::Ended && marks.has_cell && !marks.start_failed && !marks.renewed {
            marks.renewed = true;
            turn.emit(Effect::Renew(key));
        }
    }

    /// Starts a child again that is down, now or at `until`.
    pub(super) fn restart_at(
        &mut self,
        slot: u32,
        until: steadfast_base::Instant,
        turn: &mut Turn<'_>,
    ) {
        if let Some(child) = self.children.get_mut(slot) {
            child.marks.restarting = true;
        }
        if self.phase(slot).is_live() {
            if let Some(child) = self.children.get_mut(slot) {
                child.extra_mut().restart_at = until;
            }
            self.end_child(slot, Then::Restart, turn);
        } else if until <= turn.now {
            self.restart_now(slot, turn);
        } else {
            self.children.set_phase(slot, Phase::Waiting(until));
            self.deadlines.insert((until, slot));
        }
    }

    pub(super) fn restart_now(&mut self, slot: u32, turn: &mut Turn<'_>) {
        let key = self.children.key(slot);
        if self.group_asks(key) {
            self.children.set_phase(slot, Phase::Queued);
        } else if self.gated {
            self.children.set_phase(slot, Phase::Gated);
            turn.emit(Effect::AskPermit(key));
        } else {
            self.start(slot, turn);
        }
    }

    pub(super) fn permit(&mut self, key: ChildKey, turn: &mut Turn<'_>) {
        let waiting = self.children.slot_of(key);
        let waiting = waiting.filter(|slot| self.phase(*slot) == Phase::Gated);
        if let Some(slot) = waiting {
            self.start(slot, turn);
        } else if !self.group_permit(key) {
            turn.emit(Effect::DropPermit(key));
        }
    }

    pub(super) fn started(&mut self, slot: u32, turn: &mut Turn<'_>) {
        let Phase::Starting(command) = self.phase(slot) else { return };
        let key = self.children.key(slot);
        self.children.set_phase(slot, Phase::Running(turn.now));
        let Some(child) = self.children.get_mut(slot) else { return };
        let restarted = child.marks.restarting;
        child.marks.start_failed = false;
        child.marks.restarting = false;
        child.marks.new = false;
        if let Some(extra) = &mut child.extra {
            extra.close_as = None;
            extra.restarts = extra.restarts.saturating_add(u32::from(restarted));
        }
        if restarted {
            self.restarts_total += 1;
            turn.report(Event::Restarted(key));
        }
        if let Some(command) = command {
            turn.answer(command, Ok(Granted::Running(key)));
        }
    }

    pub(super) fn ignored(&mut self, slot: u32, turn: &mut Turn<'_>) {
        match self.phase(slot) {
            Phase::Starting(command) => {
                self.children.set_phase(slot, Phase::Ended);
                self.close(slot, ExitKind::Normal.into(), turn);
                self.settle(slot);
                if let Some(command) = command {
                    turn.answer(command, Ok(Granted::Ignored));
                }
            }
            Phase::Stopping(_) | Phase::Killing => {
                self.stopped(slot, ExitKind::Normal.into(), turn);
            }
            _ => {}
        }
    }

    pub(super) fn start_failed(
        &mut self,
        slot: u32,
        exit: Exit,
        choice: Choice,
        turn: &mut Turn<'_>,
    ) {
        match self.phase(slot) {
            Phase::Starting(command) => {
                let restarting = self.mark_failed_start(slot, &exit);
                if let Some(command) = command {
                    turn.answer(command, Err(Refusal::StartFailed(exit.clone())));
                    if !restarting {
                        return self.drop_failed_start(slot, exit, turn);
                    }
                }
                if self.life == Life::Booting && !restarting {
                    let outcome = Outcome::StartFailed(self.children.key(slot), exit);
                    return self.end(outcome, turn);
                }
                let failure = Failure::new(&self.children, slot, exit, choice, Cause::Start);
                let own_turn = self.group_starts(slot);
                if self.has_to_wait(&failure) && !own_turn {
                    self.pending.push_back(failure);
                } else {
                    self.decide(failure, turn);
                }
            }
            Phase::Stopping(_) | Phase::Killing => self.stopped(slot, exit, turn),
            _ => {}
        }
    }

    /// Notes a failed start; true if the start was a restart.
    fn mark_failed_start(&mut self, slot: u32, exit: &Exit) -> bool {
        self.note_error(slot, exit);
        self.children.set_phase(slot, Phase::Ended);
        let Some(child) = self.children.get_mut(slot) else { return false };
        child.marks.start_failed = true;
        child.extra_mut().close_as = Some(exit.clone());
        child.marks.restarting
    }

    /// A start by command failed: a new child is forgotten, an old one stays down.
    fn drop_failed_start(&mut self, slot: u32, exit: Exit, turn: &mut Turn<'_>) {
        let new = self.children.get(slot).is_some_and(|child| child.marks.new);
        self.close(slot, exit, turn);
        if new {
            self.remove(slot);
        } else {
            self.settle(slot);
        }
    }
}
