//! Files as strangers may make them: what is refused, and what their names do to a terminal.

use std::fs;
use std::process::Stdio;

use codegemma_tests::{MODEL, command};

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
