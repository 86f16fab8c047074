//! Recovery: the newest sound snapshot, and the events behind it.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use steadfast_base::{EventId, Timestamp};
use steadfast_eventlog::{
    ActorName, CodecError, CodecId, Event, EventKind, EventStore, Payload, Position, Query, Seq,
    Upcasters,
};
use steadfast_snapshot::limits::LOAD_ATTEMPTS_MAX;
use steadfast_snapshot::{Criteria, Snapshot, SnapshotStore};

use crate::{EventSourced, RecoveryCause, RecoveryFailed};

/// Where snapshots of states are kept, and how states become bytes.
pub(crate) struct Seat<S> {
    pub(crate) store: Arc<dyn SnapshotStore>,
    pub(crate) encode: fn(CodecId, &S) -> Result<Payload, CodecError>,
    pub(crate) decode: fn(&Payload) -> Result<S, CodecError>,
}

impl<S> Clone for Seat<S> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), encode: self.encode, decode: self.decode }
    }
}

/// Up to where an entity is brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// All there is.
    Now,
    /// The event with this number is the last one.
    Seq(Seq),
    /// The first event that is later than this, and all behind it, are left out.
    At(Timestamp),
}

impl Moment {
    fn criteria(self) -> Criteria {
        match self {
            Self::Now => Criteria::latest(),
            Self::Seq(seq) => Criteria::up_to_seq(seq),
            Self::At(at) => Criteria::latest().taken_until(at),
        }
    }

    fn last(self) -> Seq {
        match self {
            Self::Seq(seq) => seq,
            Self::Now | Self::At(_) => Seq::MAX,
        }
    }
}

/// The latest time of an event in a state, which is the last one's unless a clock was set back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latest {
    at: Option<Timestamp>,
    /// Whether the last event says itself when it happened.
    is_told: bool,
}

impl Latest {
    pub(crate) fn note(&mut self, at: Timestamp, is_told: bool) {
        (self.at, self.is_told) = (self.at.max(Some(at)), is_told);
    }

    /// The time under which a snapshot of the state is saved: not before any event in it, so that the state as
    /// it was at a time never begins with a snapshot that knows more.
    // INV-SRC-5: a snapshot is never older than an event that it contains.
    pub(crate) fn of_snapshot(self, now: Timestamp) -> Timestamp {
        match self.at {
            Some(at) if self.is_told => at,
            at => now.max(at.unwrap_or(now)),
        }
    }
}

/// A state and how it was come by.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered<S> {
    /// The state.
    pub state: S,
    /// The number of the last event in it; 0 for none.
    pub seq: Seq,
    /// The position of that event; 0 where it is not known.
    pub position: Position,
    /// The id of that event.
    pub event: Option<EventId>,
    pub(crate) at: Latest,
    /// The number of the snapshot it began with, if it did.
    pub snapshot: Option<Seq>,
    /// How many newer snapshots were damaged or unreadable.
    pub passed_over: u32,
    /// How many events were folded.
    pub events: u64,
    /// How many bytes their payloads had.
    pub bytes: u64,
}

/// All that a recovery reads from.
pub(crate) struct Source<'a, S> {
    pub(crate) log: &'a dyn EventStore,
    pub(crate) seat: Option<&'a Seat<S>>,
    pub(crate) upcasters: &'a Upcasters,
    pub(crate) actor: &'a ActorName,
    pub(crate) id: &'a str,
}

impl<S: EventSourced> Source<'_, S> {
    fn failed(&self, seq: Seq, cause: RecoveryCause) -> RecoveryFailed {
        RecoveryFailed { actor: self.actor.clone(), seq, cause }
    }

    /// Brings the state back, up to a moment.
    pub(crate) async fn recover(&self, until: Moment) -> Result<Recovered<S>, RecoveryFailed> {
        let extent = self.log.actor(self.actor).await;
        let extent = extent.map_err(|e| self.failed(Seq::FIRST, RecoveryCause::Read(e)))?;
        if extent.highest == Seq::ZERO && self.seat.is_none() {
            return Ok(self.fresh());
        }
        let mut recovered = self.base(until).await?;
        // INV-SRC-1: a state is made of every event from 1 to its number, or of a snapshot and every event
        // behind it; nothing in between is passed over.
        if recovered.seq > extent.highest {
            let cause = RecoveryCause::LogBehind { highest: extent.highest };
            return Err(self.failed(recovered.seq, cause));
        }
        let last = extent.highest.min(until.last());
        if recovered.seq < last {
            self.fold_tail(&mut recovered, last, until).await?;
        }
        Ok(recovered)
    }

    fn fresh(&self) -> Recovered<S> {
        Recovered {
            state: S::initial(self.id),
            seq: Seq::ZERO,
            position: Position::ZERO,
            event: None,
            at: Latest::default(),
            snapshot: None,
            passed_over: 0,
            events: 0,
            bytes: 0,
        }
    }

    /// The newest snapshot that is sound and can be read, else the state before the first event.
    async fn base(&self, until: Moment) -> Result<Recovered<S>, RecoveryFailed> {
        let mut fresh = self.fresh();
        let Some(seat) = self.seat else { return Ok(fresh) };
        let mut criteria = until.criteria();
        let mut tries = 0;
        while tries < LOAD_ATTEMPTS_MAX {
            let loaded = seat.store.load(self.actor, &criteria).await.map_err(|error| {
                self.failed(Seq::FIRST, RecoveryCause::Snapshots(Arc::new(error)))
            })?;
            tries += loaded.damaged.len() + 1;
            fresh.passed_over += u32::try_from(loaded.damaged.len()).unwrap_or(u32::MAX);
            let Some(snapshot) = loaded.snapshot else { break };
            let Snapshot { seq, position, event, state, at, .. } = snapshot;
            if state.version() == S::STATE_VERSION
                && let Ok(state) = (seat.decode)(&state)
            {
                let at = Latest { at, is_told: false };
                let snapshot = Some(seq);
                return Ok(Recovered { state, seq, position, event, at, snapshot, ..fresh });
            }
            fresh.passed_over += 1;
            if seq == Seq::ZERO {
                break;
            }
            criteria.seq_to = seq.previous();
        }
        Ok(fresh)
    }

    /// Folds the events behind `recovered` up to `last` into it.
    async fn fold_tail(
        &self,
        recovered: &mut Recovered<S>,
        last: Seq,
        until: Moment,
    ) -> Result<(), RecoveryFailed> {
        let query = Query::actor(self.actor.clone()).seqs(recovered.seq.next()..=last);
        let mut events = self.log.read(query);
        while recovered.seq < last {
            let expected = recovered.seq.next();
            let batch = events.next().await;
            let batch = batch.map_err(|e| self.failed(expected, RecoveryCause::Read(e)))?;
            if batch.is_empty() {
                let cause = RecoveryCause::Missing { found: last.next() };
                return Err(self.failed(expected, cause));
            }
            if !self.fold(recovered, &batch, until)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Folds a batch; false if the moment is reached.
    pub(crate) fn fold(
        &self,
        recovered: &mut Recovered<S>,
        batch: &[Event],
        until: Moment,
    ) -> Result<bool, RecoveryFailed> {
        let at = Cell::new(recovered.seq);
        let folded = catch_unwind(AssertUnwindSafe(|| {
            for event in batch {
                let expected = recovered.seq.next();
                if event.seq != expected {
                    let cause = RecoveryCause::Missing { found: event.seq };
                    return Err(self.failed(expected, cause));
                }
                if matches!(until, Moment::At(moment) if event.at > moment) {
                    return Ok(false);
                }
                at.set(event.seq);
                let mut is_told = false;
                if event.kind == EventKind::StateChanged {
                    let decoded = decode::<S>(self.upcasters, &event.payload, |decoded| {
                        is_told = S::happened_at(&decoded).is_some();
                        recovered.state.apply(&decoded);
                    });
                    decoded.map_err(|cause| self.failed(event.seq, cause))?;
                }
                recovered.seq = event.seq;
                recovered.position = event.position;
                recovered.event = Some(event.id);
                recovered.at.note(event.at, is_told);
                recovered.events += 1;
                recovered.bytes += event.payload.bytes().len() as u64;
            }
            Ok(true)
        }));
        folded.unwrap_or_else(|payload| {
            Err(self.failed(at.get(), RecoveryCause::Panicked(text_of(&*payload))))
        })
    }
}

/// Hands over what a stored payload is by now: one event, or what upcasting made of it.
fn decode<S: EventSourced>(
    upcasters: &Upcasters,
    payload: &Payload,
    mut take: impl FnMut(S::Event),
) -> Result<(), RecoveryCause> {
    if payload.version() == S::EVENT_VERSION && payload.type_name() == S::EVENT_TYPE {
        take(payload.decode().map_err(RecoveryCause::Decode)?);
        return Ok(());
    }
    for payload in upcasters.upcast(payload.clone()).map_err(RecoveryCause::Upcast)? {
        take(payload.decode().map_err(RecoveryCause::Decode)?);
    }
    Ok(())
}

fn text_of(payload: &(dyn Any + Send)) -> Arc<str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic with a payload that is not text")
        .into()
}
