//! A block: a header and a few message slots in one allocation.
#![expect(unsafe_code, reason = "slots are raw memory that senders and the receiver hand over")]

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    array,
    marker::PhantomData,
    mem::{MaybeUninit, offset_of},
    ptr,
};

use super::prefetch;
use crate::sync::{AtomicPtr, AtomicU8, Ordering, UnsafeCell};

/// States of a slot, kept in its ready byte.
pub(super) mod ready {
    /// Not written yet.
    pub(in super::super) const EMPTY: u8 = 0;
    /// Holds a message.
    pub(in super::super) const MESSAGE: u8 = 1;
    /// Holds a message, and the side array its context.
    pub(in super::super) const WITH_CONTEXT: u8 = 2;
    /// Its claim was dropped: holds nothing.
    pub(in super::super) const SKIPPED: u8 = 3;
}

/// Most slots of a block: one ready byte each, eight bytes together.
const MAX_SLOTS: u8 = 8;

/// The slots of larger messages share this many bytes, but are never fewer than two.
const SLOT_BYTES: usize = 256;

type Slot<M> = UnsafeCell<MaybeUninit<M>>;
type Contexts<C> = [AtomicPtr<C>; MAX_SLOTS as usize];

// INV-MBX-1: a block pointer held by the head, the tail (unless detached), a claim, the spare
// chain or a `next` link of those points to a live block made by `allocate`.
// INV-MBX-2: a slot belongs to its claimer until the ready byte leaves EMPTY (release store), then
// to the owner of the head, which reads it once (acquire load).
// INV-MBX-3: the byte says MESSAGE or WITH_CONTEXT only when the slot is initialized, and
// WITH_CONTEXT only when the side array holds an owned pointer at its index.
// INV-MBX-4: in blocks that hold no unread claim all ready bytes from the offset on are EMPTY.
#[repr(C)]
pub(super) struct Block<M, C> {
    /// The block after this one; null at the end of the chain.
    next: AtomicPtr<Block<M, C>>,
    /// The contexts of the slots; allocated by the first message that has one.
    contexts: AtomicPtr<Contexts<C>>,
    ready: [AtomicU8; MAX_SLOTS as usize],
    /// `SLOTS` slots follow here.
    slots: [Slot<M>; 0],
    owns: PhantomData<Box<C>>,
}

impl<M, C> Block<M, C> {
    /// Slots per block: 8 up to 32 bytes a message, then fewer, at least 2.
    pub(super) const SLOTS: u8 = match SLOT_BYTES.checked_div(size_of::<M>()) {
        _ if cfg!(suite_loom) => 2,
        None | Some(8..) => MAX_SLOTS,
        Some(0..=2) => 2,
        Some(3) => 3,
        Some(4) => 4,
        Some(5) => 5,
        Some(6) => 6,
        Some(7) => 7,
    };

    /// Bytes of one block.
    pub(super) const BYTES: usize =
        offset_of!(Self, slots) + Self::SLOTS as usize * size_of::<Slot<M>>();

    const LAYOUT: Layout = match Layout::from_size_align(Self::BYTES, align_of::<Self>()) {
        Ok(layout) => layout,
        Err(_) => panic!("a message fits into half the address space"),
    };

    /// A new block: all slots empty, nothing after it.
    pub(super) fn allocate() -> *mut Self {
        // SAFETY: the layout is never of size zero, it has a header.
        let block = unsafe { alloc(Self::LAYOUT) }.cast::<Self>();
        if block.is_null() {
            handle_alloc_error(Self::LAYOUT);
        }
        let header = Self {
            next: AtomicPtr::new(ptr::null_mut()),
            contexts: AtomicPtr::new(ptr::null_mut()),
            ready: array::from_fn(|_| AtomicU8::new(ready::EMPTY)),
            slots: [],
            owns: PhantomData,
        };
        // SAFETY: the allocation is large enough for a header and aligned.
        unsafe { block.write(header) };
        for index in 0..Self::SLOTS {
            // SAFETY: the block is live and the index below SLOTS.
            let slot = unsafe { Self::slot(block, index) };
            // SAFETY: the slot lies inside the allocation.
            unsafe { slot.write(UnsafeCell::new(MaybeUninit::uninit())) };
        }
        block
    }

    /// Frees a block whose slots are all read or empty, and its side array.
    ///
    /// # Safety
    /// The block is live, and nobody else can reach it any more.
    pub(super) unsafe fn free(block: *mut Self) {
        // SAFETY: the block is live.
        let contexts = unsafe { &(*block).contexts }.load(Ordering::Acquire);
        if !contexts.is_null() {
            // SAFETY: made by `Box::into_raw` in `contexts`, and freed only here.
            drop(unsafe { Box::from_raw(contexts) });
        }
        for index in 0..Self::SLOTS {
            // SAFETY: the block is live and the index below SLOTS.
            let slot = unsafe { Self::slot(block, index) };
            // SAFETY: the cell was initialized by `allocate`; its content is not dropped.
            unsafe { slot.drop_in_place() };
        }
        // SAFETY: the header was initialized by `allocate`.
        unsafe { block.drop_in_place() };
        // SAFETY: made by `alloc` with the same layout.
        unsafe { dealloc(block.cast(), Self::LAYOUT) };
    }

    /// Frees a block and all that follow it.
    ///
    /// # Safety
    /// As `free`, for each of them; null is allowed.
    pub(super) unsafe fn free_chain(first: *mut Self) {
        let mut block = first;
        while !block.is_null() {
            // SAFETY: the caller owns the chain.
            let next = unsafe { Self::next(block) }.load(Ordering::Acquire);
            // SAFETY: the caller owns the chain.
            unsafe { Self::free(block) };
            block = next;
        }
    }

    /// Asks the processor for the lines of a block that this thread is about to write.
    ///
    /// Each claim waits until the message before it is in the cache, and the lines of a used-up block
    /// lie in that of the receiver's processor.
    #[inline]
    pub(super) fn expect_writes(block: *mut Self) {
        prefetch::to_write(block.cast(), Self::BYTES);
    }

    /// # Safety
    /// The block is live, and stays so as long as the reference is used.
    #[inline]
    pub(super) unsafe fn next<'a>(block: *mut Self) -> &'a AtomicPtr<Self> {
        // SAFETY: the caller says so.
        unsafe { &(*block).next }
    }

    /// # Safety
    /// The block is live as long as the reference is used, and the index below SLOTS.
    #[inline]
    pub(super) unsafe fn ready<'a>(block: *mut Self, index: u8) -> &'a AtomicU8 {
        // SAFETY: the block is live.
        let bytes = unsafe { &raw const (*block).ready }.cast::<AtomicU8>();
        // SAFETY: SLOTS <= MAX_SLOTS, the length of the array.
        let byte = unsafe { bytes.add(usize::from(index)) };
        // SAFETY: an initialized byte of a live block.
        unsafe { &*byte }
    }

    /// # Safety
    /// The block is live and the index at most SLOTS.
    #[inline]
    unsafe fn slot(block: *mut Self, index: u8) -> *mut Slot<M> {
        // SAFETY: the block is live; the pointer keeps the provenance of the allocation.
        let slots = unsafe { &raw mut (*block).slots }.cast::<Slot<M>>();
        // SAFETY: SLOTS slots were allocated behind the header.
        unsafe { slots.add(usize::from(index)) }
    }

    /// Moves a message into a slot.
    ///
    /// # Safety
    /// The caller owns the empty slot (INV-MBX-2).
    #[inline]
    pub(super) unsafe fn write(block: *mut Self, index: u8, message: M) {
        // SAFETY: the block is live and the index below SLOTS.
        let slot = unsafe { Self::slot(block, index) };
        // SAFETY: the cell was initialized by `allocate`.
        let cell = unsafe { &*slot };
        // SAFETY: the caller has the slot to itself.
        cell.with_mut(|place| unsafe { place.write(MaybeUninit::new(message)) });
    }

    /// Moves the message out of a slot.
    ///
    /// # Safety
    /// The caller owns the head, and the ready byte says that a message is there (INV-MBX-3).
    #[inline]
    pub(super) unsafe fn read(block: *mut Self, index: u8) -> M {
        // SAFETY: the block is live and the index below SLOTS.
        let slot = unsafe { Self::slot(block, index) };
        // SAFETY: the cell was initialized by `allocate`.
        let cell = unsafe { &*slot };
        // SAFETY: initialized, read once.
        cell.with(|place| unsafe { place.cast::<M>().read() })
    }

    /// Stores the context of a slot in the side array, which is allocated if need be.
    ///
    /// # Safety
    /// The caller owns the empty slot (INV-MBX-2).
    #[cold]
    pub(super) unsafe fn write_context(block: *mut Self, index: u8, context: Box<C>) {
        // SAFETY: the block is live.
        let place = unsafe { &(*block).contexts };
        let mut contexts = place.load(Ordering::Acquire);
        if contexts.is_null() {
            let fresh: Box<Contexts<C>> =
                Box::new(array::from_fn(|_| AtomicPtr::new(ptr::null_mut())));
            let fresh = Box::into_raw(fresh);
            let null = ptr::null_mut();
            match place.compare_exchange(null, fresh, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => contexts = fresh,
                Err(other) => {
                    // SAFETY: made above, and not published.
                    drop(unsafe { Box::from_raw(fresh) });
                    contexts = other;
                }
            }
        }
        // SAFETY: side arrays live as long as their block.
        let contexts = unsafe { &*contexts };
        let entry = contexts.get(usize::from(index)).expect("an index is below MAX_SLOTS");
        entry.store(Box::into_raw(context), Ordering::Relaxed);
    }

    /// Takes the context of a slot out of the side array.
    ///
    /// # Safety
    /// The caller owns the head, the ready byte says `WITH_CONTEXT`, and this is called once.
    #[cold]
    #[expect(clippy::unnecessary_box_returns, reason = "contexts travel boxed")]
    pub(super) unsafe fn take_context(block: *mut Self, index: u8) -> Box<C> {
        // SAFETY: the block is live.
        let contexts = unsafe { &(*block).contexts }.load(Ordering::Acquire);
        // SAFETY: INV-MBX-3: it was allocated before the ready byte was stored.
        let contexts = unsafe { &*contexts };
        let entry = contexts.get(usize::from(index)).expect("an index is below MAX_SLOTS");
        // SAFETY: made by `Box::into_raw` in `write_context`, taken once.
        unsafe { Box::from_raw(entry.load(Ordering::Relaxed)) }
    }

    /// Marks the first `used` slots as empty again.
    ///
    /// # Safety
    /// The caller owns the head, and all those slots are read.
    #[inline]
    pub(super) unsafe fn reset(block: *mut Self, used: u8) {
        for index in 0..used {
            // SAFETY: the caller owns these slots.
            unsafe { Self::ready(block, index) }.store(ready::EMPTY, Ordering::Relaxed);
        }
    }
}
