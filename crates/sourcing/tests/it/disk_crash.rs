//! Entities in the embedded store, on a disk that crashes in the middle of it.

use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::System;
use steadfast_base::storage::{Persist, SimulatedStorage};
use steadfast_base::{Seed, Time};
use steadfast_eventlog::segment_store::{Config, SegmentStore};
use steadfast_eventlog::{EventStore, Query};
use steadfast_snapshot::{FileSnapshots, FileSnapshotsConfig, SnapshotStore};
use steadfast_sourcing::{CommandFault, Entities, EntitiesConfig};

use crate::account::{Account, Command};

const ENTITIES: u64 = 8;

fn log(storage: &SimulatedStorage) -> Arc<dyn EventStore> {
    let config = Config::new("log").with_segment_bytes(64 << 10);
    let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system());
    Arc::new(store.expect("a log that crashed opens"))
}

fn snapshots(storage: &SimulatedStorage) -> Arc<dyn SnapshotStore> {
    let (storage, config) = (Arc::new(storage.clone()), FileSnapshotsConfig::default());
    Arc::new(FileSnapshots::open(storage, "snapshots", Time::system(), config).expect("opens"))
}

async fn start(system: &System, storage: &SimulatedStorage) -> Entities<Account> {
    let mut config = EntitiesConfig::default();
    config.snapshot_every = Some(7);
    config.delete_events = true;
    config.resident_max = 5;
    config.backoff = steadfast_supervision::Backoff::none();
    let accounts = Entities::<Account>::builder("account").config(config);
    let accounts = accounts.store(log(storage)).snapshots(snapshots(storage));
    accounts.start(system).await.expect("starts")
}

/// Adds 1, 2, 3 and so on behind what is there, until it fails; the last number that was acknowledged.
async fn drive(accounts: Entities<Account>, id: u64, until: i64) -> i64 {
    let account = accounts.get(id.to_string());
    let Ok(mut acked) = account.query(|account| account.added.last().copied()).await else {
        return 0;
    };
    loop {
        let cents = acked.unwrap_or(0) + 1;
        if cents > until {
            return until;
        }
        let ask = account.ask(move |reply| Command::Add { cents, reply });
        match ask.within(Duration::from_mins(1)).await {
            Ok(_) => acked = Some(cents),
            Err(_) => return acked.unwrap_or(0),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_recovered_after_a_crash_in_the_middle() {
    let mut stream = Seed::new(20_261).stream("crashes");
    let mut storage = SimulatedStorage::new();
    let mut acked = vec![0; 8];
    for round in 1..=12 {
        let system = System::builder("test").build().expect("a system");
        let accounts = start(&system, &storage).await;
        storage.crash_after(storage.steps() + 5 + stream.below(150));
        let mut driven = tokio::task::JoinSet::new();
        for id in 0..ENTITIES {
            let driving = drive(accounts.clone(), id, round * 40);
            driven.spawn(async move { (id, driving.await) });
        }
        while let Some(done) = driven.join_next().await {
            let (id, last) = done.expect("no task panics");
            let acked = &mut acked[usize::try_from(id).expect("small")];
            *acked = last.max(*acked);
        }
        accounts.shutdown().await;
        storage = storage.crash(|_, _| match stream.below(3) {
            0 => Persist::Nothing,
            1 => Persist::All,
            _ => Persist::Sectors(u128::from(stream.next_u64())),
        });

        let accounts = start(&system, &storage).await;
        for (id, acked) in (0..ENTITIES).zip(&mut acked) {
            let state = accounts.get(id.to_string()).query(Account::clone).await;
            let state = state.unwrap_or_else(|fault| panic!("round {round}, entity {id}: {fault}"));
            let last = i64::try_from(state.added.len()).expect("small");
            assert!(last >= *acked, "round {round}, entity {id}: {last} of {acked}");
            assert_eq!(state.added, (1..=last).collect::<Vec<_>>(), "round {round}");
            *acked = last;
        }
        accounts.shutdown().await;
        storage.kill();
        storage = storage.crash(|_, _| Persist::All);
        system.shutdown().await;
    }
    assert!(acked.iter().sum::<i64>() > 100, "{acked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s50_a_failed_sync_stops_the_entities_until_the_log_is_open_again() {
    let system = System::builder("test").build().expect("a system");
    let storage = SimulatedStorage::new();
    let first = log(&storage);
    let (old, disk) = (Arc::clone(&first), storage.clone());
    let accounts = Entities::<Account>::builder("account").store(first).reopen(move || {
        let (old, disk) = (Arc::clone(&old), disk.clone());
        async move {
            // It is poisoned: closing it only gives back the lock.
            drop(old.close().await);
            let config = Config::new("log").with_segment_bytes(64 << 10);
            let store = SegmentStore::open_on(Arc::new(disk), config, Time::system())?;
            Ok(Arc::new(store) as Arc<dyn EventStore>)
        }
    });
    let accounts = accounts.backoff(steadfast_supervision::Backoff::none());
    let accounts = accounts.start(&system).await.expect("starts");
    let account = accounts.get("a");
    account.ask(|reply| Command::Add { cents: 1, reply }).await.expect("stored");
    for ahead in 0..6 {
        storage.fail_sync(ahead);
    }
    let mut added = vec![1];
    // The first failure may be that of a sync that no command waits for.
    let event = loop {
        let cents = i64::try_from(added.len()).expect("small") + 1;
        match account.ask(move |reply| Command::Add { cents, reply }).await {
            Ok(_) => added.push(cents),
            Err(error) => match error.fault() {
                CommandFault::Unknown { event, .. } => break Some((*event, cents)),
                CommandFault::Poisoned => break None,
                _ => panic!("{error:?}"),
            },
        }
    };
    // Retried as a careful client does, until the log takes commands again.
    let state = loop {
        match account.query(|account| account.added.clone()).await {
            Ok(state) => break state,
            Err(CommandFault::Poisoned | CommandFault::Interrupted) => {
                tokio::task::yield_now().await;
            }
            Err(fault) => panic!("{fault:?}"),
        }
    };
    if let Some((event, cents)) = event {
        let found = accounts.store().read(Query::event(event)).all().await.expect("readable");
        added.extend(found.first().map(|_| cents));
    }
    assert_eq!(state, added, "the state is what the log says");
    account.ask(|reply| Command::Add { cents: 3, reply }).await.expect("stored");
    system.shutdown().await;
}
