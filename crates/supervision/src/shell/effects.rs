//! What the machine decided, done: starts, stops, answers, and the supervisor's own end.

use steadfast_actor_core::{ActorHandle, Cx, ExitReason, Order, StartError};
use steadfast_base::ActorId;

use super::events::is_gone;
use super::reasons::{reason_for, reason_of};
use super::request::{Launcher, Newborn, Pending};
use super::{SupervisorActor, put};
use crate::spec::{LaunchOnce, Mailbox, Seat};
use crate::{
    ChildKey, Choice, CommandId, Directive, Effect, Exit, ExitKind, FailureStage, Input, Origin,
    RestartState,
};

impl SupervisorActor {
    pub(super) fn perform(&mut self, effect: Effect, cx: &mut Cx<Self>) {
        match effect {
            Effect::Added(child, command) => self.added(child, command, cx),
            Effect::Start(child, origin) => self.start(child, origin, cx),
            Effect::Renew(child) => {
                self.renew_waiting();
                self.renewing = Some(child);
            }
            Effect::Resume(child) => {
                if let Some(handle) = self.table.get(child) {
                    handle.order(Order::Resume);
                }
            }
            Effect::End { child, restart: true } => {
                if let Some(handle) = self.table.get(child) {
                    handle.set_parts(false);
                }
                self.end(child, ActorHandle::stop_to_restart, cx);
            }
            Effect::End { child, .. } => self.end(child, ActorHandle::stop_for_good, cx),
            Effect::Kill { child, restart: true } => self.end(child, ActorHandle::kill, cx),
            Effect::Kill { child, .. } => self.end(child, ActorHandle::kill_for_good, cx),
            Effect::Close(child, exit) => self.close(child, &exit, cx),
            Effect::Released(child) => {
                self.tell_gate_ended(child, false, cx);
                if let Some(handle) = self.table.take(child) {
                    handle.unlink();
                }
                self.forget(child);
            }
            Effect::AskPermit(child) => self.ask_permit(child, cx),
            Effect::DropPermit(child) => self.drop_permit(child, cx),
            Effect::Answer(command, answer) => self.answer(command, answer),
            Effect::Ready => self.ready = true,
            Effect::Finished(outcome) => self.outcome = Some(outcome),
            Effect::Report(event) => self.report(&event, cx),
        }
    }

    /// The child of a command has its key.
    fn added(&mut self, child: ChildKey, command: CommandId, cx: &mut Cx<Self>) {
        let launcher = match self.pending.get_mut(&command.0) {
            Some(Pending::Start(launcher, _)) => launcher.take(),
            _ => None,
        };
        if let Some(place) = self.specs.get_mut(child.slot as usize) {
            *place = None;
        }
        if let Some(handle) = self.newborn.take().and_then(Newborn::take) {
            return self.welcome(child, handle, cx);
        }
        match launcher {
            None => {}
            Some(Launcher::Once(launch)) => self.launching = Some((child, launch)),
            Some(Launcher::Spec(spec)) => put(&mut self.specs, child, spec),
            Some(Launcher::Adopted(handle, spec)) => {
                put(&mut self.specs, child, spec);
                let linked = handle.link(&Self::me(cx), child.to_u64());
                self.table.set(child, handle);
                self.set_parts(child);
                if !linked {
                    // It has ended meanwhile, and its factory with it.
                    drop(self.table.take(child));
                    let choice = Choice::from(Directive::Stop);
                    self.inputs.push_back(Input::Exited(child, ExitKind::Killed.into(), choice));
                }
            }
        }
    }

    fn start(&mut self, child: ChildKey, origin: Origin, cx: &mut Cx<Self>) {
        if let Origin::Again(state) = origin {
            self.run_cleanup(child, cx);
            if let Some(spec) = self.spec_of(child) {
                spec.ask_source(state == RestartState::Source);
            }
            // Together with its start: the child wakes once.
            self.renewing = self.renewing.filter(|renewing| *renewing != child);
            if let Some(handle) = self.table.get(child).filter(|handle| !is_gone(handle)) {
                // Said again: its rules may have changed since it was renewed.
                handle.orders(&[self.renewal_of(child, state), Order::Start]);
                return;
            }
        }
        drop(self.table.take(child));
        let launch = self.launching.take_if(|(added, _)| *added == child).map(|(_, launch)| launch);
        match self.holder_of_name(child, cx) {
            Some(before) => self.delayed.push((before, child, launch)),
            None => self.launch(child, launch, cx),
        }
    }

    /// Ends the last incarnation of a child whose restart waits: for its delay, for a permit, for its
    /// siblings. Who asked it hears of that now, and what it held is free.
    pub(super) fn renew_waiting(&mut self) {
        let Some(child) = self.renewing.take() else { return };
        let (Some(handle), Some(rules)) = (self.table.get(child), self.core.child_rules(child))
        else {
            return;
        };
        handle.order(self.renewal_of(child, rules.state));
    }

    fn renewal_of(&self, child: ChildKey, state: RestartState) -> Order {
        let rules = self.core.child_rules(child);
        Order::Renew {
            preserve: state == RestartState::Preserved,
            keep_children: rules.is_some_and(|rules| !rules.stop_children),
        }
    }

    fn run_cleanup(&mut self, child: ChildKey, cx: &Cx<Self>) {
        let hook = self.hooks_of(child).and_then(|hooks| hooks.cleanup.clone());
        if let Some(hook) = hook {
            hook(&self.restart_of(child, cx));
        }
    }

    /// An actor that still ends under the name of a child.
    fn holder_of_name(&self, child: ChildKey, cx: &Cx<Self>) -> Option<ActorId> {
        if !self.table.is_anyone_leaving() {
            return None;
        }
        let name = self.core.name(child)?;
        self.table.leaving_at(&format!("{}/{name}", cx.path()))
    }

    /// Starts those that waited for this actor to let go of its name.
    pub(super) fn start_delayed(&mut self, gone: ActorId, cx: &mut Cx<Self>) {
        while let Some(place) = self.delayed.iter().position(|(before, ..)| *before == gone) {
            let (_, child, launch) = self.delayed.swap_remove(place);
            self.launch(child, launch, cx);
        }
        if let Some(input) = self.inputs.pop_front() {
            self.feed(input, cx);
        }
    }

    fn launch(&mut self, child: ChildKey, once: Option<LaunchOnce>, cx: &mut Cx<Self>) {
        let (system, me) = (cx.system(), Self::me(cx));
        let seat = Seat { system: &system, supervisor: &me, key: child.to_u64(), tree: &self.tree };
        let launched = match (once, self.spec_of(child)) {
            (Some(launch), _) => {
                let mailbox =
                    self.spec.template.as_ref().map_or_else(Mailbox::default, |t| t.mailbox);
                launch(&seat, self.core.name(child).map(|name| &**name), &mailbox)
            }
            (None, Some(spec)) => match &spec.launch {
                Some(launch) => launch(&seat, spec),
                None => return self.no_factory(child, cx),
            },
            (None, None) => return self.no_factory(child, cx),
        };
        match launched {
            Ok(handle) => self.table.set(child, handle),
            Err(error) => self.start_refused(child, error, None, cx),
        }
    }

    /// An adopted actor, or a dynamic child, whose task is gone: so is its factory.
    fn no_factory(&mut self, child: ChildKey, cx: &mut Cx<Self>) {
        self.start_refused(child, StartError::Killed, Some(Directive::Stop), cx);
    }

    fn start_refused(
        &mut self,
        child: ChildKey,
        error: StartError,
        directive: Option<Directive>,
        cx: &mut Cx<Self>,
    ) {
        let reason = reason_of(&error, cx.timestamp(), &self.path_of(child, cx));
        let judged = self.judge(child, FailureStage::Starting, &reason, cx);
        let choice = Choice { directive: directive.unwrap_or(judged.directive), ..judged };
        self.start_error = Some((child, error));
        let exit = super::reasons::exit_of(&reason);
        self.inputs.push_back(Input::StartFailed(child, exit, choice));
    }

    /// Ends the actor of a child, and sees to it that its end is told.
    fn end(&mut self, child: ChildKey, order: fn(&ActorHandle), cx: &mut Cx<Self>) {
        let Some(handle) = self.table.get(child) else {
            // Its start waits for a name.
            self.delayed.retain(|(_, waiting, _)| *waiting != child);
            let exit = ExitKind::Shutdown.into();
            return self.inputs.push_back(Input::Exited(child, exit, Choice::default()));
        };
        // One that had cut itself loose would not tell.
        if handle.is_supervised() || handle.link(&Self::me(cx), child.to_u64()) {
            return order(handle);
        }
        let reason = handle.exit_reason().unwrap_or(ExitReason::Killed);
        drop(self.table.take(child));
        let input = self.exited(child, &reason, cx);
        self.inputs.push_back(input);
    }

    fn close(&mut self, child: ChildKey, exit: &Exit, cx: &mut Cx<Self>) {
        if let Some(handle) = self.table.take(child) {
            let reason = reason_for(exit, self.last_reason(child), cx.timestamp(), &handle.path());
            if handle.close(reason) {
                self.table.leave(handle);
            }
        }
        if self.core.status(child).is_none() {
            self.forget(child);
        }
    }

    /// Forgets what is kept beside the machine of a child that it does not know any more.
    fn forget(&mut self, child: ChildKey) {
        if let Some(place) = self.specs.get_mut(child.slot as usize) {
            *place = None;
        }
        self.histories.remove(&child);
    }

    pub(crate) fn path_of(&self, child: ChildKey, cx: &Cx<Self>) -> String {
        match (self.table.get(child), self.core.name(child)) {
            (Some(handle), _) => handle.path().to_string(),
            (None, Some(name)) => format!("{}/{name}", cx.path()),
            (None, None) => cx.path().to_string(),
        }
    }
}

/// The present actor of a child, for those who look it up.
impl SupervisorActor {
    pub(crate) fn handle_of(&self, child: ChildKey) -> Option<&ActorHandle> {
        self.table.get(child)
    }

    /// The present actor of a child that runs.
    pub(crate) fn running(&self, child: ChildKey) -> Option<&ActorHandle> {
        let running = self.core().status(child) == Some(crate::ChildStatus::Running);
        self.table.get(child).filter(|_| running)
    }
}
