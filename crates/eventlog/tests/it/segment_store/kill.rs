//! Real processes with four writers each, killed at random.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use steadfast_base::Seed;

use super::*;

const DIRECTORY: &str = "STEADFAST_KILL_DIRECTORY";
const WRITERS: u64 = 4;

fn real_config(directory: &Path) -> Config {
    Config::new(directory).with_segment_bytes(256 << 10)
}

/// The process that is killed: not a test by itself.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let store = SegmentStore::open(real_config(Path::new(&directory)), Time::system()).unwrap();
    let from = u64::try_from(all(&store).len()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                // Ends with the process.
                for turn in 0.. {
                    let mut event = event((writer + 1) << 24 | (from + turn));
                    event.actor = format!("writer {writer}").into();
                    let number = (writer + 1) << 24 | (from + turn);
                    store.append(Append::one(event)).wait().unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acked {number}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

#[test]
fn s34_s35_a_process_has_the_log_until_it_is_killed_and_loses_nothing_it_acknowledged() {
    let kills: u64 = std::env::var("STEADFAST_KILLS").map_or(24, |text| text.parse().unwrap());
    let seed = Seed::from_entropy();
    let mut stream = seed.stream("kills");
    let directory = std::env::temp_dir().join(format!("steadfast-kill-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let mut acked = BTreeSet::new();
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "segment_store::kill::child", "--nocapture"])
            .env(DIRECTORY, &directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = stream.below(120) + 1;
        while left > 0 {
            let Some(line) = lines.next() else { break };
            if let Some((_, number)) = line.unwrap().split_once("acked ") {
                acked.insert(number.parse::<u64>().unwrap());
                left -= 1;
            }
        }
        let locked = SegmentStore::open(real_config(&directory), Time::system());
        assert!(matches!(locked, Err(OpenError::Locked)), "seed {seed}, kill {kill}: {locked:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acked ") {
                acked.extend(number.parse::<u64>());
            }
        }
        let store = SegmentStore::open(real_config(&directory), Time::system()).unwrap();
        let found = numbers(&store);
        let unique: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!(unique.len(), found.len(), "seed {seed}, kill {kill}: an event twice");
        let lost: Vec<&u64> = acked.difference(&unique).collect();
        assert!(lost.is_empty(), "seed {seed}, kill {kill}: lost {lost:?}");
    }
    assert!(!acked.is_empty());
    fs::remove_dir_all(&directory).unwrap();
}
