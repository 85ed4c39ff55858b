//! Files as strangers may make them: what is refused, and what their names do to a terminal.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use codegemma_tests::{Client, MODEL, command, complete_with, position, uri};
use serde_json::{Value, json};

const TEXT: &str = "def area(width, height):\n    return width * \n";

/// A folder with a file that can be completed.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.py"), TEXT).unwrap();
    folder
}

fn server_in(workspace: &Path) -> Client {
    Client::ready_in(workspace, json!({"maxTokens": 4, "deadlineMs": 600_000}))
}

/// Why nothing is suggested in a document, or that something is asked for.
fn reason(client: &mut Client, document: &str) -> Value {
    client.inline(document, &position(1, 19));
    client.last_request()["reason"].clone()
}

/// Asks until a document is excluded, or is not any more, and gives how long that took.
#[track_caller]
fn wait_for(client: &mut Client, document: &str, excluded: bool) -> Duration {
    let begin = Instant::now();
    while (reason(client, document) == "excluded") != excluded {
        assert!(begin.elapsed() < Duration::from_secs(60), "it is never noticed");
        std::thread::sleep(Duration::from_millis(50));
    }
    begin.elapsed()
}

#[test]
fn an_ignore_file_is_noticed_while_the_document_is_open() {
    let folder = folder();
    let mut client = server_in(folder.path());
    let document = uri(&folder.path().join("a.py"));
    client.open(&document, TEXT);
    assert_ne!(reason(&mut client, &document), "excluded");
    let rules = folder.path().join(".codegemmaignore");
    // The client says nothing of it.
    fs::write(&rules, "*.py\n").unwrap();
    wait_for(&mut client, &document, true);
    fs::write(&rules, "*.rs\n").unwrap();
    wait_for(&mut client, &document, false);
    // It watches files, or saves one.
    let changed = json!({"changes": [{"uri": uri(&rules), "type": 2}]});
    let saved = json!({"textDocument": {"uri": document}});
    for (method, params, excluded) in [
        ("workspace/didChangeWatchedFiles", changed, true),
        ("textDocument/didSave", saved, false),
    ] {
        fs::write(&rules, if excluded { "a.*\n" } else { "" }).unwrap();
        client.notify(method, params);
        wait_for(&mut client, &document, excluded);
    }
}

/// What was chosen for the prompts of other documents is not shown any more either.
#[test]
fn a_document_that_is_hidden_is_no_context_any_more() {
    let folder = folder();
    let main = "from a import area\n\nprint(area(3, 4))\n";
    fs::write(folder.path().join("main.py"), main).unwrap();
    let mut client = server_in(folder.path());
    let document = uri(&folder.path().join("main.py"));
    client.open(&uri(&folder.path().join("a.py")), TEXT);
    client.open(&document, main);
    let mut shown = || {
        client.explain(&document, &position(2, 0))["prompt"]
            .as_str()
            .unwrap()
            .contains("width")
    };
    let begin = Instant::now();
    while !shown() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it is never shown");
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::write(folder.path().join(".codegemmaignore"), "/a.py\n").unwrap();
    client.notify("textDocument/didSave", json!({"textDocument": {"uri": document}}));
    wait_for(&mut client, &uri(&folder.path().join("a.py")), true);
    for _ in 0..20 {
        let prompt = client.explain(&document, &position(2, 0))["prompt"].clone();
        assert!(!prompt.as_str().unwrap().contains("width"), "{prompt}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn each_document_obeys_its_own_repository_and_the_path_of_any_scheme_is_judged() {
    let (workspace, other) = (folder(), folder());
    fs::write(other.path().join(".codegemmaignore"), "/a.py\n").unwrap();
    let mut client = server_in(workspace.path());
    for (document, excluded) in [
        (uri(&workspace.path().join("a.py")), false),
        (uri(&other.path().join("a.py")), true),
        (uri(&other.path().join("a.py")).replace("file:", "git:"), true),
        ("untitled:Untitled-1".to_owned(), false),
        ("untitled:/somewhere/.env".to_owned(), true),
        ("vscode-remote://ssh-remote%2Bhost/home/me/.aws/config".to_owned(), true),
        ("vscode-vfs://github/owner/name/a.py".to_owned(), false),
        ("vscode-vfs://github/owner/name/id_rsa.bak".to_owned(), true),
    ] {
        client.open(&document, TEXT);
        assert_eq!(reason(&mut client, &document) == "excluded", excluded, "{document}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_called_an_ignore_file_and_never_ends_holds_nobody_up() {
    let folder = folder();
    for name in [".gitignore", ".ignore", ".codegemmaignore", ".git"] {
        let made = Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap();
        assert!(made.success());
    }
    fs::write(folder.path().join("b.py"), TEXT).unwrap();
    let mut client = server_in(folder.path());
    for name in ["a.py", "b.py"] {
        let document = uri(&folder.path().join(name));
        client.open(&document, TEXT);
        assert_ne!(reason(&mut client, &document), "excluded");
        assert_ne!(client.explain(&document, &position(1, 19))["trigger"], "not-judged-yet");
    }
}

#[test]
fn the_command_line_judges_what_a_text_is_said_to_be_and_what_is_shown_with_it() {
    let folder = folder();
    let private = folder.path().join("certs/server.pem.old");
    fs::create_dir(private.parent().unwrap()).unwrap();
    fs::write(&private, "PRIVATE = 12345\n").unwrap();
    for path in [
        ".env",
        "id_rsa",
        "config/.env.production",
        "C:\\a\\.env",
        private.to_str().unwrap(),
    ] {
        let output = complete_with(&["-:2:3", "--path", path], Some(MODEL), b"A=1\nB=\n");
        assert_eq!(output.stdout, "", "{path}");
        assert!(output.stderr.contains("may hold secrets"), "{path}: {output:?}");
    }
    let place = format!("{}:2:20", folder.path().join("a.py").display());
    let output = complete_with(
        &[&place, "--json", "--context", private.to_str().unwrap()],
        Some(MODEL),
        b"",
    );
    assert!(
        output
            .stderr
            .contains("server.pem.old: not shown to the model: may hold secrets"),
        "{output:?}"
    );
}

/// What may be written to a terminal: nothing that moves its cursor or turns the direction of writing.
#[track_caller]
fn assert_printable(output: &[u8]) {
    let text = String::from_utf8(output.to_vec()).expect("output is UTF-8");
    let acts = |c: char| !matches!(c, '\n' | '\t') && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}'));
    assert!(!text.contains(acts), "{text:?}");
}

#[cfg(unix)]
#[test]
fn no_control_character_from_outside_reaches_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = "a\x1b[2J\u{9b}31m\u{202e}\rb";
    let file = folder.path().join(format!("{hostile}.py"));
    fs::write(&file, "x = 1\n").unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    let key = hostile
        .replace('\x1b', "\\u001b")
        .replace('\u{9b}', "\\u009b")
        .replace('\r', "\\r");
    fs::write(
        folder.path().join("codegemma.toml"),
        format!("\"{key}\" = 1\nmodel = \"{key}\"\n"),
    )
    .unwrap();
    let place = |line: usize| format!("{}:{line}:1", file.display());
    for args in [
        vec![place(1)],
        vec![
            place(1),
            "--json".to_owned(),
            "--temperature".to_owned(),
            hostile.to_owned(),
        ],
        vec![place(7)],
        vec!["explain".to_owned(), place(1)],
        vec!["tokens".to_owned(), file.display().to_string()],
        vec!["tokens".to_owned(), format!("{hostile}/none")],
        vec![
            "doctor".to_owned(),
            "--workspace".to_owned(),
            folder.path().display().to_string(),
        ],
        vec![format!("--{hostile}")],
    ] {
        let mut command = command("codegemma-complete");
        let output = command.args(&args).args(["--model", MODEL]).output().unwrap();
        let printed = [
            output.stderr.as_slice(),
            if args[0].contains(":1:1") { b"" } else { &output.stdout },
        ]
        .concat();
        assert!(!printed.is_empty(), "{args:?} says something");
        assert_printable(&printed);
    }
    let mut server = command("codegemma-lsp");
    server.args(["--log", &format!("{}/no/{hostile}", folder.path().display())]);
    let output = server.stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success());
    assert_printable(&output.stderr);
}
