//! The layer rules of ARCHITECTURE.md, checked on the dependency tree and on the sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use codegemma_tests::repository;

/// The names of the packages that one of ours is built from; only the direct ones where `depth` is 1.
fn dependencies(package: &str, depth: usize) -> BTreeSet<String> {
    let depth = depth.to_string();
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", package, "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}", "--depth", &depth])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names are UTF-8");
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn assert_without(found: &BTreeSet<String>, package: &str, unwanted: &[&str]) {
    assert!(found.len() > 1, "{package} has dependencies");
    for name in unwanted {
        assert!(!found.contains(*name), "{package} must not depend on {name}");
    }
}

#[test]
fn the_engine_knows_no_protocol_documents_or_async_runtime() {
    let found = dependencies("codegemma-model", 100);
    assert!(found.contains("candle-core"), "the tree is read: {found:?}");
    let unwanted = [
        "codegemma-lsp",
        "tower-lsp-server",
        "ls-types",
        "lsp-types",
        "tokio",
        "ropey",
        "tree-sitter",
        "tree-sitter-language",
    ];
    assert_without(&found, "codegemma-model", &unwanted);
}

#[test]
fn the_server_knows_no_tensors() {
    let found = dependencies("codegemma-lsp", 1);
    assert!(found.contains("codegemma-model"), "the tree is read: {found:?}");
    let unwanted = [
        "candle-core",
        "candle-nn",
        "candle-transformers",
        "tokenizers",
        "safetensors",
    ];
    assert_without(&found, "codegemma-lsp", &unwanted);
}

#[test]
fn nothing_that_is_built_in_can_open_a_connection_to_the_network() {
    let found = dependencies("codegemma-lsp", 100);
    let unwanted = [
        "reqwest",
        "hyper",
        "ureq",
        "hf-hub",
        "curl",
        "rustls",
        "native-tls",
        "openssl",
    ];
    assert_without(&found, "codegemma-lsp", &unwanted);
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn protocol_types_appear_only_under_lsp() {
    let root = repository().join("server").join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (below, elsewhere): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|path| path == &root.join("lsp.rs") || path.starts_with(root.join("lsp")));
    let names_protocol = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("sources are UTF-8");
        text.contains("tower_lsp") || text.contains("ls_types")
    };
    assert!(below.iter().any(names_protocol), "the check finds what it looks for");
    for path in elsewhere {
        assert!(!names_protocol(&path), "{} must not know the protocol", path.display());
    }
}
