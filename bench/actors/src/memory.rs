//! The memory of this process, as Linux tells it.

use std::fs;

/// Resident set of this process, from the second field of `/proc/self/statm`.
pub fn resident_bytes() -> u64 {
    const PAGE: u64 = 4096;
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 =
        statm.split(' ').nth(1).and_then(|field| field.parse().ok()).expect("a number");
    pages * PAGE
}

/// By how much the resident set has grown.
pub fn grown_bytes(before: u64) -> f64 {
    resident_bytes().saturating_sub(before) as f64
}

/// The largest resident set so far, from `/proc/self/status`.
pub fn peak_bytes() -> f64 {
    const UNIT: f64 = 1024.0;
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a field");
    let kibibytes: f64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * UNIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_memory_shows_in_both_figures() {
        const BYTES: usize = 64 << 20;
        let before = resident_bytes();
        let block = std::hint::black_box(vec![1_u8; BYTES]);
        assert!(grown_bytes(before) >= BYTES as f64 * 0.9);
        assert!(peak_bytes() >= BYTES as f64);
        drop(block);
    }
}
