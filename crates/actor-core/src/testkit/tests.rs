//! What tests may rely on.

use std::{panic::AssertUnwindSafe, time::Duration};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn panic_text(act: impl FnOnce()) -> String {
    let payload = std::panic::catch_unwind(AssertUnwindSafe(act)).expect_err("it panics");
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn time_jumps_to_the_next_deadline_when_nothing_is_ready() {
    let test = TestSystem::new();
    test.run(async {
        test.time().sleep(3600 * SECOND).await;
        assert_eq!(test.elapsed(), 3600 * SECOND);
        test.settle().await;
        assert_eq!(test.elapsed(), 3600 * SECOND, "settling takes no time");
        test.advance(SECOND).await;
        assert_eq!(test.elapsed(), 3601 * SECOND);
    });
}

#[test]
fn advancing_stops_at_each_deadline_on_the_way() {
    let test = TestSystem::new();
    let (time, trace) = (test.time().clone(), test.trace().clone());
    drop(test.spawn_task(async move {
        for tick in 0..3 {
            time.sleep(SECOND).await;
            trace.note(&tick.to_string());
        }
    }));
    test.run(test.advance(10 * SECOND));
    assert_eq!(
        test.trace().lines(),
        ["1.000000000 note 0", "2.000000000 note 1", "3.000000000 note 2"]
    );
}

#[test]
fn a_wait_without_an_end_fails_the_test_and_names_the_actors() {
    let test = TestSystem::new();
    let _probe = test.probe::<u8>("lonely");
    let said = panic_text(|| test.run(std::future::pending()));
    assert!(said.contains("/test/lonely (Running, 0 queued)"), "{said}");
    assert!(said.contains("testkit/tests.rs"), "{said}");
    test.run(test.settle());
}

#[test]
fn time_that_runs_on_for_ever_fails_the_test() {
    let test = TestSystem::new();
    let time = test.time().clone();
    drop(test.spawn_task(async move {
        loop {
            time.sleep(3600 * SECOND).await;
        }
    }));
    let said = panic_text(|| test.run(std::future::pending()));
    assert!(said.contains("waits at 86400s"), "{said}");
}

#[test]
fn manual_time_moves_only_in_advance() {
    let test = TestSystem::builder().manual_time().build();
    let (time, trace) = (test.time().clone(), test.trace().clone());
    drop(test.spawn_task(async move {
        time.sleep(2 * SECOND).await;
        trace.note("rang");
    }));
    test.run(test.advance(SECOND));
    assert!(test.trace().lines().is_empty());
    test.run(test.advance(SECOND));
    assert_eq!(test.trace().lines(), ["2.000000000 note rang"]);
}

#[test]
fn expectations_say_what_came_instead() {
    let test = TestSystem::new();
    let mut probe = test.probe::<u8>("probe");
    let said = panic_text(|| {
        test.run(async {
            probe.actor().tell(1).await.expect("room");
            probe.expect_eq(2).await;
        });
    });
    assert!(said.starts_with("got 1, not 2, expected at "), "{said}");
    let said = panic_text(|| {
        let _message = test.run(probe.expect_msg());
    });
    assert!(said.starts_with("no message came within 3s, expected at "), "{said}");
    let said = panic_text(|| {
        test.run(async {
            probe.actor().tell(9).await.expect("room");
            probe.expect_no_msg(SECOND).await;
        });
    });
    assert!(said.starts_with("9 came though nothing was expected"), "{said}");
}

#[test]
fn a_probe_answers_by_itself_and_records_the_rest() {
    let test = TestSystem::new();
    let mut probe = test.probe::<u8>("probe");
    probe.auto_reply(|message| (message != 1).then_some(message));
    test.run(async {
        for message in [1, 2, 1] {
            probe.actor().tell(message).await.expect("room");
        }
        test.settle().await;
    });
    assert_eq!(probe.take_msgs(), [2]);
    assert_eq!(probe.try_msg(), None);
}

#[test]
fn a_probe_is_told_of_the_end_of_what_it_watches() {
    let test = TestSystem::new();
    let mut probe = test.probe::<u8>("probe");
    let target = test.probe::<u8>("target");
    test.run(async {
        probe.watch(target.actor());
        probe.expect_no_end(SECOND).await;
        target.actor().stop();
        assert_eq!(probe.expect_terminated(target.actor()).await.name(), "shutdown");
    });
}

#[test]
fn a_trace_is_bounded_and_counts_the_rest() {
    let test = TestSystem::new();
    for _ in 0..TRACE_LINES_MAX + 3 {
        test.trace().note("x");
    }
    assert_eq!(test.trace().lines().len(), TRACE_LINES_MAX);
    assert_eq!(test.trace().missed(), 3);
    test.trace().clear();
    assert_eq!(test.trace().to_string(), "");
}
