//! Requests from outside and their answers.

use std::sync::Arc;

use super::children::{Phase, Then, Want};
use super::{ChildKey, Command, CommandId, Effect, Granted, Life, Refusal, SupervisorCore, Turn};
use crate::fault::{check_child, check_rules};
use crate::{ChildRules, ExitKind, Fault, Faults, Strategy, SupervisorRules};

/// Most commands that wait for one child; further ones are refused with `Full`.
const COMMANDS_PER_CHILD_MAX: usize = 64;

type Answer = Result<Granted, Refusal>;

impl SupervisorCore {
    pub(super) fn command(&mut self, id: CommandId, command: Command, turn: &mut Turn<'_>) {
        if !matches!(self.life, Life::Booting | Life::Up) {
            return turn.answer(id, Err(Refusal::Stopped));
        }
        let answer = match command {
            Command::StartChild { name, rules } => self.start_child(id, name, rules, turn),
            Command::Adopt { name, rules } => self.adopt(id, name, rules, turn),
            Command::ChangeTemplate(rules) => self.change_template(rules).map(Some),
            Command::Reconfigure(rules) => self.reconfigure(rules).map(Some),
            Command::Terminate(key) => {
                self.on_child(key, |core, slot| core.terminate(id, slot, turn))
            }
            Command::Restart(key) => {
                self.on_child(key, |core, slot| core.restart_child(id, slot, turn))
            }
            Command::Recycle(key) => self.on_child(key, |core, slot| core.recycle(id, slot, turn)),
            Command::Delete(key) => self.on_child(key, Self::delete),
            Command::Release(key) => self.on_child(key, |core, slot| core.release(slot, turn)),
            Command::ChangeRules(key, rules) => {
                self.on_child(key, |core, slot| core.change_rules(slot, rules))
            }
        };
        match answer {
            Ok(None) => {}
            Ok(Some(granted)) => turn.answer(id, Ok(granted)),
            Err(refusal) => turn.answer(id, Err(refusal)),
        }
    }

    fn on_child(
        &mut self,
        key: ChildKey,
        then: impl FnOnce(&mut Self, u32) -> Result<Option<Granted>, Refusal>,
    ) -> Result<Option<Granted>, Refusal> {
        let slot = self.children.slot_of(key).ok_or(Refusal::NotFound)?;
        then(self, slot)
    }

    fn start_child(
        &mut self,
        id: CommandId,
        name: Option<Arc<str>>,
        rules: Option<Arc<ChildRules>>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Granted>, Refusal> {
        let slot = self.add(name, rules, Phase::Queued)?;
        turn.emit(Effect::Added(self.children.key(slot), id));
        if let Some(child) = self.children.get_mut(slot) {
            child.marks.new = true;
        }
        self.start_by(id, slot, turn);
        Ok(None)
    }

    /// Starts a child for a command; during the boot when its turn comes.
    fn start_by(&mut self, id: CommandId, slot: u32, turn: &mut Turn<'_>) {
        if self.life == Life::Booting && self.phase(slot) == Phase::Queued {
            if let Some(child) = self.children.get_mut(slot) {
                child.extra_mut().waiting.push((id, Want::Start));
            }
        } else {
            self.start(slot, turn);
            self.children.set_phase(slot, Phase::Starting(Some(id)));
        }
    }

    fn adopt(
        &mut self,
        id: CommandId,
        name: Option<Arc<str>>,
        rules: Option<Arc<ChildRules>>,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Granted>, Refusal> {
        let slot = self.add(name, rules, Phase::Running(turn.now))?;
        if let Some(child) = self.children.get_mut(slot) {
            child.marks.has_cell = true;
        }
        let key = self.children.key(slot);
        turn.emit(Effect::Added(key, id));
        Ok(Some(Granted::Running(key)))
    }

    fn add(
        &mut self,
        name: Option<Arc<str>>,
        rules: Option<Arc<ChildRules>>,
        phase: Phase,
    ) -> Result<u32, Refusal> {
        if !self.is_dynamic() && (name.is_none() || rules.is_none()) {
            return Err(Refusal::Incomplete);
        }
        if let Some(slot) = name.as_ref().and_then(|name| self.children.find(name)) {
            let key = self.children.key(slot);
            return Err(match self.phase(slot) {
                Phase::Down => Refusal::AlreadyPresent(key),
                _ => Refusal::AlreadyStarted(key),
            });
        }
        let mut faults = Faults::default();
        if name.as_ref().is_some_and(|name| name.is_empty()) {
            faults.push(Fault::EmptyName);
        }
        if let Some(rules) = &rules {
            check_child(name.as_deref().unwrap_or(""), rules, &self.rules, &mut faults);
        }
        faults.into_result().map_err(Refusal::Invalid)?;
        if self.children.len() >= self.rules.children_max {
            return Err(Refusal::Full);
        }
        Ok(self.children.push(name, rules, phase))
    }

    fn terminate(
        &mut self,
        id: CommandId,
        slot: u32,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Granted>, Refusal> {
        match self.phase(slot) {
            Phase::Down => return Ok(Some(Granted::Done)),
            Phase::Running(_) | Phase::Starting(_) => {
                self.wait_for(id, slot, Want::Stop)?;
                self.end_child(slot, Then::Close, turn);
            }
            Phase::Stopping(_) | Phase::Killing => {
                self.wait_for(id, slot, Want::Stop)?;
                if let Some(child) = self.children.get_mut(slot) {
                    child.then = Then::Close;
                }
            }
            _ => {
                self.close(slot, ExitKind::Shutdown.into(), turn);
                self.settle(slot);
                return Ok(Some(Granted::Done));
            }
        }
        Ok(None)
    }

    fn restart_child(
        &mut self,
        id: CommandId,
        slot: u32,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Granted>, Refusal> {
        match self.phase(slot) {
            _ if self.is_dynamic() => Err(Refusal::WrongKind),
            Phase::Down => {
                self.start_by(id, slot, turn);
                Ok(None)
            }
            _ => Err(self.up_refusal(slot)),
        }
    }

    /// Why a child that is not down cannot be started or deleted.
    fn up_refusal(&self, slot: u32) -> Refusal {
        let restarting = self.children.get(slot).is_some_and(|child| child.marks.restarting);
        match self.phase(slot) {
            Phase::Running(_) | Phase::Stopping(_) | Phase::Killing => Refusal::Running,
            Phase::Starting(_) if !restarting => Refusal::Running,
            _ => Refusal::Restarting,
        }
    }

    fn recycle(
        &mut self,
        id: CommandId,
        slot: u32,
        turn: &mut Turn<'_>,
    ) -> Result<Option<Granted>, Refusal> {
        if !matches!(self.phase(slot), Phase::Running(_)) {
            return Err(match self.phase(slot) {
                Phase::Down | Phase::Stopping(_) | Phase::Killing => Refusal::NotRunning,
                _ => Refusal::Restarting,
            });
        }
        self.wait_for(id, slot, Want::Start)?;
        self.restart_at(slot, turn.now, turn);
        Ok(None)
    }

    fn delete(&mut self, slot: u32) -> Result<Option<Granted>, Refusal> {
        match self.phase(slot) {
            _ if self.is_dynamic() => Err(Refusal::WrongKind),
            Phase::Down => {
                self.remove(slot);
                Ok(Some(Granted::Done))
            }
            _ => Err(self.up_refusal(slot)),
        }
    }

    fn release(&mut self, slot: u32, turn: &mut Turn<'_>) -> Result<Option<Granted>, Refusal> {
        if !matches!(self.phase(slot), Phase::Running(_)) {
            return Err(Refusal::NotRunning);
        }
        turn.emit(Effect::Released(self.children.key(slot)));
        self.remove(slot);
        Ok(Some(Granted::Done))
    }

    fn change_rules(
        &mut self,
        slot: u32,
        rules: Arc<ChildRules>,
    ) -> Result<Option<Granted>, Refusal> {
        let Some(child) = self.children.get_mut(slot) else { return Err(Refusal::NotFound) };
        let mut faults = Faults::default();
        check_child(child.name.as_deref().unwrap_or(""), &rules, &self.rules, &mut faults);
        faults.into_result().map_err(Refusal::Invalid)?;
        child.rules = Some(rules);
        Ok(Some(Granted::Done))
    }

    fn change_template(&mut self, rules: Arc<ChildRules>) -> Answer {
        if !self.is_dynamic() {
            return Err(Refusal::WrongKind);
        }
        let mut faults = Faults::default();
        check_child("template", &rules, &self.rules, &mut faults);
        faults.into_result().map_err(Refusal::Invalid)?;
        self.template = rules;
        Ok(Granted::Done)
    }

    fn reconfigure(&mut self, rules: SupervisorRules) -> Answer {
        let mut faults = Faults::default();
        check_rules(&rules, &mut faults);
        if (rules.strategy == Strategy::Dynamic) != self.is_dynamic() {
            faults.push(Fault::KindChange);
        }
        for (_, child) in self.children.iter() {
            if let Some(own) = &child.rules {
                check_child(child.name.as_deref().unwrap_or(""), own, &rules, &mut faults);
            }
        }
        faults.into_result().map_err(Refusal::Invalid)?;
        self.rules = rules;
        Ok(Granted::Done)
    }

    fn wait_for(&mut self, id: CommandId, slot: u32, want: Want) -> Result<(), Refusal> {
        let Some(child) = self.children.get_mut(slot) else { return Err(Refusal::NotFound) };
        let waiting = &mut child.extra_mut().waiting;
        if waiting.len() >= COMMANDS_PER_CHILD_MAX {
            return Err(Refusal::Full);
        }
        waiting.push((id, want));
        Ok(())
    }
}
