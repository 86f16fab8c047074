//! The slot itself: its state word, its waker and its payload.

use std::mem::{self, MaybeUninit};
use std::ptr::NonNull;
use std::task::Waker;

use super::word::{
    ANSWER_LEFT, ASKER_LEFT, BOTH_LEFT, BUSY, EMPTY, GENERATION_SHIFT, INDEX, INDEX_SHIFT, PHASE,
    WAITING, generation_of,
};
use crate::sync::{AtomicU32, AtomicU64, Ordering, UnsafeCell};

/// Words that a slot stores inline; a larger value is boxed.
const PAYLOAD_WORDS: usize = 4;

/// What a slot stores besides its state.
#[repr(C)]
union Payload {
    /// The answer, or a pointer to it.
    value: [MaybeUninit<u64>; PAYLOAD_WORDS],
    /// The next free slot, or the next slot of a list of lost answers.
    next: Option<NonNull<Slot>>,
}

/// One place where an answer is awaited.
#[repr(C, align(64))]
pub(super) struct Slot {
    /// Generation, reason, index, who has left, SEEN and phase.
    pub(super) word: AtomicU64,
    /// Milliseconds after which a waiting ask expires; 0 = never.
    pub(super) limit_ms: AtomicU32,
    /// When the scan first saw the ask waiting, in milliseconds; valid while SEEN is set.
    pub(super) stamp: AtomicU32,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    payload: UnsafeCell<Payload>,
}

#[cfg(not(suite_loom))]
const _: () = assert!(size_of::<Slot>() == 64, "a slot fills one cache line");

/// What became of an attempt to settle a slot.
pub(super) enum Settled {
    /// The outcome is published for the asker to see.
    Published,
    /// The outcome is published, but the asker left just then; the answer still has the slot.
    Unseen,
    /// The outcome is published, but nobody is left: the caller owns the slot alone.
    Last,
    /// Too late: the slot was lost or given up before. The caller has not left it.
    Refused,
}

impl Slot {
    pub(super) fn new(index: u8) -> Self {
        Self {
            word: AtomicU64::new(EMPTY | BOTH_LEFT | u64::from(index) << INDEX_SHIFT),
            limit_ms: AtomicU32::new(0),
            stamp: AtomicU32::new(0),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            payload: UnsafeCell::new(Payload { next: None }),
        }
    }

    /// Starts a new ask in a free slot, with `left` telling who is missing from the start.
    #[inline]
    pub(super) fn begin(&self, left: u64, limit_ms: u32) {
        self.limit_ms.store(limit_ms, Ordering::Relaxed);
        let word = self.word.load(Ordering::Relaxed);
        let generation = generation_of(word).wrapping_add(1);
        let word = u64::from(generation) << GENERATION_SHIFT | word & INDEX | EMPTY | left;
        self.word.store(word, Ordering::Release);
    }

    /// The place in the chunk.
    #[inline]
    pub(super) fn index(&self) -> usize {
        ((self.word.load(Ordering::Relaxed) & INDEX) >> INDEX_SHIFT) as usize
    }

    /// Whether a `T` is stored in the slot itself.
    pub(super) const fn stores_inline<T>() -> bool {
        size_of::<T>() <= size_of::<Payload>() && align_of::<T>() <= align_of::<Payload>()
    }

    /// Stores a value, boxed if it does not fit.
    ///
    /// # Safety
    /// The caller owns the payload (INV-SLOT-3).
    #[inline]
    pub(super) unsafe fn put<T>(&self, value: T) {
        self.payload.with_mut(|payload| {
            if const { Self::stores_inline::<T>() } {
                // SAFETY: the caller owns the payload, and `T` fits in size and alignment.
                unsafe { payload.cast::<T>().write(value) }
            } else {
                // SAFETY: as above; a box of a sized value is one pointer.
                unsafe { payload.cast::<Box<T>>().write(Box::new(value)) }
            }
        });
    }

    /// Moves the value out.
    ///
    /// # Safety
    /// The caller owns the payload, `put::<T>` was called and the value was not yet taken.
    #[inline]
    pub(super) unsafe fn take<T>(&self) -> T {
        self.payload.with(|payload| {
            if const { Self::stores_inline::<T>() } {
                // SAFETY: a `T` was stored inline and nobody else reads it.
                unsafe { payload.cast::<T>().read() }
            } else {
                // SAFETY: a box was stored and nobody else reads it.
                *unsafe { payload.cast::<Box<T>>().read() }
            }
        })
    }

    /// The link that is stored in place of a value.
    ///
    /// # Safety
    /// The caller owns the payload, and the last thing stored was a link.
    pub(super) unsafe fn next(&self) -> Option<NonNull<Self>> {
        // SAFETY: the caller owns the payload, and it holds a link at offset 0.
        self.payload.with(|payload| unsafe { payload.cast::<Option<NonNull<Self>>>().read() })
    }

    /// Stores a link in place of a value.
    ///
    /// # Safety
    /// The caller owns the payload, and it holds no value.
    pub(super) unsafe fn set_next(&self, next: Option<NonNull<Self>>) {
        // SAFETY: the caller owns the payload.
        self.payload.with_mut(|payload| unsafe { payload.write(Payload { next }) });
    }

    /// Stores the waker.
    ///
    /// # Safety
    /// The caller is the asker and the phase is EMPTY (INV-SLOT-2).
    pub(super) unsafe fn set_waker(&self, waker: Waker) {
        // SAFETY: in phase EMPTY only the asker touches the cell, and it holds no waker.
        self.waker.with_mut(|cell| unsafe { cell.write(MaybeUninit::new(waker)) });
    }

    /// A bitwise copy of the waker, to be used by the winner of a phase change only.
    ///
    /// # Safety
    /// No one may write the cell now: the caller is the asker, or owns BUSY (INV-SLOT-2).
    pub(super) unsafe fn copy_waker(&self) -> MaybeUninit<Waker> {
        // SAFETY: there is no writer; a copy of possibly uninitialized bytes is not a waker yet.
        self.waker.with(|cell| unsafe { cell.read() })
    }

    /// Whether the stored waker wakes the same task as `other`.
    ///
    /// # Safety
    /// The caller is the asker, and it has stored a waker since it got the slot.
    pub(super) unsafe fn will_wake(&self, other: &Waker) -> bool {
        self.waker.with(|cell| {
            // SAFETY: only the asker writes the cell. If another thread has just moved the waker
            // out, its bytes are still there; comparing reads two pointers and follows neither.
            let stored = unsafe { &*cell.cast::<Waker>() };
            stored.will_wake(other)
        })
    }

    /// Publishes `outcome` (DONE, or LOST with its reason) unless the slot is settled already, and
    /// leaves with `leaving` (the answer's bit, or 0 for one who is not a half).
    ///
    /// # Safety
    /// The slot must not go back to the pool during the call, up to the point of publishing.
    pub(super) unsafe fn settle(&self, outcome: u64, leaving: u64) -> Settled {
        // SAFETY: the caller's.
        unsafe { self.settle_if(outcome, leaving, |_word| true) }
    }

    /// As `settle`, but refuses unless the state word is one of the ask that is `meant`.
    ///
    /// # Safety
    /// As for `settle`, where the ask is the one that is meant.
    #[inline]
    pub(super) unsafe fn settle_if(
        &self,
        outcome: u64,
        leaving: u64,
        meant: impl Fn(u64) -> bool,
    ) -> Settled {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if !meant(word) {
                return Settled::Refused;
            }
            let waiting = match word & (PHASE | ASKER_LEFT) {
                EMPTY => false,
                WAITING => true,
                _ => return Settled::Refused,
            };
            let to = if waiting { word ^ (WAITING ^ BUSY) } else { word | outcome | leaving };
            match self.word.compare_exchange_weak(word, to, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: this call changed WAITING to BUSY.
                Ok(_) if waiting => return unsafe { self.publish(outcome, leaving) },
                Ok(_) => return Settled::Published,
                Err(now) => word = now,
            }
        }
    }

    /// Ends BUSY: publishes `outcome`, leaves, and wakes the asker.
    ///
    /// # Safety
    /// The caller owns BUSY.
    #[inline]
    pub(super) unsafe fn publish(&self, outcome: u64, leaving: u64) -> Settled {
        // SAFETY: the owner of BUSY may read the cell, and it holds a waker.
        let waker = unsafe { self.copy_waker() };
        let change = BUSY ^ outcome ^ leaving;
        let before = self.word.fetch_xor(change, Ordering::AcqRel);
        // SAFETY: the owner of BUSY takes the waker out, and nobody else does (INV-SLOT-2).
        let waker = unsafe { waker.assume_init() };
        if before & ASKER_LEFT == 0 {
            waker.wake();
            return Settled::Published;
        }
        drop(waker);
        // Without the asker's half only the answer's can still hold the slot.
        if (before | leaving) & ANSWER_LEFT != 0 { Settled::Last } else { Settled::Unseen }
    }

    /// Leaves the slot for good with the given bit; true if the caller must give it back.
    ///
    /// # Safety
    /// The caller is the half of this bit and does not touch the slot again if this is false.
    #[must_use]
    pub(super) unsafe fn leave(&self, bit: u64) -> bool {
        let before = self.word.fetch_or(bit, Ordering::AcqRel);
        before & PHASE != BUSY && before & BOTH_LEFT != 0
    }
}

const _: () = assert!(mem::align_of::<Payload>() == 8, "values of alignment 8 are stored inline");
