//! What clients do that differ from one another: how they write URIs, what they leave out, where they put the cursor, and how
//! they leave.

use std::io::{BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use codegemma_lsp::framing;
use codegemma_tests::{Client, Encoding, MODEL, Random, check_text, command, items, position, uri};
use serde_json::{Value, json};

const URI: &str = "file:///project/sum.py";
const SUM: &str = "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n    return a +";

/// A server that ends must do so within this time, also on a loaded machine.
const SOON: Duration = Duration::from_secs(30);

fn ready() -> Client {
    Client::ready(Encoding::Utf16, json!({"maxTokens": 2, "deadlineMs": 60_000}))
}

/// What is suggested there, or why nothing is, once the document has been judged.
#[track_caller]
fn ask(client: &mut Client, uri: &str, at: &Value) -> (Vec<Value>, Option<String>) {
    for _ in 0..100 {
        let found = client.inline(uri, at);
        let reason = client.last_request()["reason"].as_str().map(str::to_owned);
        if reason.as_deref() != Some("not-judged-yet") {
            return (found, reason);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{uri} is never judged");
}

/// The reason why nothing is suggested there, if nothing is.
#[track_caller]
fn reason(client: &mut Client, uri: &str, at: &Value) -> Option<String> {
    ask(client, uri, at).1
}

/// What is suggested there.
#[track_caller]
fn suggested(client: &mut Client, uri: &str, at: &Value) -> Vec<Value> {
    ask(client, uri, at).0
}

#[test]
fn a_document_is_served_however_its_uri_is_written() {
    let mut client = ready();
    for uri in [
        "file:///p/app/routes/[slug].tsx",
        "file:///p/{a}^b|c`d\"e f.py",
        "file:///p/größe/漢字.py",
        "file:///p/100%.py",
        "file:///p/%zz.py",
        "file:///p/%FF%FE.py",
        "file:///p/c#/a?b.py",
        "file:///C:\\p\\a.py",
        "/p/no scheme.py",
        "untitled:Untitled 1",
        "vscode-remote://ssh-remote+my host:x/p/[a].py",
        "a.py",
        "",
    ] {
        client.open(uri, SUM);
        let found = suggested(&mut client, uri, &position(2, 14));
        assert_eq!(found.len(), 1, "{uri}");
        assert_eq!(found[0]["command"]["arguments"], json!([{"uri": uri}]));
        client.insert(uri, 2, &position(2, 14), " bcd");
        assert_eq!(
            reason(&mut client, uri, &position(2, 17)).as_deref(),
            Some("inside-word"),
            "{uri}"
        );
        client.notify("textDocument/didSave", json!({"textDocument": {"uri": uri}}));
        let popup = client.ask_popup(uri, &position(2, 14));
        client.result(popup);
        client.last_request();
        client.explain(uri, &position(2, 14));
        client.call("workspace/executeCommand", found[0]["command"].clone());
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
        assert_eq!(
            reason(&mut client, uri, &position(2, 14)).as_deref(),
            Some("unknown-document"),
            "{uri}"
        );
    }
}

#[test]
fn spellings_that_are_equal_after_decoding_are_one_document() {
    let mut client = ready();
    for [opened, asked, edited, closed] in [
        [
            "file:///c%3A/p/a.py",
            "file:///c:/p/a.py",
            "file:///C:/p/a.py",
            "file:///C%3a/p/a.py",
        ],
        [
            "file:///p/%5Ba%5D.py",
            "file:///p/[a].py",
            "file:///p/%5ba%5d.py",
            "file://localhost/p/[a%5D.py",
        ],
        [
            "file:///p/%7Ea.py",
            "file:///p/~a.py",
            "file:///%70/~a.py",
            "FILE:///p/~a.py",
        ],
        [
            "file:///p/gr%C3%B6%C3%9Fe.py",
            "file:///p/größe.py",
            "file:///p/gr%c3%b6ße.py",
            "file:///p/größ%65.py",
        ],
    ] {
        client.open(opened, SUM);
        assert_eq!(
            suggested(&mut client, asked, &position(2, 14))[0]["command"]["arguments"],
            json!([{"uri": asked}])
        );
        client.insert(edited, 2, &position(2, 14), " bcd");
        assert_eq!(
            reason(&mut client, opened, &position(2, 17)).as_deref(),
            Some("inside-word"),
            "{edited}"
        );
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": closed}}));
        assert_eq!(
            reason(&mut client, opened, &position(2, 14)).as_deref(),
            Some("unknown-document"),
            "{closed}"
        );
    }
}

#[test]
fn edits_past_the_end_are_edits_at_the_end() {
    const OLD: &str = "import os\nalpha = 1\nbeta = 2\n";
    let mut client = ready();
    let mut random = Random::new(1);
    let mut check = |from: (i64, i64), to: (i64, i64), text: &str, expected: &str| {
        client.open(URI, OLD);
        let at = |(line, character)| json!({"line": line, "character": character});
        client.change(
            URI,
            2,
            json!([{"range": {"start": at(from), "end": at(to)}, "text": text}]),
        );
        check_text(&mut client, URI, expected, &mut random, 4);
    };
    for end in [
        (99_999, 0),
        (0x7fff_ffff, 0x7fff_ffff),
        (0xffff_ffff, 0),
        (1 << 40, i64::MAX),
        (4, 0),
        (3, 5),
    ] {
        check((0, 0), end, "new = 1\n", "new = 1\n");
    }
    check(
        (50, 0),
        (50, 0),
        "gamma = 3",
        "import os\nalpha = 1\nbeta = 2\ngamma = 3",
    );
    check((1, 3), (40, 7), "", "import os\nalp");
    check((2, 0), (500, 0), "", "import os\nalpha = 1\n");
    check((1, 99), (1, 99), "0", "import os\nalpha = 10\nbeta = 2\n");
    check((2, 0), (0, 9), "; ", "import os; beta = 2\n");
    check((9, 9), (1, 0), "x", "import os\nx");
    check((-1, 5), (0, 7), "", "os\nalpha = 1\nbeta = 2\n");
}

#[test]
fn initialize_is_answered_whatever_is_in_it() {
    let folder = json!({"uri": "file:///p", "name": "p"});
    for params in [
        json!({"capabilities": {}, "rootUri": ""}),
        json!({"capabilities": {}, "rootUri": "/p/x", "rootPath": "/p/x"}),
        json!({"capabilities": {}, "rootUri": 5, "rootPath": false}),
        json!({"capabilities": {}, "rootUri": "file:///p/[ws]"}),
        json!({"capabilities": {}, "workspaceFolders": [{"name": "x"}, 7, null, folder]}),
        json!({"capabilities": {}, "workspaceFolders": {}, "trace": "weird", "locale": 1}),
        json!({"capabilities": null, "processId": "abc"}),
        json!({"capabilities": [], "processId": -1, "clientInfo": {"version": 3}}),
        json!({"capabilities": {"general": {"positionEncodings": "utf-8"}, "workspace": [], "textDocument": 1, "window": {"workDoneProgress": "yes"}}}),
        json!({"capabilities": {"workspace": {"symbol": {"symbolKind": {"valueSet": "all"}}, "configuration": 1}}, "initializationOptions": []}),
        json!({}),
        json!(null),
        json!([]),
    ] {
        let mut client = Client::start_with(&["--model", "no/such.gguf"]);
        let answer = client.call("initialize", params.clone());
        assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16", "{params}");
        client.notify("initialized", json!(null));
        client.status(|status| status["state"] == "error");
        client.open(URI, SUM);
        assert_eq!(
            reason(&mut client, URI, &position(2, 14)).as_deref(),
            Some("no-model"),
            "{params}"
        );
        let id = client.request("shutdown", json!({}));
        client.result(id);
        client.notify("exit", json!([]));
        assert_eq!(client.exit_code(), Some(0));
    }
    let mut client = Client::start_with(&["--model", "no/such.gguf"]);
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize"}));
    assert_eq!(client.result(1)["serverInfo"]["name"], "codegemma-lsp");
}

#[test]
fn columns_are_characters_where_the_client_counts_only_those() {
    let mut client = Client::start(MODEL);
    let general = json!({"positionEncodings": ["utf-32"]});
    let answer = client.call("initialize", json!({"capabilities": {"general": general}}));
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-32");
    client.notify("initialized", json!({}));
    client.wait_until_ready();
    client.open(URI, "x = \"😀😀\" + bcd");
    assert_eq!(
        reason(&mut client, URI, &position(0, 11)).as_deref(),
        Some("inside-word")
    );
    assert_ne!(
        reason(&mut client, URI, &position(0, 14)).as_deref(),
        Some("inside-word")
    );
}

#[test]
fn what_the_server_can_do_without_may_be_left_out() {
    let mut client = ready();
    let open =
        |client: &mut Client, document: Value| client.notify("textDocument/didOpen", json!({"textDocument": document}));
    for document in [
        json!({"uri": URI, "text": SUM}),
        json!({"uri": URI, "text": SUM, "version": null, "languageId": null}),
        json!({"uri": URI, "text": SUM, "version": "1", "languageId": 5}),
        json!({"uri": URI, "text": SUM, "version": 1_i64 << 40, "languageId": ""}),
    ] {
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": URI}}));
        open(&mut client, document.clone());
        assert_eq!(suggested(&mut client, URI, &position(2, 14)).len(), 1, "{document}");
    }
    let edit =
        json!([{"range": {"start": position(2, 14), "end": position(2, 14)}, "rangeLength": -1, "text": " bcd"}]);
    client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": URI, "version": null}, "contentChanges": edit}),
    );
    assert_eq!(
        reason(&mut client, URI, &position(2, 17)).as_deref(),
        Some("inside-word")
    );
    client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": URI}, "contentChanges": [{"text": SUM}]}),
    );
    for text in [json!(null), json!(5)] {
        client.notify(
            "textDocument/didSave",
            json!({"textDocument": {"uri": URI}, "text": text}),
        );
    }
    let place = |context: Value| json!({"textDocument": {"uri": URI}, "position": position(2, 14), "context": context});
    for context in [
        json!(null),
        json!([]),
        json!({}),
        json!({"triggerKind": 99}),
        json!({"triggerKind": "x"}),
        json!({"triggerKind": 1, "selectedCompletionInfo": 7}),
    ] {
        let answer = client.call("textDocument/inlineCompletion", place(context.clone()));
        client.last_request();
        assert!(!items(&answer).is_empty(), "{context}");
    }
    for context in [
        json!(null),
        json!([]),
        json!({"triggerKind": 99}),
        json!({"triggerKind": "x"}),
        json!({"triggerKind": 2, "triggerCharacter": 5}),
    ] {
        let answer = client.call("textDocument/completion", place(context));
        client.last_request();
        assert_eq!(answer["isIncomplete"], true);
    }
    // It may come with the others that were asked for before.
    let mut bare = place(json!(null));
    bare.as_object_mut().unwrap().remove("context");
    bare["workDoneToken"] = json!([]);
    assert!(!items(&client.call("textDocument/inlineCompletion", bare)).is_empty());
    client.last_request();
    let accepted = |arguments: Value| json!({"command": "codegemma.accepted", "arguments": arguments});
    for arguments in [json!(null), json!({}), json!([]), json!([5]), json!({"uri": URI})] {
        client.call("workspace/executeCommand", accepted(arguments));
    }
    let explain = json!({"command": "codegemma.explain", "arguments": {"uri": URI, "position": position(99, 0)}});
    client.call("workspace/executeCommand", explain);
    for (method, params) in [
        (
            "workspace/didChangeWatchedFiles",
            json!({"changes": [{"uri": "file:///p/[a]/.gitignore"}, {}, 5]}),
        ),
        ("workspace/didChangeWatchedFiles", json!({})),
        (
            "workspace/didChangeWorkspaceFolders",
            json!({"event": {"added": [{"uri": "/p/x"}, {}]}}),
        ),
        ("workspace/didChangeWorkspaceFolders", json!(null)),
        ("workspace/didChangeConfiguration", json!(null)),
        ("workspace/didChangeConfiguration", json!([])),
    ] {
        client.notify(method, params);
    }
    assert_eq!(suggested(&mut client, URI, &position(2, 14)).len(), 1);
    // What it cannot do without is named.
    for (method, params, missing) in [
        (
            "textDocument/inlineCompletion",
            json!({"position": position(0, 0)}),
            "textDocument",
        ),
        (
            "textDocument/inlineCompletion",
            json!({"textDocument": {"uri": URI}}),
            "position",
        ),
        (
            "textDocument/completion",
            json!({"textDocument": {}, "position": position(0, 0)}),
            "uri",
        ),
        ("workspace/executeCommand", json!({"arguments": []}), "command"),
    ] {
        let id = client.request(method, params);
        let error = client.response(id)["error"].clone();
        assert_eq!(error["code"], -32602, "{method}: {error}");
        assert!(
            error["message"].as_str().unwrap().contains(missing),
            "{method}: {error}"
        );
    }
}

/// What a document is called in the prompt, in which others may be, too.
#[track_caller]
fn path_in_prompt(client: &mut Client, uri: &str) -> String {
    let name = uri.rsplit('/').next().unwrap();
    let explanation = client.explain(uri, &position(2, 14));
    let mut paths = explanation["pieces"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|piece| piece["path"].as_str());
    let path = paths.find(|path| path.ends_with(name));
    path.unwrap_or_else(|| panic!("no path in {explanation}")).to_owned()
}

#[test]
fn folders_come_and_go_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["one", "two"].map(|name| folder.path().join(name));
    std::fs::create_dir_all(first.join("src")).unwrap();
    std::fs::create_dir_all(second.join("src")).unwrap();
    std::fs::write(second.join("codegemma.toml"), "enabled = false").unwrap();
    let mut client = Client::ready_in(&first, json!({"maxTokens": 2, "deadlineMs": 60_000}));
    let inside = uri(&first.join("src").join("sum.py"));
    let outside = uri(&second.join("src").join("other.py"));
    client.open(&inside, SUM);
    client.open(&outside, SUM);
    assert_eq!(path_in_prompt(&mut client, &inside), "src/sum.py");
    assert_eq!(path_in_prompt(&mut client, &outside), "other.py");
    let change = |added: &[&Path], removed: &[&Path]| {
        let folders = |paths: &[&Path]| -> Value {
            paths
                .iter()
                .map(|path| json!({"uri": uri(path), "name": "x"}))
                .collect()
        };
        json!({"event": {"added": folders(added), "removed": folders(removed)}})
    };
    client.notify("workspace/didChangeWorkspaceFolders", change(&[&second], &[]));
    assert_eq!(
        reason(&mut client, &outside, &position(2, 14)).as_deref(),
        Some("disabled")
    );
    client.notify(
        "workspace/didChangeWorkspaceFolders",
        change(&[&first.join("src")], &[&second, &first]),
    );
    assert_eq!(reason(&mut client, &outside, &position(2, 14)), None);
    assert_eq!(path_in_prompt(&mut client, &inside), "sum.py");
}

#[cfg(unix)]
#[test]
fn a_workspace_behind_a_link_is_one_by_both_names() {
    let folder = tempfile::tempdir().unwrap();
    let [real, link] = ["real", "link"].map(|name| folder.path().join(name));
    std::fs::create_dir_all(real.join("src")).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let mut client = Client::ready_in(&link, json!({"maxTokens": 2, "deadlineMs": 60_000}));
    for root in [&real, &link] {
        let document = uri(&root.join("src").join("sum.py"));
        client.open(&document, SUM);
        assert_eq!(path_in_prompt(&mut client, &document), "src/sum.py");
    }
}

#[test]
fn an_ignore_file_that_another_program_writes_holds_when_the_client_tells_of_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    let mut client = Client::ready_in(folder.path(), json!({"maxTokens": 2, "deadlineMs": 60_000}));
    let document = uri(&folder.path().join("sum.py"));
    client.open(&document, SUM);
    assert_eq!(reason(&mut client, &document, &position(2, 14)), None);
    let rules = folder.path().join(".codegemmaignore");
    let changed = json!({"changes": [{"uri": uri(&rules), "type": 1}]});
    std::fs::write(&rules, "sum.py\n").unwrap();
    client.notify("workspace/didChangeWatchedFiles", changed.clone());
    let soon = |client: &mut Client, expected: Option<&str>| {
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            reason(client, &document, &position(2, 14)).as_deref() == expected
        })
    };
    assert!(soon(&mut client, Some("excluded")));
    std::fs::remove_file(&rules).unwrap();
    client.notify("workspace/didChangeWatchedFiles", changed);
    assert!(soon(&mut client, None));
}

/// A server whose streams are in the test's hands, after `initialize` with this process.
fn bare_server(process: Value) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut server = command("codegemma-lsp");
    let mut child = server
        .args(["--model", MODEL])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"processId": process, "capabilities": {}}});
    send(&mut child, &initialize);
    framing::read(&mut stdout).expect("an answer");
    send(
        &mut child,
        &json!({"jsonrpc": "2.0", "method": "initialized", "params": {}}),
    );
    (child, stdout)
}

fn send(child: &mut Child, message: &Value) {
    let body = message.to_string();
    let stdin = child.stdin.as_mut().unwrap();
    stdin.write_all(&framing::frame(body.as_bytes())).unwrap();
}

#[track_caller]
fn assert_ends(mut child: Child) {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > SOON {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the server goes on");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn the_server_ends_with_the_process_of_its_client() {
    let mut editor = Command::new("sleep").arg("600").spawn().unwrap();
    let (mut child, _stdout) = bare_server(json!(editor.id()));
    std::thread::sleep(Duration::from_secs(3));
    assert!(child.try_wait().unwrap().is_none(), "it ends while its client lives");
    editor.kill().unwrap();
    editor.wait().unwrap();
    assert_ends(child);
}

#[test]
fn a_process_that_was_never_there_ends_no_server() {
    for process in [json!(u32::MAX - 1), json!(null), json!("abc")] {
        let (mut child, _stdout) = bare_server(process);
        std::thread::sleep(Duration::from_secs(5));
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn the_server_ends_when_nobody_reads_its_answers_any_more() {
    // Stdin stays open.
    let (child, stdout) = bare_server(json!(null));
    drop(stdout);
    assert_ends(child);

    // Or the answers are never read, and are more than a pipe holds, while what the client sends is not.
    for says_goodbye in [false, true] {
        let (mut child, _unread) = bare_server(json!(null));
        for id in 2..1500 {
            send(&mut child, &json!({"jsonrpc": "2.0", "id": id, "method": "x"}));
        }
        if says_goodbye {
            send(&mut child, &json!({"jsonrpc": "2.0", "method": "exit"}));
        } else {
            drop(child.stdin.take());
        }
        assert_ends(child);
    }
}

#[test]
fn nothing_is_told_after_shutdown() {
    let mut client = ready();
    client.open(URI, SUM);
    client.ask_inline(URI, &position(2, 14));
    client.shut_down();
    let ids = [
        client.ask_inline(URI, &position(2, 14)),
        client.ask_popup(URI, &position(2, 14)),
    ];
    for id in ids {
        assert!(client.response(id).get("error").is_some());
    }
    let after = client
        .inbox()
        .iter()
        .filter(|message| message["params"]["lastRequest"]["reason"] == "cancelled");
    assert_eq!(after.count(), 0);
}
