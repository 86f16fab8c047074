//! Time on the tokio driver.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use steadfast_base::{Instant, Time};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime can be built")
}

#[test]
fn waits_on_tokio_never_end_early() {
    let time = Time::tokio();
    runtime().block_on(async {
        for micros in [0, 1, 300, 999, 1_000, 1_001, 2_500] {
            let wait = Duration::from_micros(micros);
            let before = time.now();
            time.sleep(wait).await;
            assert!(time.now() - before >= wait, "{wait:?}");
        }
    });
}

#[test]
fn a_wait_outside_of_any_runtime_ends_too() {
    let time = Time::tokio();
    let sleep = time.sleep(Duration::from_millis(2));
    // This runtime has no time driver: the wait brought its own.
    Builder::new_current_thread().build().unwrap().block_on(sleep);
    assert!(time.now() >= Instant::ZERO + Duration::from_millis(2));
}

#[test]
fn a_deadline_at_the_end_of_time_is_accepted_and_never_comes() {
    let time = Time::tokio();
    runtime().block_on(async {
        let never = time.sleep_until(Instant::MAX);
        assert!(time.timeout(Duration::from_millis(2), never).await.is_err());
    });
}

#[test]
fn a_deadline_in_the_past_is_over_at_once() {
    let time = Time::tokio();
    runtime().block_on(time.sleep_until(Instant::ZERO));
}

#[cfg(feature = "test-util")]
#[test]
fn the_clock_follows_tokio_when_its_time_is_paused() {
    let paused = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    paused.block_on(async {
        let time = Time::tokio();
        let before = time.now();
        time.sleep(Duration::from_hours(10)).await;
        assert!(time.now() - before >= Duration::from_hours(10));
    });
}

#[test]
fn a_wait_in_paused_time_ends_when_tokio_says_so() {
    let paused = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    paused.block_on(async {
        let time = Time::tokio();
        let before = tokio::time::Instant::now();
        time.sleep(Duration::from_hours(10)).await;
        assert!(before.elapsed() >= Duration::from_hours(10));
    });
}
