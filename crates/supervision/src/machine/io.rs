//! What goes into the supervisor machine and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use crate::{ChildRules, Directive, Exit, Faults, RestartState, SupervisorRules};

/// Names one child of one supervisor; never reused while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildKey {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl ChildKey {
    /// Dense index, for a table kept beside the machine; reused after the child is removed.
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// The key in one number, for the link between an actor and its supervisor.
    pub(crate) const fn to_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "the halves of what `to_u64` joined")]
    pub(crate) const fn from_u64(key: u64) -> Self {
        Self { slot: key as u32, generation: (key >> 32) as u32 }
    }

    /// Tells apart the children that used one slot after another.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// Names one command, chosen by the caller; each is answered exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// What the shell decided about a failure before telling the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Choice {
    /// The decider's answer; not looked at for normal ends.
    pub directive: Directive,
    /// A random sample in `[0, 1)` for the backoff.
    pub sample: f64,
}

impl From<Directive> for Choice {
    fn from(directive: Directive) -> Self {
        Self { directive, sample: 0.0 }
    }
}

/// Everything that can happen to a supervisor.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Start the listed children.
    Start,
    /// A start went well.
    Started(ChildKey),
    /// A start answered that there is nothing to run.
    Ignored(ChildKey),
    /// A start failed; nothing of the incarnation is left.
    StartFailed(ChildKey, Exit, Choice),
    /// An incarnation ended. Its mailbox is kept until `Close`; after an error or a panic its
    /// state too, until the next effect on it.
    Exited(ChildKey, Exit, Choice),
    /// An error was reported without a crash; the child is still running.
    Reported(ChildKey, Exit, Choice),
    /// Time has passed: [`next_wake`](crate::SupervisorCore::next_wake) is due. Early is harmless.
    Tick,
    /// The permit asked for is granted.
    Permit(ChildKey),
    /// Stop all children in order, then finish.
    Stop,
    /// Kill all children at once, then finish.
    Kill,
    /// A request that wants an answer.
    Command(CommandId, Command),
}

/// Requests to a running supervisor.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Start a new child: at the end of the list, or of the template if `rules` is absent.
    StartChild {
        /// Its name; required unless the supervisor is dynamic.
        name: Option<Arc<str>>,
        /// Its rules; required unless the supervisor is dynamic.
        rules: Option<Arc<ChildRules>>,
    },
    /// Take in an actor that runs already, at the end of the list.
    Adopt {
        /// Its name; required unless the supervisor is dynamic.
        name: Option<Arc<str>>,
        /// Its rules; required unless the supervisor is dynamic.
        rules: Option<Arc<ChildRules>>,
    },
    /// Stop a child and keep its spec, unless it is dynamic or never restarted.
    Terminate(ChildKey),
    /// Start a stopped child.
    Restart(ChildKey),
    /// End a running child and start it again; spends no budget.
    Recycle(ChildKey),
    /// Remove a stopped child.
    Delete(ChildKey),
    /// Let a running child go without stopping it.
    Release(ChildKey),
    /// Give one child other rules.
    ChangeRules(ChildKey, Arc<ChildRules>),
    /// Give all children of the template other rules.
    ChangeTemplate(Arc<ChildRules>),
    /// Give the supervisor other rules.
    Reconfigure(SupervisorRules),
}

/// A granted command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// Done; also where there was nothing to do.
    Done,
    /// This child runs.
    Running(ChildKey),
    /// The start had nothing to run.
    Ignored,
}

/// A refused command.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The name belongs to a child that lives or is being restarted.
    AlreadyStarted(ChildKey),
    /// The name belongs to a stopped child.
    AlreadyPresent(ChildKey),
    /// The child runs.
    Running,
    /// The child is between two incarnations.
    Restarting,
    /// The child is not running.
    NotRunning,
    /// No such child.
    NotFound,
    /// The start failed.
    StartFailed(Exit),
    /// The child was stopped before its start was done.
    Interrupted,
    /// Not possible with this kind of supervisor.
    WrongKind,
    /// The name or the rules are missing.
    Incomplete,
    /// The rules have faults; nothing changed.
    Invalid(Faults),
    /// A limit is reached: children of the supervisor or commands waiting for one child.
    Full,
    /// The supervisor is not running.
    Stopped,
}

/// What a start begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A new actor, mailbox included.
    New,
    /// The next incarnation of an actor; `Preserved` only if a value may be left.
    Again(RestartState),
}

/// What the shell has to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The child of a `StartChild` or `Adopt` command has this key from now on.
    Added(ChildKey, CommandId),
    /// Start an incarnation; answer with `Started`, `Ignored` or `StartFailed`.
    Start(ChildKey, Origin),
    /// A restart is going to follow, at once or much later: end what is left of the last
    /// incarnation, so that nobody who waits for it waits for the restart. No answer.
    Renew(ChildKey),
    /// Let the failed incarnation go on with its state and the next message.
    Resume(ChildKey),
    /// End the incarnation in order, reason shutdown; answer with `Exited`. Keep the mailbox if
    /// `restart`, else the actor may close by itself.
    End {
        /// Whom.
        child: ChildKey,
        /// Whether a `Start` is going to follow.
        restart: bool,
    },
    /// Kill the incarnation; answer with `Exited`. Keep the mailbox if `restart`.
    Kill {
        /// Whom.
        child: ChildKey,
        /// Whether a `Start` is going to follow.
        restart: bool,
    },
    /// No incarnation runs and none follows: dead letters, watchers. No answer; may come for an
    /// actor that has closed already.
    Close(ChildKey, Exit),
    /// The child is on its own from now on. No answer.
    Released(ChildKey),
    /// Ask the root for a restart; answered by `Permit`, at any later time.
    AskPermit(ChildKey),
    /// The permit asked for, or granted, is not needed.
    DropPermit(ChildKey),
    /// Answer a command.
    Answer(CommandId, Result<Granted, Refusal>),
    /// All listed children are up: the start of the supervisor is done.
    Ready,
    /// All children are gone: the supervisor ends.
    Finished(Outcome),
    /// For observers only.
    Report(Event),
}

/// Why a supervisor ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was told to stop.
    Stopped,
    /// It was killed.
    Killed,
    /// Significant children ended: reason shutdown.
    AutoShutdown,
    /// This child failed to start at boot.
    StartFailed(ChildKey, Exit),
    /// The budget was spent by this child's failure.
    Meltdown(ChildKey, Exit),
    /// This child's failure is passed up.
    Escalated(ChildKey, Exit),
}

/// Things worth seeing from outside; no decision depends on them.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A child failed; this was decided.
    Failed(ChildKey, Exit, Directive),
    /// A restart is going to start after this delay.
    RestartScheduled(ChildKey, Duration),
    /// A child came back.
    Restarted(ChildKey),
    /// A child's own budget is spent.
    BudgetSpent(ChildKey),
    /// A child did not end in time and is killed.
    ShutdownTimeout(ChildKey),
    /// A child that was told to stop ended otherwise.
    ShutdownError(ChildKey, Exit),
    /// Ends of dynamic children other than asked for, by reason, most important data first.
    ShutdownErrors {
        /// Ends and how many children ended so, at most 32 kinds.
        groups: Vec<(Exit, u64)>,
        /// Children whose end is not in `groups`.
        others: u64,
    },
    /// These many children did not end even though killed.
    Abandoned(u32),
}
