//! The corpora of the fuzz targets, replayed as ordinary tests.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

#[path = "../../../fuzz/bodies/breaker_ops.rs"]
mod breaker_ops;
#[path = "../../../fuzz/bodies/ids.rs"]
mod ids;
#[path = "../../../fuzz/bodies/mailbox_ops.rs"]
mod mailbox_ops;
#[path = "../../../fuzz/bodies/recording_decode.rs"]
mod recording_decode;
#[path = "../../../fuzz/bodies/segment_decode.rs"]
mod segment_decode;
#[path = "../../../fuzz/bodies/snapshot_decode.rs"]
mod snapshot_decode;
#[path = "../../../fuzz/bodies/timestamps.rs"]
mod timestamps;

/// What a fuzz target does with one input.
type Body = fn(&[u8]);

/// Every fuzz target, with what it does with one input.
const TARGETS: &[(&str, Body)] = &[
    ("breaker_ops", breaker_ops::run),
    ("ids", ids::run),
    ("mailbox_ops", mailbox_ops::run),
    ("recording_decode", recording_decode::run),
    ("segment_decode", segment_decode::run),
    ("snapshot_decode", snapshot_decode::run),
    ("timestamps", timestamps::run),
];

#[test]
fn every_committed_input_passes_its_target() {
    for (target, run) in TARGETS {
        let folder = fuzz_folder().join("corpus").join(target);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).expect("each target has a corpus") {
            let path = entry.expect("a readable folder").path();
            let input = fs::read(&path).expect("a readable input");
            assert!(catch_unwind(|| run(&input)).is_ok(), "{target} fails on {}", path.display());
            inputs += 1;
        }
        assert!(inputs > 0, "{target} has an empty corpus");
    }
}

#[test]
fn every_fuzz_target_is_replayed() {
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).expect("a manifest");
    let binaries = manifest.split("[[bin]]").skip(1);
    let declared: BTreeSet<&str> = binaries.filter_map(|binary| binary.split('"').nth(1)).collect();
    let replayed: BTreeSet<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
    assert_eq!(declared, replayed);
}

fn fuzz_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}
