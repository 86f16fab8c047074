//! Calls through components.

use std::cell::Cell;
use std::future::pending;

use steadfast_assembly::{ComponentConfig, Error, Steadfast};
use steadfast_breaker::State;

use crate::support::{on, secs};

const ALL: &str = "
[components.inventory]
total_deadline = 2.0
retry = { max_attempts = 3, backoff = { base = 0.1 } }
breaker = { consecutive_failures = 3 }
bulkhead = { max_concurrent_calls = 2 }
rate_limit = { limit = 1000 }
attempt_timeout = 0.5

[components.plain]

[components.quick]
breaker = { consecutive_failures = 1 }
";

#[derive(Clone, Debug, PartialEq)]
enum Failed {
    NotFound,
    Down,
}

#[test]
fn a_call_is_tried_again_and_answered() {
    on(
        ALL,
        |builder| builder,
        |system| async move {
            let answer = system
                .protect("inventory")
                .run(|call| async move { if call.attempt() < 3 { Err("reset") } else { Ok(7) } });
            assert_eq!(answer.await, Ok(7));
            let inventory = system.component("inventory").unwrap();
            assert_eq!(inventory.retry_statistics().unwrap().recovered, 1);
            assert_eq!(system.protect("plain").call(|_| Ok::<_, ()>(1)), Ok(1));
        },
    );
}

#[test]
fn an_unknown_name_is_an_error_of_the_call_that_lists_the_known_ones() {
    on(
        ALL,
        |builder| builder,
        |system| async move {
            let called = Cell::new(false);
            let answer = system.protect("nobody").run(|_| async {
                called.set(true);
                Ok::<_, ()>(1)
            });
            let Err(Error::Unknown(unknown)) = answer.await else { panic!("it is unknown") };
            assert_eq!((unknown.name(), unknown.known().len()), ("nobody", 3));
            assert_eq!(
                unknown.to_string(),
                "there is no component \"nobody\"; known are inventory, plain, quick"
            );
            assert!(!called.get());
        },
    );
}

#[test]
fn a_callee_that_hangs_is_given_up_within_the_total_deadline() {
    on(
        ALL,
        |builder| builder,
        |system| async move {
            let time = system.system().time().clone();
            let begun = time.now();
            let answer = system.protect("inventory").run(|_| pending::<Result<(), ()>>()).await;
            assert!(answer.unwrap_err().is_timeout());
            assert!(time.now().saturating_duration_since(begun) <= secs(2));
        },
    );
}

#[test]
fn a_fallback_answers_calls_of_its_type_alone() {
    let add = |builder: steadfast_assembly::Builder| builder.fallback("quick", 0_u32);
    on(ALL, add, |system| async move {
        let quick = system.component("quick").unwrap().clone();
        assert_eq!(quick.call(|_| Err::<u32, _>("down")), Ok(0));
        quick.breaker().unwrap().reset();
        let text = quick.call(|_| Err::<String, _>("down"));
        assert_eq!(text.unwrap_err().into_inner(), Some("down"));

        let mut config = system.config();
        config.components.get_mut("quick").unwrap().fallback = false;
        system.reconfigure(config).unwrap();
        quick.breaker().unwrap().reset();
        assert!(quick.call(|_| Err::<u32, _>("down")).is_err(), "switched off");
    });
}

#[test]
fn a_fallback_sees_why_and_may_decline() {
    let add = |builder: steadfast_assembly::Builder| {
        builder.fallback_with("quick", |failed| failed.rejection.map(|_| 9_u32))
    };
    on(ALL, add, |system| async move {
        let quick = system.component("quick").unwrap();
        assert!(quick.call(|_| Err::<u32, _>("down")).is_err(), "an error stays one");
        assert_eq!(quick.breaker().unwrap().state(), State::Open);
        assert_eq!(quick.call(|_| Err::<u32, _>("down")), Ok(9), "a rejection is answered");
    });
}

#[test]
fn an_expected_error_is_neither_retried_nor_held_against_the_callee() {
    let add = |builder: steadfast_assembly::Builder| {
        builder
            .fallback("inventory", 0_u32)
            .expected_error("inventory", |error: &Failed| *error == Failed::NotFound)
    };
    on(ALL, add, |system| async move {
        let inventory = system.component("inventory").unwrap();
        let attempts = Cell::new(0);
        for _ in 0..5 {
            let answer = inventory.run(|_| async {
                attempts.set(attempts.get() + 1);
                Err::<u32, _>(Failed::NotFound)
            });
            assert_eq!(answer.await.unwrap_err().into_inner(), Some(Failed::NotFound));
        }
        assert_eq!(attempts.get(), 5);
        assert_eq!(inventory.breaker().unwrap().state(), State::Closed);
        let down = inventory.run(|_| async { Err::<u32, _>(Failed::Down) });
        assert_eq!(down.await, Ok(0));
    });
}

#[test]
fn policies_that_are_off_do_nothing_and_have_no_handle() {
    on(
        ALL,
        |builder| builder,
        |system| async move {
            let plain = system.component("plain").unwrap();
            assert!(plain.breaker().is_none() && plain.bulkhead().is_none());
            let attempts = Cell::new(0);
            for _ in 0..20 {
                let failed = plain.call(|_| {
                    attempts.set(attempts.get() + 1);
                    Err::<(), _>("down")
                });
                assert_eq!(failed.unwrap_err().into_inner(), Some("down"));
            }
            assert_eq!(attempts.get(), 20);
        },
    );
}

#[test]
fn a_system_of_its_own_ends_with_the_stop() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = Steadfast::builder().component("plain", ComponentConfig::default());
        let alone = builder.start_alone("shop").unwrap();
        alone.start_self_healing().unwrap();
        assert_eq!(alone.stop().await, 0);
        assert_eq!(alone.system().task_count(), 0);
        assert_eq!(alone.protect("plain").call(|_| Ok::<_, ()>(1)), Ok(1), "calls go on");
        assert!(alone.stop().await == 0, "a second stop does nothing");
    });
}
