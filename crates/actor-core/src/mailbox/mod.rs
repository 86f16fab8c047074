//! The user lane of an actor: many senders, one receiver, bounded, resizable, closable.
//!
//! Messages lie inline in linked blocks of a few slots; the first block is allocated by the first
//! send, and used blocks go back to the senders.
//!
//! **Send.** [`Mailbox::try_claim`] claims the next slot with one compare-and-swap of the tail
//! word (count of claims, offset in the tail block, flags); [`Claim::write`] moves the message in,
//! releases the slot's ready byte, and wakes the receiver if it slept. The claimer of the last slot
//! links the next block first; others wait for it, a few instructions.
//!
//! **Receive.** [`Receiver::try_next`] looks at one ready byte and moves the message out: no
//! read-modify-write. [`Receiver::poll_sleep`] sets SLEEP if nothing is claimed, and goes back to
//! the start of the same block; an actor that was hardly used frees it, and a quiet one its spares.
//!
//! **Bound.** Claims are refused once the count reaches the limit in the room word. A sender that
//! finds no room raises the limit by what was taken since, so a refusal is exact. Senders that want
//! to wait park in FIFO order: while any is parked the limit stays where it is, room goes to them
//! as reservations (in batches: when the backlog is at most half the capacity, or the receiver
//! pauses or sleeps), and newcomers are refused. A woken sender keeps its reservation until it
//! claims or cancels; newcomers may pass it within the room beyond the reservations.
//!
//! **Order.** Messages are received in the order of the claims: one sender's messages in the order
//! it claimed, so an awaited `tell` is before the next.
//!
//! **Close.** [`Mailbox::close`] fixes the count: later claims fail, waiters fail, and
//! [`Receiver::drain_next`] yields every claim made before, exactly once.
//!
//! **Drop oldest.** In shared-head mode senders may [`Mailbox::pop_oldest`]; head moves then take a
//! spin lock. The receiver alone switches the mode.
#![expect(unsafe_code, reason = "the cells of the receiver and the blocks are shared by protocol")]

mod block;
mod drain;
mod head;
mod held;
mod prefetch;
mod receive;
mod send;
mod waiters;
mod word;

#[cfg(all(test, suite_loom))]
mod loom_tests;
#[cfg(all(test, not(suite_loom)))]
mod model_tests;
#[cfg(all(test, not(suite_loom)))]
mod stress_tests;
#[cfg(all(test, not(suite_loom)))]
mod tests;
#[cfg(all(test, not(suite_loom)))]
mod waiter_tests;

use std::{fmt, ptr, task::Waker};

use self::{
    block::Block,
    waiters::Waiters,
    word::{Room, Tail},
};
use crate::sync::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Backoff, Ordering, UnsafeCell, fence,
};

pub(crate) use self::{held::Held, receive::Receiver, send::Refused, waiters::Ticket};

/// Largest capacity: counters are 32 bits and compared by signed difference.
pub(crate) const MAX_CAPACITY: u32 = (1 << 30) - 1;

/// The bounded queue of one actor's messages `M`, some with a context `C`.
// INV-MBX-5: `taken <= count <= limit + (reservations being redeemed)`, all modulo 2^32.
// INV-MBX-6: WAITING is set only under the waiters' lock, and while it is set `limit <= count`.
// INV-MBX-7: `head` and `head_block` belong to the owner of the head: the receiver, or in shared
// mode the holder of `head_lock`. Exception: while the tail says DETACHED, the sender that moves it
// to "linking" stores the first block into `head_block`.
// INV-MBX-8: `waker` is written once, before `armed`, and SLEEP is set only after it.
// INV-MBX-9: when count == taken, the head and the tail are at the same slot.
#[repr(C)]
pub(crate) struct Mailbox<M, C> {
    // What senders read and write at every message stays 64 bytes away from what the owner of the
    // head writes at every message: in one cache line each would take it from the other each time.
    tail: AtomicU64,
    tail_block: AtomicPtr<Block<M, C>>,
    room: AtomicU64,
    /// Parked senders; allocated by the first.
    waiters: AtomicPtr<Waiters>,
    waker: UnsafeCell<Option<Waker>>,
    /// Empty blocks for senders, linked by `next`. Put by the owner of the head, taken whole.
    spare: AtomicPtr<Block<M, C>>,
    capacity: AtomicU32,
    /// Held while the head moves in shared mode.
    head_lock: AtomicBool,
    /// The one receiver exists.
    received: AtomicBool,
    armed: AtomicBool,
    /// What the receiver is about, one of [`pace`].
    pace: AtomicU8,
    head_block: AtomicPtr<Block<M, C>>,
    /// Messages received or displaced so far; written by the owner of the head.
    taken: AtomicU32,
    head: UnsafeCell<Head>,
    /// Senders may take messages; switched by the receiver.
    shared: AtomicBool,
}

/// What the receiver is about: senders that park look at it.
mod pace {
    /// It takes messages, and hands out room in batches.
    pub(super) const TAKING: u8 = 0;
    /// It has stopped taking messages for a while, and gave all room there was.
    pub(super) const PAUSED: u8 = 1;
    /// It yields, and goes on at once: its next rest is none.
    pub(super) const YIELDING: u8 = 2;
}

/// What only the owner of the head looks at.
#[derive(Debug)]
struct Head {
    /// The next slot in `head_block`; [`Tail::DETACHED`] without a block.
    offset: u8,
    /// Length of the spare chain, unless senders took it.
    spares: u8,
    /// How much the mailbox is in use.
    wear: Wear,
}

/// How much a mailbox is in use: it decides what blocks a sleeping receiver keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wear {
    /// The receiver has not slept after a message.
    Unused,
    /// It has slept once after a message.
    New,
    /// It has slept often.
    Used,
    /// A block was used up since it slept last.
    Busy,
}

impl Wear {
    /// Models have no room for two sleeps before the interesting one.
    const FIRST: Self = if cfg!(suite_loom) { Self::Used } else { Self::Unused };
}

// SAFETY: messages and contexts move between threads, never shared; the protocol above orders all
// other access.
unsafe impl<M: Send, C: Send> Send for Mailbox<M, C> {}
// SAFETY: the same.
unsafe impl<M: Send, C: Send> Sync for Mailbox<M, C> {}

impl<M, C> Mailbox<M, C> {
    /// An empty mailbox; the capacity is clamped to 1..=[`MAX_CAPACITY`].
    pub(crate) fn new(capacity: u32) -> Self {
        Self::starting_at(capacity, 0)
    }

    /// The same with counters that start elsewhere, to test that they may wrap.
    fn starting_at(capacity: u32, start: u64) -> Self {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        let tail = Tail::new(start);
        let taken = tail.count();
        Self {
            tail: AtomicU64::new(tail.0),
            tail_block: AtomicPtr::new(ptr::null_mut()),
            room: AtomicU64::new(Room::new(taken.wrapping_add(capacity), taken).0),
            spare: AtomicPtr::new(ptr::null_mut()),
            waiters: AtomicPtr::new(ptr::null_mut()),
            waker: UnsafeCell::new(None),
            head_block: AtomicPtr::new(ptr::null_mut()),
            taken: AtomicU32::new(taken),
            capacity: AtomicU32::new(capacity),
            head: UnsafeCell::new(Head { offset: Tail::DETACHED, spares: 0, wear: Wear::FIRST }),
            head_lock: AtomicBool::new(false),
            shared: AtomicBool::new(false),
            received: AtomicBool::new(false),
            armed: AtomicBool::new(false),
            pace: AtomicU8::new(pace::TAKING),
        }
    }

    /// The receiving end, unless it is handed out already. Dropping it gives it back.
    pub(crate) fn receiver(&self) -> Option<Receiver<'_, M, C>> {
        (!self.received.swap(true, Ordering::AcqRel)).then(|| Receiver::of(self))
    }

    /// Messages claimed and not yet received; exact when nothing else is going on.
    pub(crate) fn len(&self) -> usize {
        let taken = self.taken.load(Ordering::Acquire);
        self.load_tail().count().wrapping_sub(taken) as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.capacity.load(Ordering::Relaxed)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.load_tail().is_closed()
    }

    /// Changes the capacity (clamped to 1..=[`MAX_CAPACITY`]) and returns the old one.
    ///
    /// Growing wakes waiters at once. Shrinking keeps what is queued, and reservations already
    /// given to waiters; new claims are refused until the backlog is below.
    pub(crate) fn set_capacity(&self, capacity: u32) -> u32 {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        let old = self.capacity.swap(capacity, Ordering::AcqRel);
        self.give_room(capacity.wrapping_sub(old).cast_signed());
        if capacity < old {
            // It may sleep in the belief that nobody waits for room.
            self.wake();
        }
        old
    }

    /// Refuses all later claims, fails the waiters and wakes the receiver. Idempotent.
    pub(crate) fn close(&self) {
        if self.close_from_within() {
            self.wake();
        }
    }

    /// As [`close`](Self::close), by the receiver itself, which needs no wake; false if it was
    /// closed before.
    pub(crate) fn close_from_within(&self) -> bool {
        if self.load_tail().is_closed() {
            return false;
        }
        let before = Tail(self.tail.fetch_or(Tail::CLOSED, Ordering::AcqRel));
        if before.is_closed() {
            return false;
        }
        self.fail_waiters();
        true
    }

    /// Wakes the receiver's task whether there are messages or not (for the control lane).
    ///
    /// Store what it shall find before the call. Nothing happens before the receiver's first
    /// `arm` or `poll_sleep`, after which it looks at everything once more.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.armed.load(Ordering::Acquire) {
            self.wake_receiver();
        }
    }

    /// Wakes the receiver; only after `armed` or SLEEP was seen.
    #[inline]
    fn wake_receiver(&self) {
        self.waker.with(|waker| {
            // SAFETY: INV-MBX-8: written once, before the caller saw `armed` or SLEEP.
            if let Some(waker) = unsafe { &*waker } {
                waker.wake_by_ref();
            }
        });
    }

    #[inline]
    fn load_tail(&self) -> Tail {
        Tail(self.tail.load(Ordering::Acquire))
    }

    #[inline]
    fn load_room(&self) -> Room {
        Room(self.room.load(Ordering::Acquire))
    }

    /// Replaces the tail word if it is still `from`.
    #[inline]
    fn swap_tail(&self, from: Tail, to: Tail) -> bool {
        self.tail.compare_exchange_weak(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Replaces the room word if it is still `from`.
    fn swap_room(&self, from: Room, to: Room) -> bool {
        self.room.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes the head lock (shared mode only).
    fn lock_head(&self) {
        let mut backoff = Backoff::default();
        while self
            .head_lock
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            backoff.wait();
        }
    }

    fn unlock_head(&self) {
        self.head_lock.store(false, Ordering::Release);
    }
}

impl<M, C> Drop for Mailbox<M, C> {
    fn drop(&mut self) {
        self.discard();
        let waiters = self.waiters.load(Ordering::Acquire);
        if !waiters.is_null() {
            // SAFETY: made by `Box::into_raw` and freed only here.
            drop(unsafe { Box::from_raw(waiters) });
        }
    }
}

impl<M, C> fmt::Debug for Mailbox<M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
