//! Starting children of any type: what a supervisor keeps of a factory.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use steadfast_actor_core::{
    Actor, ActorHandle, BoxError, Factory, Overflow, Spawn, StartError, StartKind, System, direct,
};

use super::ChildSpec;
use crate::shell::Tree;

/// Where a child takes its place.
pub(crate) struct Seat<'a> {
    pub(crate) system: &'a System,
    pub(crate) supervisor: &'a ActorHandle,
    pub(crate) key: u64,
    pub(crate) tree: &'a Tree,
}

/// Starts one child, once.
pub(crate) type LaunchOnce =
    Box<dyn FnOnce(&Seat<'_>, Option<&str>, &Mailbox) -> Result<ActorHandle, StartError> + Send>;

/// Starts a child, any number of times.
pub(crate) type Launch =
    Arc<dyn Fn(&Seat<'_>, &ChildSpec) -> Result<ActorHandle, StartError> + Send + Sync>;

/// The mailbox of a child; what is absent is the system's default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mailbox {
    pub(crate) capacity: Option<u32>,
    pub(crate) overflow: Option<Overflow>,
}

impl Mailbox {
    pub(crate) fn apply<A: Actor, F: Factory<A>>(&self, spawn: Spawn<A, F>) -> Spawn<A, F> {
        let spawn = match self.capacity {
            Some(capacity) => spawn.capacity(capacity),
            None => spawn,
        };
        match self.overflow {
            Some(overflow) => spawn.overflow(overflow),
            None => spawn,
        }
    }
}

/// Starts the task of a child at its seat, without waiting for its `started` hook.
pub(crate) fn launch<A: Actor, F: Factory<A>>(
    seat: &Seat<'_>,
    name: Option<&str>,
    mailbox: &Mailbox,
    factory: F,
) -> Result<ActorHandle, StartError> {
    let spawn = match name {
        Some(name) => seat.system.spawn(name, direct(factory)),
        None => seat.system.spawn_anonymous(direct(factory)),
    };
    let spawn = mailbox.apply(spawn).supervised_by(seat.supervisor, seat.key);
    spawn.detach().map(|child| child.handle())
}

type Made<A> = Pin<Box<dyn Future<Output = Result<A, BoxError>> + Send>>;

/// Where restarts take the state from, if their rules say so.
pub(crate) struct Source<A> {
    make: Arc<dyn Fn() -> Made<A> + Send + Sync>,
    asked: Arc<AtomicBool>,
}

impl<A> Clone for Source<A> {
    fn clone(&self) -> Self {
        Self { make: Arc::clone(&self.make), asked: Arc::clone(&self.asked) }
    }
}

impl<A: Actor> Source<A> {
    pub(crate) fn new<S, R, E>(source: S, asked: Arc<AtomicBool>) -> Self
    where
        S: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<A, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let make = move || -> Made<A> {
            let made = source();
            Box::pin(async move { made.await.map_err(Into::into) })
        };
        Self { make: Arc::new(make), asked }
    }
}

/// The factory of a child with a source: it builds the first incarnation, and later ones where
/// the rules no longer ask for the source.
pub(crate) struct Sourced<A, F> {
    pub(crate) factory: F,
    pub(crate) source: Source<A>,
}

impl<A: Actor, F: Factory<A>> Factory<A> for Sourced<A, F> {
    async fn make(&mut self, kind: StartKind) -> Result<A, BoxError> {
        if kind == StartKind::Restart && self.source.asked.load(Ordering::Relaxed) {
            let made = (self.source.make)();
            return made.await;
        }
        self.factory.make(kind).await
    }
}
