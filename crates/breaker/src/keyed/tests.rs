//! The table of keys against a plain map.

use std::collections::HashMap;

use proptest::prelude::*;

use steadfast_base::VirtualClock;

use super::*;
use crate::state::State;

fn breakers(capacity: usize) -> KeyedBreakers<u32> {
    let capacity = NonZeroUsize::new(capacity).expect("not zero");
    KeyedBreakers::new("keys", Config::consecutive(1), capacity, VirtualClock::new().time())
        .expect("valid")
}

fn fail(keyed: &KeyedBreakers<u32>, key: u32) {
    assert!(keyed.call(&key, || Err::<(), _>(())).is_err());
}

proptest! {
    #[test]
    fn the_table_finds_what_was_inserted_and_not_removed(
        // Few hashes, so that probe sequences collide and wrap.
        steps in prop::collection::vec((any::<bool>(), 0_u64..12, 0_u32..40), 1..200),
    ) {
        let mut table = Table::new();
        let mut plain = HashMap::new();
        let time = VirtualClock::new().time();
        for (insert, hash, key) in steps {
            if insert && !plain.contains_key(&key) {
                let name = format!("{key}");
                let breaker = CircuitBreaker::new(&name, Config::default(), time.clone()).expect("valid");
                table.insert(hash, key, breaker);
                plain.insert(key, hash);
            } else if let Some(hash) = plain.remove(&key) {
                let removed = table.remove(hash, &key).expect("it was there");
                prop_assert_eq!(removed.breaker.name(), format!("{key}"));
            }
            prop_assert_eq!(table.len(), plain.len());
            for (key, hash) in &plain {
                let found = table.get(*hash, key).expect("it was not removed");
                prop_assert_eq!(found.breaker.name(), format!("{key}"));
            }
        }
    }
}

#[test]
fn one_key_that_fails_opens_its_own_breaker_alone() {
    let keyed = breakers(10);
    fail(&keyed, 1);
    assert!(keyed.call(&2, || Ok::<_, ()>(())).is_ok());
    assert_eq!(keyed.not_closed(), [(1, State::Open)]);
}

#[test]
fn there_are_never_more_breakers_than_the_capacity() {
    let keyed = breakers(100);
    for key in 0..1_000 {
        assert!(keyed.call(&key, || Ok::<_, ()>(())).is_ok());
        assert!(keyed.len() <= 100);
    }
    assert_eq!((keyed.len(), keyed.evicted()), (100, 900));
}

#[test]
fn a_capacity_that_is_just_enough_evicts_nothing() {
    let keyed = breakers(5_000);
    for key in (0..5_000).chain(0..5_000) {
        keyed.breaker(&key);
    }
    assert_eq!((keyed.len(), keyed.evicted()), (5_000, 0));
}

#[test]
fn open_breakers_outlive_a_flood_of_healthy_keys() {
    let keyed = breakers(200);
    for key in 0..20 {
        fail(&keyed, key);
    }
    for key in 1_000..10_000 {
        assert!(keyed.call(&key, || Ok::<_, ()>(())).is_ok());
    }
    assert_eq!(keyed.not_closed().len(), 20);
}

#[test]
fn a_flood_of_failing_keys_stays_bounded_and_makes_progress() {
    let keyed = breakers(64);
    for key in 0..1_000 {
        fail(&keyed, key);
    }
    assert_eq!(keyed.len(), 64);
    assert!(keyed.get(&999).is_some());
}

#[test]
fn keys_in_use_outlive_keys_used_once() {
    let keyed = breakers(64);
    for key in 0..2_000 {
        assert!(keyed.call(&7, || Ok::<_, ()>(())).is_ok());
        keyed.breaker(&(10_000 + key));
    }
    assert_eq!(keyed.breaker(&7).metrics().totals.successes, 2_000, "it was never forgotten");
    assert!(keyed.get(&10_000).is_none());
}

#[test]
fn a_removed_key_starts_anew() {
    let keyed = breakers(4);
    fail(&keyed, 1);
    assert!(keyed.remove(&1));
    assert!(!keyed.remove(&1));
    assert_eq!(keyed.breaker(&1).state(), State::Closed);
    assert_eq!(keyed.len(), 1);
}

#[test]
fn setup_runs_once_for_each_new_breaker() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let keyed = breakers(4).with_setup(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    for key in [1, 2, 1, 2, 3] {
        keyed.breaker(&key);
    }
    assert_eq!(made.load(Ordering::Relaxed), 3);
}

#[test]
fn new_settings_reach_old_and_new_keys() {
    let keyed = breakers(4);
    keyed.breaker(&1);
    keyed.reconfigure(&Config::consecutive(3)).expect("valid");
    for key in [1, 2] {
        assert_eq!(keyed.breaker(&key).config(), Config::consecutive(3));
    }
    assert!(keyed.reconfigure(&Config::consecutive(0)).is_err());
    assert_eq!(keyed.breaker(&3).config(), Config::consecutive(3));
}

#[test]
fn threads_that_kept_a_key_see_that_it_was_removed() {
    let keyed = breakers(4);
    let (asked, removed) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            fail(&keyed, 1);
            assert!(keyed.call(&1, || Ok::<_, ()>(())).is_err(), "open, and kept");
            asked.wait();
            removed.wait();
            assert!(keyed.call(&1, || Ok::<_, ()>(())).is_ok());
        });
        asked.wait();
        assert!(keyed.remove(&1));
        removed.wait();
    });
    assert_eq!(keyed.breaker(&1).metrics().totals.successes, 1);
}

#[test]
fn a_kept_key_that_was_evicted_starts_anew() {
    let keyed = breakers(2);
    assert!(keyed.call(&0, || Ok::<_, ()>(())).is_ok());
    for key in 1..10 {
        assert!(keyed.call(&key, || Ok::<_, ()>(())).is_ok());
    }
    assert!(keyed.get(&0).is_none());
    assert!(keyed.call(&0, || Ok::<_, ()>(())).is_ok());
    assert_eq!(keyed.breaker(&0).metrics().totals.successes, 1);
    assert_eq!(keyed.len(), 2);
}

#[test]
fn a_call_may_ask_for_other_keys_and_for_its_own() {
    let keyed = breakers(1_000);
    let nested = |depth: u32| {
        for key in 0..depth {
            let result = keyed.call(&key, || {
                assert!(keyed.call(&(key + 1), || Ok::<_, ()>(())).is_ok());
                assert!(keyed.remove(&key));
                keyed.call(&key, || Ok::<_, ()>(()))
            });
            assert!(result.is_ok());
        }
    };
    (0..3).for_each(|_| nested(300));
    assert_eq!(keyed.len(), 301);
}

#[test]
fn keys_of_one_hash_are_told_apart() {
    #[derive(Clone, Default)]
    struct AllAlike;
    impl std::hash::Hasher for AllAlike {
        fn finish(&self) -> u64 {
            7
        }
        fn write(&mut self, _bytes: &[u8]) {}
    }
    let time = VirtualClock::new().time();
    let capacity = NonZeroUsize::new(8).expect("not zero");
    let hasher = BuildHasherDefault::<AllAlike>::default();
    let keyed = KeyedBreakers::<u32, _>::with_hasher(
        "keys",
        Config::consecutive(1),
        capacity,
        time,
        hasher,
    )
    .expect("valid");
    for _ in 0..3 {
        assert!(keyed.call(&1, || Ok::<_, ()>(())).is_ok());
        assert!(keyed.call(&2, || Err::<(), _>(())).is_err());
    }
    assert_eq!(keyed.breaker(&1).state(), State::Closed);
    assert_eq!(keyed.breaker(&2).state(), State::Open);
}
