//! The breaker opens on a callee that fails, rejects while open, and closes once the callee is back.

use std::time::Duration;

use steadfast_breaker::{CircuitBreaker, Config, ProbeVerdict, State};

use super::report::Finding;
use super::twin::{Subject, TIME_MAX, Twin};

/// What a callee does.
#[derive(Clone, Copy)]
enum Callee {
    Well,
    Failing,
    /// Answers well, but so late.
    Slow(Duration),
}

pub(super) fn drill(subject: &Subject) -> Finding {
    let Some(settings) = &subject.config.breaker else {
        return Finding::skipped("there is no breaker");
    };
    let fails = settings.failure_rate.is_some()
        || settings.consecutive_failures.is_some()
        || settings.failure_limit.is_some();
    let bad = match settings.slow_rate {
        _ if fails => Callee::Failing,
        Some(_) => Callee::Slow(settings.slow_call * 2),
        None => return Finding::skipped("no rule opens the breaker"),
    };
    let (bad_max, good_max) = calls_max(settings);
    let expected = format!(
        "open within {bad_max} bad calls, reject while open, and close within {good_max} good calls \
         after {:?}",
        settings.open_wait.initial
    );
    let spacing = subject.spacing();
    if settings.open_wait.initial + spacing * (bad_max + good_max) > TIME_MAX {
        return Finding::skipped("its waits are longer than a drill may take");
    }
    let twin = subject.twin(subject.config.clone());
    let breaker = twin.component.any_breaker().clone();
    let wait = settings.open_wait.initial + Duration::from_millis(1);
    twin.test.run(async {
        let opened = call_until(&twin, bad, State::Open, bad_max, spacing).await;
        let Some(bad_calls) = opened else {
            let found = format!("{} after {bad_max} bad calls", breaker.state());
            return Finding::failed(expected, found);
        };
        if breaker.acquire().is_ok() {
            return Finding::failed(expected, "an open breaker let a call through");
        }
        twin.time.sleep(wait).await;
        let closed = call_until(&twin, Callee::Well, State::Closed, good_max, spacing).await;
        let Some(good_calls) = closed else {
            let found = format!(
                "opened after {bad_calls} bad calls, but is {} after {good_max} good ones",
                breaker.state()
            );
            return Finding::failed(expected, found);
        };
        let found = format!(
            "opened after {bad_calls} bad calls, rejected, closed after {good_calls} good calls"
        );
        Finding::new(true, expected, found)
    })
}

/// Calls that must be enough to open, and to close; a rate is judged by a whole window at most.
fn calls_max(settings: &Config) -> (u32, u32) {
    let by_rate = (settings.failure_rate.or(settings.slow_rate)).map(|_| settings.min_calls);
    let by_row = settings.consecutive_failures;
    let by_limit = settings.failure_limit.map(|limit| limit.failures.saturating_add(1));
    let bad = [by_rate, by_row, by_limit].into_iter().flatten().min().unwrap_or(1);
    let good = match settings.half_open.verdict {
        ProbeVerdict::Successes(successes) => successes,
        _ => settings.half_open.calls.min(settings.min_calls),
    };
    (bad.max(1), good.max(1))
}

/// Calls one after the other until the breaker has this state; answers how many calls that took.
async fn call_until(
    twin: &Twin,
    callee: Callee,
    state: State,
    calls_max: u32,
    spacing: Duration,
) -> Option<u32> {
    let breaker: &CircuitBreaker = twin.component.any_breaker();
    for call in 1..=calls_max {
        let time = &twin.time;
        let made = twin.component.run(move |_| async move {
            match callee {
                Callee::Well => Ok(()),
                Callee::Failing => Err("drilled"),
                Callee::Slow(late) => {
                    time.sleep(late).await;
                    Ok(())
                }
            }
        });
        // What becomes of the call is the breaker's to judge.
        let _ = made.await;
        if breaker.state() == state {
            return Some(call);
        }
        time.sleep(spacing).await;
    }
    None
}
