//! Snapshots of an entity: encoded between two commands, saved beside it.

use std::sync::Arc;

use steadfast_actor_core::Cx;
use steadfast_base::Value;
use steadfast_eventlog::Seq;
use steadfast_snapshot::{Snapshot, SnapshotInfo};

use super::super::shared::count;
use super::super::snapshots;
use super::{EntityActor, Msg, Saving, SnapshotReply};
use crate::{EventSourced, SnapshotFault, names};

impl<S: EventSourced> EntityActor<S> {
    pub(super) fn snapshot_if_due(&mut self, cx: &mut Cx<Self>) {
        let Some(live) = &self.live else { return };
        let due = self.shared.config.wants_snapshot(live.events, live.bytes);
        if due && self.shared.seat.is_some() && self.saving.is_none() {
            self.snapshot(None, cx);
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
        self.snapshot(None, cx);
        self.saving.is_some()
    }

    /// Encodes the state and has it saved beside the entity.
    pub(super) fn snapshot(&mut self, reply: Option<SnapshotReply>, cx: &mut Cx<Self>) {
        let shared = Arc::clone(&self.shared);
        let made = match (&shared.seat, &mut self.live, &self.saving) {
            (_, _, Some(_)) => Err(SnapshotFault::Busy),
            (Some(seat), Some(live), None) => {
                let state = (seat.encode)(shared.config.codec, &live.state);
                (live.events, live.bytes) = (0, 0);
                state.map_err(SnapshotFault::Encode).map(|state| {
                    let mut snapshot = Snapshot::new(&self.actor, live.seq, live.position, state);
                    snapshot.at = live.at;
                    match live.event {
                        Some(event) => snapshot.with_event(event),
                        None => snapshot,
                    }
                })
            }
            _ => Err(SnapshotFault::NoStore),
        };
        let fault = match made {
            Ok(snapshot) => {
                let save = async move { snapshots::save(&shared, snapshot).await };
                match cx.pipe_to_self(save, Msg::Saved) {
                    Ok(()) => {
                        self.saving = Some(Saving(reply));
                        return;
                    }
                    Err(_) => SnapshotFault::Busy,
                }
            }
            Err(fault) => fault,
        };
        match reply {
            Some(reply) => reply.send(Err(fault)),
            None => self.saved(&Err(fault)),
        }
    }

    pub(super) fn saved(&self, saved: &Result<SnapshotInfo, SnapshotFault>) {
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
