//! A global allocator that counts while it is told to.
//!
//! Outside [`count`] it costs every library the same relaxed load per allocation.

#![expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

#[global_allocator]
static ALLOCATOR: Counting =
    Counting { counting: AtomicBool::new(false), allocations: AtomicU64::new(0) };

struct Counting {
    counting: AtomicBool,
    allocations: AtomicU64,
}

impl Counting {
    fn note(&self) {
        if self.counting.load(Ordering::Relaxed) {
            self.allocations.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call is handed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.note();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.note();
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        self.note();
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
    let before = ALLOCATOR.allocations.load(Ordering::Relaxed);
    ALLOCATOR.counting.store(true, Ordering::Relaxed);
    work.await;
    ALLOCATOR.counting.store(false, Ordering::Relaxed);
    ALLOCATOR.allocations.load(Ordering::Relaxed) - before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_count_only_while_told_to() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let before = ALLOCATOR.allocations.load(Ordering::Relaxed);
        drop(std::hint::black_box(Box::new(1)));
        assert_eq!(ALLOCATOR.allocations.load(Ordering::Relaxed), before);
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
