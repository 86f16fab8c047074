//! Factories: closures that build each incarnation of an actor, sync or async, fallible or not.

use std::future::{Future, ready};

use crate::{Actor, actor::BoxError};

/// Which start a factory is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartKind {
    /// The first incarnation.
    First,
    /// A later incarnation, after a failure or an ordered restart.
    Restart,
}

/// Builds the incarnations of an actor.
///
/// Implemented for closures by [`IntoFactory`]; write `|| Account { cents: 0 }`.
pub trait Factory<A: Actor>: Send + 'static {
    /// Whether the future of [`make`](Self::make) is ready at its first poll. Such a start needs
    /// no allocation of its own. False unless the factory says otherwise.
    const IMMEDIATE: bool = false;

    /// Builds one incarnation.
    ///
    /// # Cancel safety
    ///
    /// Dropped at an await when the actor is killed while it starts, and by nothing else.
    fn make(&mut self, kind: StartKind) -> impl Future<Output = Result<A, BoxError>> + Send;
}

/// What can be given where a factory is asked for.
///
/// | closure returns | used as |
/// |---|---|
/// | `A` | is the actor |
/// | `Result<A, E>` | `Err` is a failed start |
/// | a future of `Result<A, E>` | awaited in the actor's task |
///
/// `K` only tells the three apart and is always inferred.
pub trait IntoFactory<A: Actor, K> {
    /// The factory made of it.
    type Factory: Factory<A>;

    /// Makes the factory.
    fn into_factory(self) -> Self::Factory;
}

/// A closure that returns the actor.
#[derive(Debug)]
pub struct Plain<F>(F);

/// A closure that returns the actor or an error.
#[derive(Debug)]
pub struct Fallible<F>(F);

/// A closure that returns a future of the actor or an error.
#[derive(Debug)]
pub struct Async<F>(F);

/// A factory given as it is.
#[derive(Debug)]
pub struct Direct<F>(F);

impl<A: Actor, F: FnMut() -> A + Send + 'static> IntoFactory<A, Plain<()>> for F {
    type Factory = Plain<F>;

    fn into_factory(self) -> Plain<F> {
        Plain(self)
    }
}

impl<A: Actor, F: FnMut() -> A + Send + 'static> Factory<A> for Plain<F> {
    const IMMEDIATE: bool = true;

    fn make(&mut self, _: StartKind) -> impl Future<Output = Result<A, BoxError>> + Send {
        ready(Ok((self.0)()))
    }
}

impl<A, E, F> IntoFactory<A, Fallible<E>> for F
where
    A: Actor,
    E: Into<BoxError>,
    F: FnMut() -> Result<A, E> + Send + 'static,
{
    type Factory = Fallible<F>;

    fn into_factory(self) -> Fallible<F> {
        Fallible(self)
    }
}

impl<A, E, F> Factory<A> for Fallible<F>
where
    A: Actor,
    E: Into<BoxError>,
    F: FnMut() -> Result<A, E> + Send + 'static,
{
    const IMMEDIATE: bool = true;

    fn make(&mut self, _: StartKind) -> impl Future<Output = Result<A, BoxError>> + Send {
        ready((self.0)().map_err(Into::into))
    }
}

impl<A, E, F, R> IntoFactory<A, Async<(E, R)>> for F
where
    A: Actor,
    E: Into<BoxError>,
    R: Future<Output = Result<A, E>> + Send,
    F: FnMut() -> R + Send + 'static,
{
    type Factory = Async<F>;

    fn into_factory(self) -> Async<F> {
        Async(self)
    }
}

impl<A, E, F, R> Factory<A> for Async<F>
where
    A: Actor,
    E: Into<BoxError>,
    R: Future<Output = Result<A, E>> + Send,
    F: FnMut() -> R + Send + 'static,
{
    fn make(&mut self, _: StartKind) -> impl Future<Output = Result<A, BoxError>> + Send {
        let made = (self.0)();
        async move { made.await.map_err(Into::into) }
    }
}

impl<A: Actor, F: Factory<A>> IntoFactory<A, Direct<()>> for Direct<F> {
    type Factory = F;

    fn into_factory(self) -> F {
        self.0
    }
}

/// Passes a [`Factory`] where a closure is usual.
pub fn direct<F>(factory: F) -> Direct<F> {
    Direct(factory)
}
