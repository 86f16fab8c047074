//! Windows against a plain list of everything that was recorded.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn counts(results: impl Iterator<Item = (bool, bool)>) -> Counts {
    let mut counts = Counts::default();
    for (failed, slow) in results {
        counts.add(failed, slow);
    }
    counts
}

fn millis(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

proptest! {
    #[test]
    fn a_ring_counts_the_last_results(
        size in 1_u32..200,
        results in prop::collection::vec((any::<bool>(), any::<bool>()), 0..600),
    ) {
        let mut ring = ResultWindow::calls(size);
        for (index, &(failed, slow)) in results.iter().enumerate() {
            ring.record(failed, slow, Instant::ZERO);
            let first = (index + 1).saturating_sub(size as usize);
            prop_assert_eq!(ring.counts(), counts(results[first..=index].iter().copied()));
        }
    }

    #[test]
    fn held_successes_count_as_if_recorded_one_by_one(
        size in 1_u32..100,
        steps in prop::collection::vec((any::<bool>(), 0_u32..150), 0..50),
    ) {
        let (mut together, mut one_by_one) = (ResultWindow::calls(size), ResultWindow::calls(size));
        for (failed, successes) in steps {
            together.record(failed, false, Instant::ZERO);
            together.record_successes(successes);
            one_by_one.record(failed, false, Instant::ZERO);
            for _ in 0..successes {
                one_by_one.record(false, false, Instant::ZERO);
            }
            prop_assert_eq!(together.counts(), one_by_one.counts());
        }
    }

    #[test]
    fn second_buckets_leave_as_a_whole(
        seconds in 2_u64..30,
        results in prop::collection::vec((0_u64..5_000, any::<bool>(), any::<bool>()), 1..100),
    ) {
        let mut window = ResultWindow::new(Window::Time(Duration::from_secs(seconds)), Instant::ZERO);
        let mut now = 0;
        let mut all = Vec::new();
        for (step, failed, slow) in results {
            now += step;
            window.record(failed, slow, millis(now));
            all.push((now, failed, slow));
            let first = (now / 1_000).saturating_sub(seconds - 1) * 1_000;
            let inside = all.iter().filter(|result| result.0 >= first);
            prop_assert_eq!(window.counts(), counts(inside.map(|&(_, failed, slow)| (failed, slow))));
        }
    }
}

#[test]
fn short_and_odd_windows_keep_their_length_within_one_bucket() {
    for length in [10, 250, 1_999, 2_500, 301_000, 3_600_000] {
        let mut window =
            ResultWindow::new(Window::Time(Duration::from_millis(length)), Instant::ZERO);
        window.record(true, false, Instant::ZERO);
        window.advance(Instant::from_nanos(length * 900_000 - 1));
        assert_eq!(window.counts().total, 1, "{length} ms");
        window.advance(millis(length + 1));
        assert_eq!(window.counts().total, 0, "{length} ms");
    }
}

#[test]
fn only_a_large_settled_window_lets_successes_wait() {
    let mut window = ResultWindow::calls(64);
    window.record(true, false, Instant::ZERO);
    for total in 1..20 {
        assert_eq!(window.slack(10), Slack::None, "{total} results");
        window.record(false, false, Instant::ZERO);
    }
    assert_eq!(window.slack(10), Slack::Few);
    window.record_successes(63);
    assert_eq!(window.slack(10), Slack::Unbounded, "full, and nothing but successes");
    let mut small = ResultWindow::calls(63);
    small.record(true, false, Instant::ZERO);
    small.record_successes(62);
    assert_eq!(small.slack(10), Slack::None);
}
