//! What a thread knows while it polls an actor: whose turn it is and which replies got lost in it.
//!
//! A reply dropped inside a turn is not reported at once: only the end of the turn tells whether
//! the handler let it go (`NoReply`) or failed (`Restarting`, `Stopped`). A reply dropped
//! anywhere else is reported at once.

use std::cell::Cell;

use steadfast_base::ActorId;

use crate::slot::{LostList, LostSlot};

/// What every poll looks at; without a destructor, so that looking costs one load.
struct Turn {
    actor: Cell<u64>,
    any_lost: Cell<bool>,
    /// Who looked at the clock last, and when its stretch of messages began, in microseconds modulo 2^32.
    stretch: Cell<(u64, u32)>,
}

thread_local! {
    static TURN: Turn = const {
        Turn { actor: Cell::new(0), any_lost: Cell::new(false), stretch: Cell::new((0, 0)) }
    };
    static LOST: Cell<LostList> = const { Cell::new(LostList::new()) };
}

/// Restores the turn of the outer actor, if one actor's poll is nested in another's.
pub(crate) struct Guard {
    outer: u64,
}

/// Marks the calling thread as polling `actor` until the guard drops.
#[inline]
pub(crate) fn enter(actor: ActorId) -> Guard {
    TURN.with(|turn| Guard { outer: turn.actor.replace(actor.as_u64()) })
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        TURN.with(|turn| turn.actor.set(self.outer));
    }
}

/// For how many microseconds an actor has handled messages without a break, as far as this thread knows.
///
/// Kept here and not with the actor, where every idle one would pay for it. If others looked at the clock
/// in between, or the actor came from another thread, the stretch begins anew.
pub(crate) fn stretch(actor: ActorId, now: u32, begins: bool) -> u32 {
    TURN.with(|turn| {
        let (last, began) = turn.stretch.get();
        if begins || last != actor.as_u64() {
            turn.stretch.set((actor.as_u64(), now));
            return 0;
        }
        now.wrapping_sub(began)
    })
}

/// The actor that this thread polls right now.
#[inline]
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
        let mut lost = LOST.replace(LostList::new());
        lost.push(slot);
        LOST.set(lost);
        turn.any_lost.set(true);
        None
    })
}

/// True if replies were lost on this thread since they were last taken.
#[inline]
pub(crate) fn has_lost() -> bool {
    TURN.with(|turn| turn.any_lost.get())
}

/// The replies lost since the last call on this thread.
pub(crate) fn take_lost() -> LostList {
    TURN.with(|turn| turn.any_lost.set(false));
    LOST.replace(LostList::new())
}
