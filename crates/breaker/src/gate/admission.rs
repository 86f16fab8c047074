//! What came of asking for a call, small enough to be returned in registers.

use std::time::Duration;

use steadfast_base::Instant;

use crate::machine::{PROBES_MAX, Ticket};
use crate::rejection::Rejection;
use crate::state::State;

use super::word::state_of;

/// A ticket or a rejection, or neither, in two words. Whoever looks at it takes it apart: what is not
/// looked at, such as the wait as a [`Duration`], is not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// The epoch in the upper half. Below it of a ticket the number of the probe; beyond all of those
    /// [`REJECTED`] and the state.
    word: u64,
    /// Of a ticket the start of the call, of a rejection the wait.
    nanos: u64,
}

const REJECTED: u32 = PROBES_MAX + 1;
/// A state that there is none of.
const UNDECIDED: u32 = REJECTED | 0xFF;

impl Admission {
    /// Whoever has the lock must decide.
    pub(crate) const UNDECIDED: Self = Self::new(0, UNDECIDED, 0);

    #[inline]
    const fn new(epoch: u32, kind: u32, nanos: u64) -> Self {
        Self { word: (epoch as u64) << 32 | kind as u64, nanos }
    }

    #[inline]
    pub(super) fn rejected(state: State, retry_after: u64, epoch: u32) -> Self {
        Self::new(epoch, REJECTED | state as u32, retry_after)
    }

    #[inline]
    fn epoch(self) -> u32 {
        (self.word >> 32) as u32
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    fn kind(self) -> u32 {
        self.word as u32
    }

    #[inline]
    pub(crate) fn is_decided(self) -> bool {
        self.kind() != UNDECIDED
    }

    /// What it is, decided.
    #[inline]
    pub(crate) fn into_result(self) -> Result<Ticket, Rejection> {
        let (epoch, kind) = (self.epoch(), self.kind());
        if kind & REJECTED == 0 {
            return Ok(Ticket::new(epoch, kind, Some(Instant::from_nanos(self.nanos))));
        }
        let state = state_of((kind & !REJECTED).into());
        Err(Rejection { state, retry_after: Duration::from_nanos(self.nanos), epoch })
    }

    /// The rejection, if it is one.
    #[inline]
    pub(crate) fn rejection(self) -> Option<Rejection> {
        self.is_decided().then(|| self.into_result().err()).flatten()
    }
}

impl From<Result<Ticket, Rejection>> for Admission {
    fn from(result: Result<Ticket, Rejection>) -> Self {
        match result {
            Ok(ticket) => {
                let (epoch, probe, started) = ticket.into_parts();
                Self::new(epoch, probe, started.as_nanos())
            }
            Err(Rejection { state, retry_after, epoch }) => {
                let wait = u64::try_from(retry_after.as_nanos()).unwrap_or(u64::MAX);
                Self::rejected(state, wait, epoch)
            }
        }
    }
}
