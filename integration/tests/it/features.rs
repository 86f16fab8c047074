//! Picking a layer compiles only what that layer uses.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

/// The packages that a build of `package` with these options pulls in, itself included.
fn tree(package: &str, options: &[&str]) -> BTreeSet<String> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", package])
        .args(options)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
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

#[test]
fn base_does_not_know_tokio_by_default() {
    let packages = tree("steadfast-base", &[]);
    assert!(!packages.contains("tokio"), "{packages:?}");
    assert_eq!(layers(&packages), ["base"]);
}

#[test]
fn breaker_stands_alone_without_actors_and_tokio() {
    let packages = tree("steadfast-breaker", &[]);
    assert!(!packages.contains("tokio"), "{packages:?}");
    assert_eq!(layers(&packages), ["base", "breaker"]);
}

#[test]
fn models_and_test_tools_never_reach_a_user() {
    let packages = tree("steadfast", &["--all-features"]);
    for tool in ["loom", "proptest", "insta"] {
        assert!(!packages.contains(tool), "{tool} in {packages:?}");
    }
}
