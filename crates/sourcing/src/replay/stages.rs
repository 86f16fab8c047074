//! The stages of a replay, one for each recorded system, shared by its actors.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use steadfast_actor_core::BuildError;
use steadfast_base::Seed;

use super::stage::{ReplayClock, Stage};

/// The stages of a replay, by the recorded system's name and seed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stages {
    clock: Arc<ReplayClock>,
    known: Arc<Mutex<BTreeMap<(String, u64), Stage>>>,
}

impl Stages {
    pub(crate) fn get(&self, name: &str, seed: Seed) -> Result<Stage, BuildError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), seed.as_u64());
        if let Some(stage) = known.get(&key) {
            return Ok(stage.clone());
        }
        let stage = Stage::new(name, seed, &self.clock)?;
        known.insert(key, stage.clone());
        Ok(stage)
    }
}
