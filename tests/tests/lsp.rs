//! `codegemma-lsp` as an editor meets it: starting, ghost text, the popup, settings, leaving.

use codegemma_tests::{Client, Encoding, items, position};
use serde_json::{Value, json};

const URI: &str = "file:///project/sum.py";
const SUM: &str = "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n    return";

fn few_tokens() -> Value {
    json!({"maxTokens": 6, "deadlineMs": 60_000})
}

#[test]
fn initialize_is_answered_before_the_model_is_loaded() {
    let mut client = Client::start();
    let answer = client.initialize(Encoding::Utf8, json!(null));
    let capabilities = &answer["capabilities"];
    assert_eq!(capabilities["positionEncoding"], "utf-8");
    assert_eq!(capabilities["textDocumentSync"]["change"], 2);
    assert_eq!(capabilities["inlineCompletionProvider"], true);
    assert_eq!(capabilities["completionProvider"]["resolveProvider"], true);
    assert_eq!(
        capabilities["executeCommandProvider"]["commands"],
        json!(["codegemma.accepted"])
    );
    let status = client.notification("codegemma/status");
    assert_eq!(status["state"], "loading", "{status}");
    client.open(URI, SUM);
    let early = client.ask_inline(URI, &position(2, 10));
    assert_eq!(client.result(early), json!({"items": []}));
    assert_eq!(client.last_request()["reason"], "loading");
    client.wait_until_ready();
    let progress = |kind: &'static str| move |message: &Value| message["params"]["value"]["kind"] == kind;
    client.wait(|message| message["method"] == "window/workDoneProgress/create");
    client.wait(progress("begin"));
    client.wait(progress("end"));
}

#[test]
fn ghost_text_comes_while_typing() {
    for encoding in [Encoding::Utf8, Encoding::Utf16] {
        let mut client = Client::ready(encoding, few_tokens());
        // The emoji before the cursor is four bytes and two UTF-16 units.
        let line = "def add(a, b): return \"😀\", ";
        let start = "def add(a, b): return \"";
        client.open(URI, &format!("{start}\", "));
        let unit = match encoding {
            Encoding::Utf8 => str::len,
            Encoding::Utf16 => |text: &str| text.encode_utf16().count(),
        };
        client.insert(URI, 2, &position(0, unit(start)), "😀");
        let mut typed = line.to_owned();
        let mut version = 2;
        for key in ["a", " ", "+"] {
            version += 1;
            client.insert(URI, version, &position(0, unit(&typed)), key);
            typed.push_str(key);
        }
        let cursor = position(0, unit(&typed));
        let found = client.inline(URI, &cursor);
        assert_eq!(found.len(), 1, "{encoding:?}");
        let item = &found[0];
        assert!(item["insertText"].as_str().unwrap().starts_with(" b"), "{item}");
        assert_eq!(item["range"], json!({"start": cursor, "end": cursor}), "{encoding:?}");
        assert_eq!(item["filterText"], item["insertText"]);
        assert_eq!(item["command"]["command"], "codegemma.accepted");
        let last = client.last_request();
        assert_eq!((&last["source"], &last["reason"]), (&json!("model"), &Value::Null));
        assert!(last["generated_tokens"].as_u64().unwrap() > 0, "{last}");
        assert!(last["forwarded_tokens"].as_u64().unwrap() > 0, "{last}");
        let accepted = json!({"command": "codegemma.accepted", "arguments": []});
        assert_eq!(client.call("workspace/executeCommand", accepted), Value::Null);
    }
}

#[test]
fn a_paired_closer_is_replaced() {
    let mut client = Client::ready(Encoding::Utf8, few_tokens());
    client.open(
        URI,
        "def greet(name):\n    print(\"Hello, \" + name)\n\ngreet(\"World\")\ngreet(\"World\")\ngreet(\")\n",
    );
    let found = client.inline(URI, &position(5, 7));
    let item = found.first().expect("the model has seen the line twice");
    let text = item["insertText"].as_str().unwrap();
    assert!(text.starts_with("World\""), "{item}");
    let covered = item["range"]["end"]["character"].as_u64().unwrap() - 7;
    assert_eq!(
        covered == 1,
        text.contains(')'),
        "what the text closes is covered, and nothing else: {item}"
    );
}

#[test]
fn crlf_documents_get_crlf() {
    let settings = json!({"maxTokens": 24, "deadlineMs": 60_000, "multiline": "always"});
    let mut client = Client::ready(Encoding::Utf16, settings);
    client.open(URI, "def f(x):\r\n    \"\"\"Print x three times.\"\"\"");
    let found = client.inline(URI, &position(1, 30));
    let text = found[0]["insertText"].as_str().unwrap();
    assert!(
        text.contains("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']),
        "{text:?}"
    );
}

#[test]
fn the_popup_has_one_line_and_the_whole_text() {
    let mut client = Client::ready(Encoding::Utf16, few_tokens());
    client.open(URI, &format!("{SUM} a +"));
    // A popup does not wait for a slow machine; what was read by then is there for the next one.
    let answer = loop {
        let id = client.ask_popup(URI, &position(2, 14));
        let answer = client.result(id);
        assert_eq!(answer["isIncomplete"], true);
        if !items(&answer).is_empty() {
            break answer;
        }
    };
    let item = &answer["items"][0];
    let text = item["textEdit"]["newText"].as_str().unwrap();
    assert!(text.starts_with(" b"), "{item}");
    assert!(item["label"].as_str().unwrap().starts_with('b') && !item["label"].as_str().unwrap().contains('\n'));
    assert_eq!(item["filterText"], "");
    assert_eq!(item["textEdit"]["range"]["start"], position(2, 14));
    assert!(
        item["documentation"]["value"].as_str().unwrap().contains(text),
        "{item}"
    );
    assert_eq!(client.call("completionItem/resolve", item.clone()), *item);
}

#[test]
fn the_popup_and_ghost_text_of_one_keystroke_share_the_work() {
    let mut client = Client::ready(Encoding::Utf16, few_tokens());
    client.open(URI, SUM);
    let popup = client.ask_popup(URI, &position(2, 10));
    let inline = client.ask_inline(URI, &position(2, 10));
    assert_eq!(items(&client.result(inline)).len(), 1);
    client.result(popup);
    let second = client.ask_inline(URI, &position(2, 10));
    let popup = client.ask_popup(URI, &position(2, 10));
    assert_eq!(items(&client.result(second)).len(), 1);
    client.result(popup);
}

#[test]
fn settings_are_followed_and_wrong_ones_named() {
    let mut client = Client::initialized(Encoding::Utf16, json!({"codegemma": {"maxTokens": "many"}}));
    let warning = client.notification("window/showMessage");
    assert!(
        warning["message"]
            .as_str()
            .unwrap()
            .starts_with("codegemma.maxTokens: expected a number"),
        "{warning}"
    );
    client.wait_until_ready();
    client.open(URI, SUM);
    let settings = |languages: Value| json!({"settings": {"codegemma": {"maxTokens": 4, "languages": languages}}});
    client.notify(
        "workspace/didChangeConfiguration",
        settings(json!({"python": {"enabled": false}})),
    );
    assert_eq!(client.inline(URI, &position(2, 10)), Vec::<Value>::new());
    assert_eq!(client.last_request()["reason"], "disabled");
    client.notify(
        "workspace/didChangeConfiguration",
        settings(json!({"python": {"enabled": true}})),
    );
    assert_eq!(client.inline(URI, &position(2, 10)).len(), 1);
    assert!(client.last_request()["generated_tokens"].as_u64().unwrap() <= 4);
}

#[test]
fn a_word_is_not_completed_from_inside() {
    let mut client = Client::ready(Encoding::Utf16, few_tokens());
    client.open(URI, "import string\n");
    assert_eq!(client.inline(URI, &position(0, 10)), Vec::<Value>::new());
    assert_eq!(client.last_request()["reason"], "inside-word");
}

#[test]
fn a_model_that_cannot_be_loaded_is_explained_once() {
    let mut client = Client::start_with(&["--model", "no/such.gguf"]);
    client.initialize(Encoding::Utf16, json!(null));
    let message = client.notification("window/showMessage");
    assert_eq!(message["type"], 1);
    assert!(
        message["message"].as_str().unwrap().contains("no/such.gguf"),
        "{message}"
    );
    assert_eq!(client.status(|status| status["state"] == "error")["model"], Value::Null);
    client.open(URI, SUM);
    assert_eq!(client.inline(URI, &position(2, 10)), Vec::<Value>::new());
    assert_eq!(client.last_request()["reason"], "no-model");
    assert!(
        !client
            .inbox()
            .iter()
            .any(|message| message["method"] == "window/showMessage")
    );
}

#[test]
fn the_exit_code_tells_whether_the_client_left_in_good_order() {
    let mut client = Client::initialized(Encoding::Utf16, json!(null));
    client.shut_down();
    client.exit();
    assert_eq!(client.exit_code(), Some(0));

    let mut client = Client::initialized(Encoding::Utf16, json!(null));
    client.exit();
    assert_eq!(client.exit_code(), Some(1));

    let mut client = Client::ready(Encoding::Utf16, json!({"maxTokens": 4000, "deadlineMs": 600_000}));
    client.open(URI, &SUM.repeat(200));
    client.ask_inline(URI, &position(1, 0));
    client.close();
    assert_eq!(
        client.exit_code(),
        Some(1),
        "an editor that crashed leaves no server behind"
    );
}
