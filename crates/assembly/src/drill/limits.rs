//! A callee that hangs holds a caller no longer than the limits say.

use std::future::pending;
use std::time::Duration;

use super::report::Finding;
use super::twin::{Subject, TIME_MAX};

/// A time-out may be a little late: timers are coarse.
const LATE: Duration = Duration::from_millis(5);

pub(super) fn drill(subject: &Subject) -> Finding {
    let Some(longest) = longest(subject) else {
        let why = "there is no time limit: a callee that hangs holds its callers for ever";
        return Finding::skipped(why);
    };
    if longest > TIME_MAX {
        return Finding::skipped("its limits are longer than a drill may take");
    }
    let twin = subject.twin(subject.config.clone());
    let begun = twin.time.now();
    let answer = twin.test.run(twin.component.run(|_| pending::<Result<(), ()>>()));
    let took = twin.time.now().saturating_duration_since(begun);
    let expected = format!("an error within {longest:?} from a callee that hangs");
    let found = match answer {
        Ok(()) => "an answer".to_owned(),
        Err(error) => format!("{} after {took:?}", error.kind()),
    };
    Finding::new(answer.is_err() && took <= longest + LATE, expected, found)
}

/// How long a call may take at most; `None` if nothing limits it.
fn longest(subject: &Subject) -> Option<Duration> {
    let config = &subject.config;
    let of_breaker = config.breaker.as_ref().and_then(|breaker| breaker.call_timeout);
    let of_attempt = [config.attempt_timeout, of_breaker].into_iter().flatten().min();
    let of_attempts = of_attempt.map(|limit| {
        let Some(retry) = config.retry else { return limit };
        let wait = retry.backoff.max.max(retry.retry_after_max).mul_f64(1.0 + retry.jitter);
        let waits = wait.saturating_mul(retry.max_attempts - 1);
        limit.saturating_mul(retry.max_attempts).saturating_add(waits)
    });
    [config.total_deadline, of_attempts].into_iter().flatten().min()
}
