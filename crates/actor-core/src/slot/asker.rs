//! The half that waits for the answer.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use steadfast_base::ActorId;

use super::chunk::Chunk;
use super::pool::SlotPool;
use super::state::Slot;
#[cfg(test)]
use super::tag::AskTag;
use super::word::{
    ANSWER_LEFT, ASKER_LEFT, DONE, EMPTY, Lost, PHASE, SETTLED, VERSION, WAITING, Why,
};
use crate::sync::Ordering;

/// The place in an actor's mailbox as one word. Numbers of actors are cut to 32 bits: of two actors
/// 2^32 spawns apart with asks at the same place, one may recall the other's.
pub(super) fn place_of(actor: ActorId, position: u32) -> u64 {
    actor.as_u64() << 32 | u64::from(position)
}

/// The waiting half of an ask. Dropping it discards a late answer.
pub(crate) struct Asker<T> {
    /// `None` once the outcome was taken.
    slot: Option<NonNull<Slot>>,
    answer: PhantomData<T>,
}

// SAFETY: the half may move between threads; the value that it may take or drop is `Send`.
unsafe impl<T: Send> Send for Asker<T> {}
// SAFETY: `&Asker` gives access to nothing but the pointer in `Debug`.
unsafe impl<T: Send> Sync for Asker<T> {}

impl<T> Asker<T> {
    /// # Safety
    /// The slot was just taken from the pool for an answer of type `T`; only one asker is made.
    pub(super) unsafe fn new(slot: NonNull<Slot>) -> Self {
        Self { slot: Some(slot), answer: PhantomData }
    }

    /// The name of this ask, by which others may lose it.
    ///
    /// # Panics
    /// When the outcome was taken already.
    #[cfg(test)]
    pub(crate) fn tag(&self) -> AskTag {
        let slot = self.slot.expect("an ask has a name until its outcome was taken");
        // SAFETY: this half has not left, so the slot and its chunk are in use.
        unsafe { AskTag::of(slot) }
    }

    /// Notes where the question will lie, so that the actor finds its asker if it ends unasked.
    ///
    /// To be called before the question is written into the mailbox.
    #[inline]
    pub(crate) fn note_place(&self, actor: ActorId, position: u32) {
        if let Some(slot) = self.slot {
            let place = place_of(actor, position);
            // SAFETY: this half has not left, so the slot is in use (INV-SLOT-1).
            unsafe { slot.as_ref() }.place.store(place, Ordering::Release);
        }
    }

    /// Gives the answer up, before this half is dropped: nobody recalls the ask from now on.
    pub(crate) fn leave(&mut self) {
        if let Some(slot) = self.slot.take() {
            // SAFETY: this half has not left, and its value is a `T`.
            unsafe { abandon::<T>(slot) };
        }
    }

    /// Whether the outcome was taken.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.slot.is_none()
    }

    /// Changes the coarse deadline; only before the first poll. 0 = none.
    pub(crate) fn set_limit_ms(&mut self, limit_ms: u32) {
        if let Some(slot) = self.slot {
            // SAFETY: this half has not left, so the slot is in use (INV-SLOT-1).
            unsafe { slot.as_ref() }.limit_ms.store(limit_ms, Ordering::Relaxed);
        }
    }

    /// Waits for the outcome. Must not be polled again after it.
    ///
    /// # Panics
    /// When polled after it was ready.
    ///
    /// # Cancel safety
    /// Dropping the half instead of polling it loses the answer, if there is one; polls in between
    /// lose nothing.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Lost>> {
        let slot = self.slot.expect("an asker is not polled after its outcome");
        // SAFETY: this half has not left.
        let mut word = unsafe { slot.as_ref() }.word.load(Ordering::Acquire);
        if word & SETTLED == 0 {
            // SAFETY: this is the asker, which has not left.
            word = unsafe { wait(slot, word, cx.waker()) };
            if word & SETTLED == 0 {
                return Poll::Pending;
            }
        }
        self.slot = None;
        // SAFETY: the slot is settled, and this half leaves it here.
        Poll::Ready(unsafe { finish(slot, word) })
    }
}

/// Takes the outcome that `word` tells of and leaves.
///
/// # Safety
/// The caller is the asker's half, which gives the slot up; `word` is its settled state.
#[inline]
unsafe fn finish<T>(ptr: NonNull<Slot>, word: u64) -> Result<T, Lost> {
    // SAFETY: the asker has not left.
    let slot = unsafe { ptr.as_ref() };
    if word & PHASE == DONE {
        // SAFETY: DONE gives the payload to the asker (INV-SLOT-3), who takes it once.
        let value = unsafe { slot.take::<T>() };
        // SAFETY: the answer left when it published DONE, so the asker is the last.
        unsafe { SlotPool::release(ptr) };
        return Ok(value);
    }
    // SAFETY: this half leaves here and not again.
    if unsafe { slot.leave(ASKER_LEFT) } {
        // SAFETY: the answer has left before.
        unsafe { SlotPool::release(ptr) };
    }
    Err(Lost(Why::of(word)))
}

/// Makes sure that `waker` is woken when the slot is settled; gives the state that this led to,
/// which is settled if that happened meanwhile.
///
/// # Safety
/// The caller is the asker's half, and `word` is a state of the slot that it has read.
unsafe fn wait(ptr: NonNull<Slot>, mut word: u64, waker: &Waker) -> u64 {
    // SAFETY: the asker has not left.
    let slot = unsafe { ptr.as_ref() };
    loop {
        let now = match word & PHASE {
            EMPTY => {
                slot.waker.set(waker.clone());
                let to = word | WAITING;
                // Sequentially consistent: the ticker either sees this or is seen leaving.
                match slot.word.compare_exchange(word, to, Ordering::SeqCst, Ordering::Acquire) {
                    Ok(_) => {
                        // SAFETY: the slot is in use.
                        unsafe { arm(ptr) };
                        return to;
                    }
                    Err(now) => {
                        // SAFETY: the waker was not published, so it is still the asker's.
                        drop(unsafe { slot.waker.copy().into_waker() });
                        now
                    }
                }
            }
            WAITING if slot.waker.will_wake(waker) => return word,
            // SAFETY: this is the asker.
            WAITING => match unsafe { withdraw(slot, word, 0) } {
                Ok((now, old)) => {
                    drop(old);
                    now
                }
                Err(now) => now,
            },
            _ => return word,
        };
        word = now;
    }
}

/// WAITING to EMPTY, leaving with `leaving`: the new state and the waker, or the state that came
/// first.
///
/// # Safety
/// The caller is the asker's half, and the phase in `word` is WAITING.
unsafe fn withdraw(slot: &Slot, word: u64, leaving: u64) -> Result<(u64, Waker), u64> {
    // Copied first: after leaving, the slot may be used by others.
    let waker = slot.waker.copy();
    let to = (word ^ WAITING ^ EMPTY | leaving).wrapping_add(VERSION);
    slot.word.compare_exchange(word, to, Ordering::AcqRel, Ordering::Acquire)?;
    // SAFETY: this exchange ended WAITING, so the waker is the caller's (INV-SLOT-2).
    Ok((to, unsafe { waker.into_waker() }))
}

/// Tells the ticker that the asker waits, if it does so under a coarse deadline.
///
/// # Safety
/// The slot is in use.
#[inline]
unsafe fn arm(ptr: NonNull<Slot>) {
    // SAFETY: the slot is in use.
    if unsafe { ptr.as_ref() }.limit_ms.load(Ordering::Relaxed) != 0 {
        // SAFETY: the slot is in use, so its chunk and pool live.
        let chunk = unsafe { Chunk::of(ptr) };
        // SAFETY: as above.
        unsafe { chunk.as_ref() }.arm();
    }
}

/// Leaves a slot whose outcome nobody wants any more.
///
/// # Safety
/// The caller is the asker's half, which gives the slot up; its value is a `T`.
#[cold]
unsafe fn abandon<T>(ptr: NonNull<Slot>) {
    // SAFETY: the asker has not left.
    let slot = unsafe { ptr.as_ref() };
    let mut word = slot.word.load(Ordering::Acquire);
    while word & SETTLED == 0 {
        let left = if word & PHASE == WAITING {
            // SAFETY: this is the asker.
            unsafe { withdraw(slot, word, ASKER_LEFT) }.map(|(_, waker)| Some(waker))
        } else {
            let to = word | ASKER_LEFT;
            slot.word.compare_exchange(word, to, Ordering::AcqRel, Ordering::Acquire).map(|_| None)
        };
        if let Err(now) = left {
            word = now;
            continue;
        }
        if word & ANSWER_LEFT != 0 {
            // SAFETY: there is no answer.
            unsafe { SlotPool::release(ptr) };
        }
        return;
    }
    // The slot is given back before the value's own destructor runs.
    // SAFETY: the slot is settled, and this half leaves it here.
    drop(unsafe { finish::<T>(ptr, word) });
}

impl<T> Drop for Asker<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            // SAFETY: this half has not left, and its value is a `T`.
            unsafe { abandon::<T>(slot) };
        }
    }
}

impl<T> fmt::Debug for Asker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("finished", &self.slot.is_none()).finish()
    }
}
