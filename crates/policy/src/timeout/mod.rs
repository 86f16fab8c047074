//! Time-outs of an attempt and deadlines of a whole call.

mod stage;

use std::time::Duration;

use steadfast_base::ConfigFault;

use crate::limits;
use crate::names;
use crate::pipeline::{Environment, Layer, Profile};

pub use self::stage::TimeLimitStage;

/// A limit on the time of a call, described.
///
/// The effective deadline is the earlier of now plus the limit and the deadline that is inherited from
/// the context; it is what the call's own code sees as its deadline. If it has passed already the call is
/// not started. A call that is ready at once registers no timer.
///
/// A synchronous call cannot be dropped: it is not started late, it sees its deadline, and its result
/// counts even if it comes late.
///
/// There is no default: a time limit has to be given.
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`TIMED_OUT`](crate::names::TIMED_OUT) | a call was dropped at its deadline | `policy`, `after` |
/// | [`DEADLINE_PASSED`](crate::names::DEADLINE_PASSED) | a call was not started | `policy` |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::Pipeline;
///
/// let pipeline = Pipeline::builder()
///     .total_deadline(Duration::from_secs(2))
///     .attempt_timeout(Duration::from_millis(500))
///     .build()?;
/// let given = pipeline.call(|call| Ok::<_, ()>(call.deadline().is_some()));
/// assert_eq!(given, Ok(true));
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a time limit does nothing outside of a pipeline"]
pub struct TimeLimit {
    kind: &'static str,
    limit: Duration,
}

impl TimeLimit {
    /// A limit on the whole call, attempts and waits included.
    pub fn total(limit: Duration) -> Self {
        Self { kind: names::TOTAL_DEADLINE, limit }
    }

    /// A limit on each attempt.
    pub fn attempt(limit: Duration) -> Self {
        Self { kind: names::TIMEOUT, limit }
    }
}

/// The fault of a limit that cannot be used.
pub(crate) fn faults(kind: &'static str, limit: Duration) -> Vec<ConfigFault> {
    if limit.is_zero() {
        vec![ConfigFault::new(kind, "is zero; it must be longer")]
    } else if limit > limits::TIMEOUT_MAX {
        let most = limits::TIMEOUT_MAX;
        vec![ConfigFault::new(kind, format!("is {limit:?}; it must be at most {most:?}"))]
    } else {
        Vec::new()
    }
}

impl Layer for TimeLimit {
    type Stage = TimeLimitStage;

    fn profile(&self) -> Profile {
        let mut profile = Profile::new(self.kind).with_faults(faults(self.kind, self.limit));
        profile.limit = Some(self.limit);
        profile
    }

    fn into_stage(self, environment: &Environment) -> TimeLimitStage {
        TimeLimitStage::new(self.kind, Some(self.limit), environment)
    }
}
