//! The event that every library stores, its encoding for stores of bytes, and checks over what is read.

use std::sync::Arc;

use anyhow::Result;
use bincode::config::{self, Configuration};

/// A UUID.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    bincode::Encode,
    bincode::Decode,
)]
pub struct Id(pub [u8; 16]);

/// How many types of payload there are.
pub const TAGS: u8 = 10;

/// An event: 256 bytes encoded on average, 184 of them payload.
#[derive(Clone, Debug, PartialEq, bincode::Encode)]
pub struct Event {
    pub id: Id,
    /// The type of the payload, below [`TAGS`].
    pub tag: u8,
    pub actor: Arc<str>,
    /// Microseconds since the Unix epoch, never falling from one event to the next.
    pub at: u64,
    pub correlation: Id,
    pub causation: Id,
    pub payload: String,
}

/// An event whose text is borrowed from where it was read, with the encoding of [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, bincode::Encode, bincode::BorrowDecode)]
pub struct EventRef<'a> {
    pub id: Id,
    pub tag: u8,
    pub actor: &'a str,
    pub at: u64,
    pub correlation: Id,
    pub causation: Id,
    pub payload: &'a str,
}

const BINCODE: Configuration = config::standard();

impl Event {
    pub fn borrow(&self) -> EventRef<'_> {
        EventRef {
            id: self.id,
            tag: self.tag,
            actor: &self.actor,
            at: self.at,
            correlation: self.correlation,
            causation: self.causation,
            payload: &self.payload,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(96 + self.actor.len() + self.payload.len());
        self.encode_into(&mut bytes);
        bytes
    }

    pub fn encode_into(&self, bytes: &mut Vec<u8>) {
        bincode::encode_into_std_write(self, bytes, BINCODE).expect("a Vec takes any event");
    }
}

impl<'a> EventRef<'a> {
    pub fn decode(bytes: &'a [u8]) -> Result<Self> {
        Ok(bincode::borrow_decode_from_slice(bytes, BINCODE)?.0)
    }

    /// The event with text of its own.
    pub fn to_owned(self) -> Event {
        Event {
            id: self.id,
            tag: self.tag,
            actor: self.actor.into(),
            at: self.at,
            correlation: self.correlation,
            causation: self.causation,
            payload: self.payload.to_owned(),
        }
    }
}

/// An order-dependent checksum over whole events.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Checksum {
    pub count: u64,
    sum: u64,
}

impl Checksum {
    pub fn add(&mut self, event: EventRef<'_>) {
        self.count += 1;
        self.sum = self.sum.wrapping_mul(31).wrapping_add(fingerprint(event).into());
    }

    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut checksum = Self::default();
        events.into_iter().for_each(|event| checksum.add(event.borrow()));
        checksum
    }
}

/// A check that no order changes: what many writers append comes in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub count: u64,
    sum: u64,
}

impl Tally {
    pub fn add(&mut self, event: EventRef<'_>) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(fingerprint(event).into());
    }

    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut tally = Self::default();
        events.into_iter().for_each(|event| tally.add(event.borrow()));
        tally
    }
}

/// A check so light that it does not hide what reading costs: it looks at every field, not at every byte.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Glance {
    pub count: u64,
    sum: u64,
}

impl Glance {
    pub fn add(&mut self, event: EventRef<'_>) {
        let half = |id: Id| id.0.last_chunk().map_or(0, |half| u64::from_le_bytes(*half));
        let ids = half(event.id) ^ half(event.correlation).rotate_left(1) ^ half(event.causation);
        let lengths = (event.actor.len() as u64) << 32 | event.payload.len() as u64;
        let ends = [event.actor.as_bytes().last(), event.payload.as_bytes().last()];
        let ends = ends
            .into_iter()
            .flatten()
            .fold(u64::from(event.tag), |sum, byte| sum << 8 | u64::from(*byte));
        self.count += 1;
        self.sum = self.sum.rotate_left(5) ^ ids ^ event.at ^ lengths ^ ends;
    }

    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut glance = Self::default();
        events.into_iter().for_each(|event| glance.add(event.borrow()));
        glance
    }
}

/// A CRC over every field of the event.
pub fn fingerprint(event: EventRef<'_>) -> u32 {
    let mut fixed = [0; 57];
    fixed[..16].copy_from_slice(&event.id.0);
    fixed[16..32].copy_from_slice(&event.correlation.0);
    fixed[32..48].copy_from_slice(&event.causation.0);
    fixed[48..56].copy_from_slice(&event.at.to_be_bytes());
    fixed[56] = event.tag;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&fixed);
    crc.update(event.actor.as_bytes());
    crc.update(event.payload.as_bytes());
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Generator;

    #[test]
    fn events_are_of_the_size_the_bars_were_set_with_and_survive_their_encoding() {
        let events: Vec<Event> = Generator::new(1).take(10_000).collect();
        let encoded: usize = events.iter().map(|event| event.encode().len()).sum();
        let payload: usize = events.iter().map(|event| event.payload.len()).sum();
        let average = |bytes: usize| (bytes as f64 / events.len() as f64).round();
        assert_eq!((average(encoded), average(payload)), (256.0, 184.0));
        for event in &events {
            assert_eq!(EventRef::decode(&event.encode()).unwrap().to_owned(), *event);
        }
    }

    #[test]
    fn checks_notice_a_changed_byte_and_only_tallies_ignore_the_order() {
        let mut events: Vec<Event> = Generator::new(1).take(10).collect();
        let (checksum, tally, glance) =
            (Checksum::of(&events), Tally::of(&events), Glance::of(&events));
        events.swap(3, 4);
        assert_eq!(Tally::of(&events), tally);
        assert_ne!(Checksum::of(&events), checksum);
        assert_ne!(Glance::of(&events), glance);
        events.swap(3, 4);
        events[5].payload.replace_range(1..2, "?");
        assert_ne!(Checksum::of(&events), checksum);
        assert_ne!(Tally::of(&events), tally);
    }
}
