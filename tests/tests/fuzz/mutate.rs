//! Messages with something wrong in them.

use codegemma_tests::{Random, position};
use serde_json::{Value, json};

/// The documents that mutated messages are about.
pub(crate) const BAD_URIS: [&str; 4] = [
    "file:///bad/one.py",
    "file:///bad/t%00wo.rs",
    "untitled:bad",
    "file:///bad/three.json",
];

/// One of the messages that the server knows, or of those that it does not, with up to three things replaced or removed.
pub(crate) fn message(random: &mut Random) -> (&'static str, Value) {
    let (method, mut params) = template(random);
    for _ in 0..random.below(4) {
        mutate(&mut params, random);
    }
    (method, params)
}

fn template(random: &mut Random) -> (&'static str, Value) {
    let uri = *random.pick(&BAD_URIS);
    let document = json!({"uri": uri});
    let at = position(random.below(3), random.below(9));
    let end = position(random.below(3), random.below(9));
    let text = "def f(x):\n    return x\n";
    let item = json!({"textDocument": {"uri": uri, "languageId": "python", "version": random.below(9), "text": text}});
    let change = json!({"range": {"start": at, "end": end}, "text": "y"});
    let versioned = json!({"uri": uri, "version": random.below(9)});
    let settings =
        json!({"maxTokens": 2, "deadlineMs": 9, "multiline": "auto", "languages": {"python": {"enabled": true}}});
    let place = json!({"textDocument": document, "position": at, "context": {"triggerKind": 1}});
    match random.below(24) {
        0 => (
            "initialize",
            json!({"processId": 1, "rootUri": uri, "capabilities": {"general": {"positionEncodings": ["utf-8"]}}}),
        ),
        1 => ("initialized", json!({})),
        2..5 => ("textDocument/didOpen", item),
        5..8 => (
            "textDocument/didChange",
            json!({"textDocument": versioned, "contentChanges": [change]}),
        ),
        8 => ("textDocument/didClose", json!({"textDocument": document})),
        9 => ("textDocument/didSave", json!({"textDocument": document, "text": text})),
        10 => ("textDocument/willSave", json!({"textDocument": document, "reason": 1})),
        11 => ("textDocument/completion", place),
        12..14 => ("textDocument/inlineCompletion", place),
        14 => (
            "completionItem/resolve",
            json!({"label": "x", "kind": 1, "textEdit": {"range": {"start": at, "end": end}, "newText": "x"}}),
        ),
        15 => ("textDocument/hover", place),
        16 => (
            "workspace/executeCommand",
            json!({"command": "codegemma.accepted", "arguments": [1]}),
        ),
        17 => (
            "workspace/didChangeConfiguration",
            json!({"settings": {"codegemma": settings}}),
        ),
        18 => (
            "workspace/didChangeWatchedFiles",
            json!({"changes": [{"uri": uri, "type": 1}]}),
        ),
        19 => (
            "workspace/didChangeWorkspaceFolders",
            json!({"event": {"added": [{"uri": uri, "name": "x"}], "removed": []}}),
        ),
        20 => ("$/cancelRequest", json!({"id": random.below(2_000_000)})),
        21 => (
            *random.pick(&["$/setTrace", "$/progress", "$/unknown"]),
            json!({"value": "verbose", "token": 1}),
        ),
        22 => ("window/workDoneProgress/cancel", json!({"token": "codegemma/loading"})),
        _ => (
            *random.pick(&["codegemma/malformed", "codegemma/status", "no/such"]),
            json!({"code": 1, "message": "x"}),
        ),
    }
}

/// Replaces or removes something in a value.
fn mutate(value: &mut Value, random: &mut Random) {
    let inner = match value {
        Value::Object(fields) if !fields.is_empty() => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = random.pick(&names);
            if random.once_in(6) {
                fields.remove(name);
                return;
            }
            &mut fields[name]
        }
        Value::Array(elements) if !elements.is_empty() => {
            let at = random.below(elements.len());
            &mut elements[at]
        }
        _ => {
            *value = junk(random);
            return;
        }
    };
    match random.once_in(4) {
        true => *inner = junk(random),
        false => mutate(inner, random),
    }
}

fn junk(random: &mut Random) -> Value {
    let deep = (0..100).fold(json!(0), |inner, _| json!([inner]));
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(7),
        json!(i32::MAX),
        json!(u32::MAX),
        json!(u32::MAX as u64 + 1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1.5),
        json!(-1e300),
        json!(""),
        json!("x"),
        json!("\u{0}"),
        json!("\u{202e}abc\u{2066}"),
        json!("a\r\n\rb\n\u{feff}\u{2028}😀"),
        json!("%"),
        json!("(".repeat(10_000)),
        json!([]),
        json!({}),
        json!(["x"]),
        json!({"line": -1, "character": 1e9}),
        deep,
    ];
    random.pick(&values).clone()
}

/// The parameters of a change that cannot be understood.
pub(crate) fn meaningless_change(uri: &str, random: &mut Random) -> Value {
    let document = json!({"uri": uri, "version": 5});
    let range = json!({"start": position(0, 0), "end": position(0, 1)});
    let misplaced = |line: Value, column: Value| json!([{"range": {"start": {"line": line, "character": column}, "end": position(0, 0)}, "text": "bad"}]);
    let changes = match random.below(11) {
        0 => misplaced(json!([0]), json!(0)),
        1 => misplaced(json!(0), json!("1")),
        2 => misplaced(json!(0), json!(true)),
        3 => misplaced(json!("0"), json!(0)),
        4 => misplaced(json!(null), json!(0)),
        5 => json!([{"range": {"start": position(0, 0)}, "text": "bad"}]),
        6 => json!([{"range": range}]),
        7 => json!([{"range": range, "text": null}]),
        8 => json!([{"range": range, "text": ["bad"]}]),
        9 => json!({"range": range, "text": "bad"}),
        _ => json!(null),
    };
    json!({"textDocument": document, "contentChanges": changes})
}

/// The body of a message that is no request, and the id that it is answered with, if it is to be answered.
pub(crate) fn malformed(id: &Value, random: &mut Random) -> (String, Option<Value>) {
    let good = json!({"jsonrpc": "2.0", "id": id, "method": "no/such"}).to_string();
    let with = |replaced: &str, by: &str| good.replacen(replaced, by, 1);
    let nobody = Some(Value::Null);
    let (own, id) = (Some(id.clone()), id.to_string());
    match random.below(20) {
        0 => (with("}", ""), nobody),
        1 => (String::new(), nobody),
        2 => (format!("[{good},{good}]"), nobody),
        3 => ("[".repeat(100_000), nobody),
        4 => (
            with(
                "\"no/such\"",
                &format!("\"x\",\"params\":{}{}", "[".repeat(500), "]".repeat(500)),
            ),
            nobody,
        ),
        5 => (with("\"no/such\"", "\"x\",\"params\":\"\u{0}\""), nobody),
        6 => (format!("{good}{good}"), nobody),
        7 => (with(&id, "{}"), nobody),
        8 => (with(&id, "1.5"), nobody),
        9 => (with(&id, "18446744073709551615"), nobody),
        10 => (with("\"2.0\"", "\"1.0\""), own),
        11 => (with("\"2.0\"", "2"), own),
        12 => (with("\"no/such\"", "5"), own),
        13 => (with("\"id\"", "\"id\":1,\"id\""), own),
        14 => (with("\"no/such\"", "\"x\",\"params\":[\"\\ud800\"]"), own),
        15 => (with(",\"method\":\"no/such\"", ""), own),
        16 => (json!({"jsonrpc": "2.0", "id": 9, "result": null}).to_string(), None),
        17 => (
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": 1, "message": "no"}}).to_string(),
            None,
        ),
        18 => (
            json!({"jsonrpc": "2.0", "id": 0, "error": {"code": "x"}}).to_string(),
            nobody,
        ),
        _ => (json!({"jsonrpc": "2.0"}).to_string(), nobody),
    }
}
