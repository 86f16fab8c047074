//! The published decision in one word: epoch, state, slack, and whether calls are observed.

use crate::machine::Machine;
use crate::state::State;
use crate::window::Slack;

/// `epoch` in the upper half; below it three bits of state, two of slack, one for observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u64);

const STATE_MASK: u64 = 0b111;
const SLACK_SHIFT: u32 = 3;
const SLACK_MASK: u64 = 0b11;
const OBSERVED: u64 = 1 << 5;

/// Successes that one thread may hold back from a window in which a success changes little.
pub(super) const FEW: u32 = 8;
/// Successes that may be held back when they change nothing; far from an overflow of the counter.
const MANY: u32 = u32::MAX / 2;

impl Word {
    /// While a new period is published: half-open as far as anybody can tell, so every call takes the
    /// lock. No machine has the epoch 0 in its first four billion periods. Whoever listens goes on
    /// hearing of calls.
    pub(super) const CHANGING: Self = Self(OBSERVED | State::HalfOpen as u64);

    pub(super) fn of(machine: &Machine, calls_observed: bool) -> Self {
        let slack = match machine.slack() {
            _ if calls_observed => 0,
            Slack::None => 0,
            Slack::Few => 1,
            Slack::Unbounded => 2,
        };
        let observed = if calls_observed { OBSERVED } else { 0 };
        let state = machine.state() as u64;
        Self(u64::from(machine.epoch()) << 32 | observed | slack << SLACK_SHIFT | state)
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) fn to_bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline]
    pub(super) fn state(self) -> State {
        state_of(self.0 & STATE_MASK)
    }

    #[inline]
    pub(super) fn admits_all(self) -> bool {
        matches!(self.state(), State::Closed | State::Disabled | State::MetricsOnly)
    }

    pub(super) fn calls_observed(self) -> bool {
        self.0 & OBSERVED != 0
    }

    /// How many quick successes a shard may hold; zero unless closed.
    #[inline]
    pub(super) fn held_successes_max(self) -> u32 {
        match self.0 >> SLACK_SHIFT & SLACK_MASK {
            0 => 0,
            1 => FEW,
            _ => MANY,
        }
    }
}

/// The state of a number.
#[inline]
pub(super) fn state_of(number: u64) -> State {
    match number {
        0 => State::Closed,
        1 => State::Open,
        2 => State::HalfOpen,
        3 => State::ForcedOpen,
        4 => State::Disabled,
        _ => State::MetricsOnly,
    }
}
