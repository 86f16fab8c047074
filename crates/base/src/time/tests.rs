//! Tests of instants, timestamps and the timer thread.

use std::pin::{Pin, pin};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use serde_test::{Configure, Token, assert_tokens};

use super::queue::TimerQueue;
use super::thread::{ThreadTimer, wake_contained};
use super::*;

/// Blocks the thread until the future is ready.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// Sends the waking thread's name when woken.
struct Report(Mutex<Sender<String>>);

impl Report {
    fn waker() -> (Waker, Receiver<String>) {
        let (sender, woken) = channel();
        (Waker::from(Arc::new(Self(Mutex::new(sender)))), woken)
    }
}

impl Wake for Report {
    fn wake(self: Arc<Self>) {
        let name = thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().unwrap().send(name).unwrap();
    }
}

fn poll_once(sleep: &mut Sleep, waker: &Waker) -> Poll<()> {
    Pin::new(sleep).poll(&mut Context::from_waker(waker))
}

fn thread_timer() -> (SystemClock, ThreadTimer) {
    let clock = SystemClock::new();
    (clock, ThreadTimer::new(clock))
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn instants_saturate_at_both_ends() {
    let second = Duration::from_secs(1);
    let one = Instant::from_nanos(1_000_000_000);
    assert_eq!(Instant::ZERO + second, one);
    assert_eq!(Instant::MAX + second, Instant::MAX);
    assert_eq!(Instant::ZERO + Duration::MAX, Instant::MAX);
    assert_eq!(one - second, Instant::ZERO);
    assert_eq!(Instant::ZERO - second, Instant::ZERO);
    assert_eq!(one - Duration::MAX, Instant::ZERO);
    assert_eq!(Instant::ZERO - one, Duration::ZERO);
    assert_eq!(Instant::MAX.checked_add(Duration::from_nanos(1)), None);
    assert_eq!(Instant::ZERO.checked_add(Duration::MAX), None);
}

#[test]
fn an_instant_is_serialized_as_its_nanoseconds() {
    assert_eq!(serde_json::to_string(&Instant::from_nanos(17)).unwrap(), "17");
    assert_eq!(serde_json::from_str::<Instant>("17").unwrap(), Instant::from_nanos(17));
}

#[test]
fn timestamps_are_shown_with_as_many_groups_of_decimals_as_needed() {
    for (nanos, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (5_000_000, "1970-01-01T00:00:00.005Z"),
        (5_001_000, "1970-01-01T00:00:00.005001Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
        (951_868_799_000_000_000, "2000-02-29T23:59:59Z"),
        (1_709_251_199_000_000_000, "2024-02-29T23:59:59Z"),
        (1_709_251_200_000_000_000, "2024-03-01T00:00:00Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
        (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
    ] {
        assert_eq!(Timestamp::from_unix_nanos(nanos).to_string(), text);
        assert_eq!(text.parse(), Ok(Timestamp::from_unix_nanos(nanos)), "{text}");
    }
}

#[test]
fn a_precision_sets_the_decimals_of_a_timestamp() {
    let at = Timestamp::from_unix_nanos(1_999_999_999);
    assert_eq!(format!("{at:.0}"), "1970-01-01T00:00:01Z");
    assert_eq!(format!("{at:.3}"), "1970-01-01T00:00:01.999Z");
    assert_eq!(format!("{at:.12}"), "1970-01-01T00:00:01.999999999Z");
}

#[test]
fn timestamps_are_read_with_any_offset_and_number_of_decimals() {
    for (text, same_as) in [
        ("2013-01-01T05:15:00+05:00", "2013-01-01T00:15:00Z"),
        ("2012-12-31T20:15:00-04:00", "2013-01-01T00:15:00Z"),
        ("2013-01-01t00:15:00z", "2013-01-01T00:15:00Z"),
        ("2013-01-01 00:15:00.2Z", "2013-01-01T00:15:00.200Z"),
        ("2013-01-01T00:15:00.1234567899Z", "2013-01-01T00:15:00.123456789Z"),
        ("1970-01-01T01:00:00+01:00", "1970-01-01T00:00:00Z"),
    ] {
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), same_as, "{text}");
    }
}

#[test]
fn what_is_no_time_of_the_range_is_refused() {
    for text in [
        "",
        "2013",
        "2013-01-01",
        "2013-01-01T00:00:00",
        "2013-01-01T00:00:00Zx",
        "2013-1-01T00:00:00Z",
        "2013-13-01T00:00:00Z",
        "2013-00-01T00:00:00Z",
        "2013-01-00T00:00:00Z",
        "2013-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2013-01-32T00:00:00Z",
        "2013-01-01T24:00:00Z",
        "2013-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z",
        "2013-01-01T00:00:00.Z",
        "2013-01-01T00:00:00+0100",
        "2013-01-01T00:00:00+24:00",
        "+013-01-01T00:00:00Z",
        "2013-01-01T+1:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:59:59+01:00",
        "2554-07-21T23:34:33.709551616Z",
        "9999-12-31T00:00:00Z",
        "2013-01-0\u{661}T00:00:00Z",
    ] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
}

#[test]
fn a_timestamp_is_text_in_json() {
    let at = Timestamp::from_unix_nanos(1_500_000_000);
    let json = serde_json::to_string(&at).unwrap();
    assert_eq!(json, "\"1970-01-01T00:00:01.500Z\"");
    assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), at);
    assert!(serde_json::from_str::<Timestamp>("\"soon\"").is_err());
}

#[test]
fn a_timestamp_is_its_nanoseconds_in_compact_formats() {
    assert_tokens(&Timestamp::from_unix_nanos(17).compact(), &[Token::U64(17)]);
}

proptest! {
    #[test]
    fn every_timestamp_survives_its_text(nanos in any::<u64>()) {
        let at = Timestamp::from_unix_nanos(nanos);
        prop_assert_eq!(at.to_string().parse(), Ok(at));
    }

    #[test]
    fn reading_a_timestamp_never_panics(text in "[0-9TZ:.+ -]{0,40}|\\PC{0,40}") {
        // Whatever is accepted is shown in a form that means the same.
        if let Ok(at) = text.parse::<Timestamp>() {
            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }
    }
}

#[test]
fn the_queue_pops_by_deadline_then_by_registration() {
    let mut queue = TimerQueue::default();
    let at = Instant::from_nanos;
    queue.insert(at(20), None);
    let second = queue.insert(at(10), None);
    queue.insert(at(10), Some(Waker::noop().clone()));
    queue.remove(second);
    assert_eq!(queue.next_deadline(), Some(at(10)));
    assert!(queue.pop_due(at(9)).is_none());
    assert!(matches!(queue.pop_due(at(30)), Some((due, Some(_))) if due == at(10)));
    assert!(matches!(queue.pop_due(at(30)), Some((due, None)) if due == at(20)));
    assert!(queue.pop_due(at(30)).is_none());
    assert!(queue.set_waker(second, Waker::noop().clone()).is_err());
    assert_eq!(queue.len(), 0);
}

#[test]
fn the_timer_thread_never_ends_a_wait_early() {
    let time = Time::system();
    for wait in [Duration::ZERO, Duration::from_micros(300), 2 * MS, 7 * MS] {
        let before = time.now();
        block_on(time.sleep(wait));
        assert!(time.now() - before >= wait, "{wait:?}");
    }
}

#[test]
fn a_wait_made_later_but_due_earlier_is_served_first() {
    let (clock, timer) = thread_timer();
    let start = clock.now();
    let (waker, woken) = Report::waker();
    let mut far = timer.sleep_until(start + Duration::from_hours(1));
    assert!(poll_once(&mut far, &waker).is_pending());
    block_on(timer.sleep_until(start + 2 * MS));
    assert!(woken.try_recv().is_err());
    assert_eq!(timer.pending(), 1);
}

#[test]
fn tasks_are_woken_on_the_named_thread() {
    let (clock, timer) = thread_timer();
    let (waker, woken) = Report::waker();
    let mut sleep = timer.sleep_until(clock.now() + 20 * MS);
    assert!(poll_once(&mut sleep, &waker).is_pending());
    assert_eq!(woken.recv().unwrap(), "steadfast-timer");
    assert!(poll_once(&mut sleep, &waker).is_ready());
    assert!(poll_once(&mut sleep, &waker).is_ready(), "it stays ready");
}

#[test]
fn only_the_last_waker_is_woken() {
    let (clock, timer) = thread_timer();
    let ((first, first_woken), (last, last_woken)) = (Report::waker(), Report::waker());
    let mut sleep = timer.sleep_until(clock.now() + 20 * MS);
    assert!(poll_once(&mut sleep, &first).is_pending());
    assert!(poll_once(&mut sleep, &last).is_pending());
    assert_eq!(timer.pending(), 1);
    last_woken.recv().unwrap();
    assert!(first_woken.try_recv().is_err());
}

#[test]
fn a_dropped_wait_leaves_nothing_behind() {
    let (clock, timer) = thread_timer();
    let at = clock.now() + Duration::from_hours(1);
    let mut sleeps: Vec<Sleep> = (0..100).map(|_| timer.sleep_until(at)).collect();
    for sleep in &mut sleeps {
        assert!(poll_once(sleep, Waker::noop()).is_pending());
    }
    assert_eq!(timer.pending(), 100);
    sleeps.truncate(1);
    assert_eq!(timer.pending(), 1);
    drop(sleeps);
    assert_eq!(timer.pending(), 0);
}

#[test]
fn no_thread_runs_before_somebody_waits() {
    let (clock, timer) = thread_timer();
    block_on(timer.sleep_until(clock.now()));
    drop(timer.sleep_until(Instant::MAX));
    assert!(timer.take_thread().is_none());
}

#[test]
fn the_thread_ends_with_the_last_handle() {
    let (clock, timer) = thread_timer();
    let mut sleep = timer.sleep_until(clock.now() + Duration::from_hours(1));
    assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
    let thread = timer.take_thread().unwrap();
    drop(timer);
    assert!(!thread.is_finished(), "a wait is still pending");
    drop(sleep);
    thread.join().unwrap();
}

#[test]
fn a_wait_outlives_the_time_it_was_made_from() {
    let time = Time::system();
    let sleep = time.sleep(2 * MS);
    drop(time);
    block_on(sleep);
}

#[test]
fn a_panicking_waker_does_not_stop_the_timer() {
    struct Bomb(Mutex<Sender<()>>);
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().send(()).unwrap();
            panic!("a waker that panics, as the test wants");
        }
    }
    let (clock, timer) = thread_timer();
    let (sender, exploded) = channel();
    let bomb = Waker::from(Arc::new(Bomb(Mutex::new(sender))));
    let mut sleep = timer.sleep_until(clock.now() + 2 * MS);
    while poll_once(&mut sleep, &bomb).is_ready() {
        // The machine was slow: try again until the wait is registered.
        sleep = timer.sleep_until(clock.now() + 2 * MS);
    }
    exploded.recv().unwrap();
    block_on(timer.sleep_until(clock.now() + 2 * MS));
}

#[test]
fn a_panic_payload_that_panics_does_not_stop_the_timer_either() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("a payload that panics, as the test wants");
        }
    }
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            std::panic::panic_any(Payload);
        }
    }
    wake_contained(Waker::from(Arc::new(Bomb)));
}

#[test]
fn more_waits_than_a_batch_are_all_served() {
    let (clock, timer) = thread_timer();
    let (waker, woken) = Report::waker();
    let at = clock.now() + 100 * MS;
    let mut sleeps: Vec<Sleep> = (0..1_000).map(|_| timer.sleep_until(at)).collect();
    let registered =
        sleeps.iter_mut().filter_map(|sleep| poll_once(sleep, &waker).is_pending().then_some(()));
    for () in registered.collect::<Vec<()>>() {
        woken.recv().unwrap();
    }
    assert!(sleeps.iter_mut().all(|sleep| poll_once(sleep, &waker).is_ready()));
}

#[test]
fn many_threads_can_wait_at_once() {
    let time = Time::system();
    thread::scope(|scope| {
        for wait in 0..16 {
            let time = time.clone();
            scope.spawn(move || {
                for _ in 0..20 {
                    let before = time.now();
                    let wait = Duration::from_micros(wait * 50);
                    block_on(time.sleep(wait));
                    assert!(time.now() - before >= wait);
                }
            });
        }
    });
}

#[test]
fn a_result_that_is_there_beats_a_deadline_that_has_passed() {
    let time = Time::system();
    assert_eq!(block_on(time.timeout(Duration::ZERO, async { 5 })), Ok(5));
}

#[test]
fn a_future_that_takes_too_long_is_given_up() {
    let time = Time::system();
    let limited = time.timeout(MS, std::future::pending::<()>());
    assert!(block_on(limited).is_err());
}
