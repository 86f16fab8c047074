//! Tests of the assertions, in builds with and without debug assertions.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sink::MemorySink;
use crate::{Timestamp, always, never, violations};

/// Runs a check that is violated: it panics in debug builds and answers in the others.
fn violate(check: impl FnOnce() -> bool) -> Option<bool> {
    let before = violations();
    let outcome = catch_unwind(AssertUnwindSafe(check)).ok();
    assert!(violations() > before, "every violation is counted");
    outcome
}

#[test]
fn a_condition_that_holds_is_given_back() {
    assert!(always!(1 < 2));
    assert!(always!(1 < 2,));
    assert!(always!(1 < 2, "{} and {two}", 1, two = 2));
    assert!(!never!(1 > 2));
    assert!(!never!(1 > 2,));
    assert!(!never!(1 > 2, "{} and {two}", 1, two = 2));
}

#[test]
fn a_violation_panics_only_with_debug_assertions() {
    let (always, never) =
        if cfg!(debug_assertions) { (None, None) } else { (Some(false), Some(true)) };
    assert_eq!(violate(|| always!(1 > 2, "told so")), always);
    assert_eq!(violate(|| never!(1 < 2)), never);
}

#[test]
fn a_violation_is_reported_to_the_sink_with_its_place() {
    let sink = MemorySink::new(4);
    let at = Timestamp::from_unix_nanos(7);
    violate(|| never!(&sink, at; 1 < 2, "one is {}", "less"));
    let event = &sink.events()[0];
    assert_eq!((event.name, event.at), ("base.assertion-violated", at));
    let shown = event.to_string();
    assert!(shown.contains("message=one is less"), "{shown}");
    assert!(shown.contains("assert/tests.rs"), "{shown}");
}

#[test]
fn a_condition_is_evaluated_once() {
    let mut evaluated = 0;
    assert!(always!({
        evaluated += 1;
        true
    }));
    assert_eq!(evaluated, 1);
}

#[test]
fn a_violation_while_panicking_does_not_abort() {
    struct Checks;
    impl Drop for Checks {
        fn drop(&mut self) {
            assert!(never!(true, "violated while unwinding"));
        }
    }
    let caught = catch_unwind(|| {
        let _checks = Checks;
        panic!("as the test wants");
    });
    assert!(caught.is_err());
}
