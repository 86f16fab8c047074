//! Size of an idle child, which a supervisor may hold a million of.

use super::children::{Child, Children, Phase};

#[test]
fn an_idle_anonymous_child_takes_less_than_150_bytes() {
    let mut children = Children::default();
    for _ in 0..1_000 {
        children.push(None, None, Phase::Running(steadfast_base::Instant::ZERO));
    }
    assert!(size_of::<Child>() + 8 <= 112, "a slot takes {} bytes", size_of::<Child>());
    assert!(children.iter().all(|(_, child)| child.extra.is_none()));
}
