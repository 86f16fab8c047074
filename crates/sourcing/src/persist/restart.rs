//! Restarting a supervised actor from its last snapshot, and taking one from outside.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::oneshot;

use steadfast_actor_core::{ActorHandle, Cx, System};
use steadfast_base::Timestamp;
use steadfast_eventlog::ActorName;
use steadfast_snapshot::SnapshotInfo;
use steadfast_supervision::ChildSpec;

use super::cx::name_of;
use super::error::PersistError;
use super::persistence::{Persistence, Persistent};

/// Builds an actor from the last state that was persisted under a path, such as `/bank/top/acc-42`.
///
/// `make` gets `None` if none ever was. As a factory it also brings the first incarnation of a process back:
/// `ChildSpec::new("acc-42", move || restored(&system, "/bank/top/acc-42", make))`.
///
/// # Errors
///
/// [`PersistError`].
///
/// # Cancel safety
///
/// Nothing is lost.
pub fn restored<A, F>(
    system: &System,
    path: &str,
    make: F,
) -> impl Future<Output = Result<A, PersistError>> + Send + use<A, F>
where
    A: Persistent,
    F: FnOnce(Option<A::State>) -> A + Send + 'static,
{
    let persistence = Persistence::of(system);
    let actor = ActorName::from(path);
    async move {
        let persisted = persistence?.persisted::<A>(&actor).await?;
        Ok(make(persisted.map(|snapshot| snapshot.state)))
    }
}

/// As [`restored`], from the last state that was persisted by a time: to look at an actor as it was, or to go
/// back to before something went wrong.
///
/// # Errors
///
/// [`PersistError`].
///
/// # Cancel safety
///
/// Nothing is lost.
pub fn restored_by<A, F>(
    system: &System,
    path: &str,
    at: Timestamp,
    make: F,
) -> impl Future<Output = Result<A, PersistError>> + Send + use<A, F>
where
    A: Persistent,
    F: FnOnce(Option<A::State>) -> A + Send + 'static,
{
    let persistence = Persistence::of(system);
    let actor = ActorName::from(path);
    async move {
        let persisted = persistence?.persisted_by::<A>(&actor, at).await?;
        Ok(make(persisted.map(|snapshot| snapshot.state)))
    }
}

/// Lets a supervised actor begin its next incarnations with the last state it persisted.
pub trait RestartFromSnapshot: Sized {
    /// Restarts of the child at this path are built by `make` from the last state it persisted, or `None` if
    /// there never was one.
    ///
    /// The path is that of the supervisor and the child's name: `/bank/top/acc-42`. A path where the child does
    /// not live is a failed start attempt, not a child without a past.
    ///
    /// Newer snapshots that are damaged are passed over. If there are some and none can be read, the start
    /// attempt has failed, and is charged as one.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use serde::{Deserialize, Serialize};
    /// use steadfast_actor_core::{Actor, BoxError, Cx, Flow, Reply, testkit::TestSystem};
    /// use steadfast_snapshot::MemorySnapshots;
    /// use steadfast_sourcing::persist::{PersistCx, Persistence, Persistent, RestartFromSnapshot};
    /// use steadfast_supervision::{ChildSpec, Supervisor};
    ///
    /// #[derive(Default, Serialize, Deserialize)]
    /// struct Sold(u64);
    /// struct Shop { sold: Sold }
    /// enum Msg { Sell, Fail, Sold(Reply<u64>) }
    ///
    /// impl Actor for Shop {
    ///     type Msg = Msg;
    ///     type Error = BoxError;
    ///     async fn handle(&mut self, msg: Msg, cx: &mut Cx<Self>) -> Result<Flow, BoxError> {
    ///         match msg {
    ///             Msg::Sell => {
    ///                 self.sold.0 += 1;
    ///                 cx.persist(&self.sold).await?;
    ///             }
    ///             Msg::Fail => return Err("the till is stuck".into()),
    ///             Msg::Sold(reply) => reply.send(self.sold.0),
    ///         }
    ///         Ok(Flow::Continue)
    ///     }
    /// }
    ///
    /// impl Persistent for Shop {
    ///     type State = Sold;
    ///     const STATE_TYPE: &'static str = "shop.Sold";
    ///     fn state(&self) -> &Sold { &self.sold }
    /// }
    ///
    /// let system = TestSystem::new();
    /// let snapshots = Arc::new(MemorySnapshots::new(system.time().clone()));
    /// Persistence::new(snapshots).install(&system).expect("the first one");
    /// system.run(async {
    ///     let make = |sold: Option<Sold>| Shop { sold: sold.unwrap_or_default() };
    ///     let shop = ChildSpec::new("shop", move || make(None));
    ///     let shop = shop.restart_from_snapshot(&system, "/test/top/shop", make);
    ///     Supervisor::one_for_one().child(shop).start(&system, "top").await?;
    ///     let shop = system.lookup::<Msg>("/test/top/shop").expect("it runs");
    ///     shop.tell(Msg::Sell).await.ok();
    ///     shop.tell(Msg::Fail).await.ok();
    ///     assert_eq!(shop.ask(Msg::Sold).await?, 1);
    ///     Ok::<(), BoxError>(())
    /// })?;
    /// # Ok::<(), BoxError>(())
    /// ```
    #[must_use]
    fn restart_from_snapshot<A: Persistent>(
        self,
        system: &System,
        path: &str,
        make: impl Fn(Option<A::State>) -> A + Clone + Send + Sync + 'static,
    ) -> Self;
}

impl RestartFromSnapshot for ChildSpec {
    fn restart_from_snapshot<A: Persistent>(
        self,
        system: &System,
        path: &str,
        make: impl Fn(Option<A::State>) -> A + Clone + Send + Sync + 'static,
    ) -> Self {
        let (system, path) = (system.clone(), Arc::<str>::from(path));
        let is_name = path.rsplit('/').next() == Some(self.name());
        self.restart_from::<A, _, _, _>(move || {
            // The child keeps its place in the registry while it restarts.
            let lives_there = is_name && system.lookup_handle(&path).is_some();
            let restored = lives_there.then(|| restored::<A, _>(&system, &path, make.clone()));
            let path = Arc::clone(&path);
            async move {
                match restored {
                    Some(restored) => restored.await,
                    None => Err(PersistError::NotThere { path }),
                }
            }
        })
    }
}

/// Persists the state of a running actor, between two of its messages.
///
/// # Errors
///
/// [`PersistError`]; `ActorGone` if it has ended or is no `A`, `Anonymous` if it has no name of its own.
///
/// # Cancel safety
///
/// A dropped call may or may not have saved.
pub async fn snapshot_now<A: Persistent>(
    system: &System,
    actor: &ActorHandle,
) -> Result<SnapshotInfo, PersistError> {
    let persistence = Persistence::of(system)?;
    let (answer, answered) = oneshot::channel();
    let (name, at, id) = (name_of(&actor.path())?, system.time().timestamp(), system.ids().event());
    let taker = Arc::clone(&persistence);
    let visit = move |actor: &mut A, _: &mut Cx<A>| {
        // A caller that has gone away does not need it.
        answer.send(taker.take::<A>(&name, actor.state(), at, id)).ok();
    };
    actor.visit(visit).map_err(|_refused| PersistError::ActorGone)?;
    let taken = answered.await.map_err(|_gone| PersistError::ActorGone)??;
    persistence.save(taken).await
}
