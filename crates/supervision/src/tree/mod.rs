//! A supervision tree as data: serializable, printable, drawable.

mod dot;
mod text;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use steadfast_base::Instant;

use crate::{
    ChildHealth, ChildKey, ChildKind, ChildStatus, Strategy, SupervisorCore, SupervisorStats,
};

/// Children listed per supervisor unless the caller asks for another number.
pub const TREE_CHILDREN_MAX: usize = 1_000;

/// One actor of a tree snapshot, with everything below it.
///
/// ```
/// use steadfast_base::Instant;
/// use steadfast_supervision::{
///     ChildPlan, ChildRules, SupervisorCore, SupervisorPlan, TREE_CHILDREN_MAX, TreeNode,
/// };
///
/// let plan = SupervisorPlan::default().child(ChildPlan::new("db", ChildRules::worker()));
/// let core = SupervisorCore::new(plan)?;
/// let tree = TreeNode::of("bank", &core, Instant::ZERO, TREE_CHILDREN_MAX, |_, _| None);
/// assert_eq!(tree.to_text(), "bank (one_for_one)\n└─ db pending\n");
/// # Ok::<(), steadfast_supervision::Faults>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeNode {
    /// Its name below its parent.
    pub name: String,
    /// Worker or supervisor.
    pub kind: ChildKind,
    /// How it does as a child; absent for the root of the snapshot.
    pub health: Option<ChildHealth>,
    /// Its figures as a supervisor; absent for workers and supervisors that are down.
    pub stats: Option<SupervisorStats>,
    /// Its children in start order.
    pub children: Vec<TreeNode>,
    /// Children that are not listed, because there are too many.
    pub hidden: u64,
}

impl TreeNode {
    /// The snapshot of one supervisor at `now`, with at most `children_max` children.
    ///
    /// `below` gives the snapshot of a child that is itself a supervisor, if there is one; its
    /// `health` is filled in here.
    pub fn of(
        name: impl Into<String>,
        core: &SupervisorCore,
        now: Instant,
        children_max: usize,
        mut below: impl FnMut(ChildKey, &str) -> Option<Self>,
    ) -> Self {
        let stats = core.stats(now);
        let children = core.children().take(children_max).filter_map(|(key, _)| {
            let health = core.health(key, now)?;
            let kind = core.child_rules(key)?.kind;
            let name = health
                .name
                .clone()
                .unwrap_or_else(|| format!("#{}.{}", key.slot(), key.generation()));
            let inner = if kind == ChildKind::Supervisor { below(key, &name) } else { None };
            let node = inner.unwrap_or_else(|| Self::leaf(name, kind));
            Some(Self { health: Some(health), ..node })
        });
        let children: Vec<Self> = children.collect();
        let hidden = u64::from(stats.children).saturating_sub(children.len() as u64);
        Self {
            name: name.into(),
            kind: ChildKind::Supervisor,
            health: None,
            stats: Some(stats),
            children,
            hidden,
        }
    }

    /// An actor with nothing below it.
    pub fn leaf(name: impl Into<String>, kind: ChildKind) -> Self {
        Self { name: name.into(), kind, health: None, stats: None, children: Vec::new(), hidden: 0 }
    }

    /// The tree as indented text, one actor a line.
    pub fn to_text(&self) -> String {
        text::render(self)
    }

    /// The tree in the DOT language of Graphviz.
    pub fn to_dot(&self) -> String {
        dot::render(self)
    }

    fn strategy(&self) -> Option<Strategy> {
        self.stats.map(|stats| stats.strategy)
    }

    fn status(&self) -> Option<ChildStatus> {
        self.health.as_ref().map(|health| health.status)
    }
}
