//! The workloads: what each is, how much of it, and who takes part.

use clap::ValueEnum;

use crate::peer::Flavor;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    Tell,
    TellCurrentThread,
    #[value(name = "tell-64b")]
    Tell64b,
    FanIn,
    Ask,
    AskCurrentThread,
    AskConcurrent,
    PingPong,
    SpawnStop,
    SpawnStopSupervised,
    IdleMemory,
    IdleMemorySupervised,
    Skynet,
    Restart,
    ControlLatency,
    StartMillion,
    CostPerActor,
    Allocations,
}

/// Which libraries run a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Everyone,
    /// steadfast and the tokio baselines, which run the plain workload.
    Baselines,
    Steadfast,
}

impl Workload {
    pub const fn name(self) -> &'static str {
        match self {
            Workload::Tell => "tell",
            Workload::TellCurrentThread => "tell-current-thread",
            Workload::Tell64b => "tell-64b",
            Workload::FanIn => "fan-in",
            Workload::Ask => "ask",
            Workload::AskCurrentThread => "ask-current-thread",
            Workload::AskConcurrent => "ask-concurrent",
            Workload::PingPong => "ping-pong",
            Workload::SpawnStop => "spawn-stop",
            Workload::SpawnStopSupervised => "spawn-stop-supervised",
            Workload::IdleMemory => "idle-memory",
            Workload::IdleMemorySupervised => "idle-memory-supervised",
            Workload::Skynet => "skynet",
            Workload::Restart => "restart",
            Workload::ControlLatency => "control-latency",
            Workload::StartMillion => "start-million",
            Workload::CostPerActor => "cost-per-actor",
            Workload::Allocations => "allocations",
        }
    }

    pub fn describe(self) -> &'static str {
        match self {
            Workload::Tell => "messages of 24 B from one sender to one actor",
            Workload::TellCurrentThread => "the same on one thread",
            Workload::Tell64b => "messages of 64 B from one sender to one actor",
            Workload::FanIn => "messages from 8 senders to one actor",
            Workload::Ask => "request/reply round trips, one after the other",
            Workload::AskCurrentThread => "the same on one thread",
            Workload::AskConcurrent => "round trips from 64 tasks to one actor",
            Workload::PingPong => "hops between two actors",
            Workload::SpawnStop => "actors started, then stopped",
            Workload::SpawnStopSupervised => {
                "dynamic children of a supervisor started, then stopped; the baselines' are bare"
            }
            Workload::IdleMemory => "idle actors alive, one handle each",
            Workload::IdleMemorySupervised => {
                "idle dynamic children of a supervisor alive; the baselines' are bare"
            }
            Workload::Skynet => "leaf actors in a tree of fan-out 10, summed up",
            Workload::Restart => "panics: poison sent until the restarted actor answers",
            Workload::ControlLatency => {
                "user messages waiting while the control lane is used; p99 until the actor serves it"
            }
            Workload::StartMillion => "supervised idle actors started; peak memory of the process",
            Workload::CostPerActor => "supervised actors started, asked once and alive together",
            Workload::Allocations => "operations in steady state, heap allocations counted",
        }
    }

    pub fn audience(self) -> Audience {
        match self {
            Workload::Tell64b | Workload::SpawnStopSupervised | Workload::IdleMemorySupervised => {
                Audience::Baselines
            }
            Workload::ControlLatency | Workload::StartMillion | Workload::CostPerActor => {
                Audience::Steadfast
            }
            _ => Audience::Everyone,
        }
    }

    /// What a tokio baseline runs when this is asked for.
    pub fn plain(self) -> Self {
        match self {
            Workload::SpawnStopSupervised => Workload::SpawnStop,
            Workload::IdleMemorySupervised => Workload::IdleMemory,
            same => same,
        }
    }

    /// How many operations; each size is a sample of its own, in its own process.
    pub fn sizes(self, quick: bool) -> Vec<u64> {
        let full: &[u64] = match self {
            Workload::Tell | Workload::TellCurrentThread | Workload::FanIn | Workload::Tell64b => {
                &[2_000_000]
            }
            Workload::Ask | Workload::AskCurrentThread => &[200_000],
            Workload::AskConcurrent | Workload::PingPong => &[500_000],
            Workload::SpawnStop
            | Workload::SpawnStopSupervised
            | Workload::IdleMemory
            | Workload::IdleMemorySupervised
            | Workload::Allocations => &[100_000],
            Workload::Skynet | Workload::ControlLatency | Workload::StartMillion => &[1_000_000],
            Workload::Restart => &[2_000],
            Workload::CostPerActor => &[1_000, 10_000, 100_000, 1_000_000],
        };
        let share = if quick { 10 } else { 1 };
        full.iter().map(|ops| ops / share).collect()
    }

    pub fn flavor(self) -> Flavor {
        match self {
            Workload::TellCurrentThread | Workload::AskCurrentThread | Workload::Allocations => {
                Flavor::CurrentThread
            }
            _ => Flavor::TwoWorkers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for workload in Workload::value_variants() {
            let value = workload.to_possible_value().expect("no variant is skipped");
            assert_eq!(value.get_name(), workload.name());
        }
    }
}
