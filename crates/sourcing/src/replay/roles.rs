//! How the actors of a replay are built: by their exact name, or by the beginning of it.

use std::{collections::BTreeMap, fmt};

use steadfast_eventlog::ActorName;

use super::player::Player;

/// Makes the player of one actor.
pub(crate) type Cast = Box<dyn Fn(&ActorName) -> Box<dyn Player> + Send + Sync>;

/// Who plays whom.
#[derive(Default)]
pub(crate) struct Roles {
    exact: BTreeMap<ActorName, Cast>,
    beginning: Vec<(String, Cast)>,
}

impl Roles {
    pub(crate) fn add(&mut self, actor: ActorName, cast: Cast) {
        self.exact.insert(actor, cast);
    }

    pub(crate) fn add_all(&mut self, beginning: String, cast: Cast) {
        self.beginning.push((beginning, cast));
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
            .finish()
    }
}
