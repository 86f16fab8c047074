//! Ends ordered by the supervisor: of one child, of all in order, of all at once.

use std::time::Duration;

use steadfast_base::Instant;

use super::children::{NONE, Phase, Then, Want};
use super::{Effect, Event, Life, Outcome, SupervisorCore, Turn};
use crate::{Exit, ExitKind, Shutdown};

/// How long killed children are waited for when all are killed: inside the second that an
/// emergency stop may take.
pub const KILL_WAIT: Duration = Duration::from_millis(900);

impl SupervisorCore {
    /// Tells a live child to end and remembers what follows.
    pub(super) fn end_child(&mut self, slot: u32, follows: Then, turn: &mut Turn<'_>) {
        let key = self.children.key(slot);
        let shutdown = self.rules_of(slot).shutdown;
        self.keep_start_command(slot);
        if let Some(child) = self.children.get_mut(slot) {
            child.then = follows;
        }
        let deadline = match shutdown {
            Shutdown::BrutalKill => {
                self.children.set_phase(slot, Phase::Killing);
                turn.emit(Effect::Kill { child: key, restart: follows != Then::Close });
                return;
            }
            Shutdown::Infinity => Instant::MAX,
            Shutdown::Graceful(time) => turn.now + time,
        };
        self.children.set_phase(slot, Phase::Stopping(deadline));
        if deadline != Instant::MAX {
            self.deadlines.insert((deadline, slot));
        }
        turn.emit(Effect::End { child: key, restart: follows != Then::Close });
    }

    /// A start that is interrupted may still be done later, by the restart of its group.
    fn keep_start_command(&mut self, slot: u32) {
        if let Some(child) = self.children.get_mut(slot)
            && let Phase::Starting(Some(command)) = child.phase
        {
            child.extra_mut().waiting.push((command, Want::Start));
        }
    }

    /// A child that was told to end is gone.
    pub(super) fn stopped(&mut self, slot: u32, exit: Exit, turn: &mut Turn<'_>) {
        let by_kill = self.phase(slot) == Phase::Killing && exit.kind == ExitKind::Killed;
        self.forget_waits(slot, turn);
        self.children.set_phase(slot, Phase::Ended);
        if !by_kill {
            self.note_shutdown_error(slot, &exit, turn);
            if exit.is_failure() {
                self.note_error(slot, &exit);
            }
        }
        let Some(child) = self.children.get(slot) else { return };
        let follows = if matches!(self.life, Life::Ending(_)) { Then::Close } else { child.then };
        let until = child.extra.as_ref().map_or(turn.now, |extra| extra.restart_at);
        if follows != Then::Close && exit.is_failure() {
            self.renew(slot, turn);
        }
        match follows {
            Then::Restart => self.restart_at(slot, until, turn),
            Then::Queue => self.requeue(slot, exit, turn),
            Then::Close => {
                self.close(slot, exit, turn);
                self.settle(slot);
            }
        }
    }

    /// Begins the ordered end of the supervisor; the first reason stands.
    pub(super) fn end(&mut self, outcome: Outcome, turn: &mut Turn<'_>) {
        match self.life {
            Life::Ending(_) | Life::Gone => return,
            Life::New | Life::Booting | Life::Up => {}
        }
        self.drop_group(turn);
        self.pending.clear();
        self.life = Life::Ending(outcome);
        self.cursor = self.children.tail();
        if self.is_dynamic() {
            self.ends_at_once = true;
            self.end_together(turn);
        } else {
            self.close_ended(turn);
        }
    }

    /// Closes those of which no incarnation runs and none was renewed: whoever waits for one of them
    /// does not wait for its siblings to end.
    fn close_ended(&mut self, turn: &mut Turn<'_>) {
        let mut slot = self.children.head();
        while slot != NONE {
            let renewed = self.children.get(slot).is_some_and(|child| child.marks.renewed);
            if self.phase(slot) == Phase::Ended && !renewed {
                self.close(slot, ExitKind::Shutdown.into(), turn);
            }
            slot = self.children.next(slot);
        }
    }

    /// Tells all dynamic children at once; one timer for those of the template.
    fn end_together(&mut self, turn: &mut Turn<'_>) {
        let mut slot = self.children.head();
        while slot != NONE {
            let next = self.children.next(slot);
            let own = self.children.get(slot).is_some_and(|child| child.rules.is_some());
            match self.phase(slot) {
                Phase::Running(_) | Phase::Starting(_) => match self.template.shutdown {
                    Shutdown::Graceful(time) if !own => {
                        self.shared_deadline = Some(turn.now + time);
                        self.keep_start_command(slot);
                        self.children.set_phase(slot, Phase::Stopping(Instant::MAX));
                        let child = self.children.key(slot);
                        turn.emit(Effect::End { child, restart: false });
                    }
                    _ => self.end_child(slot, Then::Close, turn),
                },
                Phase::Stopping(_) | Phase::Killing | Phase::Down => {}
                _ => self.close(slot, ExitKind::Shutdown.into(), turn),
            }
            slot = next;
        }
    }

    /// One step of the ordered end; false if it waits for a child or is done.
    pub(super) fn end_step(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.ends_at_once {
            return self.children.live() == 0 && self.finish(turn);
        }
        let slot = self.cursor;
        if slot == NONE {
            return self.finish(turn);
        }
        match self.phase(slot) {
            Phase::Running(_) | Phase::Starting(_) => {
                self.end_child(slot, Then::Close, turn);
                return false;
            }
            Phase::Stopping(_) | Phase::Killing => return false,
            Phase::Down => {}
            _ => self.close(slot, ExitKind::Shutdown.into(), turn),
        }
        self.cursor = self.children.prev(slot);
        true
    }

    /// Kills all children at once.
    pub(super) fn kill_all(&mut self, turn: &mut Turn<'_>) {
        if self.abandon_at.is_some() {
            return;
        }
        self.drop_group(turn);
        self.pending.clear();
        if !matches!(self.life, Life::Ending(_)) {
            self.life = Life::Ending(Outcome::Killed);
        }
        self.ends_at_once = true;
        self.abandon_at = Some(turn.now + KILL_WAIT);
        let mut slot = self.children.head();
        while slot != NONE {
            let next = self.children.next(slot);
            match self.phase(slot) {
                Phase::Killing | Phase::Down => {}
                phase if phase.is_live() => self.kill(slot, turn),
                _ => self.close(slot, ExitKind::Killed.into(), turn),
            }
            slot = next;
        }
    }

    fn kill(&mut self, slot: u32, turn: &mut Turn<'_>) {
        self.forget_waits(slot, turn);
        self.keep_start_command(slot);
        self.children.set_phase(slot, Phase::Killing);
        let ending = matches!(self.life, Life::Ending(_));
        let follows = self.children.get(slot).map_or(Then::Close, |child| child.then);
        let restart = !ending && follows != Then::Close;
        turn.emit(Effect::Kill { child: self.children.key(slot), restart });
    }

    /// Serves everything that is due.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>) {
        while let Some((at, slot)) = self.deadlines.first().copied()
            && at <= turn.now
        {
            self.deadlines.remove(&(at, slot));
            match self.phase(slot) {
                Phase::Stopping(_) => {
                    turn.report(Event::ShutdownTimeout(self.children.key(slot)));
                    self.kill(slot, turn);
                }
                Phase::Waiting(_) if self.life == Life::Up => self.restart_now(slot, turn),
                _ => {}
            }
        }
        if self.shared_deadline.is_some_and(|at| at <= turn.now) {
            self.shared_deadline = None;
            self.each_live(|core, slot| {
                let own = core.children.get(slot).is_some_and(|child| child.rules.is_some());
                if !own && matches!(core.phase(slot), Phase::Stopping(_)) {
                    turn.report(Event::ShutdownTimeout(core.children.key(slot)));
                    core.kill(slot, turn);
                }
            });
        }
        if self.abandon_at.is_some_and(|at| at <= turn.now) {
            turn.report(Event::Abandoned(self.children.live()));
            self.each_live(|core, slot| core.close(slot, ExitKind::Killed.into(), turn));
        }
    }

    fn each_live(&mut self, mut then: impl FnMut(&mut Self, u32)) {
        let mut slot = self.children.head();
        while slot != NONE {
            let next = self.children.next(slot);
            if self.phase(slot).is_live() {
                then(self, slot);
            }
            slot = next;
        }
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> bool {
        let Life::Ending(outcome) = std::mem::replace(&mut self.life, Life::Gone) else {
            return false;
        };
        self.shared_deadline = None;
        self.abandon_at = None;
        let groups: Vec<(Exit, u64)> =
            std::mem::take(&mut self.shutdown_errors).into_iter().collect();
        if !groups.is_empty() {
            let others = self.shutdown_errors_other;
            turn.report(Event::ShutdownErrors { groups, others });
        }
        turn.emit(Effect::Finished(outcome));
        true
    }
}
