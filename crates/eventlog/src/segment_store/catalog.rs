//! What outlives events: the low-water mark, and the highest and deleted numbers of actors.
//!
//! ```text
//!  0 magic u32 "SFCT", version u32 1, log id u64, low-water mark u64, actors u32
//! 28 of each actor, sorted by name: name length u16, name, highest u64, deleted u64
//!    CRC-32C u32 of all bytes before
//! ```
//!
//! It is small and replaced as a whole.

use std::collections::BTreeMap;

use crate::event::{ActorName, Position, Seq};
use crate::format::checksum;

const MAGIC: [u8; 4] = *b"SFCT";
const VERSION: u32 = 1;

/// What is known of the log beside what its segments say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Catalog {
    pub(super) log_id: u64,
    /// The first position that retention has left; 0 if it never removed anything.
    pub(super) low_water: Position,
    pub(super) actors: BTreeMap<ActorName, Kept>,
}

/// What is kept of an actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// The highest number it had when this was written.
    pub(super) highest: Seq,
    /// The number up to which its events are deleted.
    pub(super) deleted: Seq,
}

impl Catalog {
    pub(super) const NAME: &str = "CATALOG";

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.log_id.to_le_bytes());
        out.extend_from_slice(&self.low_water.get().to_le_bytes());
        out.extend_from_slice(&u32::try_from(self.actors.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (actor, kept) in &self.actors {
            let name = actor.as_str().as_bytes();
            out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
            out.extend_from_slice(name);
            out.extend_from_slice(&kept.highest.get().to_le_bytes());
            out.extend_from_slice(&kept.deleted.get().to_le_bytes());
        }
        let crc = checksum(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None` if the bytes are not a whole, unchanged catalog.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        if checksum(covered).to_le_bytes() != *crc {
            return None;
        }
        let mut rest = covered;
        if take(&mut rest)? != MAGIC || u32::from_le_bytes(take(&mut rest)?) != VERSION {
            return None;
        }
        let log_id = u64::from_le_bytes(take(&mut rest)?);
        let low_water = Position::new(u64::from_le_bytes(take(&mut rest)?));
        let count = u32::from_le_bytes(take(&mut rest)?);
        let mut actors = BTreeMap::new();
        for _ in 0..count {
            let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
            let (name, after) = rest.split_at_checked(length)?;
            rest = after;
            let highest = Seq::new(u64::from_le_bytes(take(&mut rest)?));
            let deleted = Seq::new(u64::from_le_bytes(take(&mut rest)?));
            let name = ActorName::from(str::from_utf8(name).ok()?);
            actors.insert(name, Kept { highest, deleted });
        }
        rest.is_empty().then_some(Self { log_id, low_water, actors })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_catalog_keeps_its_bytes() {
        let kept =
            |highest, deleted| Kept { highest: Seq::new(highest), deleted: Seq::new(deleted) };
        let catalog = Catalog {
            log_id: 0x1122_3344_5566_7788,
            low_water: Position::new(7),
            actors: [("acc-42".into(), kept(9, 3)), ("b".into(), kept(1, 0))].into(),
        };
        let bytes = catalog.encode();
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        insta::assert_snapshot!("catalog", hex.join(""));
        assert_eq!(Catalog::decode(&bytes), Some(catalog));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Catalog::decode(&damaged), None, "bit {bit}");
        }
    }
}
