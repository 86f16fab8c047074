//! Reading: by actor, range, time, correlation, kind and id.

use steadfast_base::CorrelationId;

use super::Subject;
use super::subject::{append, at, between, blocking, event, highest, id, ids, seqs, with_five};
use crate::event::{EventKind, Position, Seq};
use crate::limits;
use crate::read::{Direction, Query, ReadError};

/// An actor's events come back 1, 2, 3, 4, 5.
///
/// # Panics
///
/// If the store breaks the contract, as all checks of this suite.
pub fn s01_an_actor_is_read_in_order(subject: &dyn Subject) {
    let log = with_five(subject);
    append(&log, event("other", 6)).expect("stored");
    assert_eq!(seqs(&log, Query::actor("P")), [1, 2, 3, 4, 5]);
    assert_eq!(highest(&log, "P"), 5);
}

/// Ranges of numbers and limits hold.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s02_ranges_and_limits_hold(subject: &dyn Subject) {
    let log = with_five(subject);
    assert_eq!(seqs(&log, Query::actor("P").seqs(Seq::new(3)..)), [3, 4, 5]);
    assert_eq!(seqs(&log, Query::actor("P").seqs(between(1, 3))), [1, 2, 3]);
    assert_eq!(seqs(&log, Query::actor("P").limit(3)), [1, 2, 3]);
    assert_eq!(seqs(&log, Query::actor("P").seqs(between(2, 5)).limit(2)), [2, 3]);
    assert_eq!(highest(&log, "P"), 5);
}

/// One number is a range, and a range of none is no error.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s03_empty_ranges_are_no_error(subject: &dyn Subject) {
    let log = with_five(subject);
    assert_eq!(seqs(&log, Query::actor("P").seqs(between(2, 2))), [2]);
    assert!(seqs(&log, Query::actor("P").limit(0)).is_empty());
    assert!(seqs(&log, Query::actor("P").seqs(between(4, 2))).is_empty());
    let backward = Position::new(4)..=Position::new(2);
    assert!(seqs(&log, Query::all().positions(backward)).is_empty());
    assert!(seqs(&log, Query::between(at(5), at(2))).is_empty());
    assert_eq!(highest(&log, "P"), 5);
}

/// An actor that never had an event has none, and the number 0.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s04_an_unknown_actor_has_nothing(subject: &dyn Subject) {
    let log = with_five(subject);
    assert!(seqs(&log, Query::actor("nobody")).is_empty());
    assert_eq!(highest(&log, "nobody"), 0);
    let extent = log.actor(&"nobody".into()).expect("readable");
    assert_eq!((extent.first, extent.released), (Seq::FIRST, Seq::ZERO));
}

/// Names that begin alike, are long, or look like paths stay apart.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s13_names_of_any_text_stay_apart(subject: &dyn Subject) {
    let log = blocking(subject);
    let long = "x".repeat(limits::ACTOR_BYTES_MAX);
    let names = ["a", "a-1", "a-1-2", long.as_str(), "ä/../x", "../../etc", ".", "nul\0", "A"];
    for (number, name) in (1..).zip(names) {
        append(&log, event(name, number)).expect("stored");
        append(&log, event(name, number.wrapping_add(1_000))).expect("stored");
    }
    let check = |log: &crate::blocking::Blocking| {
        for (number, name) in (1..).zip(names) {
            let events = log.read_all(Query::actor(name)).expect("readable");
            assert_eq!(ids(&events), [id(number), id(number.wrapping_add(1_000))], "{name:?}");
            assert!(events.iter().all(|event| event.actor == name));
            assert_eq!(highest(log, name), 2);
        }
    };
    check(&log);
    if subject.reopen() {
        check(&blocking(subject));
    }
}

/// A range of time finds exactly its events, in the order of positions, whatever the clock did.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s14_time_ranges_hold_when_the_clock_steps_back(subject: &dyn Subject) {
    let log = blocking(subject);
    // Seconds: 0, 1, .. 9, then ten back: 0, 1, .. 9 again, half a second later each.
    let second = |number: u64| {
        let whole = (number % 10).saturating_mul(1_000_000);
        whole.saturating_add((number / 10).saturating_mul(500_000))
    };
    for number in 0..20_u64 {
        append(&log, event("P", number.wrapping_add(1)).with_at(at(second(number))))
            .expect("stored");
        if number == 12 {
            subject.roll();
        }
    }
    for (from, before) in [(0, 10_000_000), (2_000_000, 4_000_000), (2_500_000, 2_500_001), (9, 10)]
    {
        let found = seqs(&log, Query::between(at(from), at(before)));
        let expected: Vec<u64> = (0..20_u64)
            .filter(|number| (from..before).contains(&second(*number)))
            .map(|number| number.wrapping_add(1))
            .collect();
        assert_eq!(found, expected, "{from}..{before}");
    }
}

/// A piece of work is read over all its actors; its causes are in it.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s15_a_correlation_is_read_in_order_over_actors(subject: &dyn Subject) {
    let log = blocking(subject);
    let work = CorrelationId::from_u128(0xBEEF);
    let mut last = None;
    for number in 1..=30_u64 {
        let mine = number % 3 == 0;
        let mut event = event(if number % 7 == 0 { "A" } else { "B" }, number);
        if mine {
            event = event.with_correlation(work);
            event.causation = last.replace(event.id);
        } else {
            event = event.with_correlation(CorrelationId::from_u128(u128::from(number)));
        }
        append(&log, event).expect("stored");
        if number == 10 || number == 20 {
            subject.roll();
        }
    }
    let events = log.read_all(Query::correlation(work)).expect("readable");
    let expected: Vec<_> = (1..=10_u64).map(|number| id(number.wrapping_mul(3))).collect();
    assert_eq!(ids(&events), expected);
    assert!(events.is_sorted_by(|one, next| one.position < next.position));
    assert_eq!(events.iter().filter(|event| event.causation.is_none()).count(), 1);
    for event in &events {
        assert!(event.causation.is_none_or(|cause| expected.contains(&cause)), "it resolves");
    }
}

/// Pieces of work that never were have no events.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s16_unknown_correlations_have_nothing(subject: &dyn Subject) {
    let log = with_five(subject);
    append(&log, event("P", 6).with_correlation(CorrelationId::from_u128(6))).expect("stored");
    subject.roll();
    for number in 1_000..2_000_u128 {
        let found = log.read_all(Query::correlation(CorrelationId::from_u128(number)));
        assert!(found.expect("readable").is_empty());
        let found = log.read_all(Query::event(steadfast_base::EventId::from_u128(number)));
        assert!(found.expect("readable").is_empty());
    }
}

/// All conditions hold together, in both directions.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn queries_combine_and_read_backward(subject: &dyn Subject) {
    let log = blocking(subject);
    let kinds =
        [EventKind::MessageSent, EventKind::application("audit"), EventKind::application("x")];
    for (number, kind) in (1..=40_u64).zip(kinds.iter().cycle()) {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        let mut event = event(name, number).with_at(at(number)).with_turn(number);
        event.kind = kind.clone();
        event.correlation =
            Some(CorrelationId::from_u128(u128::from(number % 4).saturating_add(1)));
        append(&log, event).expect("stored");
        if number == 25 {
            subject.roll();
        }
    }
    let all = log.read_all(Query::all()).expect("readable");
    assert_eq!(all.len(), 40);
    let from = all.get(5).map_or(Position::ZERO, |event| event.position);
    let queries = [
        Query::all(),
        Query::kind(EventKind::application("audit")),
        Query::kind(EventKind::ActorCreated),
        Query::actor("even")
            .kinds([EventKind::MessageSent])
            .of_correlation(CorrelationId::from_u128(3)),
        Query::actor("odd").seqs(between(3, 9)).during(at(6), at(15)),
        Query::all().actors(["odd", "nobody", "even"]).positions(from..).during(at(2), at(39)),
        Query::event(id(17)),
        Query::event(id(17)).actors(["even"]),
        Query::correlation(CorrelationId::from_u128(2)).positions(..from),
    ];
    for query in queries {
        let mut expected: Vec<_> =
            all.iter().filter(|event| query.matches(event)).cloned().collect();
        assert_eq!(log.read_all(query.clone()).expect("readable"), expected, "{query:?}");
        let some = log.read_all(query.clone().limit(3)).expect("readable");
        assert_eq!(some, expected.get(..expected.len().min(3)).unwrap_or_default(), "{query:?}");
        expected.reverse();
        let backward = query.backward();
        assert_eq!(log.read_all(backward.clone()).expect("readable"), expected, "{backward:?}");
        let some = log.read_all(backward.clone().limit(3)).expect("readable");
        assert_eq!(some, expected.get(..expected.len().min(3)).unwrap_or_default(), "{backward:?}");
    }
}

/// A query with more names than the limit is refused, one with as many is not.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn too_broad_queries_are_refused(subject: &dyn Subject) {
    let log = with_five(subject);
    let names = |count: usize| (0..count).map(|number| format!("actor-{number}"));
    let broad = Query::all().actors(names(limits::QUERY_NAMES_MAX.saturating_add(1)));
    assert!(matches!(log.read_all(broad.clone()), Err(ReadError::TooBroad(_))));
    let mut subscription = log.subscribe(Position::ZERO, broad);
    assert!(matches!(subscription.next_delivery(), Err(ReadError::TooBroad(_))));
    let widest = Query::all().actors(names(limits::QUERY_NAMES_MAX));
    assert!(log.read_all(widest).is_ok_and(|events| events.is_empty()));
}

/// Whatever a query asks for, it finds what a look at every event finds.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn queries_find_what_a_look_at_every_event_finds(subject: &dyn Subject) {
    let log = blocking(subject);
    for number in 1..=120_u64 {
        let actor = match number.pow(2) % 11 {
            0..=2 => "a",
            3 | 4 => "a-1",
            5..=8 => "b",
            _ => "c",
        };
        append(&log, event(actor, number)).expect("stored");
    }
    log.delete_to(&"b".into(), Seq::new(7)).expect("deleted");
    let all = log.read_all(Query::all()).expect("readable");
    let actors: [&[&str]; 6] =
        [&[], &["a"], &["b", "a"], &["nobody"], &["c", "nobody", "a-1"], &["a", "a-1", "b", "c"]];
    let positions = [(0, u64::MAX), (30, 80), (81, 81), (115, 300), (90, 40)];
    let asked: [(Option<u64>, Option<u64>); 5] =
        [(None, None), (None, Some(3)), (Some(17), None), (Some(80), Some(1)), (Some(999), None)];
    for actors in actors {
        for (from, to) in positions {
            for (wanted, limit) in asked {
                let mut query = Query::all().actors(actors.iter().copied());
                query =
                    query.positions(Position::new(from)..=Position::new(to)).seqs(between(2, 25));
                (query.id, query.limit) = (wanted.map(id), limit);
                for query in [query.clone(), query.backward()] {
                    let mut expected: Vec<_> = all
                        .iter()
                        .filter(|event| query.matches(event))
                        .map(|event| event.id)
                        .collect();
                    if query.direction == Direction::Backward {
                        expected.reverse();
                    }
                    expected.truncate(
                        limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0)),
                    );
                    let found = log.read_all(query.clone()).expect("readable");
                    assert_eq!(ids(&found), expected, "{query:?}");
                }
            }
        }
    }
}
