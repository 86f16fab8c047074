//! Subscriptions: catching up, going live, standing still.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;

use super::Subject;
use super::subject::{append, blocking, event, id, with_five};
use crate::blocking::BlockingSubscription;
use crate::event::{Event, Position};
use crate::limits;
use crate::read::{Delivery, Query};

/// Events appended while a subscription catches up come once each, in order.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s17_a_subscription_has_no_gap_and_no_duplicate(subject: &dyn Subject) {
    const EVENTS: u64 = 4_000;
    let log = blocking(subject);
    for number in 1..=1_500 {
        append(&log, event("P", number)).expect("stored");
    }
    let start = log.read_all(Query::event(id(500))).expect("readable");
    let start = start.first().map_or(Position::ZERO, |event| event.position);
    let mut subscription = log.subscribe(start, Query::all());
    let events = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1_501..=EVENTS {
                append(&log, event("P", number)).expect("stored");
                if number % 1_000 == 0 {
                    subject.roll();
                }
            }
        });
        let events = take(&mut subscription, EVENTS.saturating_sub(500));
        writer.join().expect("no panic");
        events
    });
    let expected: Vec<_> = (501..=EVENTS).map(id).collect();
    let found: Vec<_> = events.iter().map(|event| event.id).collect();
    assert!(found == expected, "every event behind the start, once and in order");
    assert!(events.is_sorted_by(|one, next| one.position < next.position));
}

/// A subscription that does not read holds nobody up, and no more than a batch itself.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s18_a_stalled_reader_costs_the_writers_nothing(subject: &dyn Subject) {
    const EVENTS: u64 = 1_000_000;
    let log = blocking(subject);
    append(&log, event("P", 1)).expect("stored");
    let mut subscription = log.subscribe(Position::ZERO, Query::all());
    assert_eq!(take(&mut subscription, 1).len(), 1);
    for first in (2..=EVENTS).step_by(1_000) {
        let last = first.saturating_add(999).min(EVENTS);
        let batch: Vec<_> = (first..=last).map(|number| event("P", number)).collect();
        append(&log, batch).expect("appends go on");
    }
    let events = take(&mut subscription, EVENTS.saturating_sub(1));
    assert!(events.iter().map(|event| event.id).eq((2..=EVENTS).map(id)));
}

/// The end of what is there is told, also where no event met the conditions.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn a_subscription_filters_and_says_when_it_caught_up(subject: &dyn Subject) {
    let log = with_five(subject);
    let mut subscription = log.subscribe(Position::ZERO, Query::actor("Q"));
    let mut next = || subscription.next_delivery().expect("readable");
    let end = |log: &crate::blocking::Blocking| log.extent().expect("readable").last;
    assert_eq!(next(), Some(Delivery::CaughtUp(end(&log))));
    append(&log, event("Q", 6)).expect("stored");
    append(&log, event("P", 7)).expect("stored");
    let Some(Delivery::Events(events)) = next() else { unreachable!("an event of Q") };
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [id(6)]);
    let mut told = next();
    while told != Some(Delivery::CaughtUp(end(&log))) {
        assert!(matches!(told, Some(Delivery::CaughtUp(_))), "{told:?}");
        told = next();
    }
}

/// Closing ends subscriptions after what there was, and answers all else with `Closed`.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn a_closed_store_ends_its_subscriptions(subject: &dyn Subject) {
    let log = with_five(subject);
    let mut subscription = log.subscribe(Position::ZERO, Query::all());
    assert_eq!(take(&mut subscription, 5).len(), 5);
    let ended = thread::scope(|scope| {
        let reader = scope.spawn(move || {
            // Each round is one delivery; the store has five events and closes.
            while subscription.next_delivery().expect("readable").is_some() {}
            true
        });
        log.close().expect("closed");
        reader.join().expect("no panic")
    });
    assert!(ended);
    log.close().expect("closing twice does nothing");
    let error = append(&log, event("P", 6)).expect_err("closed");
    assert!(matches!(&error, crate::append::AppendError::Closed { events } if events.len() == 1));
    assert!(matches!(log.read_all(Query::all()), Err(crate::read::ReadError::Closed)));
    assert!(matches!(log.sync(), Err(crate::error::StoreError::Closed)));
}

/// A subscription that is gone keeps nothing of whoever waited for it.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn a_dropped_subscription_lets_go_of_who_waited(subject: &dyn Subject) {
    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    let log = with_five(subject);
    let store = subject.store();
    let end = log.extent().expect("readable").last;
    let task = Arc::new(Task);
    for _ in 0..3 {
        let mut subscription = store.subscribe(end, Query::all());
        let waker = Waker::from(Arc::clone(&task));
        let mut cx = Context::from_waker(&waker);
        // The end is told first; then it waits.
        while pin!(subscription.next()).poll(&mut cx).is_ready() {}
        drop(waker);
        assert!(Arc::strong_count(&task) > 1, "it waits");
        drop(subscription);
        assert_eq!(Arc::strong_count(&task), 1, "nothing holds the task");
    }
}

/// Reads until this many events have come; none of the batches is larger than allowed.
fn take(subscription: &mut BlockingSubscription, count: u64) -> Vec<Event> {
    let count = usize::try_from(count).expect("small");
    let mut events = Vec::new();
    while events.len() < count {
        match subscription.next_delivery().expect("readable").expect("open") {
            Delivery::Events(batch) => {
                assert!((1..=limits::READ_BATCH_EVENTS).contains(&batch.len()));
                events.extend(batch);
            }
            Delivery::CaughtUp(_) => {}
        }
    }
    events
}
