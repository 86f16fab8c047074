//! The examples print what they are said to print, and the README shows the first of them.
#![forbid(unsafe_code)]

use std::process::Command;

const README: &str = include_str!("../../../../README.md");
const ACCOUNT: &str = include_str!("../../src/bin/account.rs");

/// What a program prints when it ends well.
fn printed(program: &str) -> String {
    let output = Command::new(program).output().expect("the example starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_readme_shows_the_account_as_it_is() {
    let body = ACCOUNT.find("use std::").map(|start| &ACCOUNT[start..]).expect("imports");
    assert!(README.contains(&format!("```rust\n{body}```")), "copy account.rs to the README");
}

#[test]
fn the_account_keeps_its_balance() {
    let expected = "after a withdrawal: Ok(300)\nbalance: 300\n";
    assert_eq!(printed(env!("CARGO_BIN_EXE_account")), expected);
}

#[test]
fn the_divider_comes_back_under_the_same_ref_and_the_tree_shows_it() {
    assert_eq!(printed(env!("CARGO_BIN_EXE_restart")), include_str!("restart.txt"));
}

#[test]
fn the_till_is_replayed_and_a_new_edition_parts_at_the_free_coffee() {
    assert_eq!(printed(env!("CARGO_BIN_EXE_replay")), include_str!("replay.txt"));
}

#[test]
fn the_store_comes_back_from_chaos_and_the_drill_finds_the_one_that_does_not() {
    assert_eq!(printed(env!("CARGO_BIN_EXE_chaos")), include_str!("chaos.txt"));
}
