//! The state word: its bits, and why an answer is lost.

/// The phase, in the low bits of the state word.
pub(super) const PHASE: u64 = 0b111;
/// No waker is stored and no answer has come.
pub(super) const EMPTY: u64 = 0;
/// The waker is stored and no answer has come.
pub(super) const WAITING: u64 = 1;
/// Somebody is taking the waker out and will publish DONE or LOST at once.
pub(super) const BUSY: u64 = 2;
/// The payload holds the answer.
pub(super) const DONE: u64 = 3;
/// No answer will come; the reason is in the upper bits.
pub(super) const LOST: u64 = 4;

/// The deadline scan has seen this ask waiting, and its stamp is valid.
pub(super) const SEEN: u64 = 1 << 3;
/// The waiting half is gone.
pub(super) const ASKER_LEFT: u64 = 1 << 4;
/// The answering half is gone.
pub(super) const ANSWER_LEFT: u64 = 1 << 5;
/// The slot is in the pool.
pub(super) const BOTH_LEFT: u64 = ASKER_LEFT | ANSWER_LEFT;

/// The slot's place in its chunk, 8 bits that never change.
pub(super) const INDEX_SHIFT: u32 = 8;
pub(super) const INDEX: u64 = 0xff << INDEX_SHIFT;
/// Why the answer is lost, 16 bits.
const WHY_SHIFT: u32 = 16;
/// How often the slot was handed out, 32 bits that wrap around.
pub(super) const GENERATION_SHIFT: u32 = 32;

/// Why an ask got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The handler let the reply go without answering.
    Dropped,
    /// The actor restarted while it handled the ask.
    Restarting,
    /// The actor stopped for good.
    Stopped,
    /// The coarse deadline passed.
    Expired,
    /// The system was dropped, so nobody watches the coarse deadline any more.
    Closed,
    /// A reason that the caller defines.
    Code(u8),
}

impl Why {
    /// The state word of a slot lost for this reason.
    pub(super) fn lost(self) -> u64 {
        let code: u16 = match self {
            Self::Dropped => 0,
            Self::Restarting => 1,
            Self::Stopped => 2,
            Self::Expired => 3,
            Self::Closed => 4,
            Self::Code(code) => 0x100 | u16::from(code),
        };
        LOST | u64::from(code) << WHY_SHIFT
    }

    /// The reason in the state word of a lost slot.
    pub(super) fn of(word: u64) -> Self {
        match (word >> WHY_SHIFT).to_le_bytes() {
            [0, 0, ..] => Self::Dropped,
            [1, 0, ..] => Self::Restarting,
            [2, 0, ..] => Self::Stopped,
            [3, 0, ..] => Self::Expired,
            [code, 0, ..] => {
                debug_assert_eq!(code, 4, "an unknown reason was stored");
                Self::Closed
            }
            [code, ..] => Self::Code(code),
        }
    }
}

/// The generation in a state word.
#[inline]
pub(super) fn generation_of(word: u64) -> u32 {
    u32::try_from(word >> GENERATION_SHIFT).expect("the upper half of 64 bits fits in 32")
}

/// The ask ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) Why);
