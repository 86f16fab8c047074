//! The same tree played by machines: each nested supervisor is a machine of its own.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use steadfast_base::Instant;
use steadfast_supervision::{
    ChildKey, ChildStatus, Choice, Directive, Effect, Exit, ExitKind, Input, Outcome,
    SupervisorCore,
};

use super::{Script, Tree};

pub(super) struct Supervisor {
    pub(super) script: Script,
    core: SupervisorCore,
    tree: Tree,
    path: String,
    now: Instant,
    inner: BTreeMap<ChildKey, Supervisor>,
}

/// How an end looks to the parent.
fn kind_of(outcome: &Outcome) -> ExitKind {
    match outcome {
        Outcome::Stopped | Outcome::AutoShutdown => ExitKind::Shutdown,
        Outcome::Killed => ExitKind::Killed,
        Outcome::StartFailed(..) => ExitKind::Error,
        Outcome::Meltdown(..) => ExitKind::Meltdown,
        Outcome::Escalated(..) => ExitKind::Escalated,
    }
}

impl Supervisor {
    pub(super) fn new(tree: &Tree, path: &str, script: Script) -> Self {
        Self {
            script,
            core: SupervisorCore::new(tree.plan()).expect("a valid tree"),
            tree: tree.clone(),
            path: path.to_owned(),
            now: Instant::ZERO,
            inner: BTreeMap::new(),
        }
    }

    pub(super) fn boot(&mut self) -> bool {
        self.feed(Input::Start).is_none()
    }

    pub(super) fn stop(&mut self) -> bool {
        self.is_gone() || self.feed(Input::Stop).is_some()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.core.is_gone()
    }

    pub(super) fn workers(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (key, status) in self.core.children() {
            match self.inner.get(&key) {
                _ if status != ChildStatus::Running => {}
                Some(inner) => found.extend(inner.workers()),
                None => found.push(self.path_of(key)),
            }
        }
        found
    }

    pub(super) fn exit(
        &mut self,
        path: &str,
        now: u64,
        kind: ExitKind,
        directive: Directive,
    ) -> Option<ExitKind> {
        self.now = Instant::ZERO + Duration::from_secs(now);
        let (place, deeper) = path.split_once('/').map_or((path, None), |(a, b)| (a, Some(b)));
        let key = self.core.find(place).expect("a child here");
        let input = match deeper {
            None => Input::Exited(key, kind.into(), directive.into()),
            Some(deeper) => {
                let inner = self.inner.get_mut(&key).expect("a supervisor here");
                std::mem::swap(&mut self.script, &mut inner.script);
                let end = inner.exit(deeper, now, kind, directive);
                std::mem::swap(&mut self.script, &mut inner.script);
                Input::Exited(key, end?.into(), Choice::default())
            }
        };
        self.feed(input).map(|outcome| kind_of(&outcome))
    }

    fn path_of(&self, key: ChildKey) -> String {
        let name = self.core.name(key).expect("all are named");
        if self.path.is_empty() { name.to_string() } else { format!("{}/{name}", self.path) }
    }

    fn feed(&mut self, input: Input) -> Option<Outcome> {
        let mut inputs = VecDeque::from([input]);
        let mut outcome = None;
        while let Some(input) = inputs.pop_front() {
            let mut effects = Vec::new();
            self.core.step(self.now, input, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Start(key, _) => inputs.push_back(self.start(key)),
                    Effect::End { child, .. } => inputs.push_back(self.end(child)),
                    Effect::Finished(end) => outcome = Some(end),
                    _ => {}
                }
            }
        }
        assert_eq!(self.core.next_wake(), None, "nothing takes time in this model");
        outcome
    }

    fn start(&mut self, key: ChildKey) -> Input {
        let path = self.path_of(key);
        let place: usize = self.core.name(key).expect("named").parse().expect("a place");
        let works = match &self.tree.children[place].tree {
            None => self.script.start(&path),
            Some(tree) => {
                self.script.log.push(format!("start {path}"));
                let mut inner = Self::new(tree, &path, std::mem::take(&mut self.script));
                inner.now = self.now;
                let works = inner.boot();
                self.script = std::mem::take(&mut inner.script);
                self.inner.insert(key, inner);
                works
            }
        };
        if works {
            Input::Started(key)
        } else {
            Input::StartFailed(key, Exit::new(ExitKind::Error), Choice::default())
        }
    }

    fn end(&mut self, key: ChildKey) -> Input {
        let path = self.path_of(key);
        self.script.end(&path);
        if let Some(mut inner) = self.inner.remove(&key) {
            inner.script = std::mem::take(&mut self.script);
            inner.now = self.now;
            assert!(inner.stop());
            self.script = inner.script;
        }
        Input::Exited(key, Exit::new(ExitKind::Shutdown), Choice::default())
    }
}
