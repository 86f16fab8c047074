//! What is rarely needed of an actor: control queue, watchers, path, groups, exit reason.

use std::{
    collections::{HashMap, VecDeque},
    ops::{Deref, DerefMut},
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicU8, Ordering},
    },
};

use steadfast_base::{ActorId, CallContext};

use super::{AnyCell, Control, Link, Order};
use crate::{
    ExitReason,
    extras::Letter,
    group::Membership,
    hatch::Hatches,
    slot::{Answer, LostList},
};

/// Visits that may wait in one actor's control lane; one more is refused with `Busy`.
pub const VISITS_MAX: usize = 1_024;

/// Who is to be told when an actor ends for good.
pub(crate) enum Watcher {
    /// An actor: gets the signal `Terminated` while its incarnation is the same.
    Actor { watcher: Arc<dyn AnyCell>, incarnation: u32 },
    /// A future that waits for the end.
    Future(Answer<ExitReason>),
}

impl Watcher {
    pub(crate) fn is(&self, id: ActorId) -> bool {
        matches!(self, Self::Actor { watcher, .. } if watcher.id() == id)
    }
}

/// The rarely used part of a cell, boxed on demand.
pub(crate) struct Desk<M> {
    pub(crate) queue: VecDeque<Control>,
    pub(crate) visits: usize,
    pub(crate) orders: VecDeque<Order>,
    /// The reason to end with in place of the incarnation's own; given by the supervisor.
    pub(crate) verdict: Option<ExitReason>,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) path: Option<Arc<str>>,
    /// The context of the spawn, until the first start.
    pub(crate) born_in: Option<Arc<CallContext>>,
    pub(crate) memberships: Vec<Membership>,
    /// Results of piped futures, with the incarnation that started them.
    pub(crate) piped: VecDeque<(u32, Letter<M>)>,
    /// Children started since the parent last looked.
    pub(crate) born: Vec<Arc<dyn AnyCell>>,
    /// Replies lost in a turn that is not over yet.
    pub(crate) lost: LostList,
    pub(crate) exit: Option<ExitReason>,
    /// Asks that were still queued when the actor ended, by their place, until their askers fetch
    /// them.
    pub(crate) returned: HashMap<u32, M>,
    pub(crate) hatches: Hatches<M>,
}

impl<M> Default for Desk<M> {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            visits: 0,
            orders: VecDeque::new(),
            verdict: None,
            watchers: Vec::new(),
            path: None,
            born_in: None,
            memberships: Vec::new(),
            piped: VecDeque::new(),
            born: Vec::new(),
            lost: LostList::new(),
            exit: None,
            returned: HashMap::new(),
            hatches: Hatches::default(),
        }
    }
}

impl<M> Desk<M> {
    pub(crate) fn named(path: Arc<str>) -> Self {
        Self { path: Some(path), ..Self::default() }
    }
}

/// What the end of an actor takes off its desk.
pub(crate) struct Closed {
    pub(crate) path: Option<Arc<str>>,
    pub(crate) watchers: Vec<Watcher>,
    memberships: Vec<Membership>,
    /// Notices and visits that nobody will take; dropping them tells who waits.
    _controls: VecDeque<Control>,
    _born: Vec<Arc<dyn AnyCell>>,
}

impl Closed {
    pub(crate) fn leave_groups(self, id: ActorId) {
        for membership in self.memberships {
            membership.end(id);
        }
    }
}

impl<M> Desk<M> {
    /// Clears the desk of an actor that has ended; its path and what is returned stay.
    pub(crate) fn close(&mut self) -> Closed {
        self.visits = 0;
        self.orders.clear();
        Closed {
            path: self.path.clone(),
            watchers: std::mem::take(&mut self.watchers),
            memberships: std::mem::take(&mut self.memberships),
            _controls: std::mem::take(&mut self.queue),
            _born: std::mem::take(&mut self.born),
        }
    }
}

/// What a cell keeps under its one lock.
pub(crate) struct Rare<M> {
    /// Whom to tell of the end, and whether it decides what comes next.
    pub(crate) link: Option<Box<Link>>,
    pub(crate) desk: Option<Box<Desk<M>>>,
}

impl<M> Rare<M> {
    /// The desk, allocated now if it is missing.
    pub(crate) fn desk(&mut self) -> &mut Desk<M> {
        self.desk.get_or_insert_with(Box::default)
    }
}

/// What is there under the lock of a cell, to be asked without the lock.
pub(crate) struct Ties(AtomicU8);

impl Ties {
    const LINK: u8 = 1;
    const SUPERVISED: u8 = 2;
    const DESK: u8 = 4;

    pub(crate) fn new(link: Option<&Link>, desk: bool) -> Self {
        Self(AtomicU8::new(Self::of(link, desk)))
    }

    fn of(link: Option<&Link>, desk: bool) -> u8 {
        let link = link.map_or(0, |link| {
            if link.supervised { Self::LINK | Self::SUPERVISED } else { Self::LINK }
        });
        link | if desk { Self::DESK } else { 0 }
    }

    fn has(&self, ties: u8) -> bool {
        self.0.load(Ordering::Acquire) & ties != 0
    }

    pub(crate) fn have_link(&self) -> bool {
        self.has(Self::LINK)
    }

    pub(crate) fn have_supervisor(&self) -> bool {
        self.has(Self::SUPERVISED)
    }

    pub(crate) fn have_desk(&self) -> bool {
        self.has(Self::DESK)
    }
}

/// The rarely used part of a cell, locked. What changed in it shows in the cell's [`Ties`] before
/// the lock is let go.
pub(crate) struct Opened<'a, M> {
    rare: MutexGuard<'a, Rare<M>>,
    ties: &'a Ties,
}

impl<'a, M> Opened<'a, M> {
    pub(crate) fn new(rare: MutexGuard<'a, Rare<M>>, ties: &'a Ties) -> Self {
        Self { rare, ties }
    }
}

impl<M> Deref for Opened<'_, M> {
    type Target = Rare<M>;

    fn deref(&self) -> &Rare<M> {
        &self.rare
    }
}

impl<M> DerefMut for Opened<'_, M> {
    fn deref_mut(&mut self) -> &mut Rare<M> {
        &mut self.rare
    }
}

impl<M> Drop for Opened<'_, M> {
    fn drop(&mut self) {
        let ties = Ties::of(self.rare.link.as_deref(), self.rare.desk.is_some());
        self.ties.0.store(ties, Ordering::Release);
    }
}
