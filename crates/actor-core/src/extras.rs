//! What an actor needs only if it uses it: timers, stash, children, watches, pipes.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use tokio::task::AbortHandle;

use steadfast_base::{ActorId, CallContext, Stream};

use crate::{
    ExitReason, Wards,
    cell::{AnyCell, Envelope},
    probe::TurnStart,
    tape::{self, Source},
    timers::Timers,
};

/// Messages that an actor may hold back with `stash`; one more is refused.
pub const STASH_MAX: usize = 1_024;

/// Futures that an actor may have piped to itself at a time, results that it has not come to included;
/// one more is refused.
pub const PIPES_MAX: usize = 1_024;

/// A message with what traveled beside it.
pub(crate) type Letter<M> = (M, Option<Box<Envelope>>);

/// A watched actor, and the message to send for its end in place of the signal.
pub(crate) struct Watched<M> {
    pub(crate) cell: Arc<dyn AnyCell>,
    pub(crate) message: Option<M>,
}

pub(crate) struct Extras<M> {
    pub(crate) timers: Timers<M>,
    pub(crate) stash: VecDeque<Letter<M>>,
    /// Unstashed messages: they go before the mailbox.
    pub(crate) ready: VecDeque<Letter<M>>,
    /// Results of pipes: they go before the mailbox too, and belong to the incarnation.
    pub(crate) piped: VecDeque<Letter<M>>,
    pub(crate) children: BTreeMap<ActorId, Arc<dyn AnyCell>>,
    pub(crate) watched: BTreeMap<ActorId, Watched<M>>,
    pub(crate) pipes: Vec<AbortHandle>,
    pub(crate) stream: Option<Stream>,
    pub(crate) stopping: Option<ExitReason>,
    /// The context of the message about to be handled.
    pub(crate) context: Option<Arc<CallContext>>,
    /// When the turn at hand began, under a probe.
    pub(crate) turn: Option<TurnStart>,
    pub(crate) wards: Option<Wards>,
    pub(crate) tape: Option<tape::Slot>,
    /// Where the message about to be handled came from.
    pub(crate) source: Source,
}

impl<M> Default for Extras<M> {
    fn default() -> Self {
        Self {
            timers: Timers::default(),
            stash: VecDeque::new(),
            ready: VecDeque::new(),
            piped: VecDeque::new(),
            children: BTreeMap::new(),
            watched: BTreeMap::new(),
            pipes: Vec::new(),
            stream: None,
            stopping: None,
            context: None,
            turn: None,
            wards: None,
            tape: None,
            source: Source::Mailbox,
        }
    }
}

impl<M> Extras<M> {
    /// Forgets what belongs to one incarnation. Stashed messages were accepted, so they stay, and
    /// go first in the next one.
    pub(crate) fn end_incarnation(&mut self, me: ActorId) {
        self.timers.clear();
        for pipe in self.pipes.drain(..) {
            pipe.abort();
        }
        self.piped.clear();
        for watched in std::mem::take(&mut self.watched).into_values() {
            watched.cell.unwatch(me);
        }
        self.stopping = None;
        self.unstash();
    }

    /// Puts the stashed messages before all others, in the order in which they were stashed.
    pub(crate) fn unstash(&mut self) {
        while let Some(letter) = self.stash.pop_back() {
            self.ready.push_front(letter);
        }
    }
}
