//! The counter's scale, and readings against the system's clock and between threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Reads the clock until its readings come from the counter, for as long as that can take.
fn warm_up() -> bool {
    let begun = system();
    while !is_counted() && begun.elapsed() < 3 * SPAN_MIN {
        nanos();
    }
    is_counted()
}

#[test]
fn a_scale_counts_on_from_its_first_reading_at_the_rate_of_its_span() {
    let scale = Scale::new(7_000, 500, 2_000_000_000, SECOND).expect("2 GHz");
    assert_eq!(scale.nanos(7_000), 500);
    assert_eq!(scale.nanos(9_000), 1_500);
    assert_eq!(scale.nanos(6_000), 500, "never back before the first reading");
    let decade = 2_000_000_000 * 315_360_000;
    let expected = 315_360_000 * 1_000_000_000 + 500;
    assert!(scale.nanos(7_000 + decade).abs_diff(expected) < 10, "exact over ten years");
}

#[test]
fn a_counter_that_stands_still_or_races_has_no_scale() {
    assert_eq!(Scale::new(0, 0, 0, SECOND), None);
    assert_eq!(Scale::new(0, 0, 1_000_000, SECOND), None);
    assert_eq!(Scale::new(0, 0, u64::MAX, SECOND), None);
    assert_eq!(Scale::new(0, 0, 1, Duration::ZERO), None);
}

#[test]
fn readings_keep_step_with_the_system_clock() {
    warm_up();
    let elapsed = || system().saturating_duration_since(start());
    let tolerance = 50_000;
    for _ in 0..1_000 {
        let before = saturated(elapsed());
        let ours = nanos();
        let relaxed = nanos_relaxed();
        let after = saturated(elapsed());
        for reading in [ours, relaxed] {
            assert!(reading + tolerance >= before, "{reading} is behind {before}");
            assert!(reading <= after + tolerance, "{reading} is ahead of {after}");
        }
    }
}

#[test]
fn the_last_tick_is_never_far_ahead_and_never_long_ago() {
    warm_up();
    let (slewed, unscheduled) = (1_000_000, 10_000_000_000);
    let begun = system();
    // Beyond the time after which the offset between the clocks is taken anew.
    while begun.elapsed() < SPAN_MIN * 5 / 2 {
        let before = nanos();
        let tick = nanos_coarse();
        let after = nanos();
        assert!(tick <= after + slewed, "{tick} is ahead of {after}");
        assert!(tick + unscheduled >= before, "{tick} is long before {before}");
    }
}

#[test]
fn no_thread_reads_less_than_another_has_told_of() {
    let latest = AtomicU64::new(0);
    let begun = system();
    thread::scope(|scope| {
        for _ in 0..3 {
            // Through the change from the system's clock to the counter, and beyond it.
            scope.spawn(|| {
                while begun.elapsed() < SPAN_MIN * 3 / 2 {
                    for _ in 0..100 {
                        let told = latest.load(Ordering::Acquire);
                        let read = nanos();
                        assert!(read >= told, "{read} after {told}");
                        latest.fetch_max(read, Ordering::AcqRel);
                    }
                }
            });
        }
    });
}

#[test]
fn the_counter_is_in_use_where_the_kernel_trusts_it() {
    let counted = warm_up();
    assert!(counter::is_trusted() || !counted);
}
