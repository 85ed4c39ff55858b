//! Input that makes no sense: one clear line that says what to do, and a server that goes on.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use codegemma_tests::{Client, Encoding, MODEL, complete_with, position};
use serde_json::{Value, json};

const URI: &str = "file:///project/sum.py";
const SUM: &str = "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n    return a +";

/// Fails with one line that has all these words, and prints nothing.
#[track_caller]
fn check_fails(args: &[&str], model: Option<&str>, words: &[&str]) {
    let output = complete_with(args, model, b"");
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    assert_eq!(output.stderr.trim_end().lines().count(), 1, "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "no {word:?} in {output:?}");
    }
}

#[track_caller]
fn check_usage(args: &[&str]) {
    let output = complete_with(args, Some(MODEL), b"");
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
    assert!(!output.stderr.is_empty(), "{output:?}");
}

fn path(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_bad_file_or_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = path(folder.path(), "a.py", b"one\ntw\xc3\xb6\n");
    let bad = path(folder.path(), "b.py", b"ok \xff\xfe");
    let here = folder.path().to_str().unwrap();
    let model = Some(MODEL);
    check_fails(&["no/such.py:1:1"], model, &["no/such.py", "no such file"]);
    check_fails(&[&format!("{here}:1:1")], model, &[here, "folder"]);
    check_fails(
        &[&format!("{here}/aa.py")],
        model,
        &["no such file", "did you mean", "a.py?"],
    );
    check_fails(&["a.py:1:x"], model, &["no such file", "FILE:LINE:COLUMN"]);
    check_fails(&[&format!("{bad}:1:1")], model, &["b.py", "byte 3", "UTF-8", "iconv"]);
    let wide = path(folder.path(), "c.py", b"\xff\xfeo\0k\0");
    check_fails(&[&wide], model, &["c.py", "UTF-16", "iconv"]);
    let binary = path(folder.path(), "d", b"\x7fELF\x02\x01\x01\0");
    check_fails(&[&binary], model, &["no text", "byte 7"]);
    check_fails(&[&format!("{good}:4:1")], model, &["a.py", "line 4", "3 lines"]);
    check_fails(
        &[&format!("{good}:2:5")],
        model,
        &["a.py", "line 2", "column 5", "1 to 4"],
    );
    check_fails(
        &[&format!("{good}:1:1"), "--context", "no/such.h"],
        model,
        &["no/such.h"],
    );
    #[cfg(unix)]
    check_fails(&["/dev/zero:1:1"], model, &["/dev/zero", "longer than 64 MiB"]);
    check_fails(&["raw", "--prompt-file", "no/such.txt"], model, &["no/such.txt"]);
    check_fails(&["tokens", &bad], model, &["b.py", "UTF-8"]);
}

#[test]
fn a_bad_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("{}:1:1", path(folder.path(), "a.py", b"x"));
    let not_gguf = path(folder.path(), "not.gguf", b"PK\x03\x04 this is no model at all");
    let short = path(folder.path(), "short.gguf", b"GGUF\x03\x00\x00\x00\x10\x00");
    let huge = path(
        folder.path(),
        "huge.gguf",
        &[b"GGUF\x03\x00\x00\x00".as_slice(), &[0xff; 16]].concat(),
    );
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let known = ["no-such-model", "--model", "CODEGEMMA_MODEL", "model list --all"];
    check_fails(&[&file], Some("no-such-model"), &known);
    check_fails(&[&file, "--model", "no-such-model"], None, &known);
    check_fails(&[&file], Some(&not_gguf), &["not.gguf"]);
    check_fails(&[&file], Some(&short), &["short.gguf"]);
    check_fails(&[&file], Some(&huge), &["huge.gguf"]);
    check_fails(&[&file], Some(empty.to_str().unwrap()), &["empty"]);
    check_fails(
        &["tokens", file.strip_suffix(":1:1").unwrap()],
        Some(&not_gguf),
        &["not.gguf"],
    );
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("{}:1:1", path(folder.path(), "a.py", b"x"));
    for args in [
        &["docter"][..],
        &[&file.replace(":1:1", ":0:1")],
        &[&file.replace(":1:1", ":1:0")],
        &["model"],
        &["model", "lst"],
        &["help", "docter"],
        &["man", "docter"],
        &["completions", "basic"],
        &[&file, "--jsn"],
        &[&file, "--max-tokens", "0"],
        &[&file, "--max-tokens", "-1"],
        &[&file, "--candidates", "0"],
        &[&file, "--temperature", "NaN"],
        &[&file, "--top-p", "0"],
        &[&file, "--device", "cuda:0"],
        &[&file, "--device", "abacus"],
        &[&file, "--gpu-layers", "4"],
        &[&file, "--threads", "0"],
        &[&file, "--temperature", "-1"],
        &[&file, "--top-p", "1.5"],
        &[&file, "--candidates", "3"],
        &[&file, "--multiline", "sometimes"],
        &[&file, "--json", "--diff"],
        &["-", "--in-place"],
        &[&file, "--no-context", "--context", "b.py"],
        &["-:1:1", "--in-place"],
        &["raw"],
    ] {
        check_usage(args);
    }
}

#[test]
fn a_file_that_cannot_be_written_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "a.py", SUM.as_bytes());
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions.clone()).unwrap();
    let target = format!("{file}:3:15");
    let output = complete_with(&[&target, "--in-place", "--max-tokens", "4"], Some(MODEL), b"");
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stderr.contains("a.py: the file cannot be written"), "{output:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), SUM);
    #[expect(clippy::permissions_set_readonly_false, reason = "the folder is about to be removed")]
    permissions.set_readonly(false);
    fs::set_permissions(&file, permissions).unwrap();
}

#[test]
fn a_prompt_longer_than_the_context_is_cut_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..40_000).map(|i| format!("x{i} = {i}\n")).collect();
    let file = path(folder.path(), "long.py", text.as_bytes());
    let output = complete_with(&[&format!("{file}:40001:1"), "--deadline", "0"], Some(MODEL), b"");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("tokens of the prompt did not fit"), "{output:?}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "a.txt", "word ".repeat(100_000).as_bytes());
    let mut child = codegemma_tests::command("codegemma-complete")
        .args(["tokens", &file, "--model", MODEL])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// The server still does its work.
#[track_caller]
fn assert_alive(client: &mut Client) {
    let uri = "file:///project/alive.py";
    client.open(uri, SUM);
    assert_eq!(client.inline(uri, &position(2, 14)).len(), 1);
}

fn ready() -> Client {
    Client::ready(Encoding::Utf16, json!({"maxTokens": 4, "deadlineMs": 60_000}))
}

#[test]
fn malformed_messages_are_answered_and_the_server_goes_on() {
    let mut client = ready();
    let mut answered = |bytes: &[u8], code: i64, id: Value| {
        client.send_raw(bytes);
        let response = client.wait(|message| message.get("error").is_some());
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(
            (&response["error"]["code"], &response["id"]),
            (&json!(code), &id),
            "{text}: {response}"
        );
    };
    answered(b"Content-Length: 9\r\n\r\n{\"jsonrpc", -32700, Value::Null);
    answered(b"Content-Length: 2\r\n\r\n\xff\xfe", -32700, Value::Null);
    answered(b"Content-Length: 0\r\n\r\n", -32700, Value::Null);
    answered(b"Content-Length: many\r\n\r\n", -32700, Value::Null);
    answered(
        b"Content-Length: 22\r\n\r\n{\"id\":99,\"method\":\"x\"}",
        -32600,
        json!(99),
    );
    let mut call = |method: &str, params: Value, code: i64| {
        let id = client.request(method, params);
        let response = client.response(id);
        assert_eq!(response["error"]["code"], code, "{method}: {response}");
    };
    call("textDocument/inlineCompletion", json!({"position": "here"}), -32602);
    call("textDocument/completion", json!([1, 2]), -32602);
    call("workspace/executeCommand", json!({"command": "rm"}), -32602);
    call("no/such/method", json!({}), -32601);
    call("initialize", json!({"capabilities": {}}), -32600);
    client.notify("textDocument/didChange", json!({"textDocument": 5}));
    client.notify("no/such/notification", json!({}));
    client.cancel(123_456);
    assert_alive(&mut client);
}

#[test]
fn documents_and_places_that_do_not_exist_get_an_empty_answer() {
    let mut client = ready();
    let mut nothing = |uri: &str, at: Value, reason: &str| {
        assert_eq!(client.inline(uri, &at), Vec::<Value>::new(), "{uri}");
        assert_eq!(client.last_request()["reason"], reason);
    };
    nothing("file:///never/opened.py", position(0, 0), "unknown-document");
    nothing("untitled:Untitled-1", position(0, 0), "unknown-document");
    client.open(URI, SUM);
    // A line past the last is the end of the text, and a column past the end that of the line.
    for place in [position(99, 0), position(2, 4_000_000_000)] {
        let found = client.inline(URI, &place);
        assert_eq!(found[0]["range"]["start"], position(2, 14));
    }
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": URI}}));
    assert_eq!(client.inline(URI, &position(2, 14)), Vec::<Value>::new());
    client.insert("file:///never/opened.py", 2, &position(0, 0), "x");
    client.notify(
        "textDocument/didClose",
        json!({"textDocument": {"uri": "file:///never/opened.py"}}),
    );
    assert_alive(&mut client);
}

#[test]
fn a_change_that_cannot_be_read_stops_suggestions_until_the_whole_text_comes() {
    let mut client = ready();
    client.open(URI, SUM);
    client.change(URI, 2, json!([{"range": {"start": position(0, 0)}, "text": ""}]));
    assert_eq!(client.inline(URI, &position(2, 14)), Vec::<Value>::new());
    assert_eq!(client.last_request()["reason"], "stale-document");
    client.change(URI, 3, json!([{"text": SUM}]));
    assert_eq!(client.inline(URI, &position(2, 14)).len(), 1);
    client.change(URI, 4, json!([{"range": 5, "text": ""}]));
    assert_eq!(client.inline(URI, &position(2, 14)), Vec::<Value>::new());
    assert_alive(&mut client);
}
