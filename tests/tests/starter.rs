//! The starter, the model inside the program: it is there without a file, a folder or a flag, says so, and is small.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use codegemma_tests::{Client, Encoding, command, complete_with, position, repository};
use serde_json::json;

/// Code whose next word any model of code knows.
const RECTANGLE: &str =
    "class Rectangle:\n    def __init__(self, width, height):\n        self.width = width\n        self.";

/// What the note and the status say.
#[track_caller]
fn assert_names_the_way_to_a_better_model(text: &str) {
    for word in ["starter", "CodeGemma", "model pull", "model list"] {
        assert!(text.contains(word), "no {word} in {text:?}");
    }
    assert!(!text.trim_end().contains('\n'), "one line: {text:?}");
}

#[test]
fn without_a_model_it_completes_code_and_says_once_what_it_is() {
    let cache = tempfile::tempdir().unwrap();
    let complete = |args: &[&str]| {
        let mut command = command("codegemma-complete");
        let output = command
            .args(args)
            .env("CODEGEMMA_CACHE", cache.path())
            .output()
            .unwrap();
        assert!(
            output.status.success() && !output.stdout.trim_ascii().is_empty(),
            "{output:?}"
        );
        String::from_utf8(output.stderr).unwrap()
    };
    let file = cache.path().join("a.py");
    fs::write(&file, RECTANGLE).unwrap();
    let target = file.to_str().unwrap();
    assert_eq!(complete(&[target, "--json"]), "", "a program has no use for it");
    assert_names_the_way_to_a_better_model(&complete(&[target]));
    assert_eq!(complete(&[target]), "", "not again on the same day");
    let stamp = fs::File::open(cache.path().join("starter-advice")).unwrap();
    let yesterday = std::time::SystemTime::now() - Duration::from_secs(25 * 60 * 60);
    stamp.set_modified(yesterday).unwrap();
    assert_names_the_way_to_a_better_model(&complete(&[target]));
}

#[test]
fn who_chose_it_is_not_told() {
    let quiet = |args: &[&str], model: Option<&str>| {
        let output = complete_with(args, model, RECTANGLE.as_bytes());
        assert!(!output.stderr.contains("starter"), "{output:?}");
        output.success()
    };
    quiet(&["-:4:14"], Some("starter"));
    quiet(&["tokens", "-", "--model", "starter"], None);
    let flags = ["--device", "cpu", "--gpu-layers", "0", "--threads", "1"];
    quiet(
        &[&["-:4:14", "--model", "starter"], &flags[..]].concat(),
        Some("no/such.gguf"),
    );
}

#[test]
fn it_needs_no_home_and_no_cache_folder() {
    for home in [None, Some("/dev/null/folder"), Some("")] {
        let mut command = command("codegemma-complete");
        command.env_clear().args(["README.md:1:1", "--max-tokens", "1"]);
        if let Some(home) = home {
            command.env("HOME", home).env("CODEGEMMA_CACHE", home);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{home:?}: {output:?}");
    }
}

#[test]
fn it_is_the_file_in_this_repository() {
    let run = |model: &str| {
        let args = [
            "raw",
            "--prompt-file",
            "-",
            "--max-tokens",
            "4",
            "--logprobs",
            "2",
            "--json",
        ];
        let answer = complete_with(&args, Some(model), RECTANGLE.as_bytes()).json();
        (answer["prompt_tokens"].clone(), answer["logprobs"].clone())
    };
    assert_eq!(run("starter"), run("model/starter/starter.gguf"));
    let answer = complete_with(&["-:4:14", "--json"], None, RECTANGLE.as_bytes()).json();
    assert_eq!(answer["model"]["name"], "codegemma-starter");
}

#[test]
fn the_server_says_that_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut client = Client::start_with(&["--log", log.to_str().unwrap(), "--log-level", "info"]);
    client.initialize(Encoding::Utf16, json!(null));
    client.wait(|message| message["params"]["state"] == "loading");
    let status = client.status(|status| status["state"] == "ready");
    assert_eq!(status["model"], "codegemma-starter");
    assert_names_the_way_to_a_better_model(status["message"].as_str().unwrap());
    let logged = fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = logged.lines().filter(|line| line.contains("starter")).collect();
    assert_eq!(lines.len(), 1, "{logged}");
    assert_names_the_way_to_a_better_model(lines[0]);

    client.open("file:///project/a.py", RECTANGLE);
    assert_eq!(client.inline("file:///project/a.py", &position(3, 13)).len(), 1);
}

/// `VmHWM` is the most memory that a process has had so far, so that only what it takes in its last instants can be
/// missed; only Linux tells.
#[test]
#[cfg(target_os = "linux")]
fn a_completion_takes_little_memory() {
    let target = "server/src/lsp.rs:100:1";
    let mut child = command("codegemma-complete")
        .args([target, "--model", "starter"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        // Between its end and the wait for it a process has no memory any more, and no such line.
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) * 1024);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(child.wait().unwrap().success());
    let file = fs::metadata(repository().join("model/starter/starter.gguf"))
        .unwrap()
        .len();
    assert!(peak > file / 2, "{peak} bytes: the weights were read");
    assert!(peak < 150_000_000, "{peak} bytes");
}
