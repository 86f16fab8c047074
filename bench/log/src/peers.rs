//! The libraries measured, one module each.

mod commitlog;
mod fjall;
mod limit;
mod okaywal;
mod raw;
mod redb;
mod sled;
mod sqlite;
mod steadfast;

use crate::{
    event::Id,
    journal::{Peer, Task},
    workload::Workload,
};

/// What each store with a page or block cache is given to work with.
const CACHE_BYTES: usize = 512 << 20;

pub const PEERS: &[Peer] = &[
    raw::PEER,
    raw::PREALLOCATED,
    limit::PEER,
    limit::DIRECT,
    steadfast::PEER,
    steadfast::MEMORY,
    okaywal::PEER,
    commitlog::PEER,
    fjall::PEER,
    redb::PEER,
    sled::PEER,
    sqlite::PEER,
    sqlite::OFF,
];

/// A library as it stands in the tables: as it is, or with a group commit in front.
#[derive(Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub peer: &'static Peer,
    pub grouped: bool,
}

impl Entry {
    /// Whether the library takes part in a workload.
    pub fn takes(&self, workload: Workload) -> bool {
        let can = |task| self.peer.tasks.contains(&task);
        match workload {
            Workload::Limits => false,
            Workload::Durable1 => can(Task::Durable) && !self.grouped,
            Workload::Durable64 => can(Task::Concurrent),
            // Who does not gather keeps the pace of one writer, however many there are.
            Workload::Durable1024 => {
                can(Task::Concurrent) && (self.grouped || self.peer.grouped.is_none())
            }
            _ if self.grouped => false,
            Workload::RelaxedSingle => can(Task::Relaxed),
            Workload::RelaxedPipelined => can(Task::Pipelined),
            Workload::ScanSealed => can(Task::Seals),
            Workload::ReopenTenMillion => can(Task::Large),
            Workload::Command64
            | Workload::Recovery10k
            | Workload::InputReplay
            | Workload::Recording => can(Task::Sourced),
            Workload::RelaxedBatch
            | Workload::ScanBorrowed
            | Workload::ScanTyped
            | Workload::ActorHistory
            | Workload::Correlation
            | Workload::BytesPerEvent
            | Workload::ReopenClean
            | Workload::ReopenKilled => can(Task::Bulk),
        }
    }

    /// Whether a name given on the command line means this one: its own, or what it begins with.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// All libraries, those without a group commit of their own twice.
pub fn all() -> Vec<Entry> {
    let plain = |peer: &'static Peer| Entry { name: peer.name, peer, grouped: false };
    let grouped =
        |peer: &'static Peer| peer.grouped.map(|name| Entry { name, peer, grouped: true });
    PEERS.iter().flat_map(|peer| [Some(plain(peer)), grouped(peer)]).flatten().collect()
}

/// The key of an index entry: what is looked up, then the event's sequence number.
///
/// The byte between keeps a text from being the prefix of a longer one.
fn index_key(prefix: &[u8], seq: u64) -> Vec<u8> {
    [index_prefix(prefix).as_slice(), &seq.to_be_bytes()].concat()
}

fn index_prefix(prefix: &[u8]) -> Vec<u8> {
    [prefix, &[0]].concat()
}

/// The big-endian sequence number at the end of a key.
fn key_seq(key: &[u8]) -> u64 {
    let (_, seq) = key.split_last_chunk().expect("a key ends in a sequence number");
    u64::from_be_bytes(*seq)
}

/// An id as it is looked up in an index. Ids are of one length, yet share the text keys' form.
fn id_bytes(id: &Id) -> &[u8] {
    &id.0
}
