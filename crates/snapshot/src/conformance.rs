//! The suite that every snapshot store passes.
//!
//! [`snapshot_store_conformance!`](crate::snapshot_store_conformance) makes a test of each check; the
//! expression makes a fresh store whose clock stands at any time.

use std::time::Duration;

use steadfast_base::{EventId, Timestamp};
use steadfast_eventlog::{ActorName, CodecId, Payload, Position, Seq, block_on};

use crate::criteria::Criteria;
use crate::error::SnapshotError;
use crate::limits;
use crate::retention::SnapshotRetention;
use crate::snapshot::Snapshot;
use crate::store::SnapshotStore;

/// Makes a `#[test]` of each check of the suite.
#[macro_export]
macro_rules! snapshot_store_conformance {
    ($store:expr) => {
        $crate::snapshot_store_conformance! { $store;
            limits_are_kept,
            retention_keeps_the_newest,
            s41_criteria_choose,
            s42_saving_again_replaces_and_deleting_deletes,
            what_was_saved_is_what_is_loaded,
        }
    };
    ($store:expr; $($check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                $crate::conformance::$check(&$store);
            }
        )*
    };
}

const ACTOR: &str = "ä/../x";

fn at(seq: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(1_600_000_000 + seq)
}

fn snapshot(seq: u64, state: &str) -> Snapshot {
    let state = Payload::raw("test.State", state.to_owned());
    Snapshot::new(ACTOR, Seq::new(seq), Position::new(seq * 10), state).with_at(at(seq))
}

fn with_five(store: &dyn SnapshotStore) {
    for seq in 11..=15 {
        block_on(store.save(snapshot(seq, &format!("state {seq}")))).expect("saved");
    }
}

fn loaded(store: &dyn SnapshotStore, criteria: Criteria) -> Option<u64> {
    let loaded = block_on(store.load(&ACTOR.into(), &criteria)).expect("readable");
    assert!(loaded.damaged.is_empty() && !loaded.gave_up);
    loaded.snapshot.map(|found| found.seq.get())
}

fn seqs(store: &dyn SnapshotStore) -> Vec<u64> {
    let infos = block_on(store.list(&ACTOR.into())).expect("readable");
    infos.iter().map(|info| info.seq.get()).collect()
}

fn up_to(seq: u64) -> Criteria {
    Criteria::up_to_seq(Seq::new(seq))
}

/// The newest snapshot that meets the criteria is loaded.
///
/// # Panics
///
/// If the store breaks the contract, as all checks of this suite.
pub fn s41_criteria_choose(store: &dyn SnapshotStore) {
    with_five(store);
    assert_eq!(loaded(store, Criteria::latest()), Some(15));
    assert_eq!(loaded(store, up_to(13)), Some(13));
    assert_eq!(loaded(store, up_to(7)), None);
    assert_eq!(loaded(store, Criteria::latest().taken_until(at(13))), Some(13));
    assert_eq!(loaded(store, Criteria::latest().taken_before(at(11))), None);
    assert_eq!(loaded(store, up_to(14).taken_before(at(13))), Some(12));
    assert_eq!(loaded(store, Criteria::exactly(Seq::new(12))), Some(12));
    let unknown = block_on(store.load(&"nobody".into(), &Criteria::latest())).expect("readable");
    assert_eq!((unknown.snapshot, unknown.damaged.len()), (None, 0));
    assert!(block_on(store.list(&"nobody".into())).expect("readable").is_empty());
}

/// The same number replaces; deleting takes what is meant and nothing else.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn s42_saving_again_replaces_and_deleting_deletes(store: &dyn SnapshotStore) {
    with_five(store);
    block_on(store.save(snapshot(15, "new bytes"))).expect("saved");
    let newest = block_on(store.load(&ACTOR.into(), &Criteria::latest())).expect("readable");
    let bytes = newest.snapshot.map(|found| found.state.bytes().clone());
    assert_eq!(bytes.as_deref(), Some(&b"new bytes"[..]));
    assert_eq!(seqs(store), [11, 12, 13, 14, 15]);
    let delete = |criteria: Criteria| block_on(store.delete(&ACTOR.into(), &criteria));
    assert_eq!(delete(up_to(13).taken_before(at(13))).expect("deleted"), 2);
    assert_eq!(seqs(store), [13, 14, 15]);
    block_on(store.save(snapshot(12, "again"))).expect("saved");
    assert_eq!(delete(Criteria::exactly(Seq::new(13))).expect("deleted"), 1);
    assert_eq!(loaded(store, up_to(13)), Some(12));
    assert_eq!(delete(Criteria::exactly(Seq::new(13))).expect("nothing to delete"), 0);
    let verified = |seq: u64| block_on(store.verify(&ACTOR.into(), Seq::new(seq)));
    assert!(matches!(verified(13), Err(SnapshotError::NotFound)));
    assert!(verified(14).is_ok_and(|info| info.at == at(14)));
    assert_eq!(delete(Criteria::latest()).expect("deleted"), 3);
    assert_eq!(loaded(store, Criteria::latest()), None);
    assert_eq!(store.statistics().deleted_total, 6);
}

/// Every field comes back, times to the microsecond; one actor's snapshots are no other's.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn what_was_saved_is_what_is_loaded(store: &dyn SnapshotStore) {
    let state = Payload::new(CodecId::new(200), "bank.Account", 7, [0_u8, 255, 3].repeat(5_000));
    let full = Snapshot::new("a", Seq::new(3), Position::new(9), state.clone())
        .with_at(at(1) + Duration::from_nanos(999))
        .with_event(EventId::from_u128(4))
        .with_metadata("", "empty key")
        .with_metadata("taken-by", "ä");
    let plain = Snapshot::new("a-1", Seq::new(3), Position::new(9), Payload::raw("s", ""))
        .with_event(EventId::from_u128(0));
    let info = block_on(store.save(full.clone())).expect("saved");
    assert_eq!((info.state_bytes, info.at), (15_000, at(1)));
    block_on(store.save(plain)).expect("saved");
    let load = |actor: &str| {
        let loaded = block_on(store.load(&ActorName::from(actor), &Criteria::latest()));
        loaded.expect("readable").snapshot.expect("it is there")
    };
    assert_eq!(load("a"), full.with_at(at(1)));
    let plain = load("a-1");
    assert_eq!((plain.event, plain.state.bytes().len(), plain.metadata.len()), (None, 0, 0));
    assert!(plain.at.is_some(), "the store's clock");
    let infos = block_on(store.list(&"a".into())).expect("readable");
    assert_eq!(infos.len(), 1);
    assert!(infos.iter().all(|listed| *listed == info));
    assert_eq!(block_on(store.verify(&"a".into(), Seq::new(3))).expect("sound"), info);
}

/// What is over a limit is refused.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn limits_are_kept(store: &dyn SnapshotStore) {
    let refused = |snapshot: Snapshot| {
        matches!(block_on(store.save(snapshot)), Err(SnapshotError::TooLarge(_)))
    };
    assert!(refused(snapshot(1, "s").with_metadata("k", "v".repeat(limits::METADATA_BYTES_MAX))));
    let mut named = snapshot(1, "s");
    named.actor = "n".repeat(2_000).into();
    assert!(refused(named));
    let empty = Snapshot::new("", Seq::new(1), Position::new(1), Payload::raw("s", ""));
    assert!(matches!(block_on(store.save(empty)), Err(SnapshotError::Rejected(_))));
    assert_eq!(loaded(store, Criteria::latest()), None);
}

/// Only the newest ones are kept, and of old ones only the newest.
///
/// # Panics
///
/// If the store breaks the contract.
pub fn retention_keeps_the_newest(store: &dyn SnapshotStore) {
    with_five(store);
    let retain = |policy: SnapshotRetention| block_on(store.retain(&ACTOR.into(), &policy));
    let by_number = SnapshotRetention::default().with_age_max(None);
    assert_eq!(retain(by_number.with_keep(9)).expect("runs"), 0);
    assert_eq!(retain(by_number).expect("runs"), 2);
    assert_eq!(seqs(store), [13, 14, 15]);
    let by_age = by_number.with_age_max(Some(Duration::from_nanos(1)));
    assert_eq!(retain(by_age.with_keep(9)).expect("runs"), 2);
    assert_eq!(seqs(store), [15], "the newest stays, however old");
    assert_eq!(retain(by_number.with_keep(0)).expect("runs"), 0);
}
