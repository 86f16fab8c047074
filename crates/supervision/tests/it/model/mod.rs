//! Random trees and random failures, against a reference written as plain recursion.

mod live;
mod reference;

use proptest::collection::vec;
use proptest::prelude::*;

use steadfast_supervision::{
    AutoShutdown, Backoff, Budget, ChildPlan, ChildRules, Directive, ExitKind, RestartPolicy,
    Strategy as Restarts, SupervisorPlan, SupervisorRules,
};

/// A supervisor of a random tree; its children's names are their places.
#[derive(Clone, Debug)]
struct Tree {
    strategy: Restarts,
    budget: (u32, u64),
    auto: AutoShutdown,
    children: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    policy: RestartPolicy,
    significant: bool,
    budget: Option<(u32, u64)>,
    /// Children of its own, if it is a supervisor.
    tree: Option<Tree>,
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
struct Mishap {
    seconds: u64,
    /// Picks one of the workers that are up.
    victim: prop::sample::Index,
    kind: ExitKind,
    directive: Directive,
    /// Picks starts that fail from now on: every attempt with a number in here.
    failing_starts: Vec<u8>,
}

impl Tree {
    fn plan(&self) -> SupervisorPlan {
        let (restarts, seconds) = self.budget;
        let own = SupervisorRules::new(self.strategy)
            .with_budget(budget(restarts, seconds))
            .with_auto_shutdown(self.auto);
        self.children.iter().enumerate().fold(SupervisorPlan::new(own), |plan, (index, node)| {
            let base = match node.tree {
                Some(_) => ChildRules::supervisor(),
                None => ChildRules::worker(),
            };
            let mut rules = base
                .with_restart(node.policy)
                .with_significant(node.significant)
                .with_backoff(Backoff::none());
            if let Some((restarts, seconds)) = node.budget {
                rules = rules.with_budget(budget(restarts, seconds));
            }
            plan.child(ChildPlan::new(index.to_string(), rules))
        })
    }
}

fn budget(restarts: u32, seconds: u64) -> Budget {
    Budget::new(restarts, std::time::Duration::from_secs(seconds))
}

/// Decides which starts fail; shared by nothing but its construction.
#[derive(Clone, Debug, Default)]
struct Script {
    attempts: u64,
    failing: Vec<u8>,
    log: Vec<String>,
}

impl Script {
    /// Logs a start and tells whether it works.
    fn start(&mut self, path: &str) -> bool {
        self.log.push(format!("start {path}"));
        self.attempts += 1;
        !self.failing.iter().any(|nth| u64::from(*nth) == self.attempts % 13)
    }

    fn end(&mut self, path: &str) {
        self.log.push(format!("end {path}"));
    }
}

fn policies() -> impl Strategy<Value = RestartPolicy> {
    prop_oneof![
        4 => Just(RestartPolicy::OnFailure),
        2 => Just(RestartPolicy::Always),
        1 => Just(RestartPolicy::OnStop),
        1 => Just(RestartPolicy::Never),
    ]
}

fn nodes(tree: Option<BoxedStrategy<Tree>>) -> BoxedStrategy<Node> {
    let own = prop::option::weighted(0.2, (0_u32..3, 1_u64..9));
    let tree = match tree {
        Some(tree) => prop::option::weighted(0.4, tree).boxed(),
        None => Just(None).boxed(),
    };
    (policies(), any::<bool>(), own, tree)
        .prop_map(|(policy, significant, budget, tree)| Node { policy, significant, budget, tree })
        .boxed()
}

fn trees(depth: u32) -> BoxedStrategy<Tree> {
    let below = (depth > 0).then(|| trees(depth - 1));
    let strategies = prop_oneof![
        Just(Restarts::OneForOne),
        Just(Restarts::AllForOne),
        Just(Restarts::RestForOne)
    ];
    let autos = prop_oneof![
        3 => Just(AutoShutdown::Never),
        1 => Just(AutoShutdown::AnySignificant),
        1 => Just(AutoShutdown::AllSignificant),
    ];
    (strategies, (0_u32..5, 1_u64..12), autos, vec(nodes(below), 1..5))
        .prop_map(|(strategy, budget, auto, mut children)| {
            for node in &mut children {
                let allowed = auto != AutoShutdown::Never && node.policy != RestartPolicy::Always;
                node.significant &= allowed;
            }
            Tree { strategy, budget, auto, children }
        })
        .boxed()
}

fn mishaps() -> impl Strategy<Value = Mishap> {
    let kinds = prop_oneof![
        6 => Just(ExitKind::Panic),
        2 => Just(ExitKind::Error),
        1 => Just(ExitKind::Killed),
        1 => Just(ExitKind::Normal),
        1 => Just(ExitKind::Shutdown),
    ];
    let directives = prop_oneof![
        12 => Just(Directive::Restart),
        1 => Just(Directive::Resume),
        1 => Just(Directive::Stop),
        1 => Just(Directive::Escalate),
    ];
    let failing = prop_oneof![2 => Just(Vec::new()), 1 => vec(0_u8..13, 1..4)];
    (0_u64..6, any::<prop::sample::Index>(), kinds, directives, failing).prop_map(
        |(seconds, victim, kind, directive, failing_starts)| Mishap {
            seconds,
            victim,
            kind,
            directive,
            failing_starts,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_trees_behave_as_the_reference(
        tree in trees(2),
        failing_boot in prop::option::weighted(0.1, 0_u8..13),
        mishaps in vec(mishaps(), 0..25),
    ) {
        let script = Script { failing: failing_boot.into_iter().collect(), ..Script::default() };
        let mut live = live::Supervisor::new(&tree, "", script.clone());
        let mut reference = reference::System::new(&tree, script);
        prop_assert_eq!(live.boot(), reference.boot());
        prop_assert_eq!(&live.script.log, &reference.script.log);
        let mut now = 0;
        for mishap in mishaps {
            now += mishap.seconds;
            let workers = reference.workers();
            prop_assert_eq!(&live.workers(), &workers);
            if workers.is_empty() || live.is_gone() {
                break;
            }
            live.script.failing.clone_from(&mishap.failing_starts);
            reference.script.failing.clone_from(&mishap.failing_starts);
            let victim = mishap.victim.get(&workers);
            let expected = reference.exit(victim, now, mishap.kind, mishap.directive);
            let actual = live.exit(victim, now, mishap.kind, mishap.directive);
            prop_assert_eq!(&live.script.log, &reference.script.log);
            prop_assert_eq!(actual, expected);
        }
        prop_assert_eq!(live.stop(), reference.stop());
        prop_assert_eq!(&live.script.log, &reference.script.log);
    }
}
