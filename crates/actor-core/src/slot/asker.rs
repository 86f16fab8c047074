//! The half that waits for the answer.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::chunk::Chunk;
use super::pool::SlotPool;
use super::state::Slot;
use super::tag::AskTag;
use super::word::{ANSWER_LEFT, ASKER_LEFT, BUSY, DONE, EMPTY, LOST, Lost, PHASE, WAITING, Why};
use crate::sync::{Ordering, spin_loop};

/// Looks at a BUSY slot before the asker asks to be polled again.
const BUSY_SPINS: u32 = 32;

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

    fn slot(&self) -> Option<&Slot> {
        // SAFETY: this half has not left, so the slot is in use (INV-SLOT-1).
        self.slot.map(|slot| unsafe { slot.as_ref() })
    }

    /// The name of this ask, by which others may lose it.
    ///
    /// # Panics
    /// When the outcome was taken already.
    #[inline]
    pub(crate) fn tag(&self) -> AskTag {
        let slot = self.slot.expect("an ask has a name until its outcome was taken");
        // SAFETY: this half has not left, so the slot and its chunk are in use.
        unsafe { AskTag::of(slot) }
    }

    /// Changes the coarse deadline; only before the first poll. 0 = none.
    pub(crate) fn set_limit_ms(&mut self, limit_ms: u32) {
        if let Some(slot) = self.slot() {
            debug_assert_eq!(slot.word.load(Ordering::Relaxed) & PHASE & WAITING, 0, "polled");
            slot.limit_ms.store(limit_ms, Ordering::Relaxed);
        }
    }

    /// The outcome, if it has come.
    pub(crate) fn try_take(&mut self) -> Option<Result<T, Lost>> {
        let word = self.slot()?.word.load(Ordering::Acquire);
        self.outcome(word)
    }

    /// Waits for the outcome. Must not be polled again after it.
    ///
    /// # Panics
    /// When polled after it was ready.
    ///
    /// # Cancel safety
    /// Dropping the half instead of polling it loses the answer, if there is one; polls in between
    /// lose nothing.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Lost>> {
        let mut spins = 0;
        loop {
            let slot = self.slot().expect("an asker is not polled after its outcome");
            let word = slot.word.load(Ordering::Acquire);
            match word & PHASE {
                EMPTY => {
                    // SAFETY: this is the asker, and the phase is EMPTY.
                    if unsafe { Self::register(slot, word, cx.waker()) } {
                        self.arm();
                        return Poll::Pending;
                    }
                }
                WAITING => {
                    // SAFETY: this is the asker, and it has stored a waker.
                    if unsafe { slot.will_wake(cx.waker()) } {
                        return Poll::Pending;
                    }
                    // SAFETY: this is the asker.
                    drop(unsafe { Self::withdraw(slot, word, 0) });
                }
                BUSY => {
                    if spins == BUSY_SPINS {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    spins += 1;
                    spin_loop();
                }
                _ => match self.outcome(word) {
                    Some(outcome) => return Poll::Ready(outcome),
                    None => debug_assert!(false, "DONE and LOST have an outcome"),
                },
            }
        }
    }

    /// EMPTY to WAITING with the waker stored; false if the phase has changed.
    ///
    /// # Safety
    /// The caller is the asker, and the phase in `word` is EMPTY.
    unsafe fn register(slot: &Slot, word: u64, waker: &Waker) -> bool {
        // SAFETY: in phase EMPTY the cell is the asker's.
        unsafe { slot.set_waker(waker.clone()) };
        // Sequentially consistent: the ticker either sees WAITING or is seen leaving (`Chunk::arm`).
        let to = word | WAITING;
        if slot.word.compare_exchange(word, to, Ordering::SeqCst, Ordering::Acquire).is_ok() {
            return true;
        }
        // SAFETY: this is the asker, the only writer of the cell.
        let waker = unsafe { slot.copy_waker() };
        // SAFETY: the waker was not published, so it is still the asker's alone.
        drop(unsafe { waker.assume_init() });
        false
    }

    /// WAITING to EMPTY, leaving with `leaving`; the waker, if nobody was faster.
    ///
    /// # Safety
    /// The caller is the asker, and the phase in `word` is WAITING.
    unsafe fn withdraw(slot: &Slot, word: u64, leaving: u64) -> Option<Waker> {
        // Copied first: after leaving, the slot may be used by others.
        // SAFETY: only the asker writes the cell.
        let waker = unsafe { slot.copy_waker() };
        let to = word ^ (WAITING ^ EMPTY) | leaving;
        match slot.word.compare_exchange(word, to, Ordering::AcqRel, Ordering::Relaxed) {
            // SAFETY: this call ended WAITING, so the waker is the caller's (INV-SLOT-2).
            Ok(_) => Some(unsafe { waker.assume_init() }),
            Err(_) => None,
        }
    }

    /// Takes the outcome that `word` tells of and leaves.
    fn outcome(&mut self, word: u64) -> Option<Result<T, Lost>> {
        let ptr = self.slot?;
        // SAFETY: this half has not left.
        let slot = unsafe { ptr.as_ref() };
        match word & PHASE {
            DONE => {
                self.slot = None;
                // SAFETY: DONE gives the payload to the asker (INV-SLOT-3), who takes it once.
                let value = unsafe { slot.take::<T>() };
                // SAFETY: the answer left when it published DONE, so the asker is the last.
                unsafe { SlotPool::release(ptr) };
                Some(Ok(value))
            }
            LOST => {
                self.slot = None;
                // SAFETY: this half leaves here and not again.
                if unsafe { slot.leave(ASKER_LEFT) } {
                    // SAFETY: the answer has left before.
                    unsafe { SlotPool::release(ptr) };
                }
                Some(Err(Lost(Why::of(word))))
            }
            _ => None,
        }
    }

    /// Tells the ticker that this asker waits under a coarse deadline.
    fn arm(&self) {
        let Some(ptr) = self.slot else { return };
        // SAFETY: this half has not left.
        if unsafe { ptr.as_ref() }.limit_ms.load(Ordering::Relaxed) != 0 {
            // SAFETY: the slot is in use, so its chunk and pool live.
            let chunk = unsafe { Chunk::of(ptr) };
            // SAFETY: as above.
            unsafe { chunk.as_ref() }.arm();
        }
    }
}

impl<T> Drop for Asker<T> {
    fn drop(&mut self) {
        let Some(ptr) = self.slot else { return };
        // SAFETY: this half has not left.
        let slot = unsafe { ptr.as_ref() };
        let mut word = slot.word.load(Ordering::Acquire);
        loop {
            match word & PHASE {
                WAITING => {
                    // SAFETY: this is the asker.
                    if let Some(waker) = unsafe { Self::withdraw(slot, word, ASKER_LEFT) } {
                        if word & ANSWER_LEFT != 0 {
                            // SAFETY: the answer has left before.
                            unsafe { SlotPool::release(ptr) };
                        }
                        drop(waker);
                        return;
                    }
                }
                EMPTY | BUSY => {
                    let to = word | ASKER_LEFT;
                    let swap =
                        slot.word.compare_exchange(word, to, Ordering::AcqRel, Ordering::Relaxed);
                    if swap.is_ok() {
                        // Whoever owns BUSY gives the slot back (INV-SLOT-4).
                        if word & PHASE == EMPTY && word & ANSWER_LEFT != 0 {
                            // SAFETY: the answer has left before.
                            unsafe { SlotPool::release(ptr) };
                        }
                        return;
                    }
                }
                _ => {
                    // The slot is given back before the value's own destructor runs.
                    drop(self.outcome(word));
                    return;
                }
            }
            word = slot.word.load(Ordering::Acquire);
        }
    }
}

impl<T> fmt::Debug for Asker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("finished", &self.slot.is_none()).finish()
    }
}
