//! Appending: expectations, retries, limits, races.

use std::sync::Arc;
use std::thread;

use steadfast_base::{CorrelationId, EventId, Timestamp};

use super::Subject;
use super::subject::{
    append, append_expecting, at, blocking, event, exact, highest, id, ids, seqs, with_five,
};
use crate::append::{Append, AppendError, Epoch, Expected, Fence, Rejection};
use crate::blocking::Blocking;
use crate::event::{CodecId, EventKind, NewEvent, Payload, Seq, to_micros};
use crate::limits;
use crate::read::Query;

/// Every field of an event comes back, times to the microsecond.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn what_was_appended_is_what_is_read(subject: &dyn Subject) {
    let log = blocking(subject);
    let payload = Payload::new(CodecId::new(200), "bank.Deposited", 7, vec![0_u8, 255, 10]);
    let full = NewEvent::new(id(1), "acc-42", EventKind::application("audit"), payload)
        .with_at(Timestamp::from_unix_nanos(at(1).as_unix_nanos().saturating_add(999)))
        .with_correlation(CorrelationId::from_u128(9))
        .with_causation(id(77))
        .with_turn(u64::MAX);
    let mut plain =
        NewEvent::new(id(2), "acc-42", EventKind::FailureOccurred, Payload::raw("e", ""));
    plain.correlation = Some(CorrelationId::from_u128(0));
    let appended = append(&log, vec![full.clone(), plain.clone()]).expect("stored");
    let places = appended.places.as_slice().to_vec();
    let expected: Vec<_> =
        [full, plain].into_iter().zip(places).map(|(event, place)| event.placed(place)).collect();
    assert_eq!(expected.first().map(|event| event.at), Some(to_micros(at(1))));
    assert_eq!(expected.get(1).and_then(|event| event.correlation), None, "the nil id is none");
    assert_eq!(log.read_all(Query::all()).expect("readable"), expected);
    subject.roll();
    assert_eq!(log.read_all(Query::actor("acc-42")).expect("readable"), expected);
    if subject.reopen() {
        assert_eq!(blocking(subject).read_all(Query::all()).expect("readable"), expected);
    }
}

/// One event too large spoils its batch and nothing else.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s07_a_batch_with_an_event_too_large_stores_nothing(subject: &dyn Subject) {
    let log = with_five(subject);
    let mut large = event("P", 7);
    large.payload = Payload::raw("big", vec![1_u8; limits::EVENT_BYTES_MAX]);
    let batch = vec![event("P", 6), large.clone(), event("P", 8)];
    let error = append(&log, batch.clone()).expect_err("too large");
    assert!(matches!(&error, AppendError::TooLarge { .. }), "{error}");
    assert_eq!(error.into_events(), batch, "the events come back");
    assert_eq!((highest(&log, "P"), seqs(&log, Query::actor("P")).len()), (5, 5));
    assert!(append(&log, event("P", 6)).is_ok());
    assert!(append(&log, large).is_err());
    assert!(append(&log, event("P", 8)).is_ok());
    assert_eq!(seqs(&log, Query::actor("P")), [1, 2, 3, 4, 5, 6, 7]);
}

/// A batch of none is stored without a position, a sync or a fault.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s08_an_empty_batch_does_nothing(subject: &dyn Subject) {
    let log = with_five(subject);
    let before = (log.extent().expect("readable"), log.statistics().expect("readable").syncs_total);
    for expected in [Expected::Any, Expected::NoStream, Expected::StreamExists, exact(99)] {
        let appended = append_expecting(&log, expected, Vec::new()).expect("nothing to refuse");
        assert!(appended.first().is_none() && !appended.duplicate);
    }
    let after = (log.extent().expect("readable"), log.statistics().expect("readable").syncs_total);
    assert_eq!(before, after);
}

/// What is expected decides whether an append is taken.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s09_expectations_decide(subject: &dyn Subject) {
    let log = with_five(subject);
    let refused = |expected: Expected, actor: &str, number: u64| {
        let error = append_expecting(&log, expected, vec![event(actor, number)]);
        error.expect_err("refused").conflict().map(Seq::get)
    };
    let taken = |expected: Expected, actor: &str, number: u64| {
        let appended = append_expecting(&log, expected, vec![event(actor, number)]);
        appended.expect("taken").first().map(|place| place.seq.get())
    };
    assert_eq!(taken(Expected::NoStream, "new", 100), Some(1));
    assert_eq!(refused(Expected::NoStream, "P", 101), Some(5));
    assert_eq!(refused(Expected::StreamExists, "unknown", 102), Some(0));
    assert_eq!(refused(exact(4), "P", 103), Some(5));
    assert_eq!(refused(exact(6), "P", 104), Some(5));
    assert_eq!(refused(exact(1), "unknown", 105), Some(0));
    assert_eq!(taken(exact(5), "P", 106), Some(6));
    assert_eq!(taken(Expected::StreamExists, "P", 107), Some(7));
    assert_eq!(taken(exact(0), "newer", 108), Some(1));
    assert_eq!(taken(Expected::Any, "newest", 109), Some(1));
}

/// The same ids with the same exact expectation store nothing and get the first answer.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s10_a_retry_gives_the_first_answer(subject: &dyn Subject) {
    let log = with_five(subject);
    let batch = || vec![event("P", 6), event("P", 7), event("P", 8)];
    let first = append_expecting(&log, exact(5), batch()).expect("stored");
    assert!(!first.duplicate);
    append(&log, event("P", 9)).expect("others go on");
    let check = |log: &Blocking| {
        let before = log.extent().expect("readable");
        let again = append_expecting(log, exact(5), batch()).expect("a duplicate");
        assert!(again.duplicate);
        assert_eq!(again.places, first.places);
        let part = append_expecting(log, exact(5), batch().into_iter().take(2).collect());
        assert!(part.expect("a duplicate of the first two").duplicate);
        assert_eq!(log.extent().expect("readable"), before, "nothing was added");
        assert_eq!(seqs(log, Query::actor("P")).len(), 9);
        // A first id of another event is a conflict, not a duplicate.
        let other = append_expecting(log, exact(5), vec![event("P", 60), event("P", 7)]);
        assert_eq!(other.expect_err("conflict").conflict(), Some(Seq::new(9)));
    };
    check(&log);
    subject.roll();
    check(&log);
    if subject.reopen() {
        check(&blocking(subject));
    }
}

/// A retry that begins like a stored batch and goes on otherwise is neither one nor the other.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn an_unfinished_retry_is_corrupted_idempotency(subject: &dyn Subject) {
    let log = with_five(subject);
    for (batch, differs) in [
        (vec![event("P", 4), event("P", 50)], 50),
        (vec![event("P", 4), event("P", 5), event("P", 51)], 51),
    ] {
        let error = append_expecting(&log, exact(3), batch.clone()).expect_err("corrupted");
        let AppendError::CorruptedIdempotency { id: found, ref events } = error else {
            unreachable!("not {error}");
        };
        assert_eq!((found, events), (id(differs), &batch));
    }
    assert_eq!(highest(&log, "P"), 5);
}

/// Without an exact expectation the newest events are recognized as retries.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn any_recognizes_what_it_remembers(subject: &dyn Subject) {
    let log = with_five(subject);
    for expected in [Expected::Any, Expected::StreamExists] {
        let again = append_expecting(&log, expected, vec![event("P", 4), event("P", 5)]);
        let again = again.expect("a duplicate");
        assert!(again.duplicate);
        let numbers: Vec<u64> =
            again.places.as_slice().iter().map(|place| place.seq.get()).collect();
        assert_eq!(numbers, [4, 5]);
        let error = append_expecting(&log, expected, vec![event("P", 5), event("P", 6)]);
        assert!(matches!(error, Err(AppendError::CorruptedIdempotency { .. })));
    }
    assert_eq!(highest(&log, "P"), 5);
}

/// A batch over several actors is taken if the expectation holds for each of them.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn all_actors_of_a_batch_must_meet_the_expectation(subject: &dyn Subject) {
    let log = with_five(subject);
    let batch = || vec![event("A", 10), event("B", 11), event("A", 12)];
    let appended = append_expecting(&log, Expected::NoStream, batch()).expect("both are new");
    let seqs_given: Vec<u64> =
        appended.places.as_slice().iter().map(|place| place.seq.get()).collect();
    assert_eq!(seqs_given, [1, 1, 2]);
    let positions: Vec<u64> =
        appended.places.as_slice().iter().map(|place| place.position.get()).collect();
    assert!(positions.is_sorted_by(|one, next| one.wrapping_add(1) == *next), "side by side");
    let again = append_expecting(&log, Expected::NoStream, batch()).expect("a duplicate");
    assert!(again.duplicate && again.places == appended.places);
    let mixed = vec![event("C", 13), event("P", 14)];
    let error = append_expecting(&log, Expected::NoStream, mixed).expect_err("P is not new");
    assert_eq!(error.conflict(), Some(Seq::new(5)));
    assert_eq!(highest(&log, "C"), 0, "all or none");
}

/// Threads that race with the same exact expectation: one wins each round, the others learn why not.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s12_racing_exact_appends_have_one_winner(subject: &dyn Subject) {
    const ROUNDS: u64 = 1_000;
    let store = subject.store();
    let racer = |offset: u64| {
        let log = Blocking::new(Arc::clone(&store));
        move || {
            (0..ROUNDS)
                .map(|round| {
                    // Waits for the round by losing until it comes: bounded by the other one's progress.
                    loop {
                        let new = event("P", offset.wrapping_add(round));
                        match append_expecting(&log, exact(round), vec![new]) {
                            Ok(_) => return true,
                            Err(AppendError::Conflict { actual, .. }) if actual.get() > round => {
                                return false;
                            }
                            Err(AppendError::Conflict { actual, .. }) => {
                                assert!(actual.get() < round, "the round has not come");
                                thread::yield_now();
                            }
                            Err(other) => unreachable!("not {other}"),
                        }
                    }
                })
                .collect::<Vec<bool>>()
        }
    };
    let (one, two) = (racer(1_000_000), racer(2_000_000));
    let (one, two) = thread::scope(|scope| {
        let (one, two) = (scope.spawn(one), scope.spawn(two));
        (one.join().expect("no panic"), two.join().expect("no panic"))
    });
    assert!(one.iter().zip(&two).all(|(one, two)| one != two), "one winner in each round");
    let events = Blocking::new(store).read_all(Query::actor("P")).expect("readable");
    let expected: Vec<u64> = (1..=ROUNDS).collect();
    assert_eq!(events.iter().map(|event| event.seq.get()).collect::<Vec<_>>(), expected);
    for ((event, won), number) in events.iter().zip(one).zip(0_u64..) {
        let offset = if won { 1_000_000_u64 } else { 2_000_000 };
        assert_eq!(event.id, id(offset.wrapping_add(number)));
    }
}

/// What is over a limit is refused whole, what is at it is taken.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn limits_reject_the_whole_request(subject: &dyn Subject) {
    let log = with_five(subject);
    let too_large =
        |events: Vec<NewEvent>| matches!(append(&log, events), Err(AppendError::TooLarge { .. }));
    let long = |bytes: usize| "n".repeat(bytes);
    let sized = |payload_bytes: usize| {
        let mut event = event("P", 20);
        event.payload = Payload::raw("big", vec![7_u8; payload_bytes]);
        event
    };
    let overhead = sized(0).size_bytes();
    let most = limits::EVENT_BYTES_MAX.saturating_sub(overhead);
    assert!(too_large(vec![sized(most.saturating_add(1))]));
    assert!(too_large(vec![event(&long(limits::ACTOR_BYTES_MAX.saturating_add(1)), 21)]));
    let mut named = event("P", 22);
    named.payload = Payload::raw(long(limits::TYPE_NAME_BYTES_MAX.saturating_add(1)), "");
    assert!(too_large(vec![named]));
    let mut kind = event("P", 23);
    kind.kind = EventKind::application(long(limits::KIND_NAME_BYTES_MAX.saturating_add(1)));
    assert!(too_large(vec![kind]));
    let count = u64::try_from(limits::BATCH_EVENTS_MAX).unwrap_or(u64::MAX);
    let many = |count: u64| (0..count).map(|n| event("many", n.wrapping_add(1_000))).collect();
    assert!(too_large(many(count.wrapping_add(1))));
    let heavy = |count: u64| -> Vec<NewEvent> {
        (0..count)
            .map(|number| NewEvent { id: id(number.wrapping_add(50_000)), ..sized(most) })
            .collect()
    };
    assert!(too_large(heavy(4)));
    assert_eq!((highest(&log, "P"), highest(&log, "many")), (5, 0));
    assert!(append(&log, sized(most)).is_ok(), "the largest event");
    assert!(append(&log, many(count)).is_ok(), "the longest batch");
    assert!(append(&log, heavy(2)).is_ok());
    assert_eq!(highest(&log, "P"), 8);
    assert_eq!(seqs(&log, Query::actor("many")).len(), limits::BATCH_EVENTS_MAX);
}

/// Requests without sense are rejected with the reason.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn senseless_requests_are_rejected(subject: &dyn Subject) {
    let log = with_five(subject);
    let reason = |events: Vec<NewEvent>| match append(&log, events) {
        Err(AppendError::Rejected { reason, .. }) => Some(reason),
        _ => None,
    };
    assert_eq!(reason(vec![event("", 6)]), Some(Rejection::EmptyName { what: "actor" }));
    let mut unnamed = event("P", 6);
    unnamed.payload = Payload::raw("", "");
    assert_eq!(reason(vec![unnamed]), Some(Rejection::EmptyName { what: "type" }));
    let mut kind = event("P", 6);
    kind.kind = EventKind::application("");
    assert_eq!(reason(vec![kind]), Some(Rejection::EmptyName { what: "kind" }));
    let nil = NewEvent { id: EventId::from_u128(0), ..event("P", 6) };
    assert_eq!(reason(vec![nil]), Some(Rejection::NilId));
    let twice = vec![event("P", 6), event("P", 7), event("Q", 6)];
    assert_eq!(reason(twice), Some(Rejection::DuplicateId(id(6))));
    let events = log.read_all(Query::all()).expect("readable");
    assert_eq!(ids(&events), (1..=5).map(id).collect::<Vec<_>>());
}

/// An append with an older epoch of a lease than one seen is refused.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn old_epochs_are_fenced(subject: &dyn Subject) {
    let log = blocking(subject);
    let fenced = |lease: &str, epoch: u64, number: u64| {
        let fence = Fence { lease: lease.into(), epoch: Epoch::new(epoch) };
        append(&log, Append::one(event("P", number)).fenced_by(fence))
    };
    assert!(fenced("shard-1", 1, 1).is_ok());
    assert!(fenced("shard-1", 1, 2).is_ok());
    assert!(fenced("shard-1", 3, 3).is_ok());
    let error = fenced("shard-1", 2, 4).expect_err("somebody else writes now");
    assert!(matches!(&error, AppendError::Fenced { current, .. } if current.get() == 3), "{error}");
    assert!(fenced("shard-2", 1, 5).is_ok(), "another lease has epochs of its own");
    assert!(append(&log, event("P", 6)).is_ok(), "without a lease there is no fence");
    assert_eq!(ids(&log.read_all(Query::all()).expect("readable")), [1, 2, 3, 5, 6].map(id));
}
