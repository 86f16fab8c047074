//! The shapes of a frame being built, each once, and the shapes of frames before, which mostly come again.

use std::collections::HashMap;

use super::columns::{KIND_IS_NAME, Shape, kind_code};
use super::names::NameTable;
use crate::event::{CodecId, EventKind, NewEvent, TypeName};
use crate::format::bytes::narrow;
use crate::hash::NameHash;

/// How many shapes are remembered from frame to frame: a power of two.
const REMEMBERED: usize = 64;

/// Up to so many shapes are looked through one by one.
const LINEAR_MAX: usize = 8;

/// Numbers shapes in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct ShapeTable {
    /// What the shapes of this frame are found by, once there are more than a few.
    numbers: HashMap<[u8; 12], u32, NameHash>,
    bytes: Vec<u8>,
    /// Each at the place that its type's name has by a hash.
    remembered: Vec<Option<Remembered>>,
    /// What was remembered in another round has no number in this frame.
    round: u32,
}

/// What makes up a shape, and its number in the frame of its round.
#[derive(Debug)]
struct Remembered {
    kind: EventKind,
    type_name: TypeName,
    version: u16,
    codec: CodecId,
    round: u32,
    number: u32,
}

impl Remembered {
    fn is_of(&self, event: &NewEvent) -> bool {
        let payload = &event.payload;
        let name = payload.type_name();
        self.version == payload.version()
            && self.codec == payload.codec()
            && (self.type_name.is_shared_with(name) || self.type_name == *name)
            && self.is_of_kind(&event.kind)
    }

    fn is_of_kind(&self, kind: &EventKind) -> bool {
        match (&self.kind, kind) {
            (EventKind::Application(one), EventKind::Application(other)) => {
                one.is_shared_with(other) || one == other
            }
            (one, other) => one == other,
        }
    }
}

impl ShapeTable {
    pub(super) fn count(&self) -> usize {
        self.bytes.as_chunks::<12>().0.len()
    }

    /// The shapes as they are stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of an event's shape, which is added if need be.
    pub(super) fn number(&mut self, event: &NewEvent, names: &mut NameTable) -> u32 {
        let place = place(event.payload.type_name().as_str());
        if self.remembered.is_empty() {
            self.remembered.resize_with(REMEMBERED, || None);
        }
        let round = self.round;
        let known = self.remembered.get_mut(place).and_then(Option::as_mut);
        let known = known.filter(|known| known.is_of(event));
        if let Some(known) = known.as_ref().filter(|known| known.round == round) {
            return known.number;
        }
        let is_known = known.is_some();
        let number = self.add(event, names);
        let Some(remembered) = self.remembered.get_mut(place) else { return number };
        if let Some(known) = remembered.as_mut().filter(|_| is_known) {
            (known.round, known.number) = (round, number);
            return number;
        }
        *remembered = Some(Remembered {
            kind: event.kind.clone(),
            type_name: event.payload.type_name().clone(),
            version: event.payload.version(),
            codec: event.payload.codec(),
            round,
            number,
        });
        number
    }

    pub(super) fn clear(&mut self) {
        self.numbers.clear();
        self.bytes.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.remembered.clear();
        }
    }

    fn add(&mut self, event: &NewEvent, names: &mut NameTable) -> u32 {
        let kind = match &event.kind {
            EventKind::Application(name) => names.number(name.as_str()) | KIND_IS_NAME,
            built_in => kind_code(built_in),
        };
        let shape = Shape {
            kind,
            type_name: names.number(event.payload.type_name().as_str()),
            version: event.payload.version(),
            codec: event.payload.codec(),
        };
        let bytes = shape.encode();
        let count = self.count();
        let shapes = self.bytes.as_chunks::<12>().0;
        if count <= LINEAR_MAX {
            if let Some(known) = shapes.iter().position(|known| *known == bytes) {
                return narrow(known);
            }
        } else if let Some(known) = self.numbers.get(&bytes) {
            return *known;
        }
        if count == LINEAR_MAX {
            self.numbers.extend(shapes.iter().copied().zip(0..));
        }
        if count >= LINEAR_MAX {
            self.numbers.insert(bytes, narrow(count));
        }
        self.bytes.extend_from_slice(&bytes);
        narrow(count)
    }
}

/// Where a type is remembered: by the end of its name, in which names differ most, and its length.
fn place(name: &str) -> usize {
    let bytes = name.as_bytes();
    let end = match bytes.last_chunk::<8>() {
        Some(end) => u64::from_le_bytes(*end),
        None => bytes.iter().fold(0, |end, byte| end << 8 | u64::from(*byte)),
    };
    let mixed = (end ^ u64::from(narrow(bytes.len()))).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 58).unwrap_or(0) & REMEMBERED.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use steadfast_base::EventId;

    use super::*;
    use crate::event::Payload;

    fn event(kind: EventKind, type_name: &str, version: u16) -> NewEvent {
        let payload = Payload::new(CodecId::JSON, type_name, version, "{}");
        NewEvent::new(EventId::from_u128(1), "actor", kind, payload)
    }

    #[test]
    fn like_shapes_have_one_number_however_many_there_are() {
        let mut shapes = ShapeTable::default();
        let events: Vec<NewEvent> = (0..100_u16)
            .flat_map(|number| {
                let name = format!("type-{}", number % 30);
                let kinds = [EventKind::StateChanged, EventKind::application("audit")];
                kinds.map(|kind| event(kind, &name, number / 30))
            })
            .collect();
        for _ in 0..3 {
            let mut names = NameTable::default();
            names.clear();
            shapes.clear();
            for (event, number) in events.iter().zip(0_u32..) {
                assert_eq!(shapes.number(event, &mut names), number);
                assert_eq!(shapes.number(event, &mut names), number);
            }
            for (event, number) in events.iter().zip(0_u32..) {
                assert_eq!(shapes.number(event, &mut names), number);
            }
            assert_eq!(shapes.count(), events.len());
        }
    }

    #[test]
    fn an_application_kind_is_never_the_built_in_one_of_its_name() {
        let (mut shapes, mut names) = (ShapeTable::default(), NameTable::default());
        names.clear();
        let built_in = event(EventKind::StateChanged, "type", 1);
        let own = event(EventKind::application("state-changed"), "type", 1);
        let numbers =
            [&built_in, &own, &built_in, &own].map(|event| shapes.number(event, &mut names));
        assert_eq!(numbers, [0, 1, 0, 1]);
    }
}
