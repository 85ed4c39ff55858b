//! The binaries under test, built once by each test program, so that a test never runs yesterday's code.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The path of a binary of this workspace.
pub(crate) fn path(name: &str) -> PathBuf {
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(build);
    built
        .get(name)
        .unwrap_or_else(|| panic!("cargo built no binary called {name}: {built:?}"))
        .clone()
}

fn build() -> HashMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo says of this test is none of the build's: some build scripts look at it and would run again each time.
    for (name, _) in std::env::vars_os() {
        let is_of_test = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_test) {
            cargo.env_remove(name);
        }
    }
    let output = cargo
        .args([
            "build",
            "--quiet",
            "--message-format=json",
            "--package=codegemma-lsp",
            "--bins",
        ])
        .args(["--profile", &profile()])
        .current_dir(crate::repository())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo built this test, so it is there");
    assert!(output.status.success(), "the binaries do not build");
    let messages = String::from_utf8(output.stdout).expect("cargo writes JSON");
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        })
        .collect()
}

/// The profile that this test was built with: `target/…/PROFILE/deps/test`.
fn profile() -> String {
    let test = std::env::current_exe().expect("a running test has a path");
    let folder = test
        .ancestors()
        .nth(2)
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    match folder {
        Some("debug") | None => "dev".to_owned(),
        Some(profile) => profile.to_owned(),
    }
}
