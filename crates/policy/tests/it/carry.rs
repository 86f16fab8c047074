//! What travels with a call: deadline, attempt, priority, and the mark that forbids retries.

use std::cell::{Cell, RefCell};

use steadfast_base::{ActorId, CallContext, CorrelationId, Instant, Priority, RetryMark, context};
use steadfast_policy::{Call, Retry};

use crate::bench::{Bench, Script, ms};

#[test]
fn the_protected_code_runs_in_a_context_of_its_attempt() {
    let bench = Bench::new();
    let retry = Retry::constant(ms(100)).jitter(0.0);
    let builder = bench.builder().total_deadline(ms(5_000)).retry(retry);
    let pipeline = builder.attempt_timeout(ms(300)).build().unwrap();
    let parent = CallContext::new()
        .with_correlation(CorrelationId::from_u128(7))
        .with_sender(ActorId::new(9))
        .with_priority(Priority::High);
    let seen = RefCell::new(Vec::new());
    let time = bench.clock.time();
    let look = || {
        let current = context::current().expect("a context");
        seen.borrow_mut().push(CallContext::clone(&current));
    };
    let result = bench.block_on(context::scope(parent.clone(), async {
        let work = |_| async {
            look();
            time.sleep(ms(1)).await;
            look();
            Err::<(), _>("no")
        };
        let result = pipeline.run(work).await;
        assert_eq!(context::current().as_deref(), Some(&parent));
        result
    }));
    assert!(result.is_err());
    assert!(!context::is_set());
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 6);
    for (index, (call, started)) in seen.iter().step_by(2).zip([0, 101, 202]).enumerate() {
        assert_eq!(call.attempt() as usize, index + 1);
        assert_eq!(call.deadline(), Some(Instant::ZERO + ms(started + 300)));
        assert_eq!(call.retry(), RetryMark::Forbidden);
        assert_eq!(call.correlation(), Some(CorrelationId::from_u128(7)));
        assert_eq!((call.sender(), call.priority()), (Some(ActorId::new(9)), Priority::High));
        assert_eq!(call, &seen[index * 2 + 1], "the same after a wait");
    }
}

#[test]
fn nested_retries_become_one() {
    let bench = Bench::new();
    let retry = || Retry::constant(ms(10)).max_attempts(3);
    let outer = bench.builder().retry(retry()).build().unwrap();
    let inner = bench.builder().retry(retry()).build().unwrap();
    let alone = retry().build(bench.clock.time()).unwrap();
    let script = Script::<()>::new(&[Err("down")]);
    let nested = |_| async {
        let inner = inner.run(|_| async { script.next() });
        inner.await.map_err(|error| error.into_inner().expect("its own error"))
    };
    assert!(bench.block_on(outer.run(nested)).is_err());
    assert_eq!(script.calls.get(), 3);

    let nested = |_| async {
        let inner = alone.call_async(|_| async { script.next() });
        inner.await.map_err(|error| error.into_inner().expect("its own error"))
    };
    assert!(bench.block_on(outer.run(nested)).is_err());
    assert_eq!(script.calls.get(), 6);
    assert!(bench.block_on(alone.call_async(nested)).is_err());
    assert_eq!(script.calls.get(), 9);
    // Outside of any retry it retries by itself.
    assert!(bench.block_on(alone.call_async(|_| async { script.next() })).is_err());
    assert_eq!(script.calls.get(), 12);
}

#[test]
fn a_mark_from_further_up_forbids_retries() {
    let bench = Bench::new();
    let pipeline = bench.builder().retry(Retry::constant(ms(10))).build().unwrap();
    let script = Script::<()>::new(&[Err("down")]);
    let _guard = context::enter(CallContext::new().with_retry(RetryMark::Forbidden));
    assert!(pipeline.call(|_| script.next()).is_err());
    assert!(bench.block_on(pipeline.run(|_| async { script.next() })).is_err());
    assert_eq!(script.calls.get(), 2);
}

#[test]
fn a_pipeline_that_adds_nothing_leaves_the_context_alone() {
    let bench = Bench::new();
    let pipeline = bench.builder().build().unwrap();
    let set = Cell::new(true);
    let look = |_| async {
        set.set(context::is_set());
        Ok::<_, ()>(())
    };
    bench.block_on(pipeline.run(look)).unwrap();
    assert!(!set.get());
}

#[test]
fn a_context_that_was_kept_is_not_changed_by_later_calls() {
    let bench = Bench::new();
    let pipeline = bench.builder().retry(Retry::default()).attempt_timeout(ms(50)).build().unwrap();
    let keep = |_| Ok::<_, ()>(context::current().expect("a context"));
    let first = pipeline.call(keep).unwrap();
    let before = CallContext::clone(&first);
    bench.clock.advance(ms(1_000));
    for _ in 0..10 {
        let other = pipeline.call(keep).unwrap();
        assert_ne!(other.deadline(), first.deadline());
    }
    assert_eq!(*first, before);
}

#[test]
fn key_and_priority_reach_the_protected_code() {
    let bench = Bench::new();
    let pipeline = bench.builder().retry(Retry::default()).build().unwrap();
    let call = Call::from_context().with_key(42).with_priority(Priority::Background);
    let seen = bench.block_on(pipeline.run_with(call, |call| async move {
        let current = context::current().expect("a context");
        Ok::<_, ()>((call.key(), call.priority(), current.priority()))
    }));
    assert_eq!(seen, Ok((42, Priority::Background, Priority::Background)));
}
