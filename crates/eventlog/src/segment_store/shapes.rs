//! Names of the events of a sealed segment as owned ones, each looked up once.

use bytes::Bytes;

use crate::event::{ActorName, Event, EventKind, Payload, TypeName};
use crate::format::frame::{EventRef, KindRef, Names};

/// The most shapes whose names are kept; those of others are looked up for each event.
const SHAPES_MAX: usize = 4_096;

/// What was met of each shape of a segment before.
#[derive(Debug, Default)]
pub(super) struct Shapes(Vec<Option<(EventKind, TypeName)>>);

impl Shapes {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The event with names and payload of its own; `shape` is the number of its shape.
    pub(super) fn own(
        &mut self,
        event: &EventRef<'_>,
        shape: u32,
        actor: ActorName,
        payload: Bytes,
        names: &mut Names,
    ) -> Event {
        let shape = usize::try_from(shape).unwrap_or(usize::MAX);
        let known = self.0.get(shape).and_then(Clone::clone);
        let (kind, type_name) = known.unwrap_or_else(|| {
            let found = own_names(event, names);
            self.keep(shape, &found);
            found
        });
        Event {
            id: event.id,
            kind,
            actor,
            seq: event.seq,
            position: event.position,
            at: event.at,
            correlation: event.correlation,
            causation: event.causation,
            turn: event.turn,
            payload: Payload::new(event.codec, type_name, event.version, payload),
        }
    }

    fn keep(&mut self, shape: usize, found: &(EventKind, TypeName)) {
        if shape < SHAPES_MAX && self.0.len() <= shape {
            self.0.resize(shape.saturating_add(1), None);
        }
        if let Some(slot) = self.0.get_mut(shape) {
            *slot = Some(found.clone());
        }
    }
}

fn own_names(event: &EventRef<'_>, names: &mut Names) -> (EventKind, TypeName) {
    let kind = match event.kind {
        KindRef::BuiltIn(kind) => kind.clone(),
        KindRef::Application(name) => EventKind::application(names.get(name)),
    };
    (kind, names.get(event.type_name).into())
}
