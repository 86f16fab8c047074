//! Scenarios of messages across a restart.

use steadfast_actor_core::{AskError, DeadReason, ExitReason, Overflow, SendError};
use steadfast_supervision::{Backoff, ChildSpec, Supervisor};

use super::world::{Do, World, secs};

fn spec(world: &World, name: &str) -> ChildSpec {
    ChildSpec::new(name, world.worker(name)).backoff(Backoff::none())
}

#[test]
fn scenario_31_queued_messages_are_handled_by_the_next_incarnation() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one().child(spec(&world, "a"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        a.tell(Do::Note(1)).await.unwrap();
        a.tell(Do::Note(2)).await.unwrap();
        world.settle().await;
        assert_eq!(world.log.take(), ["+a", "~a", "+a", "a 1", "a 2"]);
        assert_eq!(a.ask(Do::Incarnation).await.unwrap(), 2);
    });
}

#[test]
fn scenario_32_what_does_not_fit_during_a_backoff_becomes_a_dead_letter() {
    World::run(|world| async move {
        let spec = spec(&world, "a")
            .backoff(Backoff::constant(secs(1)))
            .capacity(2)
            .overflow(Overflow::DropNewest);
        let sup = Supervisor::one_for_one().child(spec).start(&world.system, "sup").await.unwrap();
        let mut letters = world.system.dead_letters();
        let a = sup.child::<Do>("a").await.unwrap();
        a.tell(Do::Panic).await.unwrap();
        world.settle().await;
        for number in 1..=4 {
            a.tell(Do::Note(number)).await.unwrap();
        }
        world.pass(secs(2)).await;
        assert_eq!(world.log.take(), ["+a", "~a", "+a", "a 1", "a 2"]);
        assert_eq!(world.system.dead_letter_count(), 2);
        let letter = letters.next().await.unwrap();
        assert_eq!(letter.reason, DeadReason::Overflow);
    });
}

#[test]
fn scenario_34_an_ask_in_the_failing_handler_fails_at_once_and_queued_ones_stay() {
    World::run(|world| async move {
        let slow = Backoff::constant(secs(1)).with_jitter(0.0);
        let sup = Supervisor::one_for_one().child(spec(&world, "a").backoff(slow));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        let (failing, queued) = (a.ask(Do::AskAndPanic), a.ask(Do::Incarnation));
        let before = world.now();
        assert!(matches!(world.wait(failing).await, Err(AskError::Restarting)));
        assert_eq!(world.now(), before, "at once, not after the delay");
        assert_eq!(world.wait(queued).await.unwrap(), 2);
        a.suspend();
        let queued = a.ask(Do::Count);
        sup.terminate_child("a").await.unwrap();
        match queued.await {
            Err(AskError::Stopped(Some(Do::Count(_)))) => {}
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn scenario_35_leftovers_become_dead_letters_once() {
    World::run(|world| async move {
        let sup = Supervisor::one_for_one().intensity(1, secs(60)).child(spec(&world, "a"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        for message in [Do::Panic, Do::Panic, Do::Note(1), Do::Note(2)] {
            a.tell(message).await.unwrap();
        }
        assert!(matches!(sup.stopped().await, ExitReason::Meltdown(_)));
        world.settle().await;
        assert_eq!(world.system.dead_letter_count(), 2);
        assert!(matches!(a.tell(Do::Note(3)).await, Err(SendError::Stopped(Do::Note(3)))));
        assert_eq!(world.log.take(), ["+a", "~a", "+a"]);
    });
}

#[test]
fn scenario_34_a_reply_kept_in_the_state_fails_at_once_with_its_incarnation() {
    World::run(|world| async move {
        let slow = Backoff::constant(secs(60)).with_jitter(0.0);
        let plain = spec(&world, "plain").permanent().backoff(slow);
        let sup = Supervisor::one_for_one().child(plain.clone()).child(spec(&world, "b"));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let (a, b) = (sup.child::<Do>("plain").await.unwrap(), sup.child::<Do>("b").await.unwrap());
        let before = world.now();
        let kept = a.ask(Do::Keep);
        a.tell(Do::Panic).await.unwrap();
        assert!(matches!(world.wait(kept).await, Err(AskError::Restarting)));
        let kept = b.ask(Do::Keep);
        world.settle().await;
        b.stop();
        let error = world.wait(kept).await.unwrap_err();
        assert!(matches!(error, AskError::Stopped(None)), "{error:?}");
        assert_eq!(world.now(), before, "both at once");
        world.pass(secs(60)).await;
        let kept = a.ask(Do::Keep);
        world.settle().await;
        a.stop();
        let error = world.wait(kept).await.unwrap_err();
        assert!(matches!(error, AskError::Restarting), "permanent, so it comes back: {error:?}");
    });
}

#[test]
fn scenario_34_nobody_waits_for_the_siblings_of_the_actor_that_failed() {
    World::run(|world| async move {
        let slow = |name| spec(&world, name).backoff(Backoff::constant(secs(60)));
        let sup = Supervisor::all_for_one().intensity(1, secs(600)).child(slow("a"));
        let sup = sup.child(slow("b")).child(slow("c").shutdown(secs(1)));
        let sup = sup.start(&world.system, "sup").await.unwrap();
        let a = sup.child::<Do>("a").await.unwrap();
        let c = sup.child::<Do>("c").await.unwrap();
        c.tell(Do::HangOnStop).await.unwrap();
        let hung = c.ask(Do::Keep);
        let before = world.now();
        let failing = a.ask(Do::AskAndPanic);
        assert!(matches!(world.wait(failing).await, Err(AskError::Restarting)));
        assert_eq!(world.now(), before, "though c takes its time to stop");
        assert!(matches!(world.wait(hung).await, Err(AskError::Restarting)));
        assert_eq!(world.now(), before + secs(1), "when c is killed, not when it starts again");
        world.pass(secs(70)).await;
        c.tell(Do::HangOnStop).await.unwrap();
        let before = world.now();
        let failing = a.ask(Do::AskAndPanic);
        let error = world.wait(failing).await.unwrap_err();
        assert!(matches!(error, AskError::Stopped(None)), "the budget is spent: {error:?}");
        assert_eq!(world.now(), before, "though c takes its time to stop");
        assert!(matches!(world.wait(sup.stopped()).await, ExitReason::Meltdown(_)));
    });
}
