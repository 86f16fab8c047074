//! What `decide` may ask of the world.

use std::marker::PhantomData;

use crate::EventSourced;

/// What [`EventSourced::decide`] may ask of the world; all of it is the same again in a replay.
#[derive(Debug)]
pub struct Decide<S: EventSourced> {
    state: PhantomData<fn() -> S>,
}
