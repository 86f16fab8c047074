//! The first start of the listed children: in order, one at a time, without retries.

use super::children::{NONE, Phase};
use super::{Effect, Life, SupervisorCore, Turn};

impl SupervisorCore {
    pub(super) fn boot(&mut self) {
        if self.life == Life::New {
            self.life = Life::Booting;
            self.cursor = self.children.head();
        }
    }

    /// One step of the boot; false if it waits for a start.
    pub(super) fn boot_step(&mut self, turn: &mut Turn<'_>) -> bool {
        let slot = self.cursor;
        if slot == NONE {
            self.life = Life::Up;
            self.up_since = Some(turn.now);
            turn.emit(Effect::Ready);
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
}
