//! Every public path of the suite, as a golden text: a change of the interface shows as a change of it.
//!
//! `INSTA_UPDATE=always cargo test -p steadfast --test it` writes it anew.

use std::collections::BTreeSet;

use crate::paths::{facade_names, layer_paths};

/// Module of the facade, and folder of its crate.
const LAYERS: &[(&str, &str)] = &[
    ("actor_core", "actor-core"),
    ("assembly", "assembly"),
    ("base", "base"),
    ("breaker", "breaker"),
    ("cascade", "cascade"),
    ("eventlog", "eventlog"),
    ("health", "health"),
    ("policy", "policy"),
    ("reliability", "reliability"),
    ("snapshot", "snapshot"),
    ("sourcing", "sourcing"),
    ("supervision", "supervision"),
];
/// A prelude that names more names nothing.
const PRELUDE_NAMES_MAX: usize = 15;

#[test]
fn the_public_paths_are_those_of_the_golden_text() {
    let mut lines = facade_names().into_iter().collect::<Vec<_>>();
    for (module, folder) in LAYERS {
        lines.extend(layer_paths(folder).iter().map(|path| format!("steadfast::{module}::{path}")));
    }
    lines.sort();
    insta::assert_snapshot!("public_paths", lines.join("\n"));
}

#[test]
fn the_root_has_layers_and_a_prelude_and_nothing_else() {
    let names = facade_names();
    let at_root: BTreeSet<&str> = names
        .iter()
        .filter_map(|path| path.strip_prefix("steadfast::"))
        .filter(|path| !path.contains("::"))
        .collect();
    let mut expected: BTreeSet<&str> = LAYERS.iter().map(|(module, _)| *module).collect();
    expected.insert("prelude");
    assert_eq!(at_root, expected);
}

#[test]
fn the_prelude_is_short() {
    let names = facade_names();
    let prelude = names.iter().filter(|path| path.starts_with("steadfast::prelude::")).count();
    assert!((1..=PRELUDE_NAMES_MAX).contains(&prelude), "{prelude} names");
}

#[test]
fn no_item_of_a_layer_has_two_paths() {
    for (_, folder) in LAYERS {
        let mut seen = BTreeSet::new();
        for path in layer_paths(folder) {
            let name = path.rsplit("::").next().unwrap_or_default().to_owned();
            // Modules hold functions and constants of the same name (a default and its limit); types are
            // unique.
            let is_type = name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase);
            assert!(!is_type || seen.insert(name), "{folder}: a second path to {path}");
        }
    }
}
