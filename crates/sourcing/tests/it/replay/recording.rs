//! What a recording holds.

use steadfast_eventlog::{EventKind, Query, block_on};
use steadfast_sourcing::record::{RecorderConfig, STATE_HASH_EVERY_DEFAULT, WhenFull};

use super::bank::{AccountMsg, Bank};

#[test]
fn the_defaults_are_what_the_documentation_says() {
    let config = RecorderConfig::default();
    assert_eq!((config.state_hash_every, config.snapshot_every), (STATE_HASH_EVERY_DEFAULT, 0));
    assert_eq!((config.when_full, config.build.as_str()), (WhenFull::Gap, ""));
}

#[test]
fn each_turn_is_one_event_with_its_outputs_behind_it() {
    let bank = Bank::open(RecorderConfig::default());
    bank.test.run(async {
        bank.tell(AccountMsg::Deposit(5)).await;
        bank.account.stop();
        bank.account.stopped().await;
        bank.recorder.flush().await;
    });
    let events = block_on(bank.log().read(Query::actor("tape:/test/account")).all());
    let events = events.expect("readable");
    let kinds: Vec<_> = events.iter().map(|event| (event.kind.clone(), event.turn)).collect();
    assert_eq!(
        kinds,
        [
            (EventKind::ActorCreated, 0),
            (EventKind::MessageProcessed, 1),
            (EventKind::MessageProcessed, 2),
            (EventKind::MessageSent, 2),
            (EventKind::ActorDestroyed, 2),
        ]
    );
    assert_eq!(events[3].causation, Some(events[2].id));
    assert_eq!(events[4].payload.bytes(), "shutdown");
}
