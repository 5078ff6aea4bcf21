//! Every crate that cloze is built from may be used in a program under MIT or Apache-2.0, and there are fewer
//! than 70. `cargo test --release --test licences -- --nocapture` lists them by licence.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Licences that ask for no more than their text beside the program.
const ALLOWED: [&str; 8] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Unicode-3.0",
    "ISC",
    "Zlib",
];

/// Whether an SPDX expression of `AND`, `OR` and parentheses can be met with [`ALLOWED`] alone. `AND` binds
/// more tightly than `OR`; an old form has `/` for `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace(" WITH ", "_WITH_");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let allowed = alternatives(&mut rest);
    assert!(rest.is_empty(), "`{expression}` is not a licence expression");
    allowed
}

fn alternatives(words: &mut &[&str]) -> bool {
    let mut allowed = all_of(words);
    while let Some(("OR", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        allowed |= all_of(words);
    }
    allowed
}

fn all_of(words: &mut &[&str]) -> bool {
    let mut allowed = one(words);
    while let Some(("AND", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        allowed &= one(words);
    }
    allowed
}

fn one(words: &mut &[&str]) -> bool {
    let Some((first, rest)) = words.split_first() else { return false };
    *words = rest;
    if *first != "(" {
        return ALLOWED.contains(&first.replace("_WITH_", " WITH ").as_str());
    }
    let allowed = alternatives(words);
    assert_eq!(words.first(), Some(&")"));
    *words = &words[1..];
    allowed
}

#[test]
fn expressions_are_read_as_spdx_says() {
    for allowed in [
        "MIT",
        "MIT OR Apache-2.0",
        "MIT/Apache-2.0",
        "GPL-3.0-only OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0-only",
        "MIT OR GPL-3.0-only AND MIT",
    ] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in
        ["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT OR Zlib) AND MPL-2.0", "LGPL-2.1"]
    {
        assert!(!is_allowed(refused), "{refused}");
    }
}

/// What cargo prints, offline: the crates are there, because this test was built from them.
fn cargo(arguments: &str) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments.split(' ')).args(["--locked", "--offline"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The crates of the program and of its build, without those of the tests and without cloze.
fn tree() -> BTreeSet<String> {
    let text = cargo("tree --edges normal,build --prefix none");
    // "name v1.2.3 (proc-macro) (*)"
    let crates = text.lines().map(|line| line.split(" (").next().unwrap().to_string());
    crates.filter(|name| !name.is_empty() && !name.starts_with("cloze ")).collect()
}

#[test]
fn the_tree_has_fewer_than_70_crates() {
    let tree = tree();
    assert!((20..70).contains(&tree.len()), "{} crates: {tree:?}", tree.len());
}

#[test]
fn every_crate_has_a_licence_that_may_be_used() {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = cargo(&format!("metadata --format-version=1 --filter-platform={host}"));
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    // The crates of the tests are among them.
    let mut licences = BTreeMap::<&str, BTreeSet<String>>::new();
    for package in metadata["packages"].as_array().unwrap() {
        let [name, version] = ["name", "version"].map(|field| package[field].as_str().unwrap());
        let licence = package["license"].as_str().unwrap_or_default();
        licences.entry(licence).or_default().insert(format!("{name} v{version}"));
    }
    let all: BTreeSet<String> = licences.values().flatten().cloned().collect();
    let missing: Vec<_> = tree().difference(&all).cloned().collect();
    assert!(missing.is_empty(), "cargo metadata has no {missing:?}");
    for (licence, crates) in &licences {
        println!("{licence}: {}", Vec::from_iter(crates.iter().cloned()).join(", "));
    }
    let refused: Vec<_> = licences.iter().filter(|(licence, _)| !is_allowed(licence)).collect();
    assert!(refused.is_empty(), "{refused:?}");
}
