//! Groups and the routers over them.

use std::collections::BTreeMap;

use steadfast_actor_core::{ActorRef, Group, GroupChange, testkit::TestSystem};

use crate::common::*;

async fn member(test: &TestSystem, log: &Log, name: &'static str) -> ActorRef<Msg> {
    test.spawn(name, Worker::maker(name, log)).await.unwrap()
}

#[test]
fn s47_an_actor_that_stops_is_gone_from_all_groups_and_cannot_join_again() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut watcher = test.probe::<GroupChange>("watcher");
    test.run(async {
        let (red, blue): (Group<Msg>, Group<Msg>) =
            (test.group("red").unwrap(), test.group("blue").unwrap());
        red.watch(watcher.actor(), |change| change);
        blue.watch(watcher.actor(), |change| change);
        let a = member(&test, &log, "a").await;
        let b = member(&test, &log, "b").await;
        for group in [&red, &blue] {
            group.join(&a).unwrap();
            group.join(&a).unwrap();
        }
        red.join(&b).unwrap();
        test.settle().await;
        let joined = GroupChange::Joined(a.id());
        assert_eq!(watcher.take_msgs(), [joined, joined, GroupChange::Joined(b.id())]);
        a.stop();
        a.stopped().await;
        assert_eq!(red.members(), std::slice::from_ref(&b));
        assert!(blue.is_empty());
        test.settle().await;
        let left = GroupChange::Left(a.id());
        assert_eq!(watcher.take_msgs(), [left, left], "once for each group");
        assert!(red.join(&a).is_err());
        assert_eq!(red.len(), 1);
        assert!(red.leave(&b));
        assert!(!red.leave(&b));
        b.stop();
        b.stopped().await;
        test.settle().await;
        let changes = watcher.take_msgs();
        assert_eq!(changes.last(), Some(&GroupChange::Left(b.id())));
        assert_eq!(
            changes.iter().filter(|change| **change == GroupChange::Left(b.id())).count(),
            1
        );
    });
}

#[test]
fn a_refused_join_is_not_announced() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut watcher = test.probe::<GroupChange>("watcher");
    test.run(async {
        let group: Group<Msg> = test.group("g").unwrap();
        group.watch(watcher.actor(), |change| change);
        let gone = member(&test, &log, "gone").await;
        gone.stop();
        gone.stopped().await;
        assert!(group.join(&gone).is_err());
        test.settle().await;
        assert_eq!(watcher.take_msgs(), []);
    });
}

#[test]
fn a_restart_keeps_the_membership() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let group: Group<Msg> = test.group("g").unwrap();
        let child = family(&test, Plan::RESTART, &log).await;
        group.join(&child).unwrap();
        child.tell(Msg::Panic).await.unwrap();
        test.settle().await;
        assert_eq!(group.members(), [child]);
    });
}

#[test]
fn a_group_has_one_message_type_and_one_system() {
    let (test, other) = (TestSystem::new(), TestSystem::new());
    let log = Log::default();
    let group: Group<Msg> = test.group("g").unwrap();
    let error = test.group::<u8>("g").unwrap_err();
    assert_eq!(error.to_string(), "the group g has members of another message type");
    let a = test.run(member(&test, &log, "a"));
    group.join(&a).unwrap();
    assert!(other.group::<Msg>("g").unwrap().is_empty(), "systems share nothing");
    assert_eq!(test.group::<Msg>("g").unwrap().len(), 1);
}

#[test]
fn publish_reaches_every_member_and_counts_those_with_room() {
    let test = TestSystem::new();
    let mut probes = [test.probe::<u32>("a"), test.probe::<u32>("b"), test.probe::<u32>("c")];
    test.run(async {
        let group: Group<u32> = test.group("g").unwrap();
        for probe in &probes {
            group.join(probe.actor()).unwrap();
        }
        assert_eq!(group.publish(&7), 3);
        for probe in &mut probes {
            probe.expect_eq(7).await;
        }
        probes[1].actor().suspend();
        probes[1].actor().set_capacity(1);
        assert_eq!(group.publish(&8), 3);
        assert_eq!(group.publish(&9), 2, "one is full");
    });
}

#[test]
fn routers_pick_in_turn_by_key_and_by_load() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let empty: Group<Msg> = test.group("empty").unwrap();
        assert!(empty.round_robin().is_none());
        assert!(empty.least_busy().is_none());
        assert!(empty.consistent_hash(&1).is_none());
        let group: Group<Msg> = test.group("g").unwrap();
        let mut members = Vec::new();
        for name in ["a", "b", "c", "d"] {
            let member = member(&test, &log, name).await;
            group.join(&member).unwrap();
            members.push(member);
        }
        let turns: Vec<_> = (0..8).filter_map(|_| group.round_robin()).collect();
        assert_eq!(turns[..4], members[..]);
        assert_eq!(turns[4..], members[..]);
        members[0].suspend();
        members[0].tell(Msg::Note(1)).await.unwrap();
        assert_eq!(group.least_busy().as_ref(), Some(&members[1]));

        let owner = |key: u32| group.consistent_hash(&key).map(|member| member.id());
        let before: BTreeMap<u32, _> = (0..1_000).map(|key| (key, owner(key))).collect();
        let mut shares = BTreeMap::new();
        for id in before.values() {
            *shares.entry(*id).or_insert(0) += 1;
        }
        assert!(shares.len() == 4 && shares.values().all(|share| *share > 100), "{shares:?}");
        let gone = members[2].id();
        group.leave(&members[2]);
        for (key, id) in before {
            if id == Some(gone) {
                assert_ne!(owner(key), Some(gone));
            } else {
                assert_eq!(owner(key), id, "others keep their keys");
            }
        }
    });
}

#[test]
fn a_watcher_that_ended_is_forgotten() {
    let (test, log) = (TestSystem::new(), Log::default());
    let watcher = test.probe::<GroupChange>("watcher");
    test.run(async {
        let group: Group<Msg> = test.group("g").unwrap();
        group.watch(watcher.actor(), |change| change);
        watcher.actor().stop();
        watcher.actor().stopped().await;
        let a = member(&test, &log, "a").await;
        group.join(&a).unwrap();
        group.leave(&a);
        assert_eq!(test.dead_letter_count(), 0);
    });
}

#[test]
fn a_watcher_may_use_the_group_it_watches_and_hears_changes_in_order() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut watcher = test.probe::<(GroupChange, usize)>("watcher");
    test.run(async {
        let group: Group<Msg> = test.group("g").unwrap();
        let (a, b) = (member(&test, &log, "a").await, member(&test, &log, "b").await);
        let (seen, other) = (group.clone(), b.clone());
        group.watch(watcher.actor(), move |change| {
            // A change from inside is told after the one at hand.
            seen.join(&other).unwrap();
            (change, seen.len())
        });
        group.join(&a).unwrap();
        test.settle().await;
        let (joined, also) = (GroupChange::Joined(a.id()), GroupChange::Joined(b.id()));
        assert_eq!(watcher.take_msgs(), [(joined, 2), (also, 2)]);
    });
}

#[test]
fn a_watcher_whose_message_panics_harms_neither_the_member_nor_other_watchers() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut watcher = test.probe::<GroupChange>("watcher");
    test.run(async {
        let group: Group<Msg> = test.group("g").unwrap();
        group.watch(watcher.actor(), |change| match change {
            GroupChange::Joined(_) => change,
            _ => panic!("no message for this"),
        });
        group.watch(watcher.actor(), |change| change);
        let child = family(&test, Plan::RESTART, &log).await;
        group.join(&child).unwrap();
        test.settle().await;
        assert_eq!(watcher.take_msgs().len(), 2);
        child.handle().stop_for_good();
        assert_eq!(child.stopped().await.name(), "shutdown");
        test.settle().await;
        assert_eq!(log.count("boss: 1 stopped shutdown"), 1, "{:?}", log.lines());
        assert_eq!(watcher.take_msgs(), [GroupChange::Left(child.id())], "from the other one");
        let a = member(&test, &log, "a").await;
        group.join(&a).unwrap();
        test.settle().await;
        assert_eq!(watcher.take_msgs(), [GroupChange::Joined(a.id())]);
    });
}
