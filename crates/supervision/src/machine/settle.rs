//! The end of a child: closed, kept as a spec or removed.

use super::children::{Phase, Want};
use super::{Effect, Event, Granted, Life, Refusal, SupervisorCore, Turn};
use crate::{Exit, ExitKind, RestartPolicy};

/// Most kinds of ends listed when dynamic children end together.
const SHUTDOWN_ERROR_GROUPS_MAX: usize = 32;

impl SupervisorCore {
    /// Closes a child without an incarnation: answers those who wait for it, keeps the spec.
    pub(super) fn close(&mut self, slot: u32, exit: Exit, turn: &mut Turn<'_>) {
        self.forget_waits(slot, turn);
        self.children.set_phase(slot, Phase::Down);
        let key = self.children.key(slot);
        let Some(child) = self.children.get_mut(slot) else { return };
        child.marks.restarting = false;
        child.marks.member = false;
        child.marks.start_failed = false;
        let mut exit = exit;
        let mut waiting = Vec::new();
        if let Some(extra) = &mut child.extra {
            exit = extra.close_as.take().unwrap_or(exit);
            waiting = std::mem::take(&mut extra.waiting);
        }
        if std::mem::take(&mut child.marks.has_cell) {
            turn.emit(Effect::Close(key, exit));
        }
        for (command, want) in waiting {
            let answer = match want {
                Want::Stop => Ok(Granted::Done),
                Want::Start => Err(Refusal::Interrupted),
            };
            turn.answer(command, answer);
        }
    }

    /// Removes a closed child whose spec is not kept.
    pub(super) fn settle(&mut self, slot: u32) {
        let never = self.rules_of(slot).restart == RestartPolicy::Never;
        if never || self.is_dynamic() {
            self.remove(slot);
        }
    }

    /// Removes a closed child. While the supervisor ends, the list stays as it is.
    pub(super) fn remove(&mut self, slot: u32) {
        if !matches!(self.life, Life::Ending(_)) {
            self.step_aside(slot);
            self.children.remove(slot);
        }
    }

    /// Drops the timer or the permit a child waits for.
    pub(super) fn forget_waits(&mut self, slot: u32, turn: &mut Turn<'_>) {
        match self.phase(slot) {
            Phase::Waiting(at) | Phase::Stopping(at) => {
                self.deadlines.remove(&(at, slot));
            }
            Phase::Gated => turn.emit(Effect::DropPermit(self.children.key(slot))),
            _ => {}
        }
    }

    /// Reports the end of a child that was to stop and ended otherwise.
    pub(super) fn note_shutdown_error(&mut self, slot: u32, exit: &Exit, turn: &mut Turn<'_>) {
        if matches!(exit.kind, ExitKind::Normal | ExitKind::Shutdown) {
            return;
        }
        if !(self.is_dynamic() && matches!(self.life, Life::Ending(_))) {
            turn.report(Event::ShutdownError(self.children.key(slot), exit.clone()));
        } else if let Some(count) = self.shutdown_errors.get_mut(exit) {
            *count += 1;
        } else if self.shutdown_errors.len() < SHUTDOWN_ERROR_GROUPS_MAX {
            self.shutdown_errors.insert(exit.clone(), 1);
        } else {
            self.shutdown_errors_other += 1;
        }
    }
}
