//! The slot itself: its state word, its waker and its payload.

use std::mem::{self, MaybeUninit};
use std::ptr::NonNull;

use super::waker::WakerCell;
use super::word::{
    ASKER_LEFT, BOTH_LEFT, PHASE, REPLACED, SETTLED, WAITING, begun, index_of, unused,
};
use crate::sync::{AtomicU32, AtomicU64, Ordering, UnsafeCell};

/// Words that a slot stores inline; a larger value is boxed.
const PAYLOAD_WORDS: usize = 3;

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
    /// Where the question lies, as its asker noted: the actor's number and the place in its mailbox,
    /// 32 bits each; 0 = nowhere.
    pub(super) place: AtomicU64,
    pub(super) waker: WakerCell,
    payload: UnsafeCell<Payload>,
}

#[cfg(not(suite_loom))]
const _: () = assert!(size_of::<Slot>() == 64, "a slot fills one cache line");

impl Slot {
    pub(super) fn new(index: u8) -> Self {
        Self {
            word: AtomicU64::new(unused(index)),
            limit_ms: AtomicU32::new(0),
            stamp: AtomicU32::new(0),
            place: AtomicU64::new(0),
            waker: WakerCell::new(),
            payload: UnsafeCell::new(Payload { next: None }),
        }
    }

    /// Starts a new ask in a free slot, with `left` telling who is missing from the start.
    #[inline]
    pub(super) fn begin(&self, left: u64, limit_ms: u32) {
        self.limit_ms.store(limit_ms, Ordering::Relaxed);
        self.place.store(0, Ordering::Relaxed);
        let word = self.word.load(Ordering::Relaxed);
        self.word.store(begun(word, left), Ordering::Release);
    }

    /// The place in the chunk.
    #[inline]
    pub(super) fn index(&self) -> usize {
        index_of(self.word.load(Ordering::Relaxed))
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

    /// Publishes `outcome` (DONE, or LOST with its reason) unless the slot is settled already or
    /// its asker is gone, leaves with `leaving` (the answer's bit, or 0 for one who is not a half),
    /// and wakes the asker. False if it is too late: then the caller has not left.
    ///
    /// An ask other than the one that is `meant`, judged by its state word, counts as too late.
    #[inline]
    pub(super) fn settle(&self, outcome: u64, leaving: u64, meant: impl Fn(u64) -> bool) -> bool {
        let mut word = self.word.load(Ordering::Acquire);
        while word & (SETTLED | ASKER_LEFT) == 0 && meant(word) {
            // Copied before the exchange, for after it the asker may take the outcome and go.
            let waker = self.waker.copy();
            let to = word & !REPLACED | outcome | leaving;
            match self.word.compare_exchange_weak(word, to, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    if word & PHASE == WAITING {
                        // SAFETY: this exchange ended WAITING, so the waker is this call's
                        // (INV-SLOT-2).
                        unsafe { waker.into_waker() }.wake();
                    }
                    return true;
                }
                Err(now) => word = now,
            }
        }
        false
    }

    /// Leaves the slot for good with the given bit; true if the caller must give it back.
    ///
    /// # Safety
    /// The caller is the half of this bit and does not touch the slot again if this is false.
    #[must_use]
    pub(super) unsafe fn leave(&self, bit: u64) -> bool {
        let before = self.word.fetch_or(bit, Ordering::AcqRel);
        before & BOTH_LEFT != 0
    }
}

const _: () = assert!(mem::align_of::<Payload>() == 8, "values of alignment 8 are stored inline");
