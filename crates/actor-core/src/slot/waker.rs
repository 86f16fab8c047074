//! The waker of a waiting asker, in a cell that may be read while it changes hands.

use std::mem::ManuallyDrop;
use std::ptr;
use std::task::{RawWakerVTable, Waker};

use crate::sync::{AtomicPtr, Ordering};

/// The two pointers of a waker.
///
/// Whoever wants to end a wait copies them first and then exchanges the slot's word. Only if the
/// word was still the one seen before the copy, the copy is whole and the waker is the copier's
/// (INV-SLOT-2). So the pointers may be read at any time, but need no order of their own.
pub(super) struct WakerCell {
    data: AtomicPtr<()>,
    vtable: AtomicPtr<RawWakerVTable>,
}

/// A copy of the pointers that owns nothing yet.
#[derive(Clone, Copy)]
pub(super) struct WakerCopy {
    data: *const (),
    vtable: *const RawWakerVTable,
}

impl WakerCell {
    pub(super) fn new() -> Self {
        Self { data: AtomicPtr::new(ptr::null_mut()), vtable: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Moves a waker in; what was there is forgotten.
    #[inline]
    pub(super) fn set(&self, waker: Waker) {
        let waker = ManuallyDrop::new(waker);
        self.data.store(waker.data().cast_mut(), Ordering::Relaxed);
        self.vtable.store(ptr::from_ref(waker.vtable()).cast_mut(), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn copy(&self) -> WakerCopy {
        WakerCopy {
            data: self.data.load(Ordering::Relaxed),
            vtable: self.vtable.load(Ordering::Relaxed),
        }
    }

    /// Whether the stored waker wakes the same task as `other`.
    pub(super) fn will_wake(&self, other: &Waker) -> bool {
        let stored = self.copy();
        stored.data == other.data() && ptr::eq(stored.vtable, other.vtable())
    }
}

impl WakerCopy {
    /// # Safety
    /// The copy is of a waker that was moved in with `set`, and is made a waker only once.
    #[inline]
    pub(super) unsafe fn into_waker(self) -> Waker {
        // SAFETY: the pointer came from a reference that lives for ever.
        let vtable = unsafe { &*self.vtable };
        // SAFETY: both came from one waker, which was forgotten when it was moved in.
        unsafe { Waker::new(self.data, vtable) }
    }
}
