//! Any inputs in any order, with starts and ends that take their time: what holds regardless.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use steadfast_base::Instant;
use steadfast_supervision::{
    Backoff, Budget, ChildKey, ChildRules, ChildStatus, Choice, Command, CommandId, Directive,
    Effect, Exit, ExitKind, Input, RestartPolicy, Shutdown, Strategy as Restarts, SupervisorCore,
    SupervisorPlan, SupervisorRules,
};

use crate::stage::plan_with;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Actor {
    Starting,
    Running,
    Ending,
    Idle,
}

/// Actors that do nothing unless told to, and complain about wrong effects.
struct Shell {
    core: SupervisorCore,
    now: Instant,
    actors: BTreeMap<ChildKey, Actor>,
    open: BTreeSet<u64>,
    permits: BTreeSet<ChildKey>,
    commands: u64,
    finished: bool,
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Answer(prop::sample::Index, bool),
    Fail(prop::sample::Index, ExitKind, Directive),
    Report(prop::sample::Index, Directive),
    Wait(u64),
    Grant,
    Command(u8, prop::sample::Index),
    Reconfigure(Restarts),
    Stop,
    Kill,
}

impl Shell {
    fn feed(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.core.step(self.now, input, &mut effects);
        for effect in effects {
            assert!(!self.finished || matches!(effect, Effect::Answer(..)), "late: {effect:?}");
            self.act(&effect);
        }
    }

    fn act(&mut self, effect: &Effect) {
        let actor = |key: &ChildKey| self.actors.get(key).copied();
        match *effect {
            Effect::Start(key, _) => {
                assert!(matches!(actor(&key), None | Some(Actor::Idle)), "started twice");
                self.actors.insert(key, Actor::Starting);
            }
            Effect::End { child, .. } => {
                assert!(matches!(actor(&child), Some(Actor::Starting | Actor::Running)));
                self.actors.insert(child, Actor::Ending);
            }
            Effect::Kill { child: key, .. } => {
                assert!(!matches!(actor(&key), None | Some(Actor::Idle)), "killed when gone");
                self.actors.insert(key, Actor::Ending);
            }
            Effect::Resume(key) => {
                assert_eq!(actor(&key), Some(Actor::Idle));
                self.actors.insert(key, Actor::Running);
            }
            Effect::Close(key, _) => {
                let abandoned = self.finished || self.core.is_gone();
                assert!(abandoned || actor(&key) == Some(Actor::Idle), "closed while it runs");
                self.actors.remove(&key);
            }
            Effect::Released(key) => {
                assert_eq!(actor(&key), Some(Actor::Running));
                self.actors.remove(&key);
            }
            Effect::AskPermit(key) => assert!(self.permits.insert(key), "asked twice"),
            Effect::DropPermit(key) => {
                self.permits.remove(&key);
            }
            Effect::Answer(CommandId(id), _) => assert!(self.open.remove(&id), "answered twice"),
            Effect::Finished(_) => {
                assert!(self.actors.is_empty(), "finished before its children");
                self.finished = true;
            }
            Effect::Added(key, _) => {
                assert!(actor(&key).is_none(), "a key used twice");
            }
            Effect::Renew(key) => {
                assert_eq!(actor(&key), Some(Actor::Idle), "renewed while it runs");
            }
            Effect::Ready | Effect::Report(_) => {}
        }
    }

    /// Lets one starting or ending actor get there.
    fn answer(&mut self, pick: impl Fn(usize) -> usize, well: bool) {
        let busy: Vec<ChildKey> =
            self.keys(|actor| matches!(actor, Actor::Starting | Actor::Ending));
        if busy.is_empty() {
            return;
        }
        let key = busy[pick(busy.len())];
        let starting = self.actors[&key] == Actor::Starting;
        let input = match (starting, well) {
            (true, true) => Input::Started(key),
            (true, false) => Input::StartFailed(key, Exit::new(ExitKind::Error), Choice::default()),
            (false, true) => Input::Exited(key, ExitKind::Shutdown.into(), Choice::default()),
            (false, false) => Input::Exited(key, ExitKind::Panic.into(), Choice::default()),
        };
        self.actors.insert(key, if starting && well { Actor::Running } else { Actor::Idle });
        self.feed(input);
    }

    fn keys(&self, wanted: impl Fn(Actor) -> bool) -> Vec<ChildKey> {
        self.actors.iter().filter(|(_, actor)| wanted(**actor)).map(|(key, _)| *key).collect()
    }

    fn play(&mut self, step: Move) {
        let running = self.keys(|actor| actor == Actor::Running);
        match step {
            Move::Answer(pick, well) => self.answer(|len| pick.index(len), well),
            Move::Fail(pick, kind, directive) if !running.is_empty() => {
                let key = *pick.get(&running);
                self.actors.insert(key, Actor::Idle);
                self.feed(Input::Exited(key, kind.into(), directive.into()));
            }
            Move::Report(pick, directive) if !running.is_empty() => {
                let key = *pick.get(&running);
                self.feed(Input::Reported(key, ExitKind::Error.into(), directive.into()));
            }
            Move::Wait(millis) => {
                self.now += Duration::from_millis(millis);
                self.feed(Input::Tick);
            }
            Move::Grant => {
                if let Some(key) = self.permits.pop_first() {
                    self.feed(Input::Permit(key));
                }
            }
            Move::Command(kind, pick) => self.command(kind, pick),
            Move::Reconfigure(strategy) => {
                let rules = SupervisorRules::new(strategy).with_budget(self.core.rules().budget);
                self.issue(Command::Reconfigure(rules));
            }
            Move::Stop => self.feed(Input::Stop),
            Move::Kill => self.feed(Input::Kill),
            Move::Fail(..) | Move::Report(..) => {}
        }
    }

    fn command(&mut self, kind: u8, pick: prop::sample::Index) {
        let rules = || Some(Arc::new(rules(kind)));
        let children: Vec<ChildKey> = self.core.children().map(|(key, _)| key).collect();
        let dynamic = self.core.rules().strategy == Restarts::Dynamic;
        let command = match kind {
            0 | 1 if dynamic => Command::StartChild { name: None, rules: None },
            0 | 1 => {
                let name = format!("n{}", pick.index(4)).into();
                Command::StartChild { name: Some(name), rules: rules() }
            }
            _ if children.is_empty() => return,
            2 | 3 => Command::Terminate(*pick.get(&children)),
            4 => Command::Restart(*pick.get(&children)),
            5 => Command::Delete(*pick.get(&children)),
            6 => Command::Recycle(*pick.get(&children)),
            _ => Command::Release(*pick.get(&children)),
        };
        self.issue(command);
    }

    fn issue(&mut self, command: Command) {
        self.commands += 1;
        self.open.insert(self.commands);
        self.feed(Input::Command(CommandId(self.commands), command));
    }

    /// Lets everything get well: no failures, all the time it takes.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            self.answer(|_| 0, true);
            self.play(Move::Grant);
            let wake = self.core.next_wake();
            if let Some(at) = wake {
                self.now = self.now.max(at);
                self.feed(Input::Tick);
            }
            let busy = self.keys(|actor| matches!(actor, Actor::Starting | Actor::Ending));
            if wake.is_none() && busy.is_empty() && self.permits.is_empty() {
                return;
            }
        }
    }
}

fn rules(kind: u8) -> ChildRules {
    let policies = [
        RestartPolicy::OnFailure,
        RestartPolicy::Never,
        RestartPolicy::Always,
        RestartPolicy::OnStop,
    ];
    let limits = [Shutdown::BrutalKill, Shutdown::Infinity, Shutdown::default()];
    let kind = usize::from(kind);
    ChildRules::worker()
        .with_restart(policies[kind % 4])
        .with_shutdown(limits[kind % 3])
        .with_backoff(if kind % 2 == 0 { Backoff::none() } else { Backoff::default() })
}

fn moves() -> impl Strategy<Value = Move> {
    let index = any::<prop::sample::Index>;
    let kinds = prop::sample::select(vec![
        ExitKind::Panic,
        ExitKind::Normal,
        ExitKind::Killed,
        ExitKind::Shutdown,
    ]);
    let directives = prop_oneof![
        8 => Just(Directive::Restart),
        2 => Just(Directive::Resume),
        1 => Just(Directive::Stop),
    ];
    let strategies = vec![Restarts::OneForOne, Restarts::AllForOne, Restarts::RestForOne];
    prop_oneof![
        20 => (index(), prop::bool::weighted(0.8)).prop_map(|(at, well)| Move::Answer(at, well)),
        10 => (index(), kinds, directives.clone())
            .prop_map(|(at, kind, directive)| Move::Fail(at, kind, directive)),
        2 => (index(), directives).prop_map(|(at, directive)| Move::Report(at, directive)),
        6 => (0_u64..3_000).prop_map(Move::Wait),
        5 => Just(Move::Grant),
        12 => (0_u8..9, index()).prop_map(|(kind, at)| Move::Command(kind, at)),
        2 => prop::sample::select(strategies).prop_map(Move::Reconfigure),
    ]
}

fn plans() -> impl Strategy<Value = SupervisorPlan> {
    let strategies =
        vec![Restarts::OneForOne, Restarts::AllForOne, Restarts::RestForOne, Restarts::Dynamic];
    (prop::sample::select(strategies), vec(0_u8..12, 0..5), any::<bool>()).prop_map(
        |(strategy, kinds, generous)| {
            let budget = if generous { Budget::unlimited() } else { Budget::default() };
            let own = SupervisorRules::new(strategy).with_budget(budget);
            if strategy == Restarts::Dynamic {
                let mut plan = SupervisorPlan::dynamic(rules(kinds.first().copied().unwrap_or(0)));
                plan.rules = own;
                return plan;
            }
            let names: Vec<String> = (0..kinds.len()).map(|place| format!("c{place}")).collect();
            let children: Vec<_> =
                names.iter().zip(kinds).map(|(name, kind)| (name.as_str(), rules(kind))).collect();
            plan_with(own, &children)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn promises_hold_whatever_happens(
        plan in plans(),
        permits: bool,
        moves in vec(moves(), 0..120),
        end in prop_oneof![Just(None), Just(Some(Move::Stop)), Just(Some(Move::Kill))],
    ) {
        let core = SupervisorCore::new(plan).expect("a valid plan");
        let mut shell = Shell {
            core: if permits { core.with_permits() } else { core },
            now: Instant::ZERO,
            actors: BTreeMap::new(),
            open: BTreeSet::new(),
            permits: BTreeSet::new(),
            commands: 0,
            finished: false,
        };
        shell.feed(Input::Start);
        for step in moves {
            shell.play(step);
        }
        if let Some(end) = end {
            shell.play(end);
            shell.settle();
            prop_assert!(shell.finished);
        }
        shell.settle();
        prop_assert!(shell.open.is_empty(), "commands without an answer: {:?}", shell.open);
        prop_assert!(shell.permits.is_empty(), "permits kept: {:?}", shell.permits);
        prop_assert_eq!(shell.finished, shell.core.is_gone());
        if !shell.finished {
            for (_, status) in shell.core.children() {
                prop_assert!(matches!(status, ChildStatus::Running | ChildStatus::Stopped));
            }
            let stats = shell.core.stats(shell.now);
            prop_assert_eq!(stats.running as usize, shell.actors.len());
            prop_assert_eq!(shell.core.next_wake(), None);
        }
    }
}
