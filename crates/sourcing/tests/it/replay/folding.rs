//! Event replay of entities, from a log on a disk.

use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::{Timestamp, storage::SimulatedStorage};
use steadfast_eventlog::{
    CodecId, EventStore, MemoryStore, Payload, Query, Seq, Upcasters, block_on,
    segment_store::{Config, SegmentStore},
};
use steadfast_sourcing::{
    Entities,
    replay::{Breakpoint, Halt, ReplayController, ReplayError, state_at, state_hash},
};

use crate::account::{Account, Command, Event};

/// A hundred hours of two entities, one command an hour each.
fn hundred_hours(test: &TestSystem, log: &Arc<dyn EventStore>) -> Vec<(String, Account)> {
    test.run(async {
        let accounts = Entities::<Account>::builder("account").store(Arc::clone(log));
        let accounts = accounts.start(test).await.expect("the settings are sound");
        let mut states = Vec::new();
        for hour in 0..100_i64 {
            for id in ["a", "b"] {
                let add = |reply| Command::Add { cents: hour + 1, reply };
                accounts.get(id).ask(add).await.expect("stored");
            }
            test.advance(Duration::from_hours(1)).await;
        }
        for id in ["a", "b"] {
            let state = accounts.get(id).query(Account::clone).await.expect("there");
            states.push((format!("account/{id}"), state));
        }
        accounts.shutdown().await;
        states
    })
}

fn just_before(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_nanos(at.as_unix_nanos() - 1)
}

fn memory(test: &TestSystem) -> Arc<dyn EventStore> {
    Arc::new(MemoryStore::new(test.time().clone()))
}

#[test]
fn a_day_is_replayed_by_its_window_to_the_hashes_of_the_live_states() {
    let test = TestSystem::new();
    let log = memory(&test);
    let states = hundred_hours(&test, &log);
    let events = block_on(log.read(Query::all()).all()).expect("readable");
    let first = events[0].at;
    let (from, before) = (first + Duration::from_hours(24), first + Duration::from_hours(48));
    let builder = || ReplayController::builder(Arc::clone(&log)).entities::<Account>("account");
    let mut day = block_on(builder().window(from, before).build()).expect("readable");
    assert_eq!(block_on(day.run()).expect("known events"), Halt::End);
    assert_eq!(day.step(), 48, "one event an hour of each");
    assert_eq!(day.entity::<Account>("account/a").map(|account| account.events), Some(48));

    let mut whole = block_on(builder().build()).expect("readable");
    assert_eq!(block_on(whole.run()).expect("known events"), Halt::End);
    for (name, state) in &states {
        assert_eq!(whole.entity::<Account>(name), Some(state));
        assert_eq!(whole.entity_hash(name), state_hash(state));
    }
    // At the end of the day the whole replay stands where the day's does.
    block_on(whole.travel_to(just_before(before))).expect("known events");
    assert_eq!(whole.step(), 96);
    assert_eq!(whole.state_hash(), day.state_hash());
    let (name, _) = &states[0];
    assert_eq!(whole.entity::<Account>(name).map(|account| account.events), Some(48));
}

#[test]
fn one_entity_is_seen_as_it_was() {
    let test = TestSystem::new();
    let log = memory(&test);
    hundred_hours(&test, &log);
    let events = block_on(log.read(Query::actor("account/a")).all()).expect("readable");
    for hours in [0, 1, 50, 99] {
        let at = events[hours].at;
        let state: Account = block_on(state_at(Arc::clone(&log), "account/a", at)).expect("known");
        assert_eq!(state.events, hours as u64 + 1);
        assert_eq!(state.added.len(), hours + 1);
    }
    let early = just_before(events[0].at);
    let state: Account = block_on(state_at(Arc::clone(&log), "account/a", early)).expect("known");
    assert_eq!(state, Account::default());
}

#[test]
fn breakpoints_and_steps_work_on_entities_too() {
    let test = TestSystem::new();
    let log = memory(&test);
    hundred_hours(&test, &log);
    let replay = ReplayController::builder(log).entities::<Account>("account");
    let late = |next: &steadfast_sourcing::replay::Upcoming<'_>| next.event.seq.get() == 30;
    let replay = replay.breakpoint(Breakpoint::when("the thirtieth", late));
    let mut replay = block_on(replay.build()).expect("readable");
    let halt = block_on(replay.run()).expect("known events");
    assert_eq!(halt, Halt::Breakpoint("the thirtieth".to_owned()));
    assert_eq!(replay.step(), 58);
    let hash = replay.state_hash();
    block_on(replay.back(40)).expect("known events");
    block_on(replay.forward(40)).expect("known events");
    assert_eq!(replay.state_hash(), hash);
}

#[test]
fn an_unknown_version_is_an_error_that_names_it() {
    use steadfast_base::EventId;
    use steadfast_eventlog::{Append, EventKind, NewEvent};

    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let old = Payload::encode(CodecId::NAMED, "bank.AccountEvent", 7, &1_u64).expect("encodes");
    let event = NewEvent::new(EventId::from_u128(1), "account/a", EventKind::StateChanged, old);
    log.append(Append::one(event)).wait().expect("stored");
    let strict = || ReplayController::builder(Arc::clone(&log));
    let mut replay = block_on(strict().entities::<Account>("account").build()).expect("readable");
    let error = block_on(replay.run()).expect_err("version 7 is not known");
    assert!(matches!(error, ReplayError::Upcast { .. }), "{error}");
    // With a step from that version it is brought up.
    let upcasters = Upcasters::new().current("bank.AccountEvent", 8).step(
        "bank.AccountEvent",
        7,
        |cents: u64| vec![cents],
    );
    let replay = strict().entities_with::<Account>("account", Arc::new(upcasters));
    let mut replay = block_on(replay.build()).expect("readable");
    let error = block_on(replay.run()).expect_err("version 8 is not what this program writes");
    assert!(error.to_string().contains("no known version"), "{error}");
}

#[test]
fn s54_not_a_byte_of_the_source_directory_changes() {
    use steadfast_base::{EventId, Time};
    use steadfast_eventlog::{Append, EventKind, NewEvent};

    let storage = SimulatedStorage::new();
    let open = || {
        let config = Config::new("log").with_mark_after(None).with_seal_level(None);
        let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system());
        store.expect("a whole log")
    };
    let log = open();
    for number in 1..=200_u32 {
        let added = Event::Added { cents: number.into() };
        let payload = Payload::encode(CodecId::NAMED, "bank.AccountEvent", 1, &added);
        let payload = payload.expect("encodes");
        let name = format!("account/{}", number % 3);
        let id = EventId::from_u128(number.into());
        let event = NewEvent::new(id, name, EventKind::StateChanged, payload);
        log.append(Append::one(event)).wait().expect("stored");
    }
    block_on(log.close()).expect("closed");
    drop(log);
    let log: Arc<dyn EventStore> = Arc::new(open());
    block_on(log.sync()).expect("synced");
    // All but the space that the store makes ahead, which holds nothing.
    let files = || {
        let is_spare = |path: &std::path::Path| path.extension().is_some_and(|end| end == "spare");
        let files = storage.files().into_iter().filter(|(path, _)| !is_spare(path));
        files.collect::<Vec<_>>()
    };
    let before = files();
    assert!(before.iter().any(|(path, _)| path.extension().is_some_and(|end| end == "seg")));
    let replay = ReplayController::builder(Arc::clone(&log)).entities::<Account>("account");
    let mut replay = block_on(replay.build()).expect("readable");
    assert_eq!(block_on(replay.run()).expect("known events"), Halt::End);
    assert_eq!(replay.step(), 200);
    block_on(replay.back(100)).expect("known events");
    assert!(before == files(), "a replay writes nothing");
    block_on(log.close()).expect("closed");
}

#[test]
fn s57_no_state_is_made_of_events_whose_beginning_is_gone() {
    let test = TestSystem::new();
    let log = memory(&test);
    let states = hundred_hours(&test, &log);
    block_on(log.delete_to(&"account/a".into(), Seq::new(10))).expect("deleted");
    let now = test.time().timestamp();
    let gone = block_on(state_at::<Account>(Arc::clone(&log), "account/a", now));
    let Err(ReplayError::Missing { actor, expected, found }) = gone else { panic!("{gone:?}") };
    assert_eq!((actor.as_str(), expected, found), ("account/a", Seq::FIRST, Seq::new(11)));
    let whole = block_on(state_at::<Account>(Arc::clone(&log), "account/b", now));
    assert_eq!(whole.expect("all of it is there"), states[1].1);
    let both = ReplayController::builder(Arc::clone(&log)).entities::<Account>("account");
    let mut both = block_on(both.build()).expect("readable");
    for _ in 0..2 {
        let gone = block_on(both.run()).expect_err("its beginning is gone");
        assert!(matches!(gone, ReplayError::Missing { .. }), "{gone:?}");
    }
}
