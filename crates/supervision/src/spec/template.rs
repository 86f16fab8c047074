//! The template that all children of a dynamic supervisor share.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use steadfast_actor_core::{Actor, ActorHandle, IntoFactory};

use super::rule_methods::rule_methods;
use super::{Hooks, LaunchOnce, Mailbox, launch};
use crate::ChildRules;

/// Makes a child of an argument; `None` if the argument is of another type.
pub(crate) type Maker = Arc<dyn Fn(Box<dyn Any + Send>) -> Option<LaunchOnce> + Send + Sync>;

/// What all children of a dynamic supervisor have in common (OTP's `simple_one_for_one`).
///
/// The defaults are those of [`ChildSpec`](crate::ChildSpec). Each start brings the factory
/// ([`SupervisorRef::start_child`](crate::SupervisorRef::start_child)), or an argument for the
/// template's own ([`of`](Self::of)).
///
/// ```
/// use steadfast_supervision::{ChildTemplate, Supervisor};
/// # use steadfast_actor_core::{Actor, Cx, Flow, Reply, System};
/// # struct Worker(u64);
/// # enum Msg { Add, Get(Reply<u64>), Fail }
/// # impl Actor for Worker {
/// #     type Msg = Msg;
/// #     type Error = std::fmt::Error;
/// #     async fn handle(&mut self, msg: Msg, _: &mut Cx<Self>) -> Result<Flow, Self::Error> {
/// #         match msg {
/// #             Msg::Add => self.0 += 1,
/// #             Msg::Get(reply) => reply.send(self.0),
/// #             Msg::Fail => return Err(std::fmt::Error),
/// #         }
/// #         Ok(Flow::Continue)
/// #     }
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let system = System::builder("shop").build()?;
/// let template = ChildTemplate::of(|start: u64| Worker(start)).temporary();
/// let sessions = Supervisor::dynamic(template).start(&system, "sessions").await?;
/// let from_argument = sessions.start_of::<Msg>(7_u64).await?;
/// let from_factory = sessions.start_child(|| Worker(8)).await?;
/// assert_eq!(from_argument.ask(Msg::Get).await?, 7);
/// sessions.terminate_child(&from_factory).await?;
/// assert_eq!(sessions.count_children().await?.active, 1);
/// # system.shutdown().await;
/// # Ok(()) }) }
/// ```
#[derive(Clone, Default)]
pub struct ChildTemplate {
    pub(crate) rules: ChildRules,
    pub(crate) hooks: Hooks,
    pub(crate) mailbox: Mailbox,
    pub(crate) maker: Option<Maker>,
}

impl ChildTemplate {
    /// A template for children that bring their own factories.
    pub fn new() -> Self {
        Self::default()
    }

    /// A template that makes children of an argument, which is cloned for each incarnation and
    /// freed with the child.
    pub fn of<T, A, F>(make: F) -> Self
    where
        T: Clone + Send + 'static,
        A: Actor,
        F: Fn(T) -> A + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        let maker: Maker = Arc::new(move |argument| {
            let argument = argument.downcast::<T>().ok()?;
            let make = Arc::clone(&make);
            Some(Box::new(move |seat, name, mailbox| {
                let factory = move || make(T::clone(&argument));
                let factory = IntoFactory::<A, _>::into_factory(factory);
                launch::<A, _>(seat, name, mailbox, factory)
            }))
        });
        Self { maker: Some(maker), ..Self::default() }
    }

    rule_methods!();
}

impl fmt::Debug for ChildTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildTemplate").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// A launcher of the factory that a start brings along.
pub(crate) fn once<A, K, F>(factory: F) -> LaunchOnce
where
    A: Actor,
    F: IntoFactory<A, K> + Send + 'static,
{
    Box::new(move |seat, name, mailbox| -> Result<ActorHandle, _> {
        launch::<A, _>(seat, name, mailbox, factory.into_factory())
    })
}
