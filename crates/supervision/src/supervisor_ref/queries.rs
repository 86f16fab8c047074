//! Looking at a running supervisor.

use steadfast_actor_core::{ActorHandle, ActorRef, Cx, Reply};
use steadfast_base::Instant;

use super::SupervisorRef;
use crate::child_id::ChildId;
use crate::shell::SupervisorActor;
use crate::{
    ChildError, ChildHealth, ChildKey, ChildKind, Impact, SupervisorStats, TREE_CHILDREN_MAX,
    TreeNode,
};

/// Nested supervisors that [`SupervisorRef::tree`] looks at below each other.
pub const TREE_DEPTH_MAX: usize = 64;

/// One child of a running supervisor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChildInfo {
    /// The supervisor's key for it.
    pub key: ChildKey,
    /// Worker or supervisor.
    pub kind: ChildKind,
    /// Its name, status, failures, restarts, and times.
    pub health: ChildHealth,
    /// Its actor; absent while there is none.
    pub actor: Option<ActorHandle>,
}

/// How many children a supervisor has (OTP's `count_children`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildCount {
    /// Children and specs without a child.
    pub specs: u32,
    /// Children that have an actor.
    pub active: u32,
    /// Workers, alive or not.
    pub workers: u32,
    /// Supervisors, alive or not.
    pub supervisors: u32,
}

/// One supervisor of a tree, and those right below it.
struct Level {
    node: TreeNode,
    below: Vec<(usize, ActorHandle)>,
}

impl SupervisorRef {
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&SupervisorActor, Instant) -> T + Send + 'static,
    ) -> Result<T, ChildError> {
        self.call(|supervisor, reply: Reply<T>, cx: &mut Cx<_>| {
            reply.send(look(supervisor, cx.now()));
        })
        .await
    }

    async fn look_at<T: Send + 'static>(
        &self,
        child: impl Into<ChildId>,
        look: impl FnOnce(&SupervisorActor, ChildKey, Instant) -> Option<T> + Send + 'static,
    ) -> Result<T, ChildError> {
        self.on_child(child, |supervisor, key, reply, cx: &mut Cx<_>| {
            reply.send(look(supervisor, key, cx.now()).ok_or(ChildError::NotFound));
        })
        .await
    }

    /// All children, in start order.
    ///
    /// # Errors
    ///
    /// `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, ChildError> {
        self.look(|supervisor, now| {
            let children = supervisor.core().children();
            children.filter_map(|(key, _)| info(supervisor, key, now)).collect()
        })
        .await
    }

    /// One child.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn which_child(&self, child: impl Into<ChildId>) -> Result<ChildInfo, ChildError> {
        self.look_at(child, info).await
    }

    /// How many children there are.
    ///
    /// # Errors
    ///
    /// `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn count_children(&self) -> Result<ChildCount, ChildError> {
        self.look(|supervisor, _| {
            let core = supervisor.core();
            let mut count = ChildCount::default();
            for (key, _) in core.children() {
                count.specs += 1;
                count.active += u32::from(supervisor.handle_of(key).is_some());
                match core.kind(key) {
                    ChildKind::Worker => count.workers += 1,
                    ChildKind::Supervisor => count.supervisors += 1,
                }
            }
            count
        })
        .await
    }

    /// The ref of a child, if it has an actor that takes messages of type `M`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn child<M: Send + 'static>(&self, child: impl Into<ChildId>) -> Option<ActorRef<M>> {
        self.child_handle(child).await?.downcast()
    }

    /// The actor of a child, if it has one.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn child_handle(&self, child: impl Into<ChildId>) -> Option<ActorHandle> {
        let found = self.look_at(child, |supervisor, key, _| supervisor.handle_of(key).cloned());
        found.await.ok()
    }

    /// A nested supervisor.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn supervisor(&self, child: impl Into<ChildId>) -> Option<Self> {
        Self::from_handle(&self.child_handle(child).await?)
    }

    /// Figures of the supervisor.
    ///
    /// # Errors
    ///
    /// `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn stats(&self) -> Result<SupervisorStats, ChildError> {
        self.look(|supervisor, now| supervisor.core().stats(now)).await
    }

    /// Health metrics of one child.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn child_stats(&self, child: impl Into<ChildId>) -> Result<ChildHealth, ChildError> {
        self.look_at(child, |supervisor, key, now| supervisor.core().health(key, now)).await
    }

    /// What a failure of this child would do now, if the decider said `Restart`. A dry run.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn affected_by(&self, child: impl Into<ChildId>) -> Result<Impact, ChildError> {
        self.look_at(child, |supervisor, key, now| supervisor.core().affected_by(key, now)).await
    }

    /// The tree below and including this supervisor as data, with at most 1,000 children listed
    /// for each supervisor, 64 levels deep. A supervisor that is down shows without children.
    ///
    /// It is taken level by level, not at one instant.
    ///
    /// # Errors
    ///
    /// `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn tree(&self) -> Result<TreeNode, ChildError> {
        self.tree_below(TREE_DEPTH_MAX).await
    }

    async fn tree_below(&self, depth: usize) -> Result<TreeNode, ChildError> {
        let Level { mut node, below } = self.level().await?;
        if depth == 0 {
            return Ok(node);
        }
        for (place, handle) in below {
            let Some(nested) = Self::from_handle(&handle) else { continue };
            let Ok(tree) = Box::pin(nested.tree_below(depth - 1)).await else { continue };
            if let Some(child) = node.children.get_mut(place) {
                child.stats = tree.stats;
                child.children = tree.children;
                child.hidden = tree.hidden;
            }
        }
        Ok(node)
    }

    async fn level(&self) -> Result<Level, ChildError> {
        let path = self.path();
        self.look(move |supervisor, now| {
            let core = supervisor.core();
            let name = path.rsplit('/').next().unwrap_or(&path);
            let node = TreeNode::of(name, core, now, TREE_CHILDREN_MAX, |_, _| None);
            let mut below = Vec::new();
            for (place, (key, _)) in core.children().take(TREE_CHILDREN_MAX).enumerate() {
                if core.kind(key) == ChildKind::Supervisor {
                    below.extend(supervisor.running(key).map(|handle| (place, handle.clone())));
                }
            }
            Level { node, below }
        })
        .await
    }
}

fn info(supervisor: &SupervisorActor, key: ChildKey, now: Instant) -> Option<ChildInfo> {
    let health = supervisor.core().health(key, now)?;
    let actor = supervisor.handle_of(key).cloned();
    Some(ChildInfo { key, kind: supervisor.core().kind(key), health, actor })
}
