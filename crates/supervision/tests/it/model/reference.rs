//! The reference: supervisors as plain recursion over vectors, nothing ever in between.

use steadfast_supervision::{
    AutoShutdown, Directive, ExitKind, RestartPolicy, Strategy as Restarts,
};

use super::{Node, Script, Tree};

/// A whole tree of the reference.
pub(super) struct System {
    pub(super) script: Script,
    root: Supervisor,
}

struct Supervisor {
    tree: Tree,
    children: Vec<Child>,
    spent: Vec<u64>,
}

struct Child {
    place: usize,
    node: Node,
    up: bool,
    spent: Vec<u64>,
    inner: Option<Supervisor>,
}

/// Whether one more restart is affordable.
fn affords(spent: &mut Vec<u64>, (restarts, period): (u32, u64), now: u64) -> bool {
    spent.push(now);
    let inside = spent.iter().filter(|stamp| **stamp + period >= now).count();
    inside <= restarts as usize
}

fn join(path: &str, place: usize) -> String {
    if path.is_empty() { place.to_string() } else { format!("{path}/{place}") }
}

impl Supervisor {
    fn new(tree: &Tree) -> Self {
        let children = tree.children.iter().enumerate().map(|(place, node)| Child {
            place,
            node: node.clone(),
            up: false,
            spent: Vec::new(),
            inner: None,
        });
        Self { tree: tree.clone(), children: children.collect(), spent: Vec::new() }
    }

    fn boot(&mut self, path: &str, script: &mut Script) -> bool {
        for index in 0..self.children.len() {
            if !self.start(index, path, script) {
                self.stop(path, script);
                return false;
            }
        }
        true
    }

    fn start(&mut self, index: usize, path: &str, script: &mut Script) -> bool {
        let child = &mut self.children[index];
        let path = join(path, child.place);
        child.up = match &child.node.tree {
            None => script.start(&path),
            Some(tree) => {
                script.log.push(format!("start {path}"));
                let mut inner = Supervisor::new(tree);
                let works = inner.boot(&path, script);
                child.inner = Some(inner);
                works
            }
        };
        child.up
    }

    fn end(&mut self, index: usize, path: &str, script: &mut Script) {
        let child = &mut self.children[index];
        if child.up {
            let path = join(path, child.place);
            script.end(&path);
            if let Some(inner) = &mut child.inner {
                inner.stop(&path, script);
            }
            child.up = false;
        }
    }

    fn stop(&mut self, path: &str, script: &mut Script) {
        for index in (0..self.children.len()).rev() {
            self.end(index, path, script);
        }
    }

    /// A child ended by itself; tells how the supervisor ends, if it does.
    fn ended(
        &mut self,
        index: usize,
        (kind, directive): (ExitKind, Directive),
        (path, now): (&str, u64),
        script: &mut Script,
    ) -> Option<ExitKind> {
        let policy = self.children[index].node.policy;
        let failed = kind.is_failure();
        let resumes = failed && directive == Directive::Resume;
        if resumes && matches!(kind, ExitKind::Panic | ExitKind::Error) {
            return None;
        }
        self.children[index].up = false;
        if failed && directive == Directive::Escalate {
            self.stop(path, script);
            return Some(ExitKind::Escalated);
        }
        let wanted = match (policy, kind) {
            _ if failed && directive != Directive::Restart => false,
            (RestartPolicy::Never, _)
            | (RestartPolicy::OnFailure, ExitKind::Normal | ExitKind::Shutdown)
            | (RestartPolicy::OnStop, ExitKind::Shutdown) => false,
            _ => true,
        };
        if !wanted {
            return self.gone(index, path, script);
        }
        self.restart(index, path, now, script)
    }

    /// A child is not coming back.
    fn gone(&mut self, index: usize, path: &str, script: &mut Script) -> Option<ExitKind> {
        let node = self.children[index].node.clone();
        if node.policy == RestartPolicy::Never {
            self.children.remove(index);
        }
        let left = self.children.iter().any(|child| child.up && child.node.significant);
        let shuts = match self.tree.auto {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => node.significant,
            AutoShutdown::AllSignificant => node.significant && !left,
        };
        if shuts {
            self.stop(path, script);
            return Some(ExitKind::Shutdown);
        }
        None
    }

    /// Pays for a restart of this child: nothing, or how it goes on instead.
    fn pay(&mut self, index: usize, now: u64) -> Result<(), Option<ExitKind>> {
        let child = &mut self.children[index];
        let Some(own) = child.node.budget else {
            let paid = affords(&mut self.spent, self.tree.budget, now);
            return if paid { Ok(()) } else { Err(Some(ExitKind::Meltdown)) };
        };
        if affords(&mut child.spent, own, now) {
            Ok(())
        } else if child.node.significant || child.node.policy == RestartPolicy::Always {
            Err(Some(ExitKind::Escalated))
        } else {
            Err(None)
        }
    }

    fn restart(
        &mut self,
        failed: usize,
        path: &str,
        now: u64,
        script: &mut Script,
    ) -> Option<ExitKind> {
        match self.pay(failed, now) {
            Ok(()) => {}
            Err(None) => return None,
            Err(end) => {
                self.stop(path, script);
                return end;
            }
        }
        let mut next = match self.tree.strategy {
            Restarts::AllForOne => self.clear(0, path, script),
            Restarts::RestForOne => self.clear(failed, path, script),
            _ => {
                let works = self.start(failed, path, script);
                return if works { None } else { self.restart(failed, path, now, script) };
            }
        };
        while next < self.children.len() {
            if !self.start(next, path, script) {
                match self.pay(next, now) {
                    Ok(()) if self.tree.strategy == Restarts::AllForOne => {
                        next = self.clear(0, path, script);
                        continue;
                    }
                    Ok(()) => {
                        next = self.clear(next, path, script);
                        continue;
                    }
                    Err(None) => {}
                    Err(end) => {
                        self.stop(path, script);
                        return end;
                    }
                }
            }
            next += 1;
        }
        None
    }

    /// Stops all children from a place on and forgets the temporary ones among them.
    fn clear(&mut self, from: usize, path: &str, script: &mut Script) -> usize {
        for index in (from..self.children.len()).rev() {
            self.end(index, path, script);
            if self.children[index].node.policy == RestartPolicy::Never {
                self.children.remove(index);
            }
        }
        from
    }

    fn workers(&self, path: &str, found: &mut Vec<String>) {
        for child in self.children.iter().filter(|child| child.up) {
            let path = join(path, child.place);
            match &child.inner {
                Some(inner) => inner.workers(&path, found),
                None => found.push(path),
            }
        }
    }

    fn exit(
        &mut self,
        rest: &[usize],
        end: (ExitKind, Directive),
        (path, now): (&str, u64),
        script: &mut Script,
    ) -> Option<ExitKind> {
        let (place, deeper) = rest.split_first().expect("a path to a worker");
        let index =
            self.children.iter().position(|child| child.place == *place).expect("a child here");
        if deeper.is_empty() {
            return self.ended(index, end, (path, now), script);
        }
        let inner = self.children[index].inner.as_mut().expect("a supervisor here");
        let kind = inner.exit(deeper, end, (&join(path, *place), now), script)?;
        self.ended(index, (kind, Directive::Restart), (path, now), script)
    }
}

impl System {
    pub(super) fn new(tree: &Tree, script: Script) -> Self {
        Self { script, root: Supervisor::new(tree) }
    }

    pub(super) fn boot(&mut self) -> bool {
        self.root.boot("", &mut self.script)
    }

    pub(super) fn stop(&mut self) -> bool {
        self.root.stop("", &mut self.script);
        true
    }

    pub(super) fn workers(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.root.workers("", &mut found);
        found
    }

    pub(super) fn exit(
        &mut self,
        path: &str,
        now: u64,
        kind: ExitKind,
        directive: Directive,
    ) -> Option<ExitKind> {
        let path: Vec<usize> =
            path.split('/').map(|place| place.parse().expect("a place")).collect();
        self.root.exit(&path, (kind, directive), ("", now), &mut self.script)
    }
}
