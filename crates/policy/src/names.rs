//! The names of policies, of events and of their fields.

/// No policy, but the pipeline itself: in the event that an inherited deadline had passed.
pub const PIPELINE: &str = "pipeline";
/// The kind of a policy, in rejections, events and faults.
pub const BREAKER: &str = "breaker";
/// See [`BREAKER`].
pub const BULKHEAD: &str = "bulkhead";
/// See [`BREAKER`].
pub const RETRY: &str = "retry";
/// See [`BREAKER`].
pub const TIMEOUT: &str = "timeout";
/// See [`BREAKER`].
pub const TOTAL_DEADLINE: &str = "total-deadline";
/// See [`BREAKER`].
pub const FALLBACK: &str = "fallback";
/// See [`BREAKER`].
pub const RATE_LIMIT: &str = "rate-limit";
/// See [`BREAKER`].
pub const ADAPTIVE_LIMIT: &str = "adaptive-limit";
/// See [`BREAKER`].
pub const THROTTLE: &str = "throttle";
/// See [`BREAKER`].
pub const SHED: &str = "shed";
/// See [`BREAKER`].
pub const OUTLIER: &str = "outlier";
/// See [`BREAKER`].
pub const HEDGE: &str = "hedge";
/// See [`BREAKER`].
pub const CHAOS: &str = "chaos";

/// An attempt failed and another one follows; fields `attempt`, `wait`, `kind`.
pub const RETRY_SCHEDULED: &str = "policy.retry.scheduled";
/// A failed call is not tried again; fields `attempts`, `why`.
pub const RETRY_GAVE_UP: &str = "policy.retry.gave-up";
/// A call succeeded after at least one retry; field `attempts`.
pub const RETRY_SUCCEEDED: &str = "policy.retry.succeeded";
/// A call was dropped at its deadline; fields `policy`, `after`.
pub const TIMED_OUT: &str = "policy.timeout.elapsed";
/// A call was not started because its deadline had passed; field `policy`.
pub const DEADLINE_PASSED: &str = "policy.timeout.deadline-passed";
/// A fallback answered; field `kind`.
pub const FALLBACK_ANSWERED: &str = "policy.fallback.answered";
/// A fallback had no answer either; field `kind`.
pub const FALLBACK_FAILED: &str = "policy.fallback.failed";
/// A policy rejected a call; fields `policy`, `reason`, `retry_after`.
pub const REJECTED: &str = "policy.rejected";
/// New settings are in force; no fields.
pub const SETTINGS_APPLIED: &str = "policy.settings.applied";
/// New settings were refused and the old ones stay; field `error`.
pub const SETTINGS_REFUSED: &str = "policy.settings.refused";

/// A bulkhead let a call in.
pub const BULKHEAD_PERMITTED: &str = "policy.bulkhead.permitted";
/// A call left a bulkhead; field `ending`.
pub const BULKHEAD_FINISHED: &str = "policy.bulkhead.finished";
/// A bulkhead has another number of places; fields `from`, `to`.
pub const BULKHEAD_RESIZED: &str = "policy.bulkhead.resized";
/// An adaptive limit moved; fields `from`, `to`.
pub const ADAPTIVE_LIMIT_CHANGED: &str = "policy.adaptive-limit.changed";
/// Calls of a load shedder began or ceased to be overloaded; field `overloaded`.
pub const SHED_OVERLOAD: &str = "policy.shed.overload";
/// A host is ejected; fields `host`, `cause`, `for`.
pub const OUTLIER_EJECTED: &str = "policy.outlier.ejected";
/// An outlier stays because too many hosts are ejected; fields `host`, `cause`.
pub const OUTLIER_SPARED: &str = "policy.outlier.spared";
/// A host is no longer ejected; field `host`.
pub const OUTLIER_RETURNED: &str = "policy.outlier.returned";
/// A hedge started one more attempt; field `attempt`.
pub const HEDGE_STARTED: &str = "policy.hedge.started";
/// The budget allowed no further attempt; field `attempt`.
pub const HEDGE_REFUSED: &str = "policy.hedge.refused";
/// A call met an injected fault; fields `fault`, `delay`.
pub const CHAOS_INJECTED: &str = "policy.chaos.injected";
/// A fault of the system was injected; fields `fault`, `amount`.
pub const CHAOS_BEGUN: &str = "policy.chaos.begun";
/// An injected fault of the system is undone; fields `fault`, `amount`.
pub const CHAOS_ENDED: &str = "policy.chaos.ended";
