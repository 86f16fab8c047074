//! What a full mailbox does with the next message.

use std::time::Duration;

/// What a full mailbox does with the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Overflow {
    /// The sender waits for room, in order, at most so long; then it gets its message back with
    /// [`SendError::Timeout`](crate::SendError::Timeout). Fires up to 100 ms late.
    Wait(Duration),
    /// The sender gets its message back at once with [`SendError::Full`](crate::SendError::Full).
    Reject,
    /// The new message becomes a dead letter; the sender is told that it was accepted.
    DropNewest,
    /// The oldest queued message becomes a dead letter and the new one takes its place. If somebody
    /// asked it, it goes back to them with [`AskError::Full`](crate::AskError::Full) instead.
    DropOldest,
}

/// How long a sender waits for room by default.
pub const ROOM_WAIT_DEFAULT: Duration = Duration::from_secs(5);

impl Default for Overflow {
    fn default() -> Self {
        Self::Wait(ROOM_WAIT_DEFAULT)
    }
}

impl Overflow {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Wait(_) => 0,
            Self::Reject => 1,
            Self::DropNewest => 2,
            Self::DropOldest => 3,
        }
    }

    pub(crate) fn room_ms(self) -> u32 {
        match self {
            Self::Wait(limit) => limit_ms(limit),
            _ => 0,
        }
    }

    pub(crate) fn from_code(code: u8, room_ms: u32) -> Self {
        match code {
            0 => Self::Wait(Duration::from_millis(room_ms.into())),
            1 => Self::Reject,
            2 => Self::DropNewest,
            _ => Self::DropOldest,
        }
    }
}

/// A limit for the coarse deadline, at least 1 ms (0 would mean none) and at most 24 days.
pub(crate) fn limit_ms(limit: Duration) -> u32 {
    let ms = limit.as_nanos().div_ceil(1_000_000);
    u32::try_from(ms).unwrap_or(u32::MAX).clamp(1, i32::MAX.cast_unsigned())
}
