//! The two packed words of a mailbox: where the next claim goes, and how much room is left.
#![expect(clippy::cast_possible_truncation, reason = "fields are cut out of packed words")]

/// The tail: `count << 8 | offset << 2 | CLOSED | SLEEP`.
///
/// `count` is the number of slots claimed so far, modulo 2^56; `offset` is the next free slot of
/// the tail block, or [`Tail::DETACHED`], or the number of slots while the next block is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail(pub(super) u64);

impl Tail {
    /// The receiver sleeps: whoever clears this bit wakes it.
    pub(super) const SLEEP: u64 = 1;
    /// No further claims.
    pub(super) const CLOSED: u64 = 1 << 1;
    /// There is no block at all.
    pub(super) const DETACHED: u8 = 63;

    const OFFSET_SHIFT: u32 = 2;
    const OFFSET_MASK: u64 = 0x3f << Self::OFFSET_SHIFT;
    const COUNT_SHIFT: u32 = 8;

    /// One claimed slot: count and offset go up by one.
    const STEP: u64 = (1 << Self::COUNT_SHIFT) | (1 << Self::OFFSET_SHIFT);

    pub(super) fn new(count: u64) -> Self {
        Self(count << Self::COUNT_SHIFT).with_offset(Self::DETACHED)
    }

    /// The low 32 bits of the count: enough, as a backlog is always below 2^31.
    #[inline]
    pub(super) fn count(self) -> u32 {
        (self.0 >> Self::COUNT_SHIFT) as u32
    }

    #[inline]
    pub(super) fn offset(self) -> u8 {
        ((self.0 & Self::OFFSET_MASK) >> Self::OFFSET_SHIFT) as u8
    }

    #[inline]
    pub(super) fn is_closed(self) -> bool {
        self.0 & Self::CLOSED != 0
    }

    #[inline]
    pub(super) fn is_asleep(self) -> bool {
        self.0 & Self::SLEEP != 0
    }

    #[inline]
    pub(super) fn with_offset(self, offset: u8) -> Self {
        Self(self.0 & !Self::OFFSET_MASK | u64::from(offset) << Self::OFFSET_SHIFT)
    }

    #[inline]
    pub(super) fn awake(self) -> Self {
        Self(self.0 & !Self::SLEEP)
    }

    #[inline]
    pub(super) fn asleep(self) -> Self {
        Self(self.0 | Self::SLEEP)
    }

    /// The word after one more claim, which also ends the receiver's sleep.
    #[inline]
    pub(super) fn claimed(self) -> Self {
        Self(self.0.wrapping_add(Self::STEP)).awake()
    }

    /// What to subtract to bring the offset `from` back to zero.
    pub(super) fn offset_bits(from: u8) -> u64 {
        u64::from(from) << Self::OFFSET_SHIFT
    }
}

/// The room: `limit << 32 | WAITING | published`.
///
/// Slots may be claimed while the count is below `limit`. `published` (31 bits) is the number of
/// taken messages that `limit` accounts for: `limit = published + capacity - reserved`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room(pub(super) u64);

impl Room {
    /// Senders are parked in the queue of waiters, so `limit <= count`.
    pub(super) const WAITING: u64 = 1 << 31;

    const PUBLISHED: u64 = Self::WAITING - 1;
    const LIMIT_SHIFT: u32 = 32;

    pub(super) fn new(limit: u32, taken: u32) -> Self {
        Self(u64::from(limit) << Self::LIMIT_SHIFT | u64::from(taken) & Self::PUBLISHED)
    }

    #[inline]
    fn limit(self) -> u32 {
        (self.0 >> Self::LIMIT_SHIFT) as u32
    }

    #[inline]
    pub(super) fn has_waiters(self) -> bool {
        self.0 & Self::WAITING != 0
    }

    /// How many claims the limit leaves at this tail; not positive means none.
    #[inline]
    pub(super) fn left(self, tail: Tail) -> i32 {
        self.limit().wrapping_sub(tail.count()).cast_signed()
    }

    /// Messages taken since the limit was last raised.
    pub(super) fn unpublished(self, taken: u32) -> u32 {
        taken.wrapping_sub(self.0 as u32) & Self::PUBLISHED as u32
    }

    /// The word that accounts for `taken`, moves the limit by `change` beside, and has `waiting`.
    pub(super) fn publish(self, taken: u32, change: i32, waiting: bool) -> Self {
        let limit = self.limit().wrapping_add(self.unpublished(taken)).wrapping_add_signed(change);
        let waiting = if waiting { Self::WAITING } else { 0 };
        Self(Self::new(limit, taken).0 | waiting)
    }

    /// The same with the limit moved and nothing else.
    pub(super) fn moved(self, change: i32) -> Self {
        let limit = self.limit().wrapping_add_signed(change);
        Self(self.0 & (Self::WAITING | Self::PUBLISHED) | u64::from(limit) << Self::LIMIT_SHIFT)
    }
}
