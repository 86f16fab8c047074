//! How the actors of a replay are built: by their exact name, or by the beginning of it.

use std::{collections::BTreeMap, fmt};

use steadfast_eventlog::ActorName;

use super::player::Player;
use crate::record::{TAPE, recording_of};

/// Makes the player of one actor.
pub(crate) type Cast = Box<dyn Fn(&ActorName) -> Box<dyn Player> + Send + Sync>;

/// Who plays whom.
#[derive(Default)]
pub(crate) struct Roles {
    exact: BTreeMap<ActorName, Cast>,
    beginning: Vec<(String, Cast)>,
    /// The beginnings of recordings that are played by whoever plays what they are recordings of.
    shared: Vec<String>,
}

impl Roles {
    pub(crate) fn add(&mut self, actor: ActorName, cast: Cast) {
        self.exact.insert(actor, cast);
    }

    pub(crate) fn add_all(&mut self, beginning: String, cast: Cast) {
        self.beginning.push((beginning, cast));
    }

    /// Recordings whose names begin so are played by whoever plays the entity.
    pub(crate) fn share(&mut self, beginning: String) {
        self.shared.push(beginning);
    }

    /// Whether some actors are played by whoever plays others.
    pub(crate) fn shares(&self) -> bool {
        !self.shared.is_empty()
    }

    /// The name under which the player of an actor is known, and the other name that it plays.
    pub(crate) fn owner(&self, actor: &ActorName) -> (ActorName, Option<ActorName>) {
        for beginning in &self.shared {
            let recording = recording_of(beginning);
            if actor.as_str().starts_with(recording.as_str()) {
                let entity = actor.as_str().get(TAPE.len()..).unwrap_or_default();
                return (ActorName::from(entity), Some(actor.clone()));
            }
            if actor.as_str().starts_with(beginning) {
                return (actor.clone(), Some(recording_of(actor.as_str())));
            }
        }
        (actor.clone(), None)
    }

    /// Whoever plays this actor: an exact name goes before a beginning, a longer one before a shorter.
    fn cast(&self, actor: &ActorName) -> Option<&Cast> {
        self.exact.get(actor).or_else(|| {
            let fits = self.beginning.iter().filter(|(start, _)| actor.as_str().starts_with(start));
            fits.max_by_key(|(start, _)| start.len()).map(|(_, cast)| cast)
        })
    }

    pub(crate) fn has(&self, actor: &ActorName) -> bool {
        self.cast(actor).is_some()
    }

    pub(crate) fn player(&self, actor: &ActorName) -> Option<Box<dyn Player>> {
        self.cast(actor).map(|cast| cast(actor))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginnings: Vec<&String> = self.beginning.iter().map(|(start, _)| start).collect();
        f.debug_struct("Roles")
            .field("exact", &self.exact.keys().collect::<Vec<_>>())
            .field("beginnings", &beginnings)
            .finish_non_exhaustive()
    }
}
