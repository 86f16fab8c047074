//! A chunk: the block of slots that is allocated at once and freed with the pool.

use std::array;
use std::mem::offset_of;
use std::ptr::NonNull;

use super::pool::SlotPool;
use super::state::Slot;
use crate::sync::{AtomicBool, Ordering, fence};

/// Slots in one chunk.
pub(super) const CHUNK_SLOTS: usize = if cfg!(suite_loom) { 2 } else { 64 };

/// A block of slots with what they share.
#[repr(C)]
pub(super) struct Chunk {
    /// The pool; it outlives every slot that is in use (INV-SLOT-1).
    pub(super) pool: NonNull<SlotPool>,
    /// The place in the pool's directory.
    pub(super) number: u32,
    /// Some slot here may be waiting under a coarse deadline.
    pub(super) armed: AtomicBool,
    slots: [Slot; CHUNK_SLOTS],
}

impl Chunk {
    /// Allocates a chunk whose slots are all free and unlinked.
    pub(super) fn allocate(pool: NonNull<SlotPool>, number: u32) -> NonNull<Self> {
        let slots = array::from_fn(|index| {
            Slot::new(u8::try_from(index).expect("a chunk has at most 64 slots"))
        });
        let chunk = Self { pool, number, armed: AtomicBool::new(false), slots };
        NonNull::from(Box::leak(Box::new(chunk)))
    }

    /// The slot at `index`, with a pointer that may reach the whole chunk.
    ///
    /// # Safety
    /// The chunk is allocated, and `index < CHUNK_SLOTS`.
    pub(super) unsafe fn slot(chunk: NonNull<Self>, index: usize) -> NonNull<Slot> {
        // SAFETY: the field lies inside the allocation.
        let first = unsafe { chunk.byte_add(offset_of!(Self, slots)) }.cast::<Slot>();
        // SAFETY: the index is inside the array.
        unsafe { first.add(index) }
    }

    /// The chunk of a slot.
    ///
    /// # Safety
    /// The slot pointer came from [`Chunk::slot`] and the pool lives.
    #[inline]
    pub(super) unsafe fn of(slot: NonNull<Slot>) -> NonNull<Self> {
        // SAFETY: the caller vouches for the slot.
        let index = unsafe { slot.as_ref() }.index();
        // SAFETY: slots of a chunk are contiguous, and this one is at `index`.
        let first = unsafe { slot.sub(index) };
        // SAFETY: the array lies at this offset inside its chunk.
        unsafe { first.byte_sub(offset_of!(Self, slots)) }.cast()
    }

    /// Tells the ticker that a slot of this chunk waits under a coarse deadline.
    ///
    /// The slot's WAITING must have been published by a sequentially consistent operation, so that
    /// either the ticker sees the slot or this call sees that the ticker is leaving.
    #[inline]
    pub(super) fn arm(&self) {
        dekker_fence();
        if !self.armed.load(Ordering::SeqCst) {
            self.arm_slow();
        }
    }

    #[cold]
    fn arm_slow(&self) {
        self.armed.store(true, Ordering::SeqCst);
        dekker_fence();
        // SAFETY: the caller's slot keeps the pool alive (INV-SLOT-1).
        unsafe { self.pool.as_ref() }.unpark();
    }
}

/// The store-load barrier between two sequentially consistent operations.
///
/// Real targets have it by the order of `SeqCst`; loom models it for fences only.
#[inline]
pub(super) fn dekker_fence() {
    if cfg!(suite_loom) {
        fence(Ordering::SeqCst);
    }
}
