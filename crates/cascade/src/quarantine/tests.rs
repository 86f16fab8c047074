//! The quarantine from outside, in virtual time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;

use steadfast_base::{MemorySink, VirtualClock};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn quarantine(config: QuarantineConfig) -> (Quarantine<u32>, VirtualClock) {
    let clock = VirtualClock::new();
    (Quarantine::new(config, clock.time()).unwrap(), clock)
}

fn crash(quarantine: &Quarantine<u32>, key: u32) {
    quarantine.try_acquire(&key).unwrap().crashed();
}

fn succeed(quarantine: &Quarantine<u32>, key: u32) {
    quarantine.try_acquire(&key).unwrap().succeeded();
}

fn end(quarantine: &Quarantine<u32>, succeeds: bool) {
    let act = if succeeds { succeed } else { crash };
    act(quarantine, 1);
}

#[test]
fn s55_two_crashes_of_at_least_half_the_calls_block_a_key_before_the_next_call() {
    let (quarantine, clock) = quarantine(QuarantineConfig::default());
    for succeeds in [true, true, false, false] {
        end(&quarantine, succeeds);
        clock.advance(SECOND);
    }
    let quarantined = quarantine.try_acquire(&1).unwrap_err();
    assert_eq!(quarantined.retry_after, 59 * SECOND);
    assert_eq!(quarantined.recovery(), Recovery::RetryAfter(59 * SECOND));
    succeed(&quarantine, 2);
}

#[test]
fn s55_two_crashes_in_six_calls_do_not_block() {
    let (quarantine, _clock) = quarantine(QuarantineConfig::default());
    for succeeds in [true, true, false, true, true, false] {
        end(&quarantine, succeeds);
    }
    assert!(!quarantine.is_blocked(&1));
    succeed(&quarantine, 1);
}

#[test]
fn s55_crashes_that_are_further_apart_than_the_window_do_not_block() {
    let (quarantine, clock) = quarantine(QuarantineConfig::default());
    crash(&quarantine, 1);
    clock.advance(66 * SECOND);
    crash(&quarantine, 1);
    assert!(!quarantine.is_blocked(&1));
    clock.advance(59 * SECOND);
    crash(&quarantine, 1);
    assert!(quarantine.is_blocked(&1));
}

#[test]
fn s55_after_its_time_one_probe_goes_first_and_each_that_fails_doubles_the_time_up_to_an_hour() {
    let (quarantine, clock) = quarantine(QuarantineConfig::default());
    crash(&quarantine, 1);
    crash(&quarantine, 1);
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        let ttl = minutes * 60 * SECOND;
        assert_eq!(quarantine.try_acquire(&1).unwrap_err().retry_after, ttl);
        clock.advance(ttl.saturating_sub(Duration::from_nanos(1)));
        assert!(quarantine.try_acquire(&1).is_err());
        clock.advance(Duration::from_nanos(1));
        let probe = quarantine.try_acquire(&1).unwrap();
        assert!(probe.is_probe());
        assert!(quarantine.try_acquire(&1).is_err(), "one at a time");
        probe.crashed();
    }
    clock.advance(3_600 * SECOND);
    succeed(&quarantine, 1);
    assert!(!quarantine.is_blocked(&1));
    crash(&quarantine, 1);
    assert!(!quarantine.is_blocked(&1), "its past is forgotten");
    crash(&quarantine, 1);
    assert_eq!(quarantine.blocked()[0].ttl, 60 * SECOND, "and its time with it");
}

#[test]
fn a_probe_that_is_dropped_lets_the_next_call_be_one() {
    let (quarantine, clock) = quarantine(QuarantineConfig::default());
    quarantine.block(&1, 5 * SECOND);
    clock.advance(5 * SECOND);
    drop(quarantine.try_acquire(&1).unwrap());
    assert!(quarantine.try_acquire(&1).unwrap().is_probe());
}

#[test]
fn a_probe_that_does_not_come_back_has_crashed_and_says_nothing_later() {
    let (quarantine, clock) = quarantine(QuarantineConfig::default());
    quarantine.block(&1, 5 * SECOND);
    clock.advance(5 * SECOND);
    let lost = quarantine.try_acquire(&1).unwrap();
    clock.advance(5 * SECOND);
    assert_eq!(quarantine.try_acquire(&1).unwrap_err().retry_after, 10 * SECOND);
    lost.succeeded();
    assert!(quarantine.is_blocked(&1));
    clock.advance(10 * SECOND);
    assert!(quarantine.try_acquire(&1).unwrap().is_probe());
}

#[test]
fn results_of_calls_from_before_a_block_count_for_nothing() {
    let (quarantine, clock) = quarantine(QuarantineConfig::default());
    let [early, late] = [1, 1].map(|key| quarantine.try_acquire(&key).unwrap());
    crash(&quarantine, 1);
    crash(&quarantine, 1);
    early.crashed();
    clock.advance(60 * SECOND);
    late.succeeded();
    assert!(quarantine.is_blocked(&1));
    assert_eq!(quarantine.blocked().len(), 1);
    assert_eq!(quarantine.blocked()[0].ttl, 60 * SECOND);
}

#[test]
fn a_panic_is_a_crash_and_a_dropped_call_is_none() {
    let (quarantine, _clock) = quarantine(QuarantineConfig::default());
    for _ in 0..2 {
        let call = || quarantine.run(&1, || -> Result<(), ()> { panic!("poison") }, |()| true);
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        drop(quarantine.try_acquire(&2).unwrap());
    }
    assert!(quarantine.is_blocked(&1));
    assert!(!quarantine.is_blocked(&2));
}

#[tokio::test(flavor = "current_thread")]
async fn a_future_is_not_made_while_its_key_is_blocked() {
    let (quarantine, _clock) = quarantine(QuarantineConfig::default());
    let kind = |poisoned: &bool| *poisoned;
    for poisoned in [false, true, true] {
        let failed = quarantine.call(&1, || async { Err::<(), _>(poisoned) }, kind).await;
        assert_eq!(failed, Err(QuarantineError::Failed(poisoned)));
    }
    let never = || -> std::future::Ready<Result<(), bool>> { panic!("it is blocked") };
    let blocked = quarantine.call(&1, never, kind).await;
    assert!(matches!(blocked, Err(QuarantineError::Quarantined(_))), "{blocked:?}");
}

#[test]
fn a_flood_of_keys_frees_none_that_is_blocked() {
    let config = QuarantineConfig { keys_max: 10, ..QuarantineConfig::default() };
    let (quarantine, _clock) = quarantine(config);
    for key in 0..5 {
        quarantine.block(&key, 60 * SECOND);
    }
    for key in 100..1_000 {
        crash(&quarantine, key);
        assert!(quarantine.keys() <= 10);
    }
    assert!((0..5).all(|key| quarantine.is_blocked(&key)));
    for key in 0..20 {
        quarantine.block(&key, 60 * SECOND);
    }
    assert_eq!(quarantine.keys(), 10);
    let fewer = QuarantineConfig { keys_max: 3, ..config };
    quarantine.reconfigure(fewer).unwrap();
    assert_eq!((quarantine.keys(), quarantine.blocked().len()), (3, 3));
}

#[test]
fn blocks_and_releases_are_told() {
    let clock = VirtualClock::new();
    let sink = Arc::new(MemorySink::new(8));
    let told: Arc<dyn Sink> = Arc::<MemorySink>::clone(&sink);
    let quarantine =
        Quarantine::with_sink(QuarantineConfig::default(), clock.time(), told).unwrap();
    crash(&quarantine, 7);
    crash(&quarantine, 7);
    assert!(quarantine.release(&7));
    assert!(!quarantine.release(&7));
    let told: Vec<String> = sink.events().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["cascade.quarantine.blocked key=7 ttl=60s", "cascade.quarantine.released key=7"]
    );
}

proptest! {
    #[test]
    fn of_a_blocked_key_one_call_is_out_at_most_and_the_keys_are_bounded(
        steps in prop::collection::vec((0_u32..6, 0_u8..5, 0_u32..40), 1..200),
    ) {
        let config = QuarantineConfig { keys_max: 4, ttl: 20 * SECOND, ..QuarantineConfig::default() };
        let (quarantine, clock) = quarantine(config);
        let mut out: Vec<(u32, QuarantinePermit<u32>)> = Vec::new();
        for (key, act, quarters) in steps {
            clock.advance(quarters * SECOND / 4);
            let place = out.iter().position(|(of, _)| *of == key);
            match (act, place) {
                (0 | 1, _) => out.extend(quarantine.try_acquire(&key).map(|permit| (key, permit))),
                (2, Some(place)) => out.swap_remove(place).1.crashed(),
                (3, Some(place)) => out.swap_remove(place).1.succeeded(),
                (4, Some(place)) => drop(out.swap_remove(place)),
                _ => {}
            }
            prop_assert!(quarantine.keys() <= 4);
            for blocked in quarantine.blocked() {
                prop_assert!(blocked.left <= blocked.ttl);
                prop_assert!(blocked.ttl <= config.ttl_max);
                if blocked.left > Duration::ZERO {
                    prop_assert!(quarantine.try_acquire(&blocked.key).is_err());
                }
            }
        }
    }
}
