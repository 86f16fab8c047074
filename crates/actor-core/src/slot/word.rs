//! The state word: its bits, and why an answer is lost.

/// The phase, in the low bits of the state word.
pub(super) const PHASE: u64 = 0b11;
/// No waker is stored and no answer has come.
pub(super) const EMPTY: u64 = 0;
/// The waker is stored and no answer has come.
pub(super) const WAITING: u64 = 1;
/// The payload holds the answer.
pub(super) const DONE: u64 = 2;
/// No answer will come; the reason is in the upper bits.
pub(super) const LOST: u64 = 3;
/// Set in the phases DONE and LOST, which are final.
pub(super) const SETTLED: u64 = 0b10;

/// The deadline scan has seen this ask waiting, and its stamp is valid.
pub(super) const SEEN: u64 = 1 << 2;
/// The waiting half is gone.
pub(super) const ASKER_LEFT: u64 = 1 << 3;
/// The answering half is gone.
pub(super) const ANSWER_LEFT: u64 = 1 << 4;
/// The slot is in the pool.
pub(super) const BOTH_LEFT: u64 = ASKER_LEFT | ANSWER_LEFT;

/// The slot's place in its chunk, 6 bits that never change.
const INDEX_SHIFT: u32 = 6;
const INDEX: u64 = 0x3f << INDEX_SHIFT;

/// Until the slot is settled, 16 bits that count how often the asker took its waker back. Running
/// over they count on in the generation, so no state of one ask ever comes again.
const VERSION_SHIFT: u32 = 12;
/// One more withdrawal.
pub(super) const VERSION: u64 = 1 << VERSION_SHIFT;
/// Once the slot is lost, the reason takes the place of the version.
const WHY_SHIFT: u32 = VERSION_SHIFT;
/// The bits that settling replaces.
pub(super) const REPLACED: u64 = PHASE | 0xffff << WHY_SHIFT;

/// How often the slot was handed out, 36 bits that wrap around.
const GENERATION_SHIFT: u32 = 28;
const GENERATION: u64 = 1 << GENERATION_SHIFT;

/// The word of a slot that was never handed out.
pub(super) const fn unused(index: u8) -> u64 {
    BOTH_LEFT | (index as u64) << INDEX_SHIFT
}

/// The first word of the ask that follows the one that ended with `word`.
#[inline]
pub(super) const fn begun(word: u64, left: u64) -> u64 {
    (word & !(GENERATION - 1)).wrapping_add(GENERATION) | word & INDEX | EMPTY | left
}

/// The slot's place in its chunk.
#[inline]
pub(super) const fn index_of(word: u64) -> usize {
    ((word & INDEX) >> INDEX_SHIFT) as usize
}

/// The low half of the generation, which names the ask among those of the same slot.
#[inline]
pub(super) const fn generation_of(word: u64) -> u32 {
    (word >> GENERATION_SHIFT & 0xffff_ffff) as u32
}

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
    /// The question gave way to a newer message in a full mailbox.
    Displaced,
}

impl Why {
    /// The bits of a slot lost for this reason.
    pub(super) fn lost(self) -> u64 {
        LOST | (self as u64) << WHY_SHIFT
    }

    /// The reason in the state word of a lost slot.
    pub(super) fn of(word: u64) -> Self {
        const REASONS: [Why; 6] = [
            Why::Dropped,
            Why::Restarting,
            Why::Stopped,
            Why::Expired,
            Why::Closed,
            Why::Displaced,
        ];
        let code = word & (REPLACED ^ PHASE);
        let reason = REASONS.into_iter().find(|why| (*why as u64) << WHY_SHIFT == code);
        reason.expect("the reason was stored by `lost`")
    }
}

/// The ask ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) Why);
