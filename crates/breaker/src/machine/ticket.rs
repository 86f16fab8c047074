//! The proof that a call was admitted, and by which period.

use steadfast_base::Instant;

/// The proof that a call was admitted; it carries the epoch of the state that admitted it.
///
/// A result that comes back after that state has ended feeds the totals only.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a ticket that never comes back keeps its place as a probe"]
pub struct Ticket {
    epoch: u32,
    /// Zero unless the call is a probe.
    probe: u32,
    /// `Instant::MAX` if unknown; a ticket fits into two registers.
    started: Instant,
}

impl Ticket {
    #[inline]
    pub(crate) fn new(epoch: u32, probe: u32, started: Option<Instant>) -> Self {
        Self { epoch, probe, started: started.unwrap_or(Instant::MAX) }
    }

    /// The epoch of the state that admitted the call.
    #[inline]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether the call is a probe of a half-open breaker.
    pub fn is_probe(&self) -> bool {
        self.probe != 0
    }

    /// When the call was admitted; `None` if calls are not timed.
    #[inline]
    pub fn started(&self) -> Option<Instant> {
        (self.started != Instant::MAX).then_some(self.started)
    }

    /// The epoch, the number of the probe and the start.
    pub(crate) fn into_parts(self) -> (u32, u32, Instant) {
        (self.epoch, self.probe, self.started)
    }

    /// The same call, known to have started at `at`.
    pub(crate) fn started_at(self, at: Instant) -> Self {
        Self { started: at, ..self }
    }
}
