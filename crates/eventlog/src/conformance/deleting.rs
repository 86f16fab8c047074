//! Deleting: events go, numbers stay.

use super::Subject;
use super::subject::{append, between, blocking, event, highest, seqs, with_five};
use crate::event::{ActorName, Seq};
use crate::read::Query;

/// Events up to a number cannot be read any more; the rest can, and the highest number stays.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s05_deleted_events_are_gone_and_numbers_stay(subject: &dyn Subject) {
    let log = with_five(subject);
    let actor = ActorName::from("P");
    append(&log, event("other", 6)).expect("stored");
    log.delete_to(&actor, Seq::new(3)).expect("deleted");
    log.delete_to(&actor, Seq::new(2)).expect("deleting less does nothing");
    log.delete_to(&"nobody".into(), Seq::MAX).expect("nothing to delete");
    let check = |log: &crate::blocking::Blocking| {
        assert_eq!(seqs(log, Query::actor("P")), [4, 5]);
        assert!(seqs(log, Query::actor("P").seqs(between(1, 2))).is_empty());
        assert!(seqs(log, Query::actor("P").seqs(between(1, 3))).is_empty());
        assert_eq!(seqs(log, Query::actor("P").seqs(Seq::new(3)..)), [4, 5]);
        assert_eq!(seqs(log, Query::actor("P").seqs(between(1, 4))), [4]);
        assert_eq!(seqs(log, Query::actor("other")), [1]);
        assert_eq!(log.read_all(Query::all()).expect("readable").len(), 3);
        let extent = log.actor(&"P".into()).expect("readable");
        assert_eq!((extent.first, extent.highest), (Seq::new(4), Seq::new(5)));
    };
    check(&log);
    if subject.reopen() {
        check(&blocking(subject));
    }
}

/// After everything was deleted, and across reopening, the next event gets the next number.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s06_numbers_go_on_after_everything_was_deleted(subject: &dyn Subject) {
    let log = with_five(subject);
    let before = log.extent().expect("readable").last;
    log.delete_to(&"P".into(), Seq::MAX).expect("deleted");
    subject.reopen();
    let log = blocking(subject);
    assert!(seqs(&log, Query::actor("P")).is_empty());
    assert_eq!(highest(&log, "P"), 5);
    let appended = append(&log, event("P", 6)).expect("stored");
    let place = appended.first().expect("one event");
    assert_eq!(place.seq, Seq::new(6));
    assert!(place.position > before);
    assert_eq!(seqs(&log, Query::actor("P")), [6]);
}
