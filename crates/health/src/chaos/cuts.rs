//! Which links between actors are cut, and what was sent over them.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits::CUT_MESSAGES_MAX;

/// Partitions under way; what is between two groups of one does not arrive.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    /// Looked at before the lock: mostly there are none.
    count: AtomicUsize,
    lost: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cuts: Vec<Cut>,
    begun: u64,
    /// What was sent over a cut link, by the number of the cut.
    kept: VecDeque<(u64, Box<dyn Any + Send>)>,
}

#[derive(Debug)]
struct Cut {
    number: u64,
    left: Vec<String>,
    right: Vec<String>,
}

impl Cut {
    fn is_between(&self, from: &str, to: &str) -> bool {
        has(&self.left, from) && has(&self.right, to)
            || has(&self.left, to) && has(&self.right, from)
    }
}

/// Whether an actor, or one above it, is in a group.
fn has(group: &[String], path: &str) -> bool {
    let covers = |rest: &str| rest.is_empty() || rest.starts_with('/');
    group.iter().any(|member| path.strip_prefix(member.as_str()).is_some_and(covers))
}

impl Cuts {
    /// Gives the message back if it may pass; keeps it otherwise.
    ///
    /// A message that is lost may hold the right to answer a question. It is kept until the partition
    /// ends, so that the asker hears nothing, as over a dead network, and not that there is no answer.
    pub(super) fn pass<N: Send + 'static>(&self, from: &str, to: &str, message: N) -> Option<N> {
        if self.count.load(Ordering::Acquire) == 0 {
            return Some(message);
        }
        let mut state = self.lock();
        let cut = state.cuts.iter().find(|cut| cut.is_between(from, to)).map(|cut| cut.number);
        let Some(number) = cut else { return Some(message) };
        self.lost.fetch_add(1, Ordering::Relaxed);
        let full = state.kept.len() >= CUT_MESSAGES_MAX;
        let oldest = if full { state.kept.pop_front() } else { None };
        state.kept.push_back((number, Box::new(message)));
        drop(state);
        // Foreign code may run when a message is dropped, so not under the lock.
        drop(oldest);
        None
    }

    pub(super) fn part(&self, left: &[String], right: &[String]) {
        let mut state = self.lock();
        state.begun += 1;
        let number = state.begun;
        state.cuts.push(Cut { number, left: left.to_vec(), right: right.to_vec() });
        self.count.store(state.cuts.len(), Ordering::Release);
    }

    pub(super) fn heal(&self, left: &[String], right: &[String]) {
        let mut state = self.lock();
        let same = |cut: &Cut| cut.left == left && cut.right == right;
        let Some(place) = state.cuts.iter().position(same) else { return };
        let healed = state.cuts.remove(place);
        self.count.store(state.cuts.len(), Ordering::Release);
        let kept = std::mem::take(&mut state.kept);
        let (lost, kept) = kept.into_iter().partition(|(number, _)| *number == healed.number);
        state.kept = kept;
        drop(state);
        drop::<VecDeque<_>>(lost);
    }

    /// Messages that did not arrive so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Locks what is whole between any two statements: a poisoned lock is taken over.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn group(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn a_cut_is_between_its_groups_in_both_directions_and_nowhere_else() {
        let (cuts, left, right) = (Cuts::default(), group(&["/s/a"]), group(&["/s/b", "/s/c"]));
        assert_eq!(cuts.pass("/s/a", "/s/b", 1), Some(1));
        cuts.part(&left, &right);
        for (from, to) in [("/s/a", "/s/b"), ("/s/c", "/s/a"), ("/s/a/x", "/s/b/y")] {
            assert_eq!(cuts.pass(from, to, 1), None, "{from} to {to}");
        }
        for (from, to) in [("/s/b", "/s/c"), ("/s/ab", "/s/b"), ("/s/a", "/s/bc"), ("/s", "/s/b")] {
            assert_eq!(cuts.pass(from, to, 1), Some(1), "{from} to {to}");
        }
        cuts.heal(&left, &right);
        assert_eq!((cuts.pass("/s/a", "/s/b", 1), cuts.lost()), (Some(1), 3));
    }

    #[test]
    fn what_was_lost_is_dropped_when_its_own_partition_ends() {
        let (cuts, a, b, c) = (Cuts::default(), group(&["/a"]), group(&["/b"]), group(&["/c"]));
        let alive = Arc::new(());
        cuts.part(&a, &b);
        cuts.part(&a, &c);
        assert!(cuts.pass("/a", "/b", Arc::clone(&alive)).is_none());
        assert!(cuts.pass("/a", "/c", Arc::clone(&alive)).is_none());
        assert_eq!(Arc::strong_count(&alive), 3);
        cuts.heal(&a, &b);
        assert_eq!(Arc::strong_count(&alive), 2);
        cuts.heal(&a, &c);
        assert_eq!(Arc::strong_count(&alive), 1);
        cuts.heal(&a, &c);
    }

    #[test]
    fn no_more_is_kept_than_the_limit_says() {
        let (cuts, a, b) = (Cuts::default(), group(&["/a"]), group(&["/b"]));
        let alive = Arc::new(());
        cuts.part(&a, &b);
        for _ in 0..CUT_MESSAGES_MAX + 10 {
            assert!(cuts.pass("/a", "/b", Arc::clone(&alive)).is_none());
        }
        assert_eq!(Arc::strong_count(&alive), CUT_MESSAGES_MAX + 1);
        assert_eq!(cuts.lost(), CUT_MESSAGES_MAX as u64 + 10);
    }
}
