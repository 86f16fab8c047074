//! A table for each rule: what it lets pass, what it reports, and at which line.

use crate::tidy::source::{Source, has_word};
use crate::tidy::{Fault, check, docs, faults, imports, invariants, manifests, repository, rust};
use crate::workspace::{TextFile, Workspace};

fn file(path: &str, text: &str) -> TextFile {
    TextFile { path: path.to_owned(), text: text.to_owned() }
}

fn source(path: &str, text: &str) -> Source {
    Source::new(&file(path, text))
}

/// The lines that a rule over one Rust file reports.
fn lines(rule: fn(&Source) -> Vec<Fault>, path: &str, text: &str) -> Vec<usize> {
    rule(&source(path, text)).iter().map(|fault| fault.line).collect()
}

/// The lines that a rule over one text file reports.
fn text_lines(rule: fn(&TextFile) -> Vec<Fault>, path: &str, text: &str) -> Vec<usize> {
    rule(&file(path, text)).iter().map(|fault| fault.line).collect()
}

const LIB: &str = "crates/x/src/a.rs";

#[test]
fn strings_and_comments_are_not_code() {
    let text =
        "let a = \"x // y\"; // z \"q\"\nlet b = r#\"p\"# + 'c' + '\"';\n/* m /* n */ o */ k\n";
    let source = source(LIB, text);
    assert_eq!(source.code.lines().map(str::len).collect::<Vec<_>>(), [26, 27, 19]);
    for hidden in ['x', 'y', 'z', 'q', 'p', 'm', 'n', 'o'] {
        assert!(!source.code.contains(hidden), "{hidden} in {:?}", source.code);
    }
    assert!(source.code.contains("let b = ") && source.code.ends_with("k\n"));
    assert_eq!(
        source.comments.split_whitespace().collect::<Vec<_>>().join(" "),
        "// z \"q\" /* m /* n */ o */"
    );
}

#[test]
fn lifetimes_escapes_and_byte_strings_do_not_open_a_literal() {
    let text =
        "fn f<'a>(x: &'a str) -> char { '\\'' }\nlet s = \"\\\"todo!()\"; let b = br\"\\\"; g()\n";
    let source = source(LIB, text);
    assert!(source.code.contains("fn f<'a>(x: &'a str) -> char {"));
    assert!(!source.code.contains("todo") && source.code.contains("g()"), "{}", source.code);
}

#[test]
fn words_end_where_letters_end() {
    assert!(has_word("#[cfg(all(test, x))]", "test"));
    assert!(!has_word("#[cfg(feature_test)]", "test") && !has_word("latest", "test"));
}

#[test]
fn a_file_opens_with_a_module_doc() {
    let none: [usize; 0] = [];
    assert_eq!(lines(rust::module_doc, LIB, "//! What it is.\n"), none);
    for text in ["", "//!\n", "// What\n", "\n//! Late\n", "use std::fmt;\n"] {
        assert_eq!(lines(rust::module_doc, LIB, text), [1], "{text:?}");
    }
}

#[test]
fn a_file_over_the_limit_needs_an_entry_with_a_reason() {
    let long = source(LIB, &"x\n".repeat(601));
    assert_eq!(rust::length_fault(&long, &[]).len(), 1);
    assert!(rust::length_fault(&long, &[(LIB, "one table")]).is_empty());
    assert!(rust::length_fault(&source(LIB, &"x\n".repeat(600)), &[]).is_empty());
}

#[test]
fn banned_words_are_found_in_code_only() {
    let text = "#[ignore]\n#[should_panic(expected = \"\")]\n#[allow(x)]\n#![allow(x)]\n";
    assert_eq!(lines(rust::banned_words, LIB, text), [1, 2, 3, 4]);
    let text = "todo!()\nunimplemented!()\nassert!(true)\nassert!(true, \"x\")\n";
    assert_eq!(lines(rust::banned_words, LIB, text), [1, 2, 3, 4]);
    let text = "// todo!()\n\"#[ignore]\"\n#[expect(x, reason = \"y\")]\nassert!(truth)\n";
    assert!(lines(rust::banned_words, LIB, text).is_empty());
}

#[test]
fn glob_imports_are_for_tests() {
    let text = "use a::*;\nuse b::{\n    c::*,\n};\nlet x = y::z * 2;\n";
    assert_eq!(lines(rust::glob_imports, LIB, text), [1, 3]);
    assert!(lines(rust::glob_imports, "crates/x/tests/it/main.rs", text).is_empty());
    let inline = "use a::B;\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\nuse c::*;\n";
    assert_eq!(lines(rust::glob_imports, LIB, inline), [7]);

    let example = "//! Shown.\nuse steadfast::prelude::*;\nuse steadfast::base::*;\n";
    assert_eq!(lines(rust::glob_imports, "examples/tour/src/bin/x.rs", example), [3]);
    assert_eq!(lines(rust::glob_imports, LIB, example), [2, 3]);
}

#[test]
fn a_crate_forbids_unsafe_code_unless_a_module_expects_it() {
    let root = source("crates/x/src/lib.rs", "//! X.\n");
    let sound = source("crates/x/src/lib.rs", "//! X.\n#![forbid(unsafe_code)]\n");
    let cell = source("crates/x/src/cell.rs", "#![expect(unsafe_code, reason = \"measured\")]\n");
    let other = source("crates/y/src/cell.rs", "#![expect(unsafe_code, reason = \"measured\")]\n");
    assert_eq!(rust::forbids_unsafe(&[], std::slice::from_ref(&root)).len(), 1);
    assert_eq!(rust::forbids_unsafe(&[], &[root.clone(), other]).len(), 1);
    assert!(rust::forbids_unsafe(&[], &[root, cell]).is_empty());
    assert!(rust::forbids_unsafe(&[], &[sound]).is_empty());
}

#[test]
fn imports_stand_in_four_groups() {
    let good = "//! X.\nuse std::fmt;\nuse std::io;\n\nuse serde::{\n    A,\n};\n\nuse steadfast_base::B;\n\nuse crate::c;\nuse super::d;\n";
    assert!(lines(imports::import_groups, LIB, good).is_empty());
    for (text, at) in [
        ("use serde::A;\n\nuse std::fmt;\n", 3),
        ("use std::fmt;\nuse serde::A;\n", 2),
        ("use crate::a;\n\nuse steadfast_base::B;\n", 3),
        ("use steadfast::A;\n\nuse tokio::B;\n", 3),
        ("use std::{\n    fmt,\n};\n// Why.\nuse serde::A;\n", 5),
        ("mod kind;\n\nuse kind::K;\n\nuse serde::A;\n", 5),
    ] {
        assert_eq!(lines(imports::import_groups, LIB, text), [at], "{text}");
    }
    let separate = "use crate::a;\n\nfn f() {}\n\nuse std::fmt;\n";
    assert!(lines(imports::import_groups, LIB, separate).is_empty());
}

#[test]
fn public_awaitables_document_cancel_safety() {
    for (text, at) in [
        ("pub async fn f() {}\n", 1),
        ("/// Waits.\n    pub async fn f(&self) {}\n", 2),
        ("pub fn f(\n    x: u8,\n) -> impl Future<Output = ()> {\n", 1),
        ("pub fn f(g: impl Fn(u8) -> u8) -> BoxFuture<'static, ()> {\n", 1),
        ("pub trait T {\n    /// Waits.\n    async fn f(&self);\n}\n", 3),
        ("pub trait T {\n    fn f(&self) -> impl Future<Output = ()> + Send;\n}\n", 2),
        ("/// Waits.\npub struct Ask<M>(M);\nimpl<M> Future for Ask<M> {\n", 2),
        ("pub struct Ask;\nimpl std::future::IntoFuture for Ask {\n", 1),
    ] {
        assert_eq!(lines(docs::cancel_safety, LIB, text), [at], "{text}");
    }
}

#[test]
fn documented_private_and_plain_functions_pass() {
    for text in [
        "/// Waits.\n///\n/// # Cancel safety\n/// Nothing is lost.\n#[must_use]\npub async fn f() {}\n",
        "async fn f() {}\npub(crate) async fn g() {}\n",
        "pub fn f<F: Future>(future: F) -> u8 {\n",
        "pub fn f(g: impl Fn() -> BoxFuture<'static, ()>) -> u8 {\n",
        "trait Private {\n    async fn f(&self);\n}\n",
        "/// # Cancel safety\n/// None is needed.\n#[derive(Debug)]\npub struct Ask;\nimpl Future for Ask {\n",
        "#[cfg(test)]\nmod tests {\n    pub async fn f() {}\n}\n",
        "#[doc(hidden)]\npub async fn f() {}\n",
    ] {
        assert!(lines(docs::cancel_safety, LIB, text).is_empty(), "{text}");
    }
    assert!(lines(docs::cancel_safety, "bench/src/a.rs", "pub async fn f() {}\n").is_empty());
}

const MANIFEST: &str = "[package]\nname = \"steadfast-x\"\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\n[lints]\nworkspace = true\n";

#[test]
fn manifests_inherit_from_the_root() {
    assert!(text_lines(manifests::inherits, "crates/x/Cargo.toml", MANIFEST).is_empty());
    let own = MANIFEST.replace("license.workspace = true", "license = \"GPL-3.0\"");
    assert_eq!(text_lines(manifests::inherits, "crates/x/Cargo.toml", &own), [1]);
    let unlinted = MANIFEST.replace("[lints]", "[other]");
    assert_eq!(text_lines(manifests::inherits, "crates/x/Cargo.toml", &unlinted), [1]);
}

#[test]
fn versions_stand_in_the_root_only() {
    let good = "version = \"1\"\n[dependencies]\na.workspace = true\nb = { workspace = true, features = [\"version\"] }\nc = { path = \"../c\" }\n[dependencies.d]\npath = \"../d\"\n";
    assert!(text_lines(manifests::versions, "crates/x/Cargo.toml", good).is_empty());
    for (text, at) in [
        ("[dependencies]\na = \"1\"\n", 2),
        ("[dev-dependencies]\na = { version = \"1\" }\n", 2),
        ("[build-dependencies]\na = { path = \"..\", version = \"1\" }\n", 2),
        ("[target.\"cfg(x)\".dependencies]\nb.workspace = true\na = \"1\"\n", 3),
        ("[dependencies.a]\npath = \"..\"\nversion = \"1\"\n", 3),
    ] {
        assert_eq!(text_lines(manifests::versions, "crates/x/Cargo.toml", text), [at], "{text}");
    }
}

#[test]
fn packages_are_called_after_their_folders() {
    for (path, name) in [
        ("crates/x/Cargo.toml", "steadfast-x"),
        ("crates/facade/Cargo.toml", "steadfast"),
        ("examples/flights/Cargo.toml", "flights"),
        ("xtask/Cargo.toml", "xtask"),
    ] {
        let text = format!("[package]\nname = \"{name}\"\n");
        assert!(text_lines(manifests::package_name, path, &text).is_empty(), "{path}");
        let wrong = format!("[package]\nname = \"{name}s\"\n[lib]\nname = \"{name}\"\n");
        assert_eq!(text_lines(manifests::package_name, path, &wrong), [1], "{path}");
    }
}

#[test]
fn only_manifests_of_members_are_held_to_these_rules() {
    assert!(
        manifests::is_member("crates/x/Cargo.toml") && manifests::is_member("xtask/Cargo.toml")
    );
    for other in ["Cargo.toml", "bench/Cargo.toml", "crates/x/tests/fixture/Cargo.toml"] {
        assert!(!manifests::is_member(other), "{other}");
    }
}

#[test]
fn paths_of_one_machine_are_reported() {
    let home = concat!("/ho", "me/");
    let temporary = concat!("/tm", "p/");
    let text = format!("see {home}me/x\nurl.org{home}\n\"{temporary}y\"\n${{ROOT}}{temporary}z\n");
    assert_eq!(text_lines(repository::machine_paths, "docs/a.md", &text), [1, 3]);
}

#[test]
fn open_ends_need_an_issue() {
    let mark = concat!("TO", "DO");
    let text = format!("// {mark}: later\n// {mark}(#12): this\n// {mark} #3\nlet {mark}S = 1;\n");
    assert_eq!(text_lines(repository::open_ends, LIB, &text), [1]);
    assert!(text_lines(repository::open_ends, "docs/style.md", &text).is_empty());
}

#[test]
fn every_workspace_states_the_license() {
    let sound = "[package]\nlicense = \"MIT OR Apache-2.0\"\n";
    assert!(repository::licenses(&[file("Cargo.toml", sound)], &[]).is_empty());
    let faults =
        repository::licenses(&[file("Cargo.toml", sound), file("fuzz/Cargo.toml", "")], &[]);
    assert_eq!(
        faults.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(),
        ["fuzz/Cargo.toml"]
    );
}

#[test]
fn a_crate_has_one_test_binary() {
    let paths = |paths: &[&str]| {
        let files: Vec<TextFile> = paths.iter().map(|path| file(path, "")).collect();
        repository::one_test_binary(&files, &[]).len()
    };
    assert_eq!(paths(&["crates/x/tests/it/main.rs", "crates/x/tests/it/a.rs"]), 0);
    assert_eq!(paths(&["crates/x/src/tests/a.rs", "crates/x/tests/ui/a.rs"]), 0);
    assert_eq!(paths(&["crates/x/tests/more.rs"]), 1);
    assert_eq!(paths(&["crates/x/tests/slow/main.rs"]), 1);
}

#[test]
fn invariants_are_paired_with_their_list_and_a_test() {
    let list = |rows: &str| {
        file("docs/invariants.md", &format!("| id | holds | test |\n|---|---|---|\n{rows}"))
    };
    let code = source("crates/x/src/a.rs", "// INV-BOX-1: lanes are ordered.\nfn guard_it() {}\n");
    let paired = |rows: &str| {
        invariants::paired(&[list(rows)], std::slice::from_ref(&code))
            .iter()
            .map(|fault| format!("{}:{} {}", fault.path, fault.line, fault.message))
            .collect::<Vec<_>>()
    };
    assert!(paired("| INV-BOX-1 | holds | `guard_it` |\n").is_empty());
    assert!(paired("| INV-BOX-1 | holds | `a::tests::guard_it` |\n").is_empty());
    assert_eq!(paired(""), ["crates/x/src/a.rs:1 INV-BOX-1 is not in docs/invariants.md"]);
    let no_test = paired("| INV-BOX-1 | holds | `guard_that` |\n");
    assert_eq!(no_test, ["docs/invariants.md:3 INV-BOX-1: no test is called `guard_that`"]);
    let extra = paired("| INV-BOX-1 | h | `guard_it` |\n| INV-BOX-2 | h | `guard_it` |\n");
    assert_eq!(extra, ["docs/invariants.md:4 INV-BOX-2 stands in no comment of the code"]);
    let twice = paired("| INV-BOX-1 | h | `guard_it` |\n| INV-BOX-1 | h | `guard_it` |\n");
    assert_eq!(twice, ["docs/invariants.md:4 INV-BOX-1 is listed twice"]);
    assert_eq!(invariants::paired(&[], &[]).len(), 1);
}

#[test]
fn all_faults_come_at_once_sorted_by_place() {
    let files = [
        file("crates/x/src/b.rs", "todo!()\n"),
        file("crates/x/src/a.rs", "//! A.\n#[ignore]\n"),
        file("docs/invariants.md", ""),
    ];
    let places: Vec<String> =
        faults(&files).iter().map(|fault| format!("{}:{}", fault.path, fault.line)).collect();
    assert_eq!(places, ["crates/x/src/a.rs:2", "crates/x/src/b.rs:1", "crates/x/src/b.rs:1"]);
}

#[test]
fn this_repository_is_tidy() {
    let workspace = Workspace::find().expect("this repository");
    check(&workspace).expect("no fault");
}
