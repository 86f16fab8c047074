//! The floor: frames of length, CRC and bytes in one file, `fdatasync` for durability.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read},
    os::unix::fs::FileExt,
    path::Path,
    sync::Mutex,
};

use anyhow::Result;

use crate::{
    event::{Event, EventRef},
    figures::RAW,
    journal::{Journal, Mode, Peer, Task, Visit},
};

pub const PEER: Peer = Peer {
    name: RAW,
    tasks: &[Task::Durable, Task::Concurrent, Task::Relaxed, Task::Bulk, Task::Large],
    grouped: Some("raw-grouped"),
    open: |dir, mode| RawFile::open(dir, mode, 0),
    note: "one file, CRC-32 frames, write + fdatasync",
    ..Peer::EMBEDDED
};

pub const PREALLOCATED: Peer = Peer {
    name: "raw-prealloc",
    tasks: &[Task::Durable, Task::Concurrent],
    grouped: Some("raw-prealloc-grouped"),
    open: |dir, mode| RawFile::open(dir, mode, 32 << 20),
    note: "raw, with 32 MiB zeroed ahead of the end",
    ..Peer::EMBEDDED
};

const HEADER: usize = 8;

struct RawFile {
    file: File,
    mode: Mode,
    ahead: u64,
    end: Mutex<End>,
}

struct End {
    /// Where the next frame goes, and how far the file has been zeroed.
    offset: u64,
    zeroed: u64,
}

impl RawFile {
    fn open(dir: &Path, mode: Mode, ahead: u64) -> Result<Box<dyn Journal>> {
        std::fs::create_dir_all(dir)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("events"))?;
        let zeroed = file.metadata()?.len();
        let mut journal = Self { file, mode, ahead, end: Mutex::new(End { offset: 0, zeroed }) };
        let offset = journal.scan(&mut |_| Ok(()))?;
        journal.end.get_mut().expect("no writer panics").offset = offset;
        journal.reserve(&mut journal.end.lock().expect("no writer panics"), offset)?;
        Ok(Box::new(journal))
    }

    /// Has the file zeroed to beyond where the next append ends, so that a sync has no new length or
    /// extent to write.
    fn reserve(&self, end: &mut End, after: u64) -> Result<()> {
        if self.ahead > 0 && self.mode == Mode::Durable && after >= end.zeroed {
            let zeroed = end.zeroed.max(after) + self.ahead;
            self.file.write_all_at(&vec![0; (zeroed - end.zeroed) as usize], end.zeroed)?;
            self.file.sync_all()?;
            end.zeroed = zeroed;
        }
        Ok(())
    }

    /// Visits the bytes of every whole frame and returns where the last one ends.
    fn scan(&self, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<u64> {
        let mut offset = 0;
        let mut reader = BufReader::with_capacity(1 << 20, At { file: &self.file, offset });
        let mut spill = Vec::new();
        loop {
            let buffer = reader.fill_buf()?;
            if let Some((bytes, crc)) = frame(buffer) {
                if bytes.is_empty() || crc32fast::hash(bytes) != crc {
                    return Ok(offset);
                }
                visit(bytes)?;
                let length = HEADER + bytes.len();
                offset += length as u64;
                reader.consume(length);
                continue;
            }
            // The frame crosses the end of the buffer or of the file.
            spill.resize(HEADER, 0);
            if reader.read_exact(&mut spill).is_err() {
                return Ok(offset);
            }
            let length = u32::from_le_bytes(spill[..4].try_into()?) as usize;
            let rest = (&mut reader).take(length as u64).read_to_end(&mut spill)?;
            match frame(&spill) {
                Some((bytes, crc)) if rest == length && crc32fast::hash(bytes) == crc => {
                    visit(bytes)?
                }
                _ => return Ok(offset),
            }
            offset += spill.len() as u64;
        }
    }
}

/// The bytes and CRC of the frame that the buffer starts with, if it is all there.
fn frame(buffer: &[u8]) -> Option<(&[u8], u32)> {
    let (length, rest) = buffer.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    Some((rest.get(..u32::from_le_bytes(*length) as usize)?, u32::from_le_bytes(*crc)))
}

/// Reads from an offset of its own.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Journal for RawFile {
    fn append(&self, events: &[Event]) -> Result<()> {
        let mut frames = Vec::with_capacity(384 * events.len());
        for event in events {
            let start = frames.len();
            frames.extend([0; HEADER]);
            event.encode_into(&mut frames);
            let bytes = &frames[start + HEADER..];
            let (length, crc) = (bytes.len() as u32, crc32fast::hash(bytes));
            frames[start..start + 4].copy_from_slice(&length.to_le_bytes());
            frames[start + 4..start + HEADER].copy_from_slice(&crc.to_le_bytes());
        }
        let mut end = self.end.lock().expect("no writer panics");
        let after = end.offset + frames.len() as u64;
        self.reserve(&mut end, after)?;
        self.file.write_all_at(&frames, end.offset)?;
        end.offset = after;
        if self.mode == Mode::Durable {
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }

    fn replay(&self, visit: &mut Visit<'_>) -> Result<()> {
        self.scan(&mut |bytes| {
            visit(EventRef::decode(bytes)?);
            Ok(())
        })?;
        Ok(())
    }
}
