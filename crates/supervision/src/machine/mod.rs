//! The supervisor as a deterministic state machine: no await, no lock, no clock, no chance.
//!
//! ```text
//! New --Start--> Booting --all up--> Up --Stop, meltdown, escalation, auto-shutdown--> Ending --> Gone
//!                   |                                                                    ^
//!                   +---- a start fails: stop those already up, in reverse -------------+
//! ```
//!
//! It is stepped with an [`Input`] and answers with [`Effect`]s. Every input is served at any
//! time: nothing in it waits, so commands are answered between start attempts and while
//! children take their time to end. Only failures have to queue: one that happens during the
//! boot, or asks for a restart while a group restart stops or starts children, is decided right after.

mod boot;
mod children;
mod command;
mod failure;
mod group;
mod io;
mod settle;
mod start;
mod stats;
mod stop;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use steadfast_base::Instant;

pub use io::{
    ChildKey, Choice, Command, CommandId, Effect, Event, Granted, Input, Origin, Outcome, Refusal,
};
pub use stats::{Affected, ChildHealth, ChildStatus, Impact, SupervisorStats};
pub use stop::KILL_WAIT;

use self::children::{Children, NONE, Phase};
use self::failure::Failure;
use self::group::Group;
use crate::{BudgetWindow, ChildRules, Exit, Faults, Strategy, SupervisorPlan, SupervisorRules};

/// Where the supervisor is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Life {
    New,
    Booting,
    Up,
    Ending(Outcome),
    Gone,
}

/// The instant of a step and where its effects go.
struct Turn<'a> {
    now: Instant,
    out: &'a mut Vec<Effect>,
}

impl Turn<'_> {
    fn emit(&mut self, effect: Effect) {
        self.out.push(effect);
    }

    fn report(&mut self, event: Event) {
        self.out.push(Effect::Report(event));
    }

    fn answer(&mut self, command: CommandId, answer: Result<Granted, Refusal>) {
        // INV-SUP-2: every command is answered once, also when the supervisor ends first.
        self.out.push(Effect::Answer(command, answer));
    }
}

/// All decisions of one supervisor.
///
/// Guarantees, whatever the inputs and their order:
/// - a child is never started while an incarnation of it may still run;
/// - every command is answered exactly once, at the latest when the supervisor finishes;
/// - `Finished` is the last effect, after every child is closed or released;
/// - one shell timer is enough: it fires at [`next_wake`](Self::next_wake).
///
/// ```
/// use steadfast_base::Instant;
/// use steadfast_supervision::{
///     ChildPlan, ChildRules, Effect, Input, Origin, SupervisorCore, SupervisorPlan,
/// };
///
/// let plan = SupervisorPlan::default().child(ChildPlan::new("db", ChildRules::worker()));
/// let mut core = SupervisorCore::new(plan)?;
/// let db = core.find("db").expect("listed");
/// let mut effects = Vec::new();
/// core.step(Instant::ZERO, Input::Start, &mut effects);
/// assert_eq!(effects, [Effect::Start(db, Origin::New)]);
/// # Ok::<(), steadfast_supervision::Faults>(())
/// ```
#[derive(Debug)]
pub struct SupervisorCore {
    rules: SupervisorRules,
    template: Arc<ChildRules>,
    children: Children,
    life: Life,
    /// The child that the boot, the group restart or the ordered stop has come to.
    cursor: u32,
    group: Option<Group>,
    /// Failures to decide once the boot or the group restart allows: of each incarnation its end at
    /// most, and one report.
    pending: VecDeque<Failure>,
    deadlines: BTreeSet<(Instant, u32)>,
    /// When dynamic children that were told to end together are killed together.
    shared_deadline: Option<Instant>,
    /// When killed children are given up.
    abandon_at: Option<Instant>,
    /// Children end in any order: dynamic, or killed.
    ends_at_once: bool,
    shutdown_errors: BTreeMap<Exit, u64>,
    shutdown_errors_other: u64,
    window: BudgetWindow,
    gated: bool,
    errors_total: u64,
    restarts_total: u64,
    up_since: Option<Instant>,
}

impl SupervisorCore {
    /// A supervisor of this plan, not started yet.
    ///
    /// # Errors
    ///
    /// All faults of the plan.
    pub fn new(plan: SupervisorPlan) -> Result<Self, Faults> {
        plan.validate()?;
        let mut children = Children::default();
        for child in plan.children {
            children.push(Some(child.name.into()), Some(Arc::new(child.rules)), Phase::Queued);
        }
        Ok(Self {
            rules: plan.rules,
            template: Arc::new(plan.template.unwrap_or_default()),
            children,
            life: Life::New,
            cursor: NONE,
            group: None,
            pending: VecDeque::new(),
            deadlines: BTreeSet::new(),
            shared_deadline: None,
            abandon_at: None,
            ends_at_once: false,
            shutdown_errors: BTreeMap::new(),
            shutdown_errors_other: 0,
            window: BudgetWindow::default(),
            gated: false,
            errors_total: 0,
            restarts_total: 0,
            up_since: None,
        })
    }

    /// Makes restarts ask for a permit first ([`Effect::AskPermit`]); one per group restart.
    #[must_use]
    pub fn with_permits(mut self) -> Self {
        self.gated = true;
        self
    }

    /// Takes one input and appends what follows from it. Outdated inputs change nothing.
    pub fn step(&mut self, now: Instant, input: Input, effects: &mut Vec<Effect>) {
        let turn = &mut Turn { now, out: effects };
        if self.life != Life::Gone {
            self.accept(input, turn);
            self.advance(turn);
        } else if let Input::Command(id, _) = input {
            turn.answer(id, Err(Refusal::Stopped));
        }
    }

    /// When the next [`Input::Tick`] is due.
    pub fn next_wake(&self) -> Option<Instant> {
        let child = self.deadlines.first().map(|(at, _)| *at);
        let group = self.group.as_ref().and_then(Group::wake);
        [child, group, self.shared_deadline, self.abandon_at].into_iter().flatten().min()
    }

    /// Whether the supervisor has finished.
    pub fn is_gone(&self) -> bool {
        self.life == Life::Gone
    }

    fn accept(&mut self, input: Input, turn: &mut Turn<'_>) {
        match input {
            Input::Start => self.boot(),
            Input::Stop => self.end(Outcome::Stopped, turn),
            Input::Kill => self.kill_all(turn),
            Input::Tick => self.tick(turn),
            Input::Command(id, command) => self.command(id, command, turn),
            Input::Started(key) => self.with_slot(key, |core, slot| core.started(slot, turn)),
            Input::Ignored(key) => self.with_slot(key, |core, slot| core.ignored(slot, turn)),
            Input::StartFailed(key, exit, choice) => {
                self.with_slot(key, |core, slot| core.start_failed(slot, exit, choice, turn));
            }
            Input::Exited(key, exit, choice) => {
                self.with_slot(key, |core, slot| core.exited(slot, exit, choice, turn));
            }
            Input::Reported(key, exit, choice) => {
                self.with_slot(key, |core, slot| core.reported(slot, exit, choice, turn));
            }
            Input::Permit(key) => self.permit(key, turn),
        }
    }

    fn with_slot(&mut self, key: ChildKey, then: impl FnOnce(&mut Self, u32)) {
        if let Some(slot) = self.children.slot_of(key) {
            then(self, slot);
        }
    }

    /// Goes on with whatever can go on without a further input.
    fn advance(&mut self, turn: &mut Turn<'_>) {
        loop {
            let moved = match self.life {
                Life::New | Life::Gone => false,
                Life::Booting => self.boot_step(turn),
                Life::Up => self.group_step(turn) || self.decide_pending(turn),
                Life::Ending(_) => self.end_step(turn),
            };
            if !moved {
                return;
            }
        }
    }

    /// Whether failures have to queue.
    fn is_busy(&self) -> bool {
        self.life == Life::Booting || self.group.as_ref().is_some_and(Group::is_moving)
    }

    fn is_dynamic(&self) -> bool {
        self.rules.strategy == Strategy::Dynamic
    }

    fn rules_of(&self, slot: u32) -> Arc<ChildRules> {
        let own = self.children.get(slot).and_then(|child| child.rules.as_ref());
        Arc::clone(own.unwrap_or(&self.template))
    }

    fn phase(&self, slot: u32) -> Phase {
        self.children.get(slot).map_or(Phase::Down, |child| child.phase)
    }
}
