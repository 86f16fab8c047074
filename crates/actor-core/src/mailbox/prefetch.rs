//! A hint to the processor about memory that is in another one's cache. It reads and writes nothing.
#![expect(unsafe_code, reason = "the hint to fetch a line for writing has no safe form")]

/// Bytes of a cache line, on most processors.
const LINE: usize = 64;

/// `len` bytes from `start` on are going to be written: their lines are fetched meanwhile.
///
/// Does nothing on processors that do not know the hint.
#[inline]
pub(super) fn to_write(start: *mut u8, len: usize) {
    for at in (0..len).step_by(LINE) {
        line_to_write(start.wrapping_add(at));
    }
}

#[inline]
fn line_to_write(address: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which faults at no address and changes neither memory nor flags.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the same.
    unsafe {
        std::arch::asm!("prfm pstl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _: *mut u8 = address;
}
