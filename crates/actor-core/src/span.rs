//! A span for what an actor does in a turn.

use tracing::Span;

use crate::{Actor, Cx};

impl<A: Actor> Cx<A> {
    /// A span for the turn at hand, with the actor's path, its incarnation, and the correlation of the
    /// call where there is one. Made when asked for: without a subscriber it costs a load and a branch,
    /// and a handler that asks for none pays nothing.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use steadfast_actor_core::{Actor, Cx, Flow};
    ///
    /// struct Worker;
    ///
    /// impl Actor for Worker {
    ///     type Msg = u64;
    ///     type Error = Infallible;
    ///     async fn handle(&mut self, order: u64, cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
    ///         cx.span().in_scope(|| tracing::info!(order, "done"));
    ///         Ok(Flow::Continue)
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn span(&self) -> Span {
        tracing::info_span!(
            "actor",
            path = %self.path(),
            incarnation = self.incarnation(),
            correlation = self.context().and_then(|context| context.correlation()).map(display),
        )
    }
}
