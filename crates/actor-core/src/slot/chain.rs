//! A list of slots that are linked through their own payloads, so that it allocates nothing.

use std::ptr::NonNull;

use super::state::Slot;

/// A last-in first-out list of slots. Dropping it forgets them: the owner empties it.
#[derive(Default)]
pub(super) struct Chain {
    head: Option<NonNull<Slot>>,
}

impl Chain {
    pub(super) const fn new() -> Self {
        Self { head: None }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Adds a slot.
    ///
    /// # Safety
    /// The slot is in no other chain, its payload holds no value, and nobody else uses the payload
    /// while the slot is in the chain.
    #[inline]
    pub(super) unsafe fn push(&mut self, slot: NonNull<Slot>) {
        // SAFETY: the caller vouches for the slot.
        let link = unsafe { slot.as_ref() };
        // SAFETY: the payload is the chain's now.
        unsafe { link.set_next(self.head) };
        self.head = Some(slot);
    }

    /// Takes the slot that was added last.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<NonNull<Slot>> {
        let slot = self.head?;
        // SAFETY: slots in the chain stay valid, by the contract of `push`.
        let link = unsafe { slot.as_ref() };
        // SAFETY: the payload of a slot in the chain holds its link.
        self.head = unsafe { link.next() };
        Some(slot)
    }

    /// Moves up to `count` slots to a chain of their own.
    pub(super) fn split(&mut self, count: usize) -> Self {
        let mut batch = Self::new();
        for _ in 0..count {
            let Some(slot) = self.pop() else { break };
            // SAFETY: the slot was in this chain under the same contract, and is in none now.
            unsafe { batch.push(slot) };
        }
        batch
    }
}
