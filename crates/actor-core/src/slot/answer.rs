//! The half that answers, and the lists of answers that will not come.

use std::fmt;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;

use super::chain::Chain;
use super::pool::SlotPool;
use super::state::Slot;
use super::word::{ANSWER_LEFT, ASKER_LEFT, DONE, LOST, PHASE, Why};
use crate::sync::Ordering;

/// The answering half of an ask. Dropped unsent it is lost with [`Why::Dropped`].
pub(crate) struct Answer<T> {
    slot: LostSlot,
    value: PhantomData<fn(T)>,
}

/// The answering half without its type: it can only be lost.
pub(crate) struct LostSlot {
    slot: NonNull<Slot>,
}

// SAFETY: the half may move between threads, as may the value that it sends. `Answer<T>` is made
// for `T: Send` only.
unsafe impl Send for LostSlot {}
// SAFETY: `&LostSlot` reads the atomic state word and nothing else.
unsafe impl Sync for LostSlot {}

impl<T> Answer<T> {
    /// # Safety
    /// The slot was just taken from the pool for an answer of type `T: Send`; only one is made.
    pub(super) unsafe fn new(slot: NonNull<Slot>) -> Self {
        Self { slot: LostSlot { slot }, value: PhantomData }
    }

    /// Answers. Gives the value back if the asker is gone or was told that no answer will come.
    ///
    /// # Errors
    /// The value, when nobody waits for it.
    #[inline]
    pub(crate) fn send(self, value: T) -> Result<(), T> {
        let ptr = self.slot.into_raw();
        // SAFETY: this half has not left (INV-SLOT-1).
        let slot = unsafe { ptr.as_ref() };
        // SAFETY: before DONE the payload is the answer's (INV-SLOT-3).
        unsafe { slot.put(value) };
        if slot.settle(DONE, ANSWER_LEFT, |_word| true) {
            return Ok(());
        }
        // SAFETY: this half has not left, and the value that was put is still here.
        Err(unsafe { refused(ptr) })
    }

    /// Whether an answer would be refused: the asker is gone or was told that none will come.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.slot.is_abandoned()
    }

    /// Forgets the type; what is left can only be lost.
    pub(crate) fn into_erased(self) -> LostSlot {
        self.slot
    }
}

impl LostSlot {
    /// Tells the asker that no answer will come.
    pub(crate) fn lose(self, why: Why) {
        let ptr = self.into_raw();
        // SAFETY: this half has not left (INV-SLOT-1).
        let slot = unsafe { ptr.as_ref() };
        if slot.settle(why.lost(), ANSWER_LEFT, |_word| true) {
            return;
        }
        // SAFETY: this half leaves here and not again.
        unsafe { leave(ptr) };
    }

    fn is_abandoned(&self) -> bool {
        // SAFETY: this half has not left.
        let word = unsafe { self.slot.as_ref() }.word.load(Ordering::Relaxed);
        word & ASKER_LEFT != 0 || word & PHASE == LOST
    }

    fn into_raw(self) -> NonNull<Slot> {
        ManuallyDrop::new(self).slot
    }
}

impl Drop for LostSlot {
    fn drop(&mut self) {
        Self { slot: self.slot }.lose(Why::Dropped);
    }
}

/// Takes back the value that nobody waits for, and leaves.
///
/// # Safety
/// The caller is the answer's half, which gives the slot up; it has put a `T` and not settled.
#[cold]
unsafe fn refused<T>(slot: NonNull<Slot>) -> T {
    // SAFETY: the answer has not left.
    let put = unsafe { slot.as_ref() };
    // SAFETY: without DONE no asker takes the value (INV-SLOT-3).
    let value = unsafe { put.take::<T>() };
    // SAFETY: this half leaves here and not again.
    unsafe { leave(slot) };
    value
}

/// Leaves a slot that was settled by others or has lost its asker.
///
/// # Safety
/// The caller is the answer's half, which gives the slot up.
unsafe fn leave(slot: NonNull<Slot>) {
    // SAFETY: the answer has not left.
    let left = unsafe { slot.as_ref() };
    // SAFETY: this half leaves here and not again.
    if unsafe { left.leave(ANSWER_LEFT) } {
        // SAFETY: the asker has left before.
        unsafe { SlotPool::release(slot) };
    }
}

/// Answers that will not come, linked through their own slots: collecting them allocates nothing.
///
/// Dropped, they are lost with [`Why::Dropped`].
#[derive(Default)]
pub(crate) struct LostList {
    chain: Chain,
}

// SAFETY: a list is a collection of `LostSlot`s, which are `Send`.
unsafe impl Send for LostList {}
// SAFETY: `&LostList` tells only whether it is empty.
unsafe impl Sync for LostList {}

impl LostList {
    pub(crate) const fn new() -> Self {
        Self { chain: Chain::new() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }

    /// Adds one.
    pub(crate) fn push(&mut self, lost: LostSlot) {
        // SAFETY: the answer has not left and has sent nothing, so the payload is its own, and the
        // half gives itself up to the list.
        unsafe { self.chain.push(lost.into_raw()) };
    }

    fn pop(&mut self) -> Option<LostSlot> {
        self.chain.pop().map(|slot| LostSlot { slot })
    }

    /// Adds another list's answers after its own.
    pub(crate) fn append(&mut self, mut later: Self) {
        let mut in_order = Self::new();
        while let Some(lost) = later.pop() {
            in_order.push(lost);
        }
        while let Some(lost) = in_order.pop() {
            self.push(lost);
        }
    }

    /// Tells all askers, in the order in which the answers were added; the list is empty then.
    #[inline]
    pub(crate) fn lose_all(&mut self, why: Why) {
        if !self.is_empty() {
            self.lose_each(why);
        }
    }

    #[cold]
    fn lose_each(&mut self, why: Why) {
        let mut in_order = Self::new();
        while let Some(lost) = self.pop() {
            in_order.push(lost);
        }
        while let Some(lost) = in_order.pop() {
            lost.lose(why);
        }
    }
}

impl Drop for LostList {
    fn drop(&mut self) {
        // A list that `lose_all` makes of its own is empty when it drops.
        self.lose_all(Why::Dropped);
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("abandoned", &self.is_abandoned()).finish()
    }
}

impl fmt::Debug for LostSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LostSlot").field("abandoned", &self.is_abandoned()).finish()
    }
}

impl fmt::Debug for LostList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LostList").field("is_empty", &self.is_empty()).finish()
    }
}

const _: () = assert!(
    mem::size_of::<Option<Answer<u64>>>() == mem::size_of::<usize>(),
    "a reply is one pointer"
);
