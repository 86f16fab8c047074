//! Leases: one owner at a time, and an epoch for each.

use std::sync::Arc;
use std::time::Duration;

use steadfast_base::{EventId, VirtualClock};
use steadfast_eventlog::{
    Append, AppendError, EventKind, EventStore, LeaseError, LeaseStore, MemoryLeases, MemoryStore,
    NewEvent, Payload, block_on,
};

const TTL: Duration = Duration::from_secs(10);

#[test]
fn a_lease_has_one_owner_and_its_epoch_rises_when_it_changes_hands() {
    let clock = Arc::new(VirtualClock::new());
    let leases = MemoryLeases::new(clock.time());
    let acquire = |owner: &str| block_on(leases.acquire("shard-1", owner, TTL));
    let first = acquire("a").expect("free");
    assert_eq!(acquire("a").expect("its own").epoch, first.epoch);
    let held = acquire("b");
    assert!(matches!(held, Err(LeaseError::Held { retry_after, .. }) if retry_after == TTL));
    clock.advance(Duration::from_secs(9));
    let renewed = block_on(leases.renew(&first, TTL)).expect("still its own");
    assert_eq!(renewed.epoch, first.epoch);
    clock.advance(TTL);
    assert_eq!(block_on(leases.holder("shard-1")).expect("known"), None);
    let lost = block_on(leases.renew(&first, TTL));
    assert!(matches!(lost, Err(LeaseError::Lost { .. })), "it ran out: {lost:?}");
    let second = acquire("b").expect("it ran out");
    assert_eq!(second.epoch, first.epoch.next());
    block_on(leases.release(&first)).expect("none of its business");
    assert_eq!(block_on(leases.holder("shard-1")).expect("known"), Some(second.clone()));
    block_on(leases.release(&second)).expect("given back");
    assert_eq!(acquire("b").expect("free").epoch, second.epoch.next());
}

#[test]
fn a_former_owner_is_fenced_once_the_new_one_has_written() {
    let clock = Arc::new(VirtualClock::new());
    let leases = MemoryLeases::new(clock.time());
    let log = MemoryStore::new(clock.time());
    let old = block_on(leases.acquire("shard-1", "a", TTL)).expect("free");
    clock.advance(TTL);
    let new = block_on(leases.acquire("shard-1", "b", TTL)).expect("it ran out");
    let append = |lease: &steadfast_eventlog::Lease, number: u128| {
        let payload = Payload::raw("n", "");
        let event =
            NewEvent::new(EventId::from_u128(number), "P", EventKind::StateChanged, payload);
        log.append(Append::one(event).fenced_by(lease.fence())).wait()
    };
    assert!(append(&new, 1).is_ok());
    let fenced = append(&old, 2).expect_err("the pause was too long");
    assert!(matches!(&fenced, AppendError::Fenced { current, .. } if *current == new.epoch));
    assert_eq!(fenced.into_events().len(), 1);
}
