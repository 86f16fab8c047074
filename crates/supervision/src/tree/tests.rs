//! Drawings of a small tree.

use steadfast_base::Instant;

use super::TreeNode;
use crate::{
    ChildKind, ChildPlan, ChildRules, Choice, ExitKind, Input, Strategy, SupervisorCore,
    SupervisorPlan, SupervisorRules,
};

/// A root with a nested supervisor of two workers, one of which failed once.
fn tree(children_max: usize) -> TreeNode {
    let own = SupervisorRules::new(Strategy::AllForOne);
    let inner = SupervisorPlan::new(own)
        .child(ChildPlan::new("a", ChildRules::worker()))
        .child(ChildPlan::new("b", ChildRules::worker()));
    let inner = SupervisorCore::new(inner).expect("valid");
    let plan = SupervisorPlan::default()
        .child(ChildPlan::new("in\"ner\n", ChildRules::supervisor()))
        .child(ChildPlan::new("w", ChildRules::worker()));
    let mut core = SupervisorCore::new(plan).expect("valid");
    let mut effects = Vec::new();
    core.step(Instant::ZERO, Input::Start, &mut effects);
    for (key, _) in core.children().collect::<Vec<_>>() {
        core.step(Instant::ZERO, Input::Started(key), &mut effects);
    }
    let worker = core.find("w").expect("listed");
    let exit = crate::Exit::with_message(ExitKind::Panic, "one\ntwo");
    core.step(Instant::ZERO, Input::Exited(worker, exit, Choice::default()), &mut effects);
    TreeNode::of("root", &core, Instant::ZERO, children_max, |_, name| {
        Some(TreeNode::of(name, &inner, Instant::ZERO, 1, |_, _| None))
    })
}

#[test]
fn text_shows_status_strategy_and_failures_one_actor_a_line() {
    assert_eq!(
        tree(9).to_text(),
        "root (one_for_one)\n\
         ├─ in\"ner\\n running (all_for_one)\n\
         │  ├─ a pending\n\
         │  └─ ... 1 more\n\
         └─ w restarting errors=1 last=\"panic: one\\ntwo\"\n"
    );
}

#[test]
fn dot_quotes_names_and_shows_kinds() {
    let dot = tree(9).to_dot();
    let nested = "n2 [label=\"in\\\"ner\\\\n\\nall_for_one\", shape=box, color=black];";
    assert!(dot.contains(nested), "{dot}");
    assert!(
        dot.contains("n1 -> n2;") && dot.contains("n5 [label=\"w\", shape=ellipse, color=orange]")
    );
    assert_eq!(dot.matches('{').count(), dot.matches('}').count());
}

#[test]
fn a_snapshot_survives_json() {
    let tree = tree(1);
    assert_eq!((tree.children.len(), tree.hidden), (1, 1));
    let json = serde_json::to_string(&tree).expect("data");
    assert_eq!(serde_json::from_str::<TreeNode>(&json).expect("its own text"), tree);
    assert_eq!(TreeNode::leaf("x", ChildKind::Worker).to_text(), "x\n");
}
