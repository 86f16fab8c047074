//! One synthetic workspace per rule, and the real one.

use std::path::Path;

use crate::layers::metadata::{self, Edge, Kind, Layer, Member, Model};
use crate::layers::{check, graph, rules};
use crate::workspace::Workspace;

/// base (0) <- actors (1), breaker (1) <- trees (2) <- facade (8), and an example outside.
fn sound() -> Model {
    let layer = |rank, uses: &[&str]| Layer {
        rank,
        uses: uses.iter().map(|&name| name.to_owned()).collect(),
    };
    let member = |package: &str, folder: &str| Member {
        package: package.to_owned(),
        description: "what it is for".to_owned(),
        folder: folder.to_owned(),
        edges: Vec::new(),
    };
    Model {
        layers: [
            ("base", layer(0, &[])),
            ("actors", layer(1, &["base"])),
            ("breaker", layer(1, &["base"])),
            ("trees", layer(2, &["actors"])),
            ("facade", layer(8, &["trees"])),
        ]
        .into_iter()
        .map(|(name, layer)| (name.to_owned(), layer))
        .collect(),
        owners: [("axum".to_owned(), vec!["page".to_owned()])]
            .into_iter()
            .chain([("opentelemetry*".to_owned(), vec!["otel".to_owned(), "actors".to_owned()])])
            .collect(),
        members: vec![
            member("s-base", "crates/base"),
            member("s-actors", "crates/actors"),
            member("s-breaker", "crates/breaker"),
            member("s-trees", "crates/trees"),
            member("s", "crates/facade"),
            member("flights", "examples/flights"),
        ],
    }
}

fn with_edge(from: &str, to: &str, kind: Kind, req: &str) -> Vec<String> {
    let mut model = sound();
    let member = model.members.iter_mut().find(|member| member.package == from).expect("member");
    member.edges.push(Edge { to: to.to_owned(), kind, req: req.to_owned() });
    rules::faults(&model)
}

fn assert_one(faults: &[String], parts: &[&str]) {
    assert_eq!(faults.len(), 1, "{faults:?}");
    for part in parts {
        assert!(faults[0].contains(part), "{part:?} is not in {:?}", faults[0]);
    }
}

#[test]
fn a_sound_workspace_has_no_fault() {
    assert_eq!(rules::faults(&sound()), Vec::<String>::new());
}

#[test]
fn a_listed_edge_and_the_uses_of_a_listed_crate_are_allowed() {
    assert!(with_edge("s-trees", "s-actors", Kind::Normal, "^0.1").is_empty());
    assert!(with_edge("s-trees", "s-base", Kind::Normal, "^0.1").is_empty());
    assert!(with_edge("s", "s-base", Kind::Build, "^0.1").is_empty());
}

#[test]
fn a_lower_crate_that_is_not_listed_fails() {
    let faults = with_edge("s-trees", "s-breaker", Kind::Normal, "^0.1");
    assert_one(&faults, &["s-trees (rank 2) -> s-breaker (rank 1)", "may use", "actors, base"]);
}

#[test]
fn sideways_upward_and_build_edges_fail() {
    let sideways = with_edge("s-actors", "s-breaker", Kind::Normal, "^0.1");
    assert_one(&sideways, &["s-actors (rank 1) -> s-breaker (rank 1)"]);
    assert_one(&with_edge("s-base", "s", Kind::Normal, "^0.1"), &["(rank 0) -> s (rank 8)"]);
    assert_one(&with_edge("s-base", "s-trees", Kind::Build, "^0.1"), &["(rank 0)", "(rank 2)"]);
}

#[test]
fn a_layer_must_not_use_a_crate_outside_the_ranks() {
    assert_one(&with_edge("s", "flights", Kind::Normal, "*"), &["no rank", "layers only"]);
    assert!(with_edge("flights", "s", Kind::Normal, "^0.1").is_empty());
}

#[test]
fn dev_edges_go_downward_without_a_version() {
    assert!(with_edge("s-trees", "s-breaker", Kind::Dev, "*").is_empty());
    assert_one(&with_edge("s-trees", "s-base", Kind::Dev, "^0.1.0"), &["version ^0.1.0", "path"]);
    assert_one(&with_edge("s-actors", "s-breaker", Kind::Dev, "*"), &["dev edges go downward"]);
    assert_one(&with_edge("s-base", "s-base", Kind::Dev, "*"), &["dev edges go downward"]);
}

#[test]
fn a_crate_with_an_owner_fails_elsewhere_even_as_a_dev_dependency() {
    assert_one(&with_edge("s-trees", "axum", Kind::Normal, "^0.8"), &["only page", "axum"]);
    assert_one(&with_edge("flights", "axum", Kind::Dev, "^0.8"), &["flights -> axum"]);
    assert_one(&with_edge("s", "opentelemetry_sdk", Kind::Normal, "^1"), &["opentelemetry*"]);
    assert!(with_edge("s-actors", "opentelemetry", Kind::Normal, "^1").is_empty());
    assert!(with_edge("s-trees", "axum-core", Kind::Normal, "^0.5").is_empty());
}

#[test]
fn a_member_without_a_rank_or_in_a_strange_place_fails() {
    let mut model = sound();
    model.members[5].folder = "crates/flights".to_owned();
    assert_one(&rules::faults(&model), &["flights", "every crate has a rank"]);
    model.members[5].folder = "tools/flights".to_owned();
    assert_one(&rules::faults(&model), &["tools/flights", "crates live in crates/"]);
}

#[test]
fn the_table_itself_must_go_downward_and_name_crates_that_exist() {
    let mut model = sound();
    model.layers.insert("ghost".to_owned(), Layer { rank: 3, uses: vec!["trees".to_owned()] });
    assert_one(&rules::faults(&model), &["layer ghost", "no stale layer"]);

    let mut model = sound();
    model.layers.insert("base".to_owned(), Layer { rank: 0, uses: vec!["trees".to_owned()] });
    assert_one(&rules::faults(&model), &["layer base (rank 0) -> trees (rank 2)"]);

    model.layers.insert("base".to_owned(), Layer { rank: 0, uses: vec!["nowhere".to_owned()] });
    assert_one(&rules::faults(&model), &["uses nowhere"]);
}

#[test]
fn metadata_is_read_with_optional_and_target_specific_edges() {
    let text = r#"{
        "metadata": { "layers": { "base": { "rank": 0, "uses": [] } }, "owners": { "axum": ["page"] } },
        "packages": [{
            "name": "s-base", "description": "d", "manifest_path": "/r/crates/base/Cargo.toml",
            "dependencies": [
                { "name": "tokio", "kind": null, "req": "^1", "optional": true },
                { "name": "loom", "kind": null, "req": "^0.7", "target": "cfg(x)" },
                { "name": "insta", "kind": "dev", "req": "*" },
                { "name": "cc", "kind": "build", "req": "^1" }
            ]
        }]
    }"#;
    let model = metadata::parse(text, Path::new("/r")).expect("sound metadata");
    assert_eq!(model.members[0].layer(), Some("base"));
    let kinds: Vec<Kind> = model.members[0].edges.iter().map(|edge| edge.kind).collect();
    assert_eq!(kinds, [Kind::Normal, Kind::Normal, Kind::Dev, Kind::Build]);
    assert_eq!(model.owners["axum"], ["page"]);
}

#[test]
fn a_manifest_without_the_table_is_an_error_not_a_pass() {
    let error = metadata::parse(r#"{ "metadata": null, "packages": [] }"#, Path::new("/r"));
    assert!(error.expect_err("no table").to_string().contains("workspace.metadata.layers"));
}

#[test]
fn the_markdown_table_is_replaced_between_its_markers_only() {
    let table = graph::markdown(&sound());
    assert!(table.contains("| 2 | `trees` | what it is for | actors |\n| 8 |"), "{table}");
    let begin = "<!-- layers:begin (written by `cargo xtask layers --md`) -->";
    let text = format!("a\n{begin}\nold\n<!-- layers:end -->\nz\n");
    let new = graph::replace(&text, "new\n").expect("both markers");
    assert_eq!(new, format!("a\n{begin}\nnew\n<!-- layers:end -->\nz\n"));
    assert!(graph::replace("no markers", "new").is_err());
}

#[test]
fn this_workspace_obeys_its_layers() {
    let workspace = Workspace::find().expect("this repository");
    check(&workspace).expect("no edge outside the table of layers");
}
