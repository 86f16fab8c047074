//! `Trace`: what all actors of a test did, as lines that can be compared.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use steadfast_base::{ActorId, CallContext, Clock, Instant, VirtualClock};

use crate::{DeadReason, ExitReason, Failure, Probe};

/// Lines that a trace holds; later ones are counted and not kept.
pub const TRACE_LINES_MAX: usize = 100_000;

/// Everything that happened in a [`TestSystem`](crate::testkit::TestSystem), in order, with virtual time.
///
/// A line is `<seconds> <what> #<actor> ...`. Two runs with the same seed and the same test have
/// equal traces. Holds [`TRACE_LINES_MAX`] lines; later ones are counted by
/// [`missed`](Self::missed).
///
/// # Example
///
/// ```
/// use steadfast_actor_core::testkit::TestSystem;
///
/// let test = TestSystem::new();
/// let probe = test.probe::<u32>("probe");
/// test.run(async { probe.actor().tell(7).await }).expect("there is room");
/// let lines = test.trace().lines();
/// assert_eq!(lines[0], "0.000000000 spawned #1 /test/probe");
/// assert_eq!(lines[1], "0.000000000 enqueued #1 1 waiting");
/// ```
#[derive(Clone)]
pub struct Trace {
    shared: Arc<Shared>,
}

struct Shared {
    clock: VirtualClock,
    /// The probe of the test itself, which hears everything too.
    next: Option<Arc<dyn Probe>>,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    kept: Vec<(Instant, Box<str>)>,
    missed: u64,
}

impl Trace {
    pub(super) fn new(clock: VirtualClock, next: Option<Arc<dyn Probe>>) -> Self {
        Self { shared: Arc::new(Shared { clock, next, lines: Mutex::default() }) }
    }

    pub(super) fn probe(&self) -> Arc<dyn Probe> {
        Arc::<Shared>::clone(&self.shared)
    }

    /// Adds a line of the test's own.
    pub fn note(&self, text: &str) {
        self.shared.add(format!("note {text}"));
    }

    /// The lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.shared.lines().kept.iter().map(|(at, what)| line(*at, what)).collect()
    }

    /// The lines that contain `text`.
    #[must_use]
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| line.contains(text));
        lines
    }

    /// How many lines were not kept.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.shared.lines().missed
    }

    /// Forgets all lines, to look at what comes next.
    pub fn clear(&self) {
        *self.shared.lines() = Lines::default();
    }
}

fn line(at: Instant, what: &str) -> String {
    let nanos = at.as_nanos();
    format!("{}.{:09} {what}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, what: impl Into<Box<str>>) {
        let at = self.clock.now();
        let mut lines = self.lines();
        if lines.kept.len() < TRACE_LINES_MAX {
            lines.kept.push((at, what.into()));
        } else {
            lines.missed += 1;
        }
    }

    fn and_next(&self, hear: impl FnOnce(&dyn Probe)) {
        if let Some(next) = &self.next {
            hear(&**next);
        }
    }
}

impl Probe for Shared {
    fn samples(&self, _: ActorId) -> bool {
        true
    }

    fn spawned(&self, actor: ActorId, path: &Arc<str>) {
        self.add(format!("spawned #{actor} {path}"));
        self.and_next(|next| next.spawned(actor, path));
    }

    fn exited(&self, actor: ActorId, path: &Arc<str>, reason: &ExitReason) {
        self.add(format!("exited #{actor} {path} {reason}"));
        self.and_next(|next| next.exited(actor, path, reason));
    }

    fn restarted(&self, actor: ActorId, incarnation: u32) {
        self.add(format!("restarted #{actor} incarnation {incarnation}"));
        self.and_next(|next| next.restarted(actor, incarnation));
    }

    fn enqueued(&self, actor: ActorId, queued: usize) {
        self.add(format!("enqueued #{actor} {queued} waiting"));
        self.and_next(|next| next.enqueued(actor, queued));
    }

    fn started(&self, actor: ActorId, at: Instant, context: Option<&CallContext>) {
        self.add(match context.and_then(CallContext::correlation) {
            Some(correlation) => format!("started #{actor} for {correlation}"),
            None => format!("started #{actor}"),
        });
        self.and_next(|next| next.started(actor, at, context));
    }

    fn handled(&self, actor: ActorId, began: Instant, ended: Instant, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.add(format!("handled #{actor} {outcome}"));
        self.and_next(|next| next.handled(actor, began, ended, ok));
    }

    fn dropped(&self, actor: ActorId, reason: DeadReason, count: u64) {
        self.add(format!("dropped #{actor} {count} {reason:?}"));
        self.and_next(|next| next.dropped(actor, reason, count));
    }

    fn failure(&self, actor: ActorId, failure: &Failure) {
        self.add(format!("failure #{actor} {failure}"));
        self.and_next(|next| next.failure(actor, failure));
    }

    fn wait_cycle(&self, actors: &[ActorId]) {
        let ring: Vec<String> = actors.iter().map(|actor| format!("#{actor}")).collect();
        self.add(format!("wait-cycle {}", ring.join(" ")));
        self.and_next(|next| next.wait_cycle(actors));
    }
}

impl PartialEq for Trace {
    fn eq(&self, other: &Self) -> bool {
        let lines = |trace: &Self| -> (Vec<_>, u64) {
            let lines = trace.shared.lines();
            (lines.kept.clone(), lines.missed)
        };
        lines(self) == lines(other)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "{line}")?;
        }
        match self.missed() {
            0 => Ok(()),
            missed => writeln!(f, "and {missed} more"),
        }
    }
}

/// As [`Display`](fmt::Display), so that a failed comparison shows the lines.
impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace\n")?;
        fmt::Display::fmt(self, f)
    }
}
