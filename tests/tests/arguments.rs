//! `codegemma-complete`: how a place is named, what is said to words that mean nothing, and what helps people and shells.

use std::fs;
use std::path::Path;

use codegemma_tests::{MODEL, complete, complete_with};

const SUM: &str = "def add(a, b):\n    return a +\n\nprint(add(1, 2))\n";

/// A folder with `sum.py` in it, and a way to complete there.
fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sum.py").to_str().unwrap().to_owned();
    fs::write(&path, SUM).unwrap();
    (folder, path)
}

#[test]
fn a_place_may_lack_its_numbers_and_a_name_may_have_colons() {
    let (folder, path) = folder();
    let completed = |target: &str| complete(&[target, "-n", "6", "--json"]).json();
    let at_end_of_line = completed(&format!("{path}:2:15"));
    assert_eq!(at_end_of_line["range"]["start"]["line"], 2, "{at_end_of_line}");
    for target in [format!("{path}:2"), format!("{path}:2:"), format!("{path}:2:15:")] {
        let answer = completed(&target);
        assert_eq!(
            (&answer["text"], &answer["range"]),
            (&at_end_of_line["text"], &at_end_of_line["range"]),
            "{target}"
        );
    }
    let at_end = completed(&format!("{path}:5:1"));
    assert_eq!(completed(&path)["range"], at_end["range"]);
    let stdin = |target: &str| complete_with(&[target, "-j", "-n", "6"], Some(MODEL), SUM.as_bytes()).json();
    assert_eq!(stdin("-")["range"], at_end["range"]);
    assert_eq!(stdin("-:2")["range"], at_end_of_line["range"]);
    if cfg!(unix) {
        let odd = folder.path().join("a:7:8");
        fs::copy(&path, &odd).unwrap();
        let odd = odd.to_str().unwrap();
        assert_eq!(completed(odd)["range"], at_end["range"]);
        assert_eq!(completed(&format!("{odd}:2:15"))["range"], at_end_of_line["range"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_need_not_be_unicode() {
    use std::os::unix::ffi::OsStrExt;
    let (folder, path) = folder();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff \x01.py"));
    fs::copy(&path, &odd).unwrap();
    let mut command = codegemma_tests::command("codegemma-complete");
    let mut target = odd.into_os_string();
    target.push(":2");
    let output = command.arg(target).args(["--model", MODEL, "--diff"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.starts_with(br#"--- "a/\377 \001.py""#), "{output:?}");
}

#[test]
fn what_is_misspelt_or_not_here_is_answered_with_what_to_do() {
    let said = |args: &[&str]| {
        let output = complete(args);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        output.stderr
    };
    assert!(said(&["docter"]).contains("`codegemma-complete doctor`"));
    assert!(said(&["docter", "--json"]).contains("`codegemma-complete doctor`"));
    assert!(said(&["--no-config", "doctor"]).contains("codegemma-complete doctor …"));
    assert!(said(&["help", "docter"]).contains("`codegemma-complete doctor`"));
    assert!(said(&["models"]).contains("model list"));
    assert!(said(&["a.py", "--jsn"]).contains("'--json'"));
    assert!(said(&["a.py", "--temperature", "-1"]).contains("a number from 0 to 100"));
}

#[test]
fn help_has_examples_and_the_version_says_what_is_inside() {
    for command in [
        "",
        "complete",
        "raw",
        "tokens",
        "explain",
        "bench",
        "eval",
        "doctor",
        "completions",
        "man",
    ] {
        let args: Vec<&str> = ["help", command].into_iter().filter(|arg| !arg.is_empty()).collect();
        let help = complete(&args).success();
        assert!(help.contains("Examples:\n  codegemma-complete"), "{command}: {help}");
    }
    let version = complete(&["--version"]).success();
    assert!(version.starts_with("codegemma-complete "), "{version}");
    for word in ["computing with", "python", "starter"] {
        assert!(version.contains(word), "no {word} in {version}");
    }
    assert_eq!(complete(&["-V"]).success().lines().count(), 1);
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef codegemma-complete"),
        ("fish", "complete -c"),
    ] {
        let script = complete(&["completions", shell]).success();
        for word in [word, "doctor", "in-place"] {
            assert!(script.contains(word), "no {word} for {shell}");
        }
    }
    let page = complete(&["man"]).success();
    assert!(
        page.contains(".TH codegemma-complete 1") && page.contains("doctor"),
        "{page}"
    );
    let page = complete(&["man", "doctor"]).success();
    assert!(
        page.contains(".TH codegemma-complete-doctor 1") && page.contains("workspace"),
        "{page}"
    );
}

/// Runs a program with a terminal as its stdin, and gives its exit code and what it printed.
#[cfg(unix)]
fn in_a_terminal(program: &Path, args: &str) -> (i32, String) {
    let script = "import os, pty, sys\n\
        pid, terminal = pty.fork()\n\
        if pid == 0: os.execv(sys.argv[1], sys.argv[1:])\n\
        text = b''\n\
        try:\n    while (more := os.read(terminal, 4096)): text += more\n\
        except OSError: pass\n\
        print(text.decode())\n\
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
    let mut python = std::process::Command::new("python3");
    python.args(["-c", script]).arg(program).args(args.split_whitespace());
    let output = python.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[cfg(unix)]
#[test]
fn the_server_in_a_terminal_says_what_it_is() {
    let server = codegemma_tests::command("codegemma-lsp");
    let (code, text) = in_a_terminal(Path::new(server.get_program()), "");
    assert_eq!(code, 2, "{text}");
    for words in [
        "language server",
        "an editor starts it",
        "codegemma-complete",
        "--stdio",
    ] {
        assert!(text.contains(words), "no {words} in {text}");
    }
}

#[test]
fn flags_that_clients_add_are_taken() {
    let mut server = codegemma_tests::command("codegemma-lsp");
    let output = server
        .args(["--stdio", "--clientProcessId=1", "--version"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.starts_with(b"codegemma-lsp "), "{output:?}");
}
