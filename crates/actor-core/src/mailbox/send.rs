//! The sending side: claim a slot, then write the message into it.
#![expect(unsafe_code, reason = "claimed slots are written through raw pointers")]

use std::{error::Error, fmt, mem::ManuallyDrop, ptr};

use super::{
    Mailbox,
    block::{Block, ready},
    word::Tail,
};
use crate::sync::{Backoff, Ordering};

/// Why no slot could be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The backlog is at the capacity, or senders are parked that come first.
    Full,
    /// The mailbox was closed.
    Closed,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the mailbox is full",
            Self::Closed => "the mailbox is closed",
        })
    }
}

impl Error for Refused {}

/// A claimed slot: write a message into it at once, the receiver waits for it.
///
/// Dropped unwritten (as by a panic) the slot is skipped.
#[must_use = "an unwritten claim holds up the receiver"]
pub(crate) struct Claim<'a, M, C> {
    mailbox: &'a Mailbox<M, C>,
    block: *mut Block<M, C>,
    index: u8,
    /// Claims made before this one, modulo 2^32.
    position: u32,
    /// The claim ended the receiver's sleep: wake it once the slot is ready.
    wakes: bool,
}

impl<M, C> Claim<'_, M, C> {
    /// The place of the message in the order of the mailbox, modulo 2^32.
    pub(crate) fn position(&self) -> u32 {
        self.position
    }

    /// Moves the message in, publishes it, and wakes the receiver if it sleeps.
    #[inline]
    pub(crate) fn write(self, message: M, context: Option<Box<C>>) {
        let claim = ManuallyDrop::new(self);
        // SAFETY: the claim owns the empty slot (INV-MBX-2).
        unsafe { Block::write(claim.block, claim.index, message) };
        let mut state = ready::MESSAGE;
        if let Some(context) = context {
            // SAFETY: the same.
            unsafe { Block::write_context(claim.block, claim.index, context) };
            state = ready::WITH_CONTEXT;
        }
        claim.publish(state);
    }

    #[inline]
    fn publish(&self, state: u8) {
        // SAFETY: the claim owns the slot; this store hands it over, last access to the block.
        unsafe { Block::ready(self.block, self.index) }.store(state, Ordering::Release);
        if self.wakes {
            self.mailbox.wake_receiver();
        }
    }
}

impl<M, C> Drop for Claim<'_, M, C> {
    fn drop(&mut self) {
        self.publish(ready::SKIPPED);
    }
}

impl<M, C> fmt::Debug for Claim<'_, M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("index", &self.index).finish_non_exhaustive()
    }
}

impl<M, C> Mailbox<M, C> {
    /// The offset of the last slot of a block.
    const LAST: u8 = Block::<M, C>::SLOTS - 1;
    /// The offset while the claimer of the last slot links the next block.
    pub(super) const LINKING: u8 = Block::<M, C>::SLOTS;

    /// Claims the next slot, or says why not.
    #[inline]
    pub(crate) fn try_claim(&self) -> Result<Claim<'_, M, C>, Refused> {
        let tail = self.load_tail();
        if tail.offset() < Self::LAST && !tail.is_closed() && self.load_room().left(tail) > 0 {
            let block = self.tail_block.load(Ordering::Relaxed);
            if self.swap_tail(tail, tail.claimed()) {
                return Ok(self.claim_of(block, tail.offset(), tail));
            }
        }
        self.claim(false)
    }

    /// Claims a slot for a waiter that holds a reservation.
    pub(super) fn claim_reserved(&self) -> Result<Claim<'_, M, C>, Refused> {
        let claim = self.claim(true)?;
        self.give_room(1);
        Ok(claim)
    }

    #[inline]
    fn claim_of(&self, block: *mut Block<M, C>, index: u8, before: Tail) -> Claim<'_, M, C> {
        Claim { mailbox: self, block, index, position: before.count(), wakes: before.is_asleep() }
    }

    /// The general way to claim: retries, waits for linking, links, allocates the first block.
    #[inline(never)]
    fn claim(&self, reserved: bool) -> Result<Claim<'_, M, C>, Refused> {
        let mut backoff = Backoff::default();
        loop {
            let tail = self.load_tail();
            if tail.is_closed() {
                return Err(Refused::Closed);
            }
            if !reserved && self.load_room().left(tail) <= 0 {
                if self.publish_taken(tail) {
                    continue;
                }
                return Err(Refused::Full);
            }
            let offset = tail.offset();
            if offset == Self::LINKING {
                backoff.wait();
            } else if offset == Tail::DETACHED {
                if self.swap_tail(tail, tail.with_offset(Self::LINKING).awake()) {
                    return self.attach(tail);
                }
            } else {
                let block = self.tail_block.load(Ordering::Relaxed);
                if self.swap_tail(tail, tail.claimed()) {
                    if offset == Self::LAST {
                        self.link_next(block);
                    }
                    return Ok(self.claim_of(block, offset, tail));
                }
            }
        }
    }

    /// Raises the limit by what was taken since; whether that leaves room at this tail.
    fn publish_taken(&self, tail: Tail) -> bool {
        loop {
            let room = self.load_room();
            if room.has_waiters() {
                return false;
            }
            let taken = self.taken.load(Ordering::Acquire);
            let raised = room.publish(taken, 0, false);
            if raised == room || self.swap_room(room, raised) {
                return raised.left(tail) > 0;
            }
        }
    }

    /// Brings the first block and claims its first slot; `before` had the offset DETACHED, and
    /// this thread replaced it by LINKING.
    fn attach(&self, before: Tail) -> Result<Claim<'_, M, C>, Refused> {
        let block = self.empty_block();
        self.head_block.store(block, Ordering::Relaxed);
        self.tail_block.store(block, Ordering::Relaxed);
        loop {
            let tail = Tail(self.tail.load(Ordering::Relaxed));
            let attached = tail.with_offset(0);
            if tail.is_closed() {
                if self.swap_tail(tail, attached) {
                    return Err(Refused::Closed);
                }
            } else if self.swap_tail(tail, attached.claimed()) {
                return Ok(self.claim_of(block, 0, before));
            }
        }
    }

    /// Links the block after `block`, whose last slot this thread claimed and has not published.
    fn link_next(&self, block: *mut Block<M, C>) {
        // SAFETY: it holds an unpublished slot, so the receiver cannot pass and free it.
        let link = unsafe { Block::next(block) };
        let mut next = link.load(Ordering::Relaxed);
        if next.is_null() {
            next = self.empty_block();
            link.store(next, Ordering::Release);
        }
        self.tail_block.store(next, Ordering::Relaxed);
        self.tail.fetch_sub(Tail::offset_bits(Self::LINKING), Ordering::AcqRel);
        Block::expect_writes(next);
    }

    /// The spare chain, or a new block.
    fn empty_block(&self) -> *mut Block<M, C> {
        if !self.spare.load(Ordering::Relaxed).is_null() {
            let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
            if !spare.is_null() {
                return spare;
            }
        }
        Block::allocate()
    }
}
