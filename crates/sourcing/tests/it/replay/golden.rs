//! A recorded history that is kept: it must be replayed by every later version.

use steadfast_eventlog::{EventStore, MemoryStore, Numbering, Query, block_on, import_jsonl};
use steadfast_sourcing::replay::{Halt, ReplayController};

use super::bank::{Account, Ledger, account_on, account_shape, ledger_shape};

/// The life of [`Bank::live`](super::bank::Bank::live), as it was recorded by the first version.
///
/// Renewed by `UPDATE_GOLDEN=<file> cargo nextest run -p steadfast-sourcing golden`, which is right only
/// where the life itself was changed.
const GOLDEN: &str = include_str!("golden.jsonl");

#[test]
fn the_golden_history_is_replayed_with_equal_hashes() {
    if let Some(path) = std::env::var_os("UPDATE_GOLDEN") {
        let bank = super::bank::Bank::open(super::bank::every_turn());
        bank.live();
        let mut out = std::fs::File::create(path).expect("a place to write to");
        let log = bank.log();
        let written = steadfast_eventlog::export_jsonl(&*log, Query::all(), &mut out);
        block_on(written).expect("written");
        return;
    }
    let store = std::sync::Arc::new(MemoryStore::default());
    let imported = block_on(import_jsonl(&*store, &mut GOLDEN.as_bytes(), Numbering::Keep));
    imported.expect("the export of a log");
    let log: std::sync::Arc<dyn EventStore> = store;
    let replay = ReplayController::builder(log)
        .actor("/test/account", account_shape(), account_on)
        .actor("/test/ledger", ledger_shape(), |_| Ledger::default());
    let mut replay = block_on(replay.build()).expect("readable");
    let halt = block_on(replay.run()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(halt, Halt::End);
    assert!(replay.is_complete());
    let account = replay.actor::<Account>("/test/account").expect("played");
    assert_eq!((account.deposits, account.ended), (8, 2));
}
