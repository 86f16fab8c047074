//! Tests of owned tasks and of calling foreign code.

use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;

use super::crew::{STOP_WAIT, Seat};
use super::*;
use crate::limits::REASON_BYTES_MAX;

#[test]
fn a_crew_that_stopped_has_left_nothing_and_takes_nothing() {
    let test = TestSystem::new();
    let before = test.task_count();
    let crew = Crew::new(test.system());
    test.run(async {
        for _ in 0..3 {
            crew.spawn(std::future::pending());
        }
        test.settle().await;
        assert_eq!(test.task_count(), before + 3);
        assert_eq!(crew.stop().await, 0);
        assert_eq!(test.task_count(), before);
        assert!(crew.spawn(async {}).is_none());
        assert!(test.elapsed() < STOP_WAIT);
    });
}

#[test]
fn gathering_answers_in_order_and_marks_who_panicked_or_was_late() {
    let test = TestSystem::new();
    let crew = Crew::new(test.system());
    test.run(async {
        let time = test.time().clone();
        let seats = [Seat::default(), Seat::default(), Seat::default(), Seat::default()];
        let _taken = seats[3].take();
        let work = seats.clone().into_iter().enumerate().map(|(index, seat)| {
            let time = time.clone();
            let future = async move {
                match index {
                    0 => time.sleep(Duration::from_secs(1)).await,
                    1 => panic!("no luck"),
                    _ => std::future::pending().await,
                }
                index
            };
            (seat, future)
        });
        let answers = crew.gather(Duration::from_secs(2), work.collect()).await;
        let panicked = Answer::Panicked("panicked: no luck".to_owned());
        assert_eq!(answers, [Answer::Given(0), panicked, Answer::Late, Answer::Late]);
        assert_eq!(test.elapsed(), Duration::from_secs(2));
        test.settle().await;
        assert!(seats[..3].iter().all(|seat| seat.take().is_some()), "the late one was ended");
    });
}

#[test]
fn a_long_reason_is_cut_at_a_character() {
    let long = "ä".repeat(REASON_BYTES_MAX);
    let cut = shortened(&format!("x{long}"));
    assert_eq!(cut.len(), REASON_BYTES_MAX - 1);
    assert_eq!(shortened("short"), "short");
}
