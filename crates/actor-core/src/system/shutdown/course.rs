//! The course of an end: phase after phase, then whatever is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use tokio::task::AbortHandle;

use steadfast_base::Instant;

use super::{
    KILLING, OPEN, Phase, PhaseOutcome, STOPPING, ShutdownReport, Task, phase::STOP_ACTORS,
};
use crate::{ExitReason, cell::Flags, system::SystemInner};

/// How long killed actors get to end before they are given up as stuck.
const KILL_WAIT: Duration = Duration::from_secs(1);

/// The end of a system in progress. If its runtime goes away under it, that is the end.
pub(super) struct Ending(pub(super) Arc<SystemInner>);

impl Drop for Ending {
    fn drop(&mut self) {
        let stuck = self.0.live.len();
        let torn =
            ShutdownReport { reason: ExitReason::Killed, phases: Vec::new(), killed: 0, stuck };
        let unread = {
            let mut plan = self.0.shutdown.plan();
            if plan.report.is_none() { plan.report.replace(torn) } else { Some(torn) }
        };
        drop(unread);
        self.0.tasks.notify();
    }
}

impl SystemInner {
    pub(super) async fn run_phases(
        &self,
        reason: ExitReason,
        phases: Vec<Phase>,
        mut tasks: BTreeMap<String, Vec<(String, Task)>>,
    ) -> ShutdownReport {
        let mut report = ShutdownReport { reason, phases: Vec::new(), killed: 0, stuck: 0 };
        let mut skipping = false;
        for phase in phases {
            let stops = phase.name == STOP_ACTORS;
            let tasks = tasks.remove(&phase.name).unwrap_or_default();
            let skipped = (skipping || self.shutdown.kills()) && !stops;
            let mut late = Vec::new();
            if stops {
                // Together, so that the phase takes its time once.
                let work = self.run_tasks(tasks, phase.timeout);
                let ended;
                (late, ended) = both(work, self.stop_actors(phase.timeout)).await;
                (report.killed, report.stuck) = ended;
                if report.killed > 0 {
                    late.push(format!("{} actors were killed", report.killed));
                }
            } else if !skipped {
                late = self.run_tasks(tasks, phase.timeout).await;
            }
            skipping |= phase.abort_on_timeout && !late.is_empty();
            report.phases.push(PhaseOutcome { phase: phase.name, late, skipped });
        }
        report
    }

    /// Runs the tasks of one phase in parallel; the names of those that were late.
    async fn run_tasks(&self, tasks: Vec<(String, Task)>, limit: Duration) -> Vec<String> {
        let done: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
        let mut running = Vec::new();
        let names: Vec<String> = tasks.iter().map(|(name, _)| name.clone()).collect();
        for (number, (_, task)) in tasks.into_iter().enumerate() {
            let done = Arc::clone(&done);
            running.push(self.spawn_task(async move {
                // A task that panics counts as late: it did not do what it was to do.
                task().await;
                done.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
            }));
        }
        let ended = || running.iter().all(AbortHandle::is_finished) || self.shutdown.kills();
        let _late = self.time.timeout(limit, self.tasks.wait_until(ended)).await;
        for task in &running {
            task.abort();
        }
        let done = done.lock().unwrap_or_else(PoisonError::into_inner);
        let late = names.into_iter().enumerate().filter(|(number, _)| !done.contains(number));
        late.map(|(_, name)| name).collect()
    }

    /// Stops all actors in order; kills those that are late. How many were killed, and are stuck.
    async fn stop_actors(&self, limit: Duration) -> (usize, usize) {
        let stage = &self.shutdown.stage;
        let begun = stage.compare_exchange(OPEN, STOPPING, Ordering::SeqCst, Ordering::SeqCst);
        if begun.is_err() {
            // An emergency stop has killed them already.
            let killed = self.live.len();
            self.finish_killing().await;
            return (killed, self.live.len());
        }
        for cell in self.live.all().iter().rev().filter(|cell| !cell.has_parent()) {
            cell.raise(Flags::STOP | Flags::FINAL);
        }
        let gone = self.tasks.wait_until(|| self.live.len() == 0);
        if self.time.timeout(limit, gone).await.is_ok() {
            return (0, 0);
        }
        let killed = self.live.len();
        self.shutdown.stage.store(KILLING, Ordering::SeqCst);
        self.kill_all();
        self.finish_killing().await;
        (killed, self.live.len())
    }

    pub(super) fn kill_all(&self) {
        for cell in self.live.all() {
            cell.raise(Flags::KILL | Flags::FINAL);
        }
    }

    pub(super) async fn finish_killing(&self) {
        let gone = self.tasks.wait_until(|| self.live.len() == 0);
        // Those left are counted as stuck.
        let _late = self.time.timeout(self.kill_wait(), gone).await;
    }

    /// How long to wait for what was killed or aborted.
    fn kill_wait(&self) -> Duration {
        match self.shutdown.over_by.load(Ordering::SeqCst) {
            0 => KILL_WAIT,
            nanos => Instant::from_nanos(nanos).saturating_duration_since(self.time.now()),
        }
    }

    /// Ends what is not an actor, and tells those who wait.
    pub(super) async fn end(&self, report: ShutdownReport) {
        self.tasks.abort_all();
        let gone = self.tasks.wait_until(|| self.tasks.count() == 0);
        // One that computes without awaiting cannot be aborted; the end does not wait for it.
        let _late = self.time.timeout(self.kill_wait(), gone).await;
        self.dead_letters.close();
        self.shutdown.plan().report = Some(report);
        self.tasks.notify();
        let owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = owned {
            runtime.shutdown_background();
        }
    }
}

/// Waits for two futures at the same time; the first one is polled first.
async fn both<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut of_first, mut of_second) = (None, None);
    poll_fn(|task| {
        if of_first.is_none()
            && let Poll::Ready(output) = first.as_mut().poll(task)
        {
            of_first = Some(output);
        }
        if of_second.is_none()
            && let Poll::Ready(output) = second.as_mut().poll(task)
        {
            of_second = Some(output);
        }
        match (of_first.take(), of_second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            unfinished => {
                (of_first, of_second) = unfinished;
                Poll::Pending
            }
        }
    })
    .await
}
