//! What the machine can do at this moment: the time of a sync, and bandwidth.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    durable::quantile,
    sample::{Numbers, Setting},
};

const BLOCK: usize = 4_096;
const CALL: usize = 1 << 20;

pub fn sample(setting: &Setting) -> Result<Numbers> {
    let each = sync_times(&setting.path("syncs"), setting.count(100, 1_000))?;
    let (write, read) = bandwidth(&setting.path("bandwidth"), setting.count(32, 512))?;
    Ok(vec![
        ("fdatasync-p50", quantile(&each, 0.5)),
        ("fdatasync-p99", quantile(&each, 0.99)),
        ("sequential-write", write),
        ("sequential-read", read),
    ])
}

/// How long each of `count` blocks took to the disk, sorted.
fn sync_times(path: &Path, count: usize) -> Result<Vec<Duration>> {
    let file = File::create(path)?;
    file.write_all_at(&vec![0; count * BLOCK], 0)?;
    file.sync_all()?;
    let block = [0x5a; BLOCK];
    let mut each = Vec::with_capacity(count);
    for number in 0..count {
        let start = Instant::now();
        file.write_all_at(&block, (number * BLOCK) as u64)?;
        file.sync_data()?;
        each.push(start.elapsed());
    }
    each.sort_unstable();
    fs::remove_file(path)?;
    Ok(each)
}

/// Megabytes a second: written with a sync at the end, and read while they are still in the page cache.
fn bandwidth(path: &Path, calls: usize) -> Result<(f64, f64)> {
    let mut bytes: Vec<u8> =
        (0..CALL as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let rate = |took: Duration| (calls * CALL) as f64 / 1e6 / took.as_secs_f64();
    let mut file = File::create(path)?;
    let start = Instant::now();
    for _ in 0..calls {
        file.write_all(&bytes)?;
    }
    file.sync_data()?;
    let write = rate(start.elapsed());
    let mut file = File::open(path)?;
    let start = Instant::now();
    for _ in 0..calls {
        file.read_exact(&mut bytes)?;
    }
    let read = rate(start.elapsed());
    fs::remove_file(path)?;
    Ok((write, read))
}
