//! What a thread knows while it polls an actor: whose turn it is and which replies got lost in it.
//!
//! A reply dropped inside a turn is not reported at once: only the end of the turn tells whether
//! the handler let it go (`NoReply`) or failed (`Restarting`, `Stopped`). A reply dropped
//! anywhere else is reported at once.

use std::cell::Cell;

use steadfast_base::ActorId;

use crate::slot::{LostList, LostSlot};

struct Turn {
    actor: Cell<u64>,
    lost: Cell<LostList>,
}

thread_local! {
    static TURN: Turn = const { Turn { actor: Cell::new(0), lost: Cell::new(LostList::new()) } };
}

/// Restores the turn of the outer actor, if one actor's poll is nested in another's.
pub(crate) struct Guard {
    outer: u64,
}

/// Marks the calling thread as polling `actor` until the guard drops.
pub(crate) fn enter(actor: ActorId) -> Guard {
    TURN.with(|turn| Guard { outer: turn.actor.replace(actor.as_u64()) })
}

impl Drop for Guard {
    fn drop(&mut self) {
        TURN.with(|turn| turn.actor.set(self.outer));
    }
}

/// The actor that this thread polls right now.
pub(crate) fn current_actor() -> Option<ActorId> {
    TURN.with(|turn| match turn.actor.get() {
        0 => None,
        id => Some(ActorId::new(id)),
    })
}

/// Runs `act` as if no actor was polled: replies dropped in it are reported at once.
pub(crate) fn outside<T>(act: impl FnOnce() -> T) -> T {
    let _guard = TURN.with(|turn| Guard { outer: turn.actor.replace(0) });
    act()
}

/// Keeps a lost reply for the end of the turn; gives it back where there is no turn.
pub(crate) fn lose(slot: LostSlot) -> Option<LostSlot> {
    TURN.with(|turn| {
        if turn.actor.get() == 0 {
            return Some(slot);
        }
        let mut lost = turn.lost.replace(LostList::new());
        lost.push(slot);
        turn.lost.set(lost);
        None
    })
}

/// True if replies were lost on this thread since they were last taken.
pub(crate) fn has_lost() -> bool {
    TURN.with(|turn| {
        let lost = turn.lost.replace(LostList::new());
        let any = !lost.is_empty();
        turn.lost.set(lost);
        any
    })
}

/// The replies lost since the last call on this thread.
pub(crate) fn take_lost() -> LostList {
    TURN.with(|turn| turn.lost.replace(LostList::new()))
}
