//! The protected call itself, run within its context: the innermost `Next`.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::pin;
use std::task::ready;

use crate::error::Error;
use crate::pipeline::call::{Call, Done};
use crate::pipeline::scope::Scope;
use crate::pipeline::stage::{Next, NextSync};

/// An asynchronous call, made anew for each attempt.
pub(crate) struct Leaf<'a, F, Fut> {
    make: &'a F,
    /// The future that `make` makes, so that `Next` can name its types.
    makes: PhantomData<fn() -> Fut>,
}

impl<'a, F, Fut> Leaf<'a, F, Fut> {
    #[inline]
    pub(crate) fn new(make: &'a F) -> Self {
        Self { make, makes: PhantomData }
    }
}

impl<F, Fut> Clone for Leaf<'_, F, Fut> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F, Fut> Copy for Leaf<'_, F, Fut> {}

impl<T, E, F, Fut> Next<T, E> for Leaf<'_, F, Fut>
where
    F: Fn(Call) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    #[inline]
    async fn run(self, call: Call) -> Done<T, E> {
        let scope = Scope::of(&call);
        let mut made = pin!(None::<Fut>);
        let result = poll_fn(|cx| {
            scope.enter(|| {
                if made.is_none() {
                    made.set(Some((self.make)(call)));
                }
                let future = made.as_mut().as_pin_mut().expect("made above");
                let result = ready!(future.poll(cx));
                // Dropped inside of its context, and before the stages around give their permits back.
                made.set(None);
                std::task::Poll::Ready(result)
            })
        });
        Done::new(result.await.map_err(Error::Inner))
    }
}

/// A synchronous call, made anew for each attempt.
pub(crate) struct LeafSync<'a, F> {
    make: &'a F,
}

impl<'a, F> LeafSync<'a, F> {
    #[inline]
    pub(crate) fn new(make: &'a F) -> Self {
        Self { make }
    }
}

impl<F> Clone for LeafSync<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for LeafSync<'_, F> {}

impl<T, E, F: Fn(Call) -> Result<T, E>> NextSync<T, E> for LeafSync<'_, F> {
    #[inline]
    fn call(self, call: Call) -> Done<T, E> {
        let result = Scope::of(&call).enter(|| (self.make)(call));
        Done::new(result.map_err(Error::Inner))
    }
}
