//! The current context: set only where it belongs, and always put back.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use steadfast_base::{
    ActorId, CallContext, CorrelationId, EventId, Instant, Priority, RetryMark, context,
};

fn attempt() -> Option<u32> {
    context::current_ref(|call| call.map(CallContext::attempt))
}

fn call(attempt: u32) -> CallContext {
    CallContext::new().with_attempt(attempt)
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn nothing_is_current_by_default() {
    assert!(!context::is_set());
    assert_eq!(context::current(), None);
}

#[test]
fn a_guard_puts_back_what_was_current_before() {
    let outer = context::enter(call(2));
    {
        let _inner = context::enter(call(3));
        assert_eq!(attempt(), Some(3));
    }
    assert_eq!(attempt(), Some(2));
    drop(outer);
    assert!(!context::is_set());
}

#[test]
fn entering_an_unnested_context_makes_no_copy() {
    let shared = Arc::new(call(2));
    let _guard = context::enter(Arc::clone(&shared));
    assert!(Arc::ptr_eq(&context::current().unwrap(), &shared));
}

#[test]
fn a_guard_puts_back_on_panic() {
    let caught = catch_unwind(|| {
        let _guard = context::enter(call(2));
        panic!("as the test wants");
    });
    assert!(caught.is_err());
    assert!(!context::is_set());
}

#[test]
fn a_scoped_future_has_its_context_only_while_it_is_polled() {
    let mut polls = 0;
    let mut future = pin!(context::scope(
        call(4),
        poll_fn(|_| {
            polls += 1;
            assert_eq!(attempt(), Some(4));
            if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
        })
    ));
    let mut cx = Context::from_waker(Waker::noop());
    while future.as_mut().poll(&mut cx).is_pending() {
        assert!(!context::is_set());
    }
    assert!(!context::is_set());
}

#[test]
fn a_scoped_future_that_panics_leaves_the_former_context() {
    let _outer = context::enter(call(2));
    let scoped = context::scope(call(3), async { panic!("as the test wants") });
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(scoped))).is_err());
    assert_eq!(attempt(), Some(2));
}

#[test]
fn a_scoped_future_takes_its_context_to_another_thread() {
    let scoped = context::scope(call(5), async { attempt() });
    let seen = thread::spawn(|| (poll_once(scoped), context::is_set())).join().unwrap();
    assert_eq!(seen, (Poll::Ready(Some(5)), false));
}

#[test]
fn a_scope_nests_in_the_context_of_its_making_not_of_its_polling() {
    let soon = Instant::from_nanos(10);
    let scoped = {
        let _outer = context::enter(CallContext::new().with_deadline(soon));
        context::scope(call(2), async { context::current().unwrap() })
    };
    let _elsewhere = context::enter(CallContext::new().with_deadline(Instant::ZERO));
    let Poll::Ready(seen) = poll_once(scoped) else { panic!("an async block without await") };
    assert_eq!((seen.deadline(), seen.attempt()), (Some(soon), 2));
}

#[test]
fn a_replaced_context_takes_nothing_over() {
    let _outer = context::enter(CallContext::new().with_deadline(Instant::ZERO));
    {
        let _alone = context::replace(Some(Arc::new(call(2))));
        assert_eq!(*context::current().unwrap(), call(2));
    }
    {
        let _none = context::replace(None);
        assert!(!context::is_set());
        assert_eq!(context::current(), None);
    }
    assert!(context::is_set());
}

#[test]
fn the_closure_that_looks_may_enter_other_contexts() {
    let _outer = context::enter(call(2));
    let inner = context::current_ref(|outer| {
        let _inner = context::enter(call(3));
        (outer.map(CallContext::attempt), attempt())
    });
    assert_eq!(inner, (Some(2), Some(3)));
}

#[test]
fn nesting_only_ever_shortens_the_deadline() {
    let at = |nanos: Option<u64>| nanos.map(Instant::from_nanos);
    for (outer, inner, effective) in [
        (None, None, None),
        (Some(5), None, Some(5)),
        (None, Some(5), Some(5)),
        (Some(5), Some(9), Some(5)),
        (Some(9), Some(5), Some(5)),
    ] {
        let with = |deadline: Option<u64>| {
            let call = CallContext::new();
            deadline.map_or(call.clone(), |nanos| call.with_deadline(Instant::from_nanos(nanos)))
        };
        let nested = with(inner).inside(&with(outer));
        assert_eq!(nested.deadline(), at(effective), "{outer:?} {inner:?}");
    }
}

#[test]
fn nesting_fills_in_what_is_missing_and_keeps_what_is_given() {
    let outer = CallContext::new()
        .with_correlation(CorrelationId::from_u128(1))
        .with_causation(EventId::from_u128(2))
        .with_sender(ActorId::new(3))
        .with_priority(Priority::Critical)
        .with_attempt(7)
        .with_retry(RetryMark::Forbidden);
    let inner = CallContext::new().with_sender(ActorId::new(4)).with_priority(Priority::Low);
    let nested = inner.inside(&outer);
    assert_eq!(nested.correlation(), outer.correlation());
    assert_eq!(nested.causation(), outer.causation());
    assert_eq!(nested.sender(), Some(ActorId::new(4)));
    assert_eq!(nested.priority(), Priority::Low);
    assert_eq!(nested.attempt(), 1);
    assert_eq!(nested.retry(), RetryMark::Forbidden);
}

#[test]
fn a_child_call_carries_on_everything_but_the_attempt() {
    let parent = CallContext::new()
        .with_correlation(CorrelationId::from_u128(1))
        .with_deadline(Instant::from_nanos(5))
        .with_priority(Priority::High)
        .with_attempt(3);
    assert_eq!(parent.child(), parent.clone().with_attempt(1));
}

#[test]
fn attempts_count_from_one() {
    assert_eq!(CallContext::new().with_attempt(0).attempt(), 1);
}

#[test]
fn a_context_survives_json() {
    let call = CallContext::new()
        .with_correlation(CorrelationId::from_u128(1 << 100))
        .with_deadline(Instant::from_nanos(5))
        .with_retry(RetryMark::Forbidden);
    let json = serde_json::to_string(&call).unwrap();
    assert_eq!(serde_json::from_str::<CallContext>(&json).unwrap(), call);
}

fn attempt_of(number: u32, deadline: Option<u64>) -> context::Attempt {
    let deadline = deadline.map(Instant::from_nanos);
    context::Attempt::new(number, deadline, Priority::Low, RetryMark::Forbidden)
}

#[test]
fn an_attempt_is_current_only_while_its_scope_is_entered() {
    let mut scope = attempt_of(2, Some(9)).scope();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        scope.enter(|| {
            assert!(context::is_set());
            let said = call(2).with_deadline(Instant::from_nanos(9)).with_priority(Priority::Low);
            let said = said.with_retry(RetryMark::Forbidden);
            assert!(context::current_ref(|seen| seen == Some(&said)));
            panic!("as the test wants");
        });
    }));
    assert!(caught.is_err() && !context::is_set());
    assert_eq!(scope.enter(attempt), Some(2));
}

#[test]
fn all_code_of_an_attempt_gets_the_same_context_on_whatever_thread() {
    let _outer = context::enter(call(7).with_sender(ActorId::new(3)));
    let mut scope = attempt_of(2, None).scope();
    let first = scope.enter(|| {
        let first = context::current().unwrap();
        assert!(Arc::ptr_eq(&first, &context::current().unwrap()));
        first
    });
    assert_eq!((first.attempt(), first.sender()), (2, Some(ActorId::new(3))));
    assert_eq!(attempt(), Some(7));
    let elsewhere = move || (scope.enter(context::current).unwrap(), context::is_set());
    let (again, left_set) = thread::spawn(elsewhere).join().unwrap();
    assert!(Arc::ptr_eq(&first, &again) && !left_set);
}

#[test]
fn an_attempt_keeps_the_context_of_its_making() {
    let mut scope = {
        let _outer = context::enter(call(7).with_correlation(CorrelationId::from_u128(1)));
        attempt_of(2, None).scope()
    };
    let _elsewhere = context::enter(call(8).with_sender(ActorId::new(3)));
    let seen = scope.enter(|| context::current().unwrap());
    assert_eq!((seen.correlation(), seen.sender()), (Some(CorrelationId::from_u128(1)), None));
    assert_eq!(attempt(), Some(8));
}

#[test]
fn attempts_nest_in_attempts_and_in_contexts() {
    let _outer = context::enter(call(7).with_correlation(CorrelationId::from_u128(1)));
    let deadline = || context::current_ref(|call| call.and_then(CallContext::deadline));
    attempt_of(2, Some(9)).scope().enter(|| {
        attempt_of(3, None).scope().enter(|| {
            assert_eq!((attempt(), deadline()), (Some(3), Some(Instant::from_nanos(9))));
            let seen = context::current().unwrap();
            assert_eq!(seen.correlation(), Some(CorrelationId::from_u128(1)));
        });
        {
            let _inner = context::enter(call(4));
            assert_eq!((attempt(), deadline()), (Some(4), Some(Instant::from_nanos(9))));
        }
        {
            let _none = context::replace(None);
            assert!(!context::is_set());
        }
        assert_eq!(attempt(), Some(2));
    });
    assert_eq!(attempt(), Some(7));
}
