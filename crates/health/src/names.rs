//! Names of the events that this crate emits to a `Sink`, with their fields.

/// The verdict on a check changed. Fields: check, from, to, reason.
pub const CHECK_CHANGED: &str = "health.check-changed";
/// The health of the whole changed. Fields: from, to, reason.
pub const OVERALL_CHANGED: &str = "health.overall-changed";

/// An act of healing began. Fields: component, action, reason, by (who approved it, else empty).
pub const HEALING_STARTED: &str = "health.healing-started";
/// An act of healing ended. Fields: component, action, result, took, reason.
pub const HEALING_ENDED: &str = "health.healing-ended";
/// The governor put an act off. Fields: component, action, rule.
pub const HEALING_DEFERRED: &str = "health.healing-deferred";
/// An act needs an operator's approval. Fields: component, action, request, reason, expires.
pub const APPROVAL_ASKED: &str = "health.approval-asked";
/// A request for approval was settled. Fields: component, action, request, answer, by.
pub const APPROVAL_SETTLED: &str = "health.approval-settled";
/// It could not be found out whether a component is unwell. Fields: component, action,
/// reason.
pub const CONDITION_UNKNOWN: &str = "health.condition-unknown";

/// The level of service changed. Fields: from, to, cause.
pub const LEVEL_CHANGED: &str = "health.level-changed";
/// A level was applied by hand and holds until released. Fields: level.
pub const LEVEL_PINNED: &str = "health.level-pinned";
/// A level applied by hand was released. Fields: level.
pub const LEVEL_RELEASED: &str = "health.level-released";
/// A monitor gave no reading for so long that its last one no longer counts. Fields: monitor, reason.
pub const MONITOR_SILENT: &str = "health.monitor-silent";
/// A silent monitor gives readings again. Fields: monitor.
pub const MONITOR_BACK: &str = "health.monitor-back";

/// A leak was found. Fields: name (of the tracker or gauge), kind, cause, site (where most of it was acquired,
/// else empty).
pub const LEAK_FOUND: &str = "health.leak-found";
/// A gauge that leaked has been calm for long enough. Fields: name, kind.
pub const LEAK_GONE: &str = "health.leak-gone";

pub(crate) const ACTION: &str = "action";
pub(crate) const ANSWER: &str = "answer";
pub(crate) const BY: &str = "by";
pub(crate) const CAUSE: &str = "cause";
pub(crate) const CHECK: &str = "check";
pub(crate) const COMPONENT: &str = "component";
pub(crate) const EXPIRES: &str = "expires";
pub(crate) const FROM: &str = "from";
pub(crate) const KIND: &str = "kind";
pub(crate) const LEVEL: &str = "level";
pub(crate) const MONITOR: &str = "monitor";
pub(crate) const NAME: &str = "name";
pub(crate) const REASON: &str = "reason";
pub(crate) const REQUEST: &str = "request";
pub(crate) const RESULT: &str = "result";
pub(crate) const RULE: &str = "rule";
pub(crate) const SITE: &str = "site";
pub(crate) const TO: &str = "to";
pub(crate) const TOOK: &str = "took";
