//! The machine's own limit: a block of 4 KiB written into zeroed space and brought to the disk, in a loop.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::Mutex,
};

use anyhow::{Result, ensure};

use crate::{
    event::{Event, EventRef},
    figures::{LIMIT, LIMIT_DIRECT},
    journal::{Journal, Mode, Peer, Task, Visit},
};

pub const PEER: Peer = Peer {
    name: LIMIT,
    open: |dir, _: Mode| open(dir, 0),
    tasks: &[Task::Durable],
    note: "blocks of 4 KiB into space zeroed ahead, write + fdatasync",
    ..Peer::EMBEDDED
};

pub const DIRECT: Peer = Peer {
    name: LIMIT_DIRECT,
    open: |dir, _: Mode| open(dir, libc::O_DIRECT | libc::O_DSYNC),
    tasks: &[Task::Durable],
    note: "the same blocks by one write with O_DIRECT | O_DSYNC",
    ..Peer::EMBEDDED
};

const BLOCK: usize = 4_096;
/// More than a run writes.
const BLOCKS: usize = 12_288;

/// A block that may be written past the page cache.
#[repr(align(4096))]
struct Block([u8; BLOCK]);

struct Limit {
    file: File,
    /// Whether a write alone brings its block to the disk.
    synced: bool,
    next: Mutex<(usize, Box<Block>)>,
}

fn open(dir: &Path, flags: i32) -> Result<Box<dyn Journal>> {
    std::fs::create_dir_all(dir)?;
    let path = dir.join("blocks");
    let mut written = 0;
    if path.exists() {
        let bytes = std::fs::read(&path)?;
        written = bytes.chunks(BLOCK).take_while(|block| block[0] != 0 || block[1] != 0).count();
    } else {
        let file = File::create(&path)?;
        let zeros = vec![0; BLOCK << 8];
        for piece in 0..BLOCKS >> 8 {
            file.write_all_at(&zeros, (piece * zeros.len()) as u64)?;
        }
        file.sync_all()?;
    }
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    let next = Mutex::new((written, Box::new(Block([0; BLOCK]))));
    Ok(Box::new(Limit { file, synced: flags != 0, next }))
}

impl Journal for Limit {
    fn append(&self, events: &[Event]) -> Result<()> {
        let mut next = self.next.lock().expect("no writer panics");
        let (number, block) = &mut *next;
        for event in events {
            ensure!(*number < BLOCKS, "the zeroed space is used up");
            let bytes = event.encode();
            let (length, text) = block.0.split_at_mut(2);
            length.copy_from_slice(&u16::try_from(bytes.len())?.to_le_bytes());
            text[..bytes.len()].copy_from_slice(&bytes);
            self.file.write_all_at(&block.0, (*number * BLOCK) as u64)?;
            if !self.synced {
                self.file.sync_data()?;
            }
            *number += 1;
        }
        Ok(())
    }

    fn syncs(&self) -> Option<u64> {
        // Each write is a sync, without a call that could be counted.
        self.synced.then(|| self.next.lock().expect("no writer panics").0 as u64)
    }

    fn sync(&self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }

    fn replay(&self, visit: &mut Visit<'_>) -> Result<()> {
        let mut next = self.next.lock().expect("no writer panics");
        let (count, block) = &mut *next;
        for number in 0..*count {
            self.file.read_exact_at(&mut block.0, (number * BLOCK) as u64)?;
            let length = usize::from(u16::from_le_bytes([block.0[0], block.0[1]]));
            visit(EventRef::decode(&block.0[2..2 + length])?);
        }
        Ok(())
    }
}
