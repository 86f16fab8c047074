//! Composition of stages by nested types: no boxes, no dynamic calls.

use crate::pipeline::call::{Call, Done};
use crate::pipeline::stage::{Next, NextSync, Stage};

/// A pipeline without stages: what is next is run as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bare;

impl<T, E> Stage<T, E> for Bare {
    #[inline]
    fn run<N: Next<T, E>>(&self, call: Call, next: N) -> impl Future<Output = Done<T, E>> {
        next.run(call)
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        next.call(call)
    }
}

/// One stage (or several) around another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Then<Outer, Inner> {
    pub(super) outer: Outer,
    pub(super) inner: Inner,
}

impl<Outer, Inner> Then<Outer, Inner> {
    pub(crate) fn parts(&self) -> (&Outer, &Inner) {
        (&self.outer, &self.inner)
    }
}

impl<T, E, Outer: Stage<T, E>, Inner: Stage<T, E>> Stage<T, E> for Then<Outer, Inner> {
    #[inline]
    fn run<N: Next<T, E>>(&self, call: Call, next: N) -> impl Future<Output = Done<T, E>> {
        self.outer.run(call, Chain { stage: &self.inner, next })
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        self.outer.call(call, Chain { stage: &self.inner, next })
    }
}

/// A stage with what comes after it: what comes next for the stage before.
#[derive(Debug)]
struct Chain<'a, S, N> {
    stage: &'a S,
    next: N,
}

impl<S, N: Copy> Clone for Chain<'_, S, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, N: Copy> Copy for Chain<'_, S, N> {}

impl<T, E, S: Stage<T, E>, N: Next<T, E>> Next<T, E> for Chain<'_, S, N> {
    #[inline]
    fn run(self, call: Call) -> impl Future<Output = Done<T, E>> {
        self.stage.run(call, self.next)
    }
}

impl<T, E, S: Stage<T, E>, N: NextSync<T, E>> NextSync<T, E> for Chain<'_, S, N> {
    #[inline]
    fn call(self, call: Call) -> Done<T, E> {
        self.stage.call(call, self.next)
    }
}
