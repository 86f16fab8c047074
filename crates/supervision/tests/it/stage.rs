//! A stand-in for the shell: plays all actors of one supervisor at once, in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use steadfast_base::Instant;
use steadfast_supervision::{
    Backoff, ChildKey, ChildPlan, ChildRules, Choice, Command, CommandId, Directive, Effect, Event,
    Exit, ExitKind, Granted, Input, Outcome, Refusal, RestartPolicy, Strategy, SupervisorCore,
    SupervisorPlan, SupervisorRules,
};

/// How a start is going to turn out; those not listed go well.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Fails,
    Ignores,
    Hangs,
    Works,
}

pub(crate) type Answer = Result<Granted, Refusal>;

pub(crate) struct Stage {
    pub(crate) core: SupervisorCore,
    pub(crate) now: Instant,
    pub(crate) directive: Directive,
    /// What happened, in words.
    pub(crate) log: Vec<String>,
    pub(crate) events: Vec<Event>,
    pub(crate) answers: BTreeMap<u64, Answer>,
    pub(crate) outcome: Option<Outcome>,
    /// Children whose last incarnation was ended in favor of a restart.
    pub(crate) renewed: Vec<String>,
    /// Children that do not end when told to.
    pub(crate) stuck: BTreeSet<String>,
    pub(crate) starts: BTreeMap<String, VecDeque<Start>>,
    names: BTreeMap<ChildKey, String>,
    inputs: VecDeque<Input>,
    commands: u64,
}

/// Rules without delay, so that restarts follow at once.
pub(crate) fn rules(policy: RestartPolicy) -> ChildRules {
    ChildRules::worker().with_restart(policy).with_backoff(Backoff::none())
}

pub(crate) fn transient() -> ChildRules {
    rules(RestartPolicy::transient())
}

pub(crate) fn plan(strategy: Strategy, children: &[(&str, ChildRules)]) -> SupervisorPlan {
    plan_with(SupervisorRules::new(strategy), children)
}

pub(crate) fn plan_with(own: SupervisorRules, children: &[(&str, ChildRules)]) -> SupervisorPlan {
    children.iter().fold(SupervisorPlan::new(own), |plan, (name, rules)| {
        plan.child(ChildPlan::new(*name, rules.clone()))
    })
}

/// A started supervisor of default children with these names.
pub(crate) fn started(strategy: Strategy, names: &[&str]) -> Stage {
    let children: Vec<_> = names.iter().map(|name| (*name, transient())).collect();
    Stage::started(plan(strategy, &children))
}

pub(crate) fn exit(kind: ExitKind) -> Exit {
    if kind.is_failure() { Exit::with_message(kind, "boom") } else { Exit::new(kind) }
}

impl Stage {
    pub(crate) fn new(plan: SupervisorPlan) -> Self {
        Self::of(SupervisorCore::new(plan).expect("valid plan"))
    }

    pub(crate) fn of(core: SupervisorCore) -> Self {
        Self {
            core,
            now: Instant::ZERO,
            directive: Directive::Restart,
            log: Vec::new(),
            events: Vec::new(),
            answers: BTreeMap::new(),
            outcome: None,
            renewed: Vec::new(),
            stuck: BTreeSet::new(),
            starts: BTreeMap::new(),
            names: BTreeMap::new(),
            inputs: VecDeque::new(),
            commands: 0,
        }
    }

    /// Starts it and forgets the log of the start.
    pub(crate) fn started(plan: SupervisorPlan) -> Self {
        let mut stage = Self::new(plan);
        stage.feed(Input::Start);
        stage.log.clear();
        stage
    }

    pub(crate) fn key(&self, name: &str) -> ChildKey {
        self.core.find(name).expect("a child of this name")
    }

    pub(crate) fn choice(&self) -> Choice {
        self.directive.into()
    }

    pub(crate) fn exits(&mut self, name: &str, kind: ExitKind) {
        let input = Input::Exited(self.key(name), exit(kind), self.choice());
        self.feed(input);
    }

    pub(crate) fn panics(&mut self, name: &str) {
        self.exits(name, ExitKind::Panic);
    }

    pub(crate) fn will(&mut self, name: &str, starts: &[Start]) {
        self.starts.insert(name.to_owned(), starts.iter().copied().collect());
    }

    /// Issues a command; its number finds the answer in `answers`.
    pub(crate) fn command(&mut self, command: Command) -> u64 {
        self.commands += 1;
        self.feed(Input::Command(CommandId(self.commands), command));
        self.commands
    }

    /// Issues a command that is answered at once.
    pub(crate) fn ask(&mut self, command: Command) -> Answer {
        let id = self.command(command);
        self.answers.get(&id).cloned().expect("an answer at once")
    }

    pub(crate) fn start_child(&mut self, name: &str, rules: ChildRules) -> Answer {
        self.ask(Command::StartChild { name: Some(name.into()), rules: Some(Arc::new(rules)) })
    }

    /// Feeds an input and everything that follows from it without time passing.
    pub(crate) fn feed(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let mut effects = Vec::new();
            self.core.step(self.now, input, &mut effects);
            for effect in effects {
                self.act(effect);
            }
            if self.core.next_wake().is_some_and(|at| at <= self.now) {
                self.inputs.push_back(Input::Tick);
            }
        }
    }

    /// Lets time pass, stopping at each wake-up.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.core.next_wake().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.feed(Input::Tick);
        }
        self.now = end;
    }

    fn name(&mut self, key: ChildKey) -> String {
        if let Some(name) = self.core.name(key) {
            self.names.insert(key, name.to_string());
        }
        self.names.entry(key).or_insert_with(|| format!("#{}", key.slot())).clone()
    }

    fn act(&mut self, effect: Effect) {
        assert!(self.outcome.is_none(), "an effect after the end: {effect:?}");
        match effect {
            Effect::Start(key, _) => {
                let name = self.name(key);
                self.log.push(format!("start {name}"));
                let planned = self.starts.get_mut(&name).and_then(VecDeque::pop_front);
                let choice = self.choice();
                match planned.unwrap_or(Start::Works) {
                    Start::Works => self.inputs.push_back(Input::Started(key)),
                    Start::Ignores => self.inputs.push_back(Input::Ignored(key)),
                    Start::Hangs => {}
                    Start::Fails => {
                        let exit = exit(ExitKind::Error);
                        self.inputs.push_back(Input::StartFailed(key, exit, choice));
                    }
                }
            }
            Effect::End { child, .. } => {
                let name = self.name(child);
                self.log.push(format!("end {name}"));
                if !self.stuck.contains(&name) {
                    let exit = exit(ExitKind::Shutdown);
                    self.inputs.push_back(Input::Exited(child, exit, self.choice()));
                }
            }
            Effect::Kill { child: key, .. } => {
                let name = self.name(key);
                self.log.push(format!("kill {name}"));
                let exit = exit(ExitKind::Killed);
                self.inputs.push_back(Input::Exited(key, exit, self.choice()));
            }
            Effect::Close(key, exit) => {
                let name = self.name(key);
                self.log.push(format!("close {name} {}", exit.kind));
            }
            Effect::Resume(key) => {
                let name = self.name(key);
                self.log.push(format!("resume {name}"));
            }
            Effect::Released(key) => {
                let name = self.name(key);
                self.log.push(format!("release {name}"));
            }
            Effect::AskPermit(key) => {
                let name = self.name(key);
                self.log.push(format!("ask {name}"));
            }
            Effect::DropPermit(key) => {
                let name = self.name(key);
                self.log.push(format!("drop {name}"));
            }
            Effect::Answer(CommandId(id), answer) => {
                assert!(self.answers.insert(id, answer).is_none(), "command {id} answered twice");
            }
            Effect::Renew(key) => {
                let name = self.name(key);
                self.renewed.push(name);
            }
            Effect::Added(..) => {}
            Effect::Ready => self.log.push("ready".to_owned()),
            Effect::Finished(outcome) => self.outcome = Some(outcome),
            Effect::Report(event) => self.events.push(event),
        }
    }

    /// Takes the log, in one line.
    pub(crate) fn told(&mut self) -> String {
        std::mem::take(&mut self.log).join(", ")
    }

    /// Names and states of all children, in start order.
    pub(crate) fn states(&self) -> String {
        let states = self.core.children().map(|(key, status)| {
            let name = self.core.name(key).map_or("-", |name| name);
            format!("{name} {}", status.as_str())
        });
        states.collect::<Vec<_>>().join(", ")
    }
}

impl Stage {
    /// Asks a supervisor that has finished.
    pub(crate) fn ask_when_gone(&mut self) -> Answer {
        let mut effects = Vec::new();
        let input =
            Input::Command(CommandId(u64::MAX), Command::StartChild { name: None, rules: None });
        self.core.step(self.now, input, &mut effects);
        let Some(Effect::Answer(_, answer)) = effects.pop() else { unreachable!("no answer") };
        answer
    }
}
