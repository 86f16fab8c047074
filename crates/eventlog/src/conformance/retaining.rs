//! Retention: what goes, what stays, and who holds it.

use super::Subject;
use super::subject::{append, blocking, event, highest, id, ids, with_five};
use crate::event::{ActorName, Position, Seq};
use crate::read::Query;
use crate::retention::{Retention, Unreleased};

/// Nothing goes that is not released, what goes is the oldest, and numbers never come back.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn retention_removes_only_what_is_released(subject: &dyn Subject) {
    let log = with_five(subject);
    let (p, q) = (ActorName::from("P"), ActorName::from("Q"));
    append(&log, event("Q", 6)).expect("stored");
    subject.roll();
    append(&log, event("P", 7)).expect("stored");
    subject.roll();
    append(&log, event("Q", 8)).expect("stored");
    let keep_one = Retention::default().with_events_max(1);
    let retired = log.retain(&keep_one).expect("runs");
    assert_eq!((retired.events, retired.held), (0, true), "nothing is released");
    let pins = log.pinned().expect("readable");
    assert!(pins.iter().any(|pin| pin.actor == p && pin.released == Seq::ZERO), "{pins:?}");
    log.release(&p, Seq::MAX).expect("released");
    log.release(&q, Seq::new(1)).expect("released");
    log.release(&q, Seq::ZERO).expect("releasing less does nothing");
    assert_eq!(log.actor(&q).expect("readable").released, Seq::new(1));
    assert_eq!(log.retain(&Retention::default()).expect("runs").events, 0, "no limit, no removal");
    let before = ids(&log.read_all(Query::all()).expect("readable"));
    let retired = log.retain(&keep_one).expect("runs");
    let left = ids(&log.read_all(Query::all()).expect("readable"));
    let gone = usize::try_from(retired.events).expect("few");
    assert_eq!(before.get(gone..), Some(left.as_slice()), "the oldest go, the rest stays");
    assert!(gone > 0 && left.contains(&id(8)), "the newest stays");
    assert_eq!(log.extent().expect("readable").first, retired.first);
    assert_eq!((highest(&log, "P"), highest(&log, "Q")), (6, 2));
    let late = log.subscribe(Position::FIRST, Query::all()).next_delivery();
    assert!(
        matches!(late, Err(crate::read::ReadError::Retired { first }) if first == retired.first)
    );
    let all = keep_one.with_unreleased(Unreleased::Remove);
    log.retain(&all).expect("runs");
    assert!(
        append(&log, event("P", 9)).expect("stored").first().map(|place| place.seq.get())
            == Some(7)
    );
    if subject.reopen() {
        let log = blocking(subject);
        assert_eq!((highest(&log, "P"), highest(&log, "Q")), (7, 2));
        let appended = append(&log, event("Q", 10)).expect("stored");
        assert!(appended.first().is_some_and(|place| place.position > Position::new(9)));
    }
}

/// What a store says of itself agrees with what is in it.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn statistics_and_verification_add_up(subject: &dyn Subject) {
    let log = with_five(subject);
    append(&log, vec![event("Q", 6), event("P", 7)]).expect("stored");
    append(&log, event("P", 7)).expect("a duplicate");
    append(&log, event("", 8)).expect_err("rejected");
    let statistics = log.statistics().expect("readable");
    assert_eq!((statistics.events, statistics.actors), (7, 2));
    assert_eq!((statistics.appends_total, statistics.duplicates_total), (7, 1));
    assert_eq!((statistics.written_total, statistics.failures_total), (7, 1));
    assert!(statistics.raw_bytes > 0 && statistics.bytes > 0 && statistics.segments > 0);
    subject.roll();
    log.sync().expect("synced");
    let report = log.verify().expect("readable");
    assert!(report.is_sound(), "{:?}", report.faults);
    assert_eq!(report.events, 7);
    let extent = log.extent().expect("readable");
    assert!(extent.first <= extent.last && extent.durable >= extent.last, "{extent:?}");
}
