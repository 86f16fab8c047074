//! Checks of a pipeline as a whole: orders that cannot work, with the way out.

use steadfast_base::ConfigFault;

use crate::names;
use crate::pipeline::stage::Profile;

/// An order of two kinds of policies that does not work.
struct Misorder {
    outer: &'static str,
    inner: &'static str,
    problem: &'static str,
}

/// What must not be outside of what.
const MISORDERS: [Misorder; 5] = [
    Misorder {
        outer: names::RETRY,
        inner: names::FALLBACK,
        problem: "fallback inside retry answers every error, so nothing is ever retried; add the \
                  fallback before the retry",
    },
    Misorder {
        outer: names::BREAKER,
        inner: names::FALLBACK,
        problem: "fallback inside breaker hides every failure from it; add the fallback before the \
                  breaker, or give it to the guard",
    },
    Misorder {
        outer: names::RETRY,
        inner: names::TOTAL_DEADLINE,
        problem: "total-deadline inside retry starts anew with each attempt; add it before the retry, \
                  or use attempt_timeout",
    },
    Misorder {
        outer: names::TIMEOUT,
        inner: names::RETRY,
        problem: "timeout outside retry covers all attempts and waits together; add attempt_timeout \
                  after the retry, or use total_deadline",
    },
    Misorder {
        outer: names::HEDGE,
        inner: names::RETRY,
        problem: "retry inside hedge multiplies hedges by attempts; add the retry before the hedge",
    },
];

/// Kinds that make sense only once.
const ONCE: [(&str, &str); 3] = [
    (names::RETRY, "attempts would multiply; keep one and raise its max_attempts"),
    (names::HEDGE, "copies would multiply; keep one"),
    (names::TOTAL_DEADLINE, "only the shorter one would count; keep that"),
];

/// Every fault of the layers, the outermost first, and of their composition.
pub(crate) fn faults(layers: &[Profile], idempotent: bool) -> Vec<ConfigFault> {
    let mut faults: Vec<ConfigFault> =
        layers.iter().flat_map(|layer| layer.faults.clone()).collect();
    let mut report = |problem: String| faults.push(ConfigFault::new("pipeline:", problem));

    for (kind, problem) in ONCE {
        let count = layers.iter().filter(|layer| layer.kind == kind).count();
        if count > 1 {
            report(format!("{kind} is there {count} times; {problem}"));
        }
    }
    for Misorder { outer, inner, problem } in MISORDERS {
        if pairs(layers).any(|(first, second)| first.kind == outer && second.kind == inner) {
            report(problem.to_owned());
        }
    }
    for (outer, inner) in pairs(layers) {
        if let Some(problem) = clash(outer, inner) {
            report(problem);
        }
    }
    if let Some(copying) = layers.iter().find(|layer| layer.duplicates)
        && !idempotent
    {
        report(format!(
            "{} runs a call several times at once, and the call is not marked idempotent; mark it \
             with idempotent() if that is what it is, or remove the {}",
            copying.kind, copying.kind
        ));
    }
    faults
}

/// What is wrong with `outer` outside of `inner`, given more than their kinds.
fn clash(outer: &Profile, inner: &Profile) -> Option<String> {
    let limits_time = |kind: &str| kind == names::TIMEOUT || kind == names::TOTAL_DEADLINE;
    if outer.kind == names::BREAKER && inner.kind == names::RETRY && !inner.budgeted {
        return Some(
            "retry inside breaker has no budget, so a failing callee gets every attempt before the \
             breaker sees one failure; give the retry a budget, or add it before the breaker"
                .to_owned(),
        );
    }
    if limits_time(outer.kind) && inner.ignores_drops {
        return Some(format!(
            "{} outside breaker drops calls, and the breaker's on_drop releases them, so it never sees \
             a time-out; set on_drop to slow_is_failure, or add attempt_timeout after the breaker",
            outer.kind
        ));
    }
    if outer.kind == names::CHAOS && inner.kind != names::CHAOS {
        return Some(format!(
            "chaos outside {} does not test it; add chaos last, as the innermost policy",
            inner.kind
        ));
    }
    match (outer.limit, inner.limit) {
        (Some(long), Some(short)) if limits_time(outer.kind) && short > long => Some(format!(
            "{} ({short:?}) inside {} ({long:?}) never comes into force; make it the shorter one",
            inner.kind, outer.kind
        )),
        _ => None,
    }
}

/// All pairs of layers, the outer one first.
fn pairs(layers: &[Profile]) -> impl Iterator<Item = (&Profile, &Profile)> {
    layers.iter().enumerate().flat_map(move |(index, outer)| {
        layers.iter().skip(index + 1).map(move |inner| (outer, inner))
    })
}
