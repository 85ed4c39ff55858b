//! Running `codegemma-complete`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{MODEL, binaries};

/// What a run printed and how it ended.
#[derive(Debug)]
pub struct Output {
    /// What it printed.
    pub stdout: String,
    /// What it said besides.
    pub stderr: String,
    /// How it ended.
    pub code: Option<i32>,
}

impl Output {
    /// What it printed, if it succeeded.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The JSON that it printed, if it succeeded.
    #[track_caller]
    pub fn json(self) -> Value {
        let stdout = self.success();
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    }
}

/// The root of this repository.
pub fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("this crate lies in the repository").to_owned()
}

/// Where a binary of this workspace is, built from the sources as they are.
pub fn binary(name: &str) -> PathBuf {
    binaries::path(name)
}

/// Runs `codegemma-complete` in the repository with the tests' model.
pub fn complete(args: &[&str]) -> Output {
    complete_with(args, Some(MODEL), b"")
}

/// A command that runs a binary of this workspace in the repository, whatever model the environment names and whatever
/// this machine's user has set.
pub fn command(binary: &str) -> Command {
    let mut command = Command::new(binaries::path(binary));
    command
        .current_dir(repository())
        .env_remove("CODEGEMMA_MODEL")
        .env("CODEGEMMA_CONFIG", repository().join("tests/no-settings.toml"));
    command
}

/// Runs `codegemma-complete` with a model of choice, or none, and something on stdin.
pub fn complete_with(args: &[&str], model: Option<&str>, stdin: &[u8]) -> Output {
    let mut command = command("codegemma-complete");
    command.args(args);
    if let Some(model) = model {
        command.env("CODEGEMMA_MODEL", model);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary was just built");
    // A run that fails early does not read its stdin.
    let _ = child.stdin.take().expect("stdin is piped").write_all(stdin);
    let output = child.wait_with_output().expect("the child is ours");
    Output {
        stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("output is UTF-8"),
        code: output.status.code(),
    }
}
