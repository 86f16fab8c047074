//! The head: where the next message is taken, blocks are recycled, and sleep begins.
#![expect(unsafe_code, reason = "the owner of the head reads slots through raw pointers")]

use std::ptr;

use super::{
    Head, Mailbox, Wear,
    block::{Block, ready},
    pace,
    word::Tail,
};
use crate::sync::Ordering;

/// A message and its context, if it has one.
pub(crate) type Delivery<M, C> = (M, Option<Box<C>>);

/// Blocks larger than this are freed whenever the receiver sleeps.
const RETAINED_BYTES: usize = 1024;

/// Spare blocks together take at most about this many bytes (but one is always kept).
const SPARE_BYTES: usize = 4096;

impl<M, C> Mailbox<M, C> {
    /// Spare blocks kept.
    const SPARES: u8 = match SPARE_BYTES / Block::<M, C>::BYTES {
        0..=1 => 1,
        2..=3 => 2,
        4..=7 => 4,
        8..=15 => 8,
        16.. => 16,
    };

    /// Takes the next message.
    ///
    /// # Safety
    /// The caller owns the head (INV-MBX-7).
    #[inline]
    pub(super) unsafe fn take(&self) -> Option<Delivery<M, C>> {
        loop {
            // SAFETY: the caller owns the head.
            let mut offset = self.head.with(|head| unsafe { (*head).offset });
            if offset >= Block::<M, C>::SLOTS {
                // SAFETY: the caller owns the head.
                if !unsafe { self.advance() } {
                    return None;
                }
                offset = 0;
            }
            let block = self.head_block.load(Ordering::Relaxed);
            // SAFETY: the block of an attached head is live, the offset below SLOTS.
            let state = unsafe { Block::ready(block, offset) }.load(Ordering::Acquire);
            if state == ready::EMPTY {
                return None;
            }
            // SAFETY: the caller owns the head.
            self.head.with_mut(|head| unsafe { (*head).offset = offset + 1 });
            let taken = self.taken.load(Ordering::Relaxed).wrapping_add(1);
            self.taken.store(taken, Ordering::Release);
            if state == ready::SKIPPED {
                continue;
            }
            let context = if state == ready::WITH_CONTEXT {
                // SAFETY: the byte says so, and the offset has moved on: once.
                Some(unsafe { Block::take_context(block, offset) })
            } else {
                None
            };
            // SAFETY: the byte says so, and the offset has moved on: once.
            return Some((unsafe { Block::read(block, offset) }, context));
        }
    }

    /// Moves the head to the first slot of the next block, if there is one.
    ///
    /// # Safety
    /// The caller owns the head, and its offset is at the end of the block or DETACHED.
    #[inline(never)]
    unsafe fn advance(&self) -> bool {
        self.pace.store(pace::TAKING, Ordering::Relaxed);
        // SAFETY: the caller owns the head.
        let offset = self.head.with(|head| unsafe { (*head).offset });
        if offset == Tail::DETACHED {
            let tail = self.load_tail().offset();
            if tail == Tail::DETACHED || tail == Self::LINKING {
                return false;
            }
        } else {
            let used = self.head_block.load(Ordering::Relaxed);
            // SAFETY: the head's block is live.
            let next = unsafe { Block::next(used) }.load(Ordering::Acquire);
            self.head_block.store(next, Ordering::Relaxed);
            // SAFETY: all slots of `used` are read and the tail has left it.
            unsafe { self.recycle(used) };
        }
        // SAFETY: the caller owns the head.
        self.head.with_mut(|head| unsafe { (*head).offset = 0 });
        true
    }

    /// Gives a used-up block back to the senders, or frees it if they have enough.
    ///
    /// # Safety
    /// The caller owns the head and nobody else can reach the block.
    unsafe fn recycle(&self, block: *mut Block<M, C>) {
        let mut spares = if self.spare.load(Ordering::Relaxed).is_null() {
            0
        } else {
            // SAFETY: the caller owns the head.
            self.head.with(|head| unsafe { (*head).spares })
        };
        if spares >= Self::SPARES {
            // SAFETY: the caller says so.
            return unsafe { Block::free(block) };
        }
        let mut chain = ptr::null_mut();
        if spares > 0 {
            chain = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
            if chain.is_null() {
                spares = 0;
            }
        }
        // SAFETY: all its slots are read.
        unsafe { Block::reset(block, Block::<M, C>::SLOTS) };
        // SAFETY: the block is live.
        unsafe { Block::next(block) }.store(chain, Ordering::Relaxed);
        self.spare.store(block, Ordering::Release);
        self.head.with_mut(|head| {
            // SAFETY: the caller owns the head.
            let head = unsafe { &mut *head };
            head.spares = spares + 1;
            head.wear = Wear::Busy;
        });
    }

    /// Whether the next slot is ready; brings the head to it.
    pub(super) fn is_ready(&self) -> bool {
        // SAFETY: called through `with_head` only.
        let mut offset = self.head.with(|head| unsafe { (*head).offset });
        if offset >= Block::<M, C>::SLOTS {
            // SAFETY: the same.
            if !unsafe { self.advance() } {
                return false;
            }
            offset = 0;
        }
        let block = self.head_block.load(Ordering::Relaxed);
        // SAFETY: the block of an attached head is live, the offset below SLOTS.
        let state = unsafe { Block::ready(block, offset) }.load(Ordering::Acquire);
        state != ready::EMPTY
    }

    /// Runs the receiver's `act` as the owner of the head.
    pub(super) fn with_head<R>(&self, act: impl FnOnce(&Self) -> R) -> R {
        let shared = self.shared.load(Ordering::Relaxed);
        if shared {
            self.lock_head();
        }
        let result = act(self);
        if shared {
            self.unlock_head();
        }
        result
    }

    /// Sets SLEEP and goes back to the start of the block, or gives it up; false if the tail is no
    /// longer `tail`, which had every claim taken and was not linking.
    ///
    /// # Safety
    /// The caller owns the head.
    pub(super) unsafe fn enter_sleep(&self, tail: Tail) -> bool {
        if self.taken.load(Ordering::Relaxed) != tail.count() {
            return false;
        }
        // SAFETY: the caller owns the head.
        let Head { offset, wear, .. } = self.head.with(|head| unsafe { head.read() });
        if offset == Tail::DETACHED {
            return tail.offset() == Tail::DETACHED && self.swap_tail(tail, tail.asleep());
        }
        if offset >= Block::<M, C>::SLOTS {
            // SAFETY: the caller owns the head.
            unsafe { self.advance() };
        }
        let block = self.head_block.load(Ordering::Relaxed);
        // A mailbox that was hardly used keeps nothing, one in use a block, and so does not allocate.
        let gives_up = match wear {
            _ if Block::<M, C>::BYTES > RETAINED_BYTES => true,
            Wear::Unused | Wear::New => true,
            Wear::Used => self.has_extra_blocks(block),
            Wear::Busy => false,
        };
        let offset = if gives_up {
            Tail::DETACHED
        } else {
            // SAFETY: all slots before the offset are read.
            unsafe { Block::reset(block, tail.offset()) };
            0
        };
        if !self.swap_tail(tail, tail.with_offset(offset).asleep()) {
            return false;
        }
        self.head.with_mut(|head| {
            // SAFETY: the caller owns the head.
            let head = unsafe { &mut *head };
            head.offset = offset;
            head.wear = if wear == Wear::Unused { Wear::New } else { Wear::Used };
        });
        if gives_up {
            let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
            // SAFETY: taken out of `spare`, so nobody else can reach the chain.
            unsafe { Block::free_chain(spare) };
            // SAFETY: the tail was DETACHED with every claim taken: senders cannot reach it.
            unsafe { Block::free_chain(block) };
        }
        true
    }

    /// Whether there are blocks beside the one in use, which no message needed since the last sleep.
    fn has_extra_blocks(&self, block: *mut Block<M, C>) -> bool {
        // SAFETY: the head's block is live.
        let next = unsafe { Block::next(block) }.load(Ordering::Relaxed);
        !next.is_null() || !self.spare.load(Ordering::Relaxed).is_null()
    }
}
