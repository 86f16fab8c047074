//! A global allocator that counts while it is told to.
//!
//! Outside [`count`] it costs every library the same relaxed load per allocation. A program that counts
//! makes [`Counting`] its global allocator; in any other one [`count`] finds nothing.

#![expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted.
pub struct Counting;

fn note() {
    if IS_COUNTING.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call is handed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(block, layout, bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Allocations of the whole process while `work` runs.
pub async fn count(work: impl Future<Output = ()>) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    IS_COUNTING.store(true, Ordering::Relaxed);
    work.await;
    IS_COUNTING.store(false, Ordering::Relaxed);
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn allocations_count_only_while_told_to() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        drop(std::hint::black_box(Box::new(1)));
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before);
        // Other tests may allocate meanwhile.
        assert!(
            runtime.block_on(count(async {
                for n in 0..10 {
                    drop(std::hint::black_box(Box::new(n)));
                }
            })) >= 10
        );
    }
}
