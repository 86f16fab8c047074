//! Assertions for our own bugs: loud where we develop, survivable where it counts.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::sink::{Event, Sink, Value};
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// Violations seen by this process. A pure count that no decision reads: it exists because a
/// violated assertion must leave a trace even where no sink is at hand.
static VIOLATIONS: AtomicU64 = AtomicU64::new(0);

/// The name of the event that a violation emits.
const EVENT: &str = "base.assertion-violated";

/// Asserts that a condition holds, and gives it back; panics in debug builds only.
///
/// For conditions that only a bug of ours can break, and whose failure can be survived: `if
/// !always!(x) { return safe }`. In builds with debug assertions a violation panics. In the others
/// it is counted ([`violations`](crate::violations)), reported to a sink if one is given (`sink,
/// at;` first), and the caller takes the safe path. Where going on would spread corruption, use
/// `assert!` instead.
///
/// While its thread is already panicking a violation never panics, since that would abort the
/// process. After rust-analyzer's `stdx::always!`.
///
/// # Panics
///
/// If the condition is false, in builds of this crate with debug assertions.
///
/// # Example
///
/// ```
/// use steadfast_base::{NullSink, Timestamp, always};
///
/// let (queued, capacity) = (3, 8);
/// assert!(always!(queued <= capacity));
/// assert!(always!(queued <= capacity, "{queued} queued of {capacity}"));
/// let (sink, at) = (&NullSink, Timestamp::UNIX_EPOCH);
/// assert!(always!(sink, at; queued <= capacity, "{queued} queued of {capacity}"));
/// ```
#[macro_export]
macro_rules! always {
    ($sink:expr, $at:expr; $condition:expr $(,)?) => {
        $crate::always!($sink, $at; $condition, "{}", ::core::stringify!($condition))
    };
    ($sink:expr, $at:expr; $condition:expr, $($message:tt)+) => {{
        let holds: bool = $condition;
        if !holds {
            $crate::__violated_to(&*$sink, $at, ::core::format_args!($($message)+));
        }
        holds
    }};
    ($condition:expr $(,)?) => {
        $crate::always!($condition, "{}", ::core::stringify!($condition))
    };
    ($condition:expr, $($message:tt)+) => {{
        let holds: bool = $condition;
        if !holds {
            $crate::__violated(::core::format_args!($($message)+));
        }
        holds
    }};
}

/// Asserts that a condition does not hold, and gives it back; panics in debug builds only.
///
/// The reverse of [`always!`], to be read as `if never!(x) { return safe }`. Everything said there
/// holds here.
///
/// # Panics
///
/// If the condition is true, in builds of this crate with debug assertions.
///
/// # Example
///
/// ```
/// use steadfast_base::never;
///
/// fn pop(queue: &mut Vec<u32>) -> u32 {
///     if never!(queue.is_empty(), "popped an empty queue") {
///         return 0;
///     }
///     queue.pop().unwrap_or_default()
/// }
///
/// assert_eq!(pop(&mut vec![4]), 4);
/// ```
#[macro_export]
macro_rules! never {
    ($sink:expr, $at:expr; $condition:expr $(,)?) => {
        $crate::never!($sink, $at; $condition, "{}", ::core::stringify!($condition))
    };
    ($sink:expr, $at:expr; $condition:expr, $($message:tt)+) => {
        !$crate::always!($sink, $at; !$condition, $($message)+)
    };
    ($condition:expr $(,)?) => {
        $crate::never!($condition, "{}", ::core::stringify!($condition))
    };
    ($condition:expr, $($message:tt)+) => {
        !$crate::always!(!$condition, $($message)+)
    };
}

/// How many violated [`always!`] and [`never!`] assertions this process has seen.
///
/// Anything but 0 is a bug of ours, worth an alert and a report.
///
/// # Example
///
/// ```
/// assert_eq!(steadfast_base::violations(), 0);
/// ```
pub fn violations() -> u64 {
    VIOLATIONS.load(Ordering::Relaxed)
}

/// Where the macros go when their condition is violated.
#[doc(hidden)]
#[cold]
#[track_caller]
pub fn __violated(message: fmt::Arguments<'_>) {
    VIOLATIONS.fetch_add(1, Ordering::Relaxed);
    let survive = !cfg!(debug_assertions) || thread::panicking();
    assert!(survive, "assertion violated: {message}");
}

/// Where the macros go when their condition is violated and there is a sink to tell.
#[doc(hidden)]
#[cold]
#[track_caller]
pub fn __violated_to(sink: &dyn Sink, at: Timestamp, message: fmt::Arguments<'_>) {
    let place = Location::caller();
    let fields = [
        ("message", Value::Display(&message)),
        ("file", Value::Str(place.file())),
        ("line", Value::U64(place.line().into())),
    ];
    sink.emit(&Event::new(EVENT, at, &fields));
    __violated(message);
}
