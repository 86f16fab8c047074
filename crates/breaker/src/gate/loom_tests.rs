//! Every interleaving of few threads: no result lost, none in a period it does not belong to.

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::config::{Config, ProbeVerdict, Window};
use crate::outcome::Outcome;

/// A gate that lets successes wait: 64 results, one of them a failure.
fn busy_gate(shards: ShardCount) -> Gate {
    let config = Config::builder()
        .window(Window::Calls(64))
        .min_calls(2)
        .failure_rate(1.0)
        .no_slow_rate()
        .consecutive_failures(2)
        .open_wait(Duration::from_secs(1))
        .probes(1, ProbeVerdict::Successes(1))
        .build()
        .expect("valid");
    let gate = Gate::new(Machine::new(config).expect("valid"), shards);
    {
        let mut machine = gate.lock();
        machine.record(Outcome::error(), Duration::ZERO, Instant::ZERO);
        machine.take_in_counted(63);
    }
    gate
}

/// Every interleaving, with one shared counter and with counters that threads own.
fn model(run: fn(ShardCount)) {
    for shards in [ShardCount::One, ShardCount::Many] {
        loom::model(move || run(shards));
    }
}

/// One success as the breaker makes it.
fn succeed(gate: &Gate) {
    let ticket = match gate.open_epoch() {
        Some(epoch) => crate::machine::Ticket::new(epoch, 0, None),
        None => gate.lock().admit(Instant::ZERO).expect("closed, behind a change under way"),
    };
    if !gate.hold_success(this_thread(), ticket.epoch(), || Instant::ZERO) {
        gate.lock().finish(ticket, Outcome::Success, Instant::ZERO);
    }
}

fn fail(gate: &Gate) {
    gate.lock().record(Outcome::error(), Duration::ZERO, Instant::ZERO);
}

#[test]
fn a_success_is_counted_once_whatever_happens_meanwhile() {
    model(|shards| {
        let gate = Arc::new(busy_gate(shards));
        let other = Arc::clone(&gate);
        let succeeding = thread::spawn(move || {
            succeed(&other);
            succeed(&other);
        });
        fail(&gate);
        gate.lock().reset(Instant::ZERO);
        succeeding.join().expect("no panic");
        let metrics = gate.lock().metrics(Instant::ZERO);
        assert_eq!((metrics.totals.successes, metrics.totals.failures), (63 + 2, 2));
        // What is in the new window came in the new period; the rest was late or before the reset.
        assert_eq!(metrics.window.failed, 0);
        assert!(metrics.window.total <= 2);
    });
}

#[test]
fn a_success_admitted_before_a_reset_never_enters_the_new_window() {
    model(|shards| {
        let gate = Arc::new(busy_gate(shards));
        let epoch = gate.open_epoch().expect("closed");
        let other = Arc::clone(&gate);
        let late = thread::spawn(move || {
            let ticket = crate::machine::Ticket::new(epoch, 0, None);
            if !other.hold_success(this_thread(), epoch, || Instant::ZERO) {
                other.lock().finish(ticket, Outcome::Success, Instant::ZERO);
            }
        });
        gate.lock().reset(Instant::ZERO);
        late.join().expect("no panic");
        let metrics = gate.lock().metrics(Instant::ZERO);
        assert_eq!(metrics.window.total, 0);
        assert_eq!(metrics.totals.successes, 63 + 1);
    });
}

#[test]
fn rejections_are_counted_once_and_never_as_successes() {
    model(|shards| {
        let gate = Arc::new(busy_gate(shards));
        gate.lock().open_for(Duration::from_secs(1), Instant::ZERO);
        let other = Arc::clone(&gate);
        let rejecting = thread::spawn(move || {
            u64::from(
                match other.reject(this_thread(), || Instant::ZERO, || Instant::ZERO).rejection() {
                    Some(_) => true,
                    None => other.lock().admit(Instant::ZERO).is_err(),
                },
            )
        });
        gate.lock().reset(Instant::ZERO);
        let rejected = rejecting.join().expect("no panic");
        let metrics = gate.lock().metrics(Instant::ZERO);
        assert_eq!(metrics.totals.rejected, rejected);
        assert_eq!((metrics.window.total, metrics.totals.successes), (0, 63));
    });
}

#[test]
fn two_threads_at_the_end_of_the_open_wait_get_one_probe() {
    model(|shards| {
        let gate = Arc::new(busy_gate(shards));
        gate.lock().open_for(Duration::from_secs(1), Instant::ZERO);
        let over = Instant::ZERO + Duration::from_secs(1);
        let admit = move |gate: &Gate| {
            let rejected = gate.reject(this_thread(), || over, || over).is_decided();
            !rejected && gate.lock().admit(over).is_ok()
        };
        let other = Arc::clone(&gate);
        let second = thread::spawn(move || admit(&other));
        let admitted = u32::from(admit(&gate)) + u32::from(second.join().expect("no panic"));
        assert_eq!(admitted, 1);
        let metrics = gate.lock().metrics(over);
        assert_eq!((metrics.probes, metrics.not_permitted), (1, 1));
    });
}

#[test]
fn held_successes_are_in_the_window_before_a_failure_is_judged() {
    model(|shards| {
        let gate = Arc::new(busy_gate(shards));
        fail_then_succeed(&gate);
        let other = Arc::clone(&gate);
        let failing = thread::spawn(move || fail(&other));
        failing.join().expect("no panic");
        // Two failures in a row would have opened; the held success was between them.
        assert!(gate.open_epoch().is_some());
    });
}

fn fail_then_succeed(gate: &Gate) {
    succeed(gate);
    fail(gate);
    succeed(gate);
}
