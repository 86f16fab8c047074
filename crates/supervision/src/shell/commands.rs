//! Requests to a running supervisor.

use std::sync::Arc;

use steadfast_actor_core::{ActorHandle, Cx, ExitReason, Failure};

use super::events::is_gone;
use super::reasons::exit_of;
use super::{
    Argument, DoneReply, Launcher, Pending, Request, StartReply, SupervisorActor, Together,
};
use crate::{
    ChildError, ChildKey, ChildRules, ChildSpec, ChildStatus, Command, CommandId, FailureStage,
    Input, SupervisorCore, SupervisorRules,
};

impl SupervisorActor {
    pub(super) fn serve(&mut self, request: Request, cx: &mut Cx<Self>) {
        match request {
            Request::Start { name, launch, reply } => {
                let pending = Pending::Start(Some(Launcher::Once(launch)), reply);
                self.command(Command::StartChild { name, rules: None }, pending, cx);
            }
            Request::Born(newborn) => self.take_in(newborn, cx),
            Request::Terminate(child, reply) => match child.find(self) {
                Some(child) => self.done(Command::Terminate(child), reply, cx),
                None => reply.send(Err(ChildError::NotFound)),
            },
            Request::Call(call) => call(self, cx),
            Request::Tick => {
                self.armed = None;
                self.tick(cx);
            }
        }
    }

    pub(crate) fn core(&self) -> &SupervisorCore {
        &self.core
    }

    /// Gives a command to the machine; `pending` is answered now or later.
    pub(crate) fn command(&mut self, command: Command, pending: Pending, cx: &mut Cx<Self>) {
        let id = self.commands;
        self.commands += 1;
        self.pending.insert(id, pending);
        self.feed(Input::Command(CommandId(id), command), cx);
    }

    /// As [`command`](Self::command), for a command without a result.
    pub(crate) fn done(&mut self, command: Command, reply: DoneReply, cx: &mut Cx<Self>) {
        self.command(command, Pending::Done(reply), cx);
    }

    pub(crate) fn start_spec(&mut self, spec: ChildSpec, reply: StartReply, cx: &mut Cx<Self>) {
        let faults = spec.nested.clone();
        if !faults.as_slice().is_empty() {
            return reply.send(Err(ChildError::Invalid(faults)));
        }
        let command = Command::StartChild {
            name: Some(Arc::clone(&spec.name)),
            rules: Some(Arc::new(spec.rules.clone())),
        };
        self.command(command, Pending::Start(Some(Launcher::Spec(Arc::new(spec))), reply), cx);
    }

    /// Starts a child of the template's own factory.
    pub(crate) fn start_of(
        &mut self,
        name: Option<Arc<str>>,
        argument: Argument,
        reply: StartReply,
        cx: &mut Cx<Self>,
    ) {
        let template = self.spec.template.as_ref();
        let Some(maker) = template.and_then(|template| template.maker.clone()) else {
            return reply.send(Err(ChildError::WrongKind));
        };
        match maker(argument) {
            Some(launch) => self.serve(Request::Start { name, launch, reply }, cx),
            None => reply.send(Err(ChildError::WrongType)),
        }
    }

    pub(crate) fn restart(&mut self, child: ChildKey, reply: StartReply, cx: &mut Cx<Self>) {
        self.command(Command::Restart(child), Pending::Start(None, reply), cx);
    }

    pub(crate) fn recycle(&mut self, child: ChildKey, reply: StartReply, cx: &mut Cx<Self>) {
        self.command(Command::Recycle(child), Pending::Start(None, reply), cx);
    }

    pub(crate) fn adopt(
        &mut self,
        actor: ActorHandle,
        spec: ChildSpec,
        reply: StartReply,
        cx: &mut Cx<Self>,
    ) {
        if is_gone(&actor) {
            return reply.send(Err(ChildError::NotRunning));
        }
        if actor.is_supervised() || actor.id() == cx.id() {
            return reply.send(Err(ChildError::Supervised));
        }
        let command = Command::Adopt {
            name: Some(Arc::clone(&spec.name)),
            rules: Some(Arc::new(spec.rules.clone())),
        };
        let launcher = Launcher::Adopted(actor, Arc::new(spec));
        self.command(command, Pending::Start(Some(launcher), reply), cx);
    }

    /// Changes the rules of one child; the rest of its spec stays.
    pub(crate) fn change_spec(
        &mut self,
        child: ChildKey,
        change: impl FnOnce(&mut ChildRules),
        reply: DoneReply,
        cx: &mut Cx<Self>,
    ) {
        let Some(rules) = self.core.child_rules(child) else {
            return reply.send(Err(ChildError::NotFound));
        };
        let mut rules = Arc::unwrap_or_clone(rules);
        change(&mut rules);
        self.done(Command::ChangeRules(child, Arc::new(rules)), reply, cx);
        self.set_parts(child);
    }

    pub(crate) fn change_template(
        &mut self,
        change: impl FnOnce(&mut ChildRules),
        reply: DoneReply,
        cx: &mut Cx<Self>,
    ) {
        let mut rules = (*self.core.template_rules()).clone();
        change(&mut rules);
        self.done(Command::ChangeTemplate(Arc::new(rules)), reply, cx);
        self.set_nest_parts(cx);
        for (child, _) in self.core.children() {
            self.set_parts(child);
        }
    }

    pub(crate) fn change_rules(
        &mut self,
        change: impl FnOnce(&mut SupervisorRules),
        reply: DoneReply,
        cx: &mut Cx<Self>,
    ) {
        let mut rules = *self.core.rules();
        change(&mut rules);
        self.done(Command::Reconfigure(rules), reply, cx);
    }

    /// Stops these children at the same time.
    pub(crate) fn terminate_together(
        &mut self,
        children: Vec<ChildKey>,
        reply: DoneReply,
        cx: &mut Cx<Self>,
    ) {
        let all = Arc::new(Together(Some(reply)));
        for child in children {
            self.command(Command::Terminate(child), Pending::Shared(Arc::clone(&all)), cx);
        }
    }

    /// Whether a reported error is of an incarnation that there is.
    pub(super) fn can_report(&self, child: ChildKey) -> Result<bool, ChildError> {
        let status = self.core.status(child).ok_or(ChildError::NotFound)?;
        Ok(status == ChildStatus::Running || self.core.is_starting(child))
    }

    /// A failure that somebody else noticed in a child.
    pub(crate) fn report_error(
        &mut self,
        child: ChildKey,
        failure: Failure,
        cx: &mut Cx<Self>,
    ) -> Result<(), ChildError> {
        if !self.can_report(child)? {
            return Err(ChildError::NotRunning);
        }
        let reason = ExitReason::Error(failure);
        let choice = self.judge(child, FailureStage::Reported, &reason, cx);
        self.feed(Input::Reported(child, exit_of(&reason), choice), cx);
        Ok(())
    }
}
