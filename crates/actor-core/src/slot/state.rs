//! The slot itself: its state word, its waker and its payload.

use std::mem::{self, MaybeUninit};
use std::ptr::NonNull;
use std::task::Waker;

use crate::sync::{AtomicU32, Ordering, UnsafeCell};

/// The phase, in the low bits of the state word.
pub(super) const PHASE: u32 = 0b111;
/// No waker is stored and no answer has come.
pub(super) const EMPTY: u32 = 0;
/// The waker is stored and no answer has come.
pub(super) const WAITING: u32 = 1;
/// Somebody is taking the waker out and will publish DONE or LOST at once.
pub(super) const BUSY: u32 = 2;
/// The payload holds the answer.
pub(super) const DONE: u32 = 3;
/// No answer will come; the reason is in the upper bits.
pub(super) const LOST: u32 = 4;

/// The deadline scan has seen this ask waiting, and its stamp is valid.
pub(super) const SEEN: u32 = 1 << 3;
/// The waiting half is gone.
pub(super) const ASKER_LEFT: u32 = 1 << 4;
/// The answering half is gone.
pub(super) const ANSWER_LEFT: u32 = 1 << 5;
/// The slot is in the pool.
pub(super) const BOTH_LEFT: u32 = ASKER_LEFT | ANSWER_LEFT;

const WHY_SHIFT: u32 = 16;

/// Words that a slot stores inline; a larger value is boxed.
const PAYLOAD_WORDS: usize = 4;

/// Why an ask got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The handler let the reply go without answering.
    Dropped,
    /// The actor restarted while it handled the ask.
    Restarting,
    /// The actor stopped for good.
    Stopped,
    /// The coarse deadline passed.
    Expired,
    /// The system was dropped, so nobody watches the coarse deadline any more.
    Closed,
    /// A reason that the caller defines.
    Code(u8),
}

impl Why {
    /// The state word of a slot lost for this reason.
    pub(super) fn lost(self) -> u32 {
        let code: u16 = match self {
            Self::Dropped => 0,
            Self::Restarting => 1,
            Self::Stopped => 2,
            Self::Expired => 3,
            Self::Closed => 4,
            Self::Code(code) => 0x100 | u16::from(code),
        };
        LOST | u32::from(code) << WHY_SHIFT
    }

    /// The reason in the state word of a lost slot.
    pub(super) fn of(word: u32) -> Self {
        match (word >> WHY_SHIFT).to_le_bytes() {
            [0, 0, ..] => Self::Dropped,
            [1, 0, ..] => Self::Restarting,
            [2, 0, ..] => Self::Stopped,
            [3, 0, ..] => Self::Expired,
            [code, 0, ..] => {
                debug_assert_eq!(code, 4, "an unknown reason was stored");
                Self::Closed
            }
            [code, ..] => Self::Code(code),
        }
    }
}

/// The ask ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) Why);

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
    pub(super) word: AtomicU32,
    /// Ticks after which a waiting ask expires; 0 = never.
    pub(super) limit_ticks: AtomicU32,
    /// When the scan first saw the ask waiting, in ticks; valid while SEEN is set.
    pub(super) stamp: AtomicU32,
    /// The place in the chunk; never changes.
    pub(super) index: u32,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    payload: UnsafeCell<Payload>,
}

#[cfg(not(suite_loom))]
const _: () = assert!(size_of::<Slot>() == 64, "a slot fills one cache line");

/// What became of an attempt to settle a slot.
pub(super) enum Settled {
    /// The outcome is published; the asker has the slot.
    Published,
    /// The outcome is published, but nobody is there to see it: the caller owns the slot alone.
    Unseen,
    /// Too late: the slot was lost or given up before. The caller has not left it.
    Refused,
}

impl Slot {
    pub(super) fn new(index: u32) -> Self {
        Self {
            word: AtomicU32::new(EMPTY | BOTH_LEFT),
            limit_ticks: AtomicU32::new(0),
            stamp: AtomicU32::new(0),
            index,
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            payload: UnsafeCell::new(Payload { next: None }),
        }
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
    #[inline]
    pub(super) unsafe fn settle(&self, outcome: u32, leaving: u32) -> Settled {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
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
    pub(super) unsafe fn publish(&self, outcome: u32, leaving: u32) -> Settled {
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
        if (before | leaving) & ANSWER_LEFT != 0 { Settled::Unseen } else { Settled::Published }
    }

    /// Leaves the slot for good with the given bit; true if the caller must give it back.
    ///
    /// # Safety
    /// The caller is the half of this bit and does not touch the slot again if this is false.
    #[must_use]
    pub(super) unsafe fn leave(&self, bit: u32) -> bool {
        let before = self.word.fetch_or(bit, Ordering::AcqRel);
        before & PHASE != BUSY && before & BOTH_LEFT != 0
    }
}

const _: () = assert!(mem::align_of::<Payload>() == 8, "values of alignment 8 are stored inline");
