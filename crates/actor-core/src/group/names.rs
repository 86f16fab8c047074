//! The groups of one system, by name.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Group, GroupTypeError,
    members::{AnyGroup, Shared},
};

/// Groups before the first look for those that nobody needs any more.
const SWEEP_AT: usize = 64;

#[derive(Default)]
struct Names {
    by_name: BTreeMap<Arc<str>, Arc<dyn AnyGroup>>,
    /// How many there are when they are looked through next.
    sweep_at: usize,
}

impl Names {
    /// Forgets the groups without a member, a watcher or a handle, once there are twice as many as the
    /// last time: what is kept is bounded by what is used, and an entry costs no more than before.
    #[must_use = "dropped outside of the lock"]
    fn sweep(&mut self) -> Vec<Arc<dyn AnyGroup>> {
        if self.by_name.len() < self.sweep_at.max(SWEEP_AT) {
            return Vec::new();
        }
        // A member and a handle count as one reference each, and no further one comes but from here.
        let unneeded =
            |group: &Arc<dyn AnyGroup>| Arc::strong_count(group) == 1 && !group.is_watched();
        let gone = self.by_name.extract_if(.., |_, group| unneeded(group));
        let gone = gone.map(|(_, group)| group).collect();
        self.sweep_at = self.by_name.len() * 2;
        gone
    }
}

/// The groups of one system, by name.
#[derive(Default)]
pub(crate) struct Groups {
    names: Mutex<Names>,
}

impl Groups {
    pub(crate) fn get<M: Send + 'static>(&self, name: &str) -> Result<Group<M>, GroupTypeError> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = names.by_name.get(name) {
            return match Arc::clone(group).into_any().downcast() {
                Ok(shared) => Ok(Group { shared }),
                Err(_) => Err(GroupTypeError(name.to_owned())),
            };
        }
        let gone = names.sweep();
        let shared = Arc::new(Shared::<M>::new(name));
        let group: Arc<dyn AnyGroup> = Arc::<Shared<M>>::clone(&shared);
        names.by_name.insert(Arc::clone(&shared.name), group);
        drop(names);
        drop(gone);
        Ok(Group { shared })
    }

    #[cfg(all(test, feature = "test-util"))]
    pub(super) fn len(&self) -> usize {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).by_name.len()
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;
    use crate::{GroupChange, testkit::TestSystem};

    #[test]
    fn groups_that_nobody_needs_are_forgotten() {
        let test = TestSystem::new();
        let mut probe = test.probe::<u64>("probe");
        let watcher = test.probe::<GroupChange>("watcher");
        let groups = Groups::default();
        let held = groups.get::<u64>("held").unwrap();
        groups.get::<u64>("member").unwrap().join(probe.actor()).unwrap();
        groups.get::<u64>("watched").unwrap().watch(watcher.actor(), |change| change);
        for number in 0..10_000 {
            groups.get::<u64>(&format!("gone {number}")).unwrap();
        }
        assert!(groups.len() <= SWEEP_AT, "{}", groups.len());
        test.run(async {
            assert_eq!(groups.get::<u64>("member").unwrap().publish(&7), 1);
            probe.expect_eq(7).await;
            groups.get::<u64>("held").unwrap().join(probe.actor()).unwrap();
            assert_eq!(held.len(), 1);
            let mut watcher = watcher;
            groups.get::<u64>("watched").unwrap().join(probe.actor()).unwrap();
            test.settle().await;
            assert_eq!(watcher.take_msgs(), [GroupChange::Joined(probe.actor().id())]);
            // Its last member gone, the type of a forgotten group is free, too.
            watcher.actor().stop();
            watcher.actor().stopped().await;
            groups.get::<u64>("watched").unwrap().leave(probe.actor());
            for number in 0..1_000 {
                groups.get::<u64>(&format!("gone {number}")).unwrap();
            }
            groups.get::<u8>("watched").unwrap();
        });
    }
}
