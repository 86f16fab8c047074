//! The workloads: what each is, and which are measured together.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    Limits,
    #[value(name = "durable-1")]
    Durable1,
    #[value(name = "durable-64")]
    Durable64,
    #[value(name = "durable-1024")]
    Durable1024,
    RelaxedSingle,
    RelaxedPipelined,
    RelaxedBatch,
    ScanBorrowed,
    ScanTyped,
    ScanSealed,
    ActorHistory,
    Correlation,
    BytesPerEvent,
    ReopenClean,
    ReopenKilled,
    #[value(name = "reopen-10m")]
    ReopenTenMillion,
    #[value(name = "command-64")]
    Command64,
    #[value(name = "recovery-10k")]
    Recovery10k,
    InputReplay,
    Recording,
}

/// Workloads that one sample measures, as they share what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Limits,
    Durable,
    Relaxed,
    Bulk,
    Recovery,
    Replay,
    Large,
}

impl Stage {
    pub const ALL: [Self; 7] = [
        Self::Limits,
        Self::Durable,
        Self::Relaxed,
        Self::Bulk,
        Self::Recovery,
        Self::Replay,
        Self::Large,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Limits => "limits of the machine",
            Self::Durable => "durable appends",
            Self::Relaxed => "relaxed appends",
            Self::Bulk => "many events",
            Self::Recovery => "recovery",
            Self::Replay => "replay",
            Self::Large => "10,000,000 events",
        }
    }

    /// How many rounds there are where `rounds` are asked for.
    pub fn rounds(self, rounds: usize) -> usize {
        if self == Self::Large { 1 } else { rounds }
    }
}

impl Workload {
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub fn stage(self) -> Stage {
        match self {
            Self::Limits => Stage::Limits,
            // Commands are compared with appends: they are measured right after them.
            Self::Durable1 | Self::Durable64 | Self::Durable1024 | Self::Command64 => {
                Stage::Durable
            }
            Self::Recovery10k => Stage::Recovery,
            Self::InputReplay | Self::Recording => Stage::Replay,
            Self::RelaxedSingle | Self::RelaxedPipelined => Stage::Relaxed,
            Self::ReopenTenMillion => Stage::Large,
            _ => Stage::Bulk,
        }
    }

    /// Whether a smoke run leaves it out unless it is asked for.
    pub fn is_long(self) -> bool {
        self.stage() == Stage::Large
    }

    pub fn describe(self) -> &'static str {
        match self {
            Self::Limits => {
                "a block of 4 KiB brought to the disk by fdatasync in zeroed space; calls of 1 MiB one after \
                 the other, written with an fdatasync at the end, and read from the page cache"
            }
            Self::Durable1 => "events acknowledged once they are on the disk, one writer",
            Self::Durable64 => "the same, 64 writers at once",
            Self::Durable1024 => "the same, 1,024 writers at once",
            Self::RelaxedSingle => {
                "appends of one event that do not wait for the disk, each answered before the next; one sync \
                 at the end, timed"
            }
            Self::RelaxedPipelined => "the same, with up to 1,000 answers still to come",
            Self::RelaxedBatch => "appends of 1,000 events a call, one sync at the end, timed",
            Self::ScanBorrowed => {
                "all events decoded in order, payloads borrowed; nothing sealed; best of 3"
            }
            Self::ScanTyped => "all events in order as owned values; nothing sealed; best of 3",
            Self::ScanSealed => "as scan-borrowed, everything sealed",
            Self::ActorHistory => {
                "the events of an actor of average popularity, sealed; median of 5 actors, each the best of 3"
            }
            Self::Correlation => {
                "the events of one correlation id, sealed; median of 5, each the best of 3"
            }
            Self::BytesPerEvent => "bytes on the disk after a close, indexes included",
            Self::ReopenClean => "opening after a close",
            Self::ReopenKilled => {
                "opening after kill -9 of a process with 8 durable writers; what it acknowledged is there"
            }
            Self::Command64 => {
                "commands of 64 event-sourced entities at once, each answered once its event is on the disk"
            }
            Self::Recovery10k => {
                "10,000 entities of 100 events each brought into memory; sealed, no snapshots"
            }
            Self::InputReplay => {
                "recorded turns of an actor whose handler does nothing, taken again on one thread"
            }
            Self::Recording => {
                "the same turns recorded onto the disk, up to the acknowledgment of the last; and taken again \
                 from there"
            }
            Self::ReopenTenMillion => "opening 10,000,000 events, after a close and after kill -9",
        }
    }
}
