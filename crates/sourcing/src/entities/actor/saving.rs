//! Snapshots of an entity: encoded between two commands, saved beside it.

use std::sync::Arc;

use steadfast_actor_core::Cx;
use steadfast_base::Value;
use steadfast_eventlog::Seq;
use steadfast_snapshot::{Snapshot, SnapshotInfo};

use super::super::shared::count;
use super::super::snapshots;
use super::{EntityActor, Msg, SNAPSHOT_WAITS_MAX, Saving, SnapshotReply};
use crate::{EventSourced, SnapshotFault, names};

impl<S: EventSourced> EntityActor<S> {
    pub(super) fn snapshot_if_due(&mut self, cx: &mut Cx<Self>) {
        let Some(live) = &self.live else { return };
        let due = self.shared.config.wants_snapshot(live.events, live.bytes);
        if due && self.shared.seat.is_some() && self.saving.is_none() {
            self.snapshot(Vec::new(), cx);
        }
    }

    /// Takes a snapshot if the entity is about to leave memory and enough is behind the last one; whether it
    /// has to stay until it is saved.
    ///
    /// One that cannot be saved does not hold the entity: the count begins anew with each one taken.
    pub(super) fn snapshot_to_leave(&mut self, cx: &mut Cx<Self>) -> bool {
        let Some(live) = &self.live else { return false };
        let least = self.shared.config.snapshot_to_leave;
        let due = least.is_some_and(|least| live.events >= least) && self.shared.seat.is_some();
        if !due || self.performing > 0 || self.saving.is_some() {
            return false;
        }
        self.snapshot(Vec::new(), cx);
        self.saving.is_some()
    }

    /// Takes a snapshot for whoever asks; behind the one that is being saved, if one is.
    pub(super) fn snapshot_now(&mut self, reply: SnapshotReply, cx: &mut Cx<Self>) {
        match &mut self.saving {
            None => self.snapshot(vec![reply], cx),
            Some(saving) if saving.next.len() < SNAPSHOT_WAITS_MAX => saving.next.push(reply),
            Some(_) => reply.send(Err(SnapshotFault::Busy)),
        }
    }

    /// Encodes the state and has it saved beside the entity. None may be under way.
    pub(super) fn snapshot(&mut self, replies: Vec<SnapshotReply>, cx: &mut Cx<Self>) {
        let shared = Arc::clone(&self.shared);
        let made = match (&shared.seat, &mut self.live) {
            (Some(seat), Some(live)) => {
                let state = (seat.encode)(shared.config.codec, &live.state);
                (live.events, live.bytes) = (0, 0);
                state.map_err(SnapshotFault::Encode).map(|state| {
                    let mut snapshot = Snapshot::new(&self.actor, live.seq, live.position, state);
                    snapshot.at = Some(live.at.of_snapshot(cx.timestamp()));
                    snapshot.event = live.event;
                    snapshot
                })
            }
            _ => Err(SnapshotFault::NoStore),
        };
        let fault = match made {
            Ok(snapshot) => {
                let save = async move { snapshots::save(&shared, snapshot).await };
                match cx.pipe_to_self(save, Msg::Saved) {
                    Ok(()) => {
                        self.saving = Some(Saving { replies, next: Vec::new() });
                        return;
                    }
                    Err(_) => SnapshotFault::Busy,
                }
            }
            Err(fault) => fault,
        };
        if replies.is_empty() {
            self.note(&Err(fault));
        } else {
            answer(replies, &Err(fault));
        }
    }

    /// A snapshot was saved, or not: whoever waits is told, and whoever asked meanwhile gets the next one.
    pub(super) fn saved(&mut self, saved: &Result<SnapshotInfo, SnapshotFault>, cx: &mut Cx<Self>) {
        self.note(saved);
        let Some(Saving { replies, next }) = self.saving.take() else { return };
        answer(replies, saved);
        if !next.is_empty() {
            self.snapshot(next, cx);
        }
    }

    fn note(&self, saved: &Result<SnapshotInfo, SnapshotFault>) {
        let shared = &self.shared;
        match saved {
            Ok(info) => {
                count(&shared.counters.snapshots_saved);
                shared.emit(names::SNAPSHOT_SAVED, || {
                    [
                        (names::ENTITY, Value::Str(self.actor.as_str())),
                        (names::SEQ, Value::U64(info.seq.get())),
                    ]
                });
            }
            Err(fault) => {
                count(&shared.counters.snapshot_failures);
                let seq = self.live.as_ref().map_or(Seq::ZERO, |live| live.seq);
                shared.emit(names::SNAPSHOT_FAILED, || {
                    [
                        (names::ENTITY, Value::Str(self.actor.as_str())),
                        (names::SEQ, Value::U64(seq.get())),
                        (names::MESSAGE, Value::Display(fault)),
                    ]
                });
            }
        }
    }
}

fn answer(replies: Vec<SnapshotReply>, saved: &Result<SnapshotInfo, SnapshotFault>) {
    for reply in replies {
        reply.send(saved.clone());
    }
}
