//! Restart of several children: stopped in reverse, then started in order.
//!
//! ```text
//! Stopping --all down--> Resting --delay over--> (Gated --permit-->) Starting --all up--> done
//!    ^                                                                   |
//!    +------------- a start fails: charged, delayed, again --------------+
//! ```
//!
//! All-for-one begins at the first child, rest-for-one at the one that failed. A failure
//! outside the group is decided after it, or at once while the group rests; then the two
//! become one group.

use steadfast_base::Instant;

use super::children::{NONE, Phase, Then};
use super::{ChildKey, Effect, SupervisorCore, Turn};
use crate::{Exit, ExitKind, RestartPolicy, Strategy};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Stopping,
    Resting,
    Gated,
    Starting,
}

/// A group restart in progress. Its cursor is the supervisor's.
#[derive(Debug)]
pub(super) struct Group {
    /// The first child of the group; the last one is the last of the list.
    origin: u32,
    stage: Stage,
    /// No start before this instant.
    until: Instant,
    /// The child whose failure is being repaired; names the permit.
    cause: ChildKey,
}

impl Group {
    /// Whether children are being stopped or started right now.
    pub(super) fn is_moving(&self) -> bool {
        matches!(self.stage, Stage::Stopping | Stage::Starting)
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        (self.stage == Stage::Resting).then_some(self.until)
    }
}

impl SupervisorCore {
    /// Restarts the group of a child that failed, not before `until`.
    pub(super) fn restart_group(&mut self, slot: u32, until: Instant, turn: &mut Turn<'_>) {
        let all = self.rules.strategy == Strategy::AllForOne;
        let mut origin = if all { self.children.head() } else { slot };
        let mut until = until;
        if let Some(old) = self.group.take() {
            if old.stage == Stage::Gated {
                turn.emit(Effect::DropPermit(old.cause));
            }
            if !old.is_moving() {
                until = until.max(old.until);
                origin = self.earlier(old.origin, origin);
            }
        }
        let mut at = origin;
        while let Some(child) = self.children.get_mut(at) {
            child.marks.member = true;
            at = child.next;
        }
        let cause = self.children.key(slot);
        self.cursor = self.children.tail();
        self.group = Some(Group { origin, stage: Stage::Stopping, until, cause });
    }

    /// The one of two children that comes first in start order.
    fn earlier(&self, one: u32, other: u32) -> u32 {
        let mut at = one;
        while at != NONE {
            if at == other {
                return one;
            }
            at = self.children.next(at);
        }
        other
    }

    /// One step of the group restart; false if there is none or it waits.
    pub(super) fn group_step(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(group) = &mut self.group else { return false };
        match group.stage {
            Stage::Stopping if self.cursor == NONE => {
                group.stage = Stage::Resting;
                true
            }
            Stage::Stopping => self.group_stop(turn),
            Stage::Resting if turn.now < group.until => false,
            Stage::Resting if self.gated && group.origin != NONE => {
                group.stage = Stage::Gated;
                let cause = group.cause;
                if let Some(slot) = self.children.slot_of(cause)
                    && self.phase(slot) == Phase::Gated
                {
                    self.requeue(slot, ExitKind::Shutdown.into(), turn);
                }
                turn.emit(Effect::AskPermit(cause));
                false
            }
            Stage::Resting => {
                group.stage = Stage::Starting;
                self.cursor = group.origin;
                true
            }
            Stage::Gated => false,
            Stage::Starting => self.group_start(turn),
        }
    }

    fn group_stop(&mut self, turn: &mut Turn<'_>) -> bool {
        let slot = self.cursor;
        match self.phase(slot) {
            Phase::Running(_) | Phase::Starting(_) => {
                let follows = self.after_group_stop(slot);
                self.end_child(slot, follows, turn);
                return false;
            }
            Phase::Stopping(_) | Phase::Killing => {
                let follows = self.after_group_stop(slot);
                if let Some(child) = self.children.get_mut(slot)
                    && child.then == Then::Restart
                {
                    child.then = follows;
                }
                return false;
            }
            Phase::Queued => {}
            _ => {
                self.renew(slot, turn);
                self.requeue(slot, ExitKind::Shutdown.into(), turn);
            }
        }
        if self.cursor == slot {
            if let Some(child) = self.children.get_mut(slot) {
                child.marks.member = false;
            }
            let first = self.group.as_ref().is_none_or(|group| group.origin == slot);
            self.cursor = if first { NONE } else { self.children.prev(slot) };
        }
        true
    }

    fn after_group_stop(&self, slot: u32) -> Then {
        let never = self.rules_of(slot).restart == RestartPolicy::Never;
        if never { Then::Close } else { Then::Queue }
    }

    fn group_start(&mut self, turn: &mut Turn<'_>) -> bool {
        let slot = self.cursor;
        if slot == NONE {
            self.group = None;
            return true;
        }
        match self.phase(slot) {
            Phase::Queued => {
                self.start(slot, turn);
                false
            }
            Phase::Starting(_) => false,
            _ => {
                self.cursor = self.children.next(slot);
                true
            }
        }
    }

    /// Lets a member that is down wait for its start; a temporary one goes.
    pub(super) fn requeue(&mut self, slot: u32, exit: Exit, turn: &mut Turn<'_>) {
        self.forget_waits(slot, turn);
        if self.rules_of(slot).restart == RestartPolicy::Never {
            self.close(slot, exit, turn);
            self.remove(slot);
            return;
        }
        self.children.set_phase(slot, Phase::Queued);
        if let Some(child) = self.children.get_mut(slot) {
            child.marks.restarting = true;
            child.marks.member = false;
        }
    }

    /// Whether the group restart is just starting this child.
    pub(super) fn group_starts(&self, slot: u32) -> bool {
        self.cursor == slot && self.group.as_ref().is_some_and(|at| at.stage == Stage::Starting)
    }

    /// Whether the group waits for a permit in the name of this child.
    pub(super) fn group_asks(&self, key: ChildKey) -> bool {
        self.group.as_ref().is_some_and(|group| group.stage == Stage::Gated && group.cause == key)
    }

    /// Takes a permit for the group; false if it did not ask for this one.
    pub(super) fn group_permit(&mut self, key: ChildKey) -> bool {
        if !self.group_asks(key) {
            return false;
        }
        let Some(group) = &mut self.group else { return false };
        group.stage = Stage::Starting;
        self.cursor = group.origin;
        true
    }

    /// Ends the group restart where it is.
    pub(super) fn drop_group(&mut self, turn: &mut Turn<'_>) {
        if let Some(group) = self.group.take()
            && group.stage == Stage::Gated
        {
            turn.emit(Effect::DropPermit(group.cause));
        }
    }

    /// Moves cursor and origin off a child that is about to be removed.
    pub(super) fn step_aside(&mut self, slot: u32) {
        let (prev, next) = (self.children.prev(slot), self.children.next(slot));
        let backward = self.group.as_ref().is_some_and(|group| group.stage == Stage::Stopping);
        let at_cursor = self.cursor == slot;
        if at_cursor {
            self.cursor = if backward { prev } else { next };
        }
        if let Some(group) = &mut self.group
            && group.origin == slot
        {
            if backward && at_cursor {
                self.cursor = NONE;
            }
            group.origin = next;
        }
    }
}
