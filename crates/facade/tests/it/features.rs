//! Picking a feature compiles only what its layer uses.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

/// The packages that a build of the facade with these features pulls in.
fn tree(features: &str) -> BTreeSet<String> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(["--package", "steadfast", "--no-default-features", "--features", features])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree failed: {errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.split(' ').next()).map(ToOwned::to_owned).collect()
}

/// The layers among the packages, sorted.
fn layers(packages: &BTreeSet<String>) -> Vec<&str> {
    packages.iter().filter_map(|name| name.strip_prefix("steadfast-")).collect()
}

const ASSEMBLED: &[&str] = &[
    "actor-core",
    "assembly",
    "base",
    "breaker",
    "health",
    "policy",
    "reliability",
    "supervision",
];

const EMBEDDED: &[&str] = &[
    "actor-core",
    "assembly",
    "base",
    "breaker",
    "cascade",
    "eventlog",
    "health",
    "policy",
    "reliability",
    "snapshot",
    "sourcing",
    "supervision",
];

#[test]
fn each_feature_of_the_facade_pulls_in_its_layer_and_what_that_uses() {
    for (feature, expected) in [
        ("", ["actor-core", "base"].as_slice()),
        ("breaker", &["actor-core", "base", "breaker"]),
        ("supervision", &["actor-core", "base", "breaker", "supervision"]),
        ("policy", &["actor-core", "base", "breaker", "policy"]),
        ("reload", &["actor-core", "base", "breaker", "policy"]),
        ("tower", &["actor-core", "base", "breaker", "policy"]),
        (
            "health",
            &["actor-core", "base", "breaker", "health", "policy", "reliability", "supervision"],
        ),
        ("reliability", &["actor-core", "base", "reliability"]),
        ("cascade", &["actor-core", "base", "cascade"]),
        ("assembly", ASSEMBLED),
        ("drill", ASSEMBLED),
        ("eventlog", &["actor-core", "base", "eventlog"]),
        ("snapshot", &["actor-core", "base", "eventlog", "snapshot"]),
        (
            "sourcing",
            &["actor-core", "base", "breaker", "eventlog", "snapshot", "sourcing", "supervision"],
        ),
        ("default", EMBEDDED),
        ("full", EMBEDDED),
        ("test-util", &["actor-core", "base"]),
    ] {
        assert_eq!(layers(&tree(feature)), expected, "{feature}");
    }
}

#[test]
fn a_policy_brings_neither_statistics_nor_a_parser() {
    let packages = tree("policy");
    for package in ["statrs", "toml", "tower-layer"] {
        assert!(!packages.contains(package), "{package} in {packages:?}");
    }
}
