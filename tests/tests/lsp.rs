//! `codegemma-lsp` as an editor meets it: starting, ghost text, the popup, settings, leaving.

use codegemma_tests::{Client, Encoding, GEMMA, MODEL, items, position, repository};
use serde_json::{Value, json};

const URI: &str = "file:///project/sum.py";
const SUM: &str = "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n    return a +";

fn few_tokens() -> Value {
    json!({"maxTokens": 6, "deadlineMs": 60_000})
}

#[test]
fn initialize_is_answered_before_the_model_is_loaded() {
    // One that takes a while to load.
    let mut client = Client::start(GEMMA);
    let answer = client.initialize(Encoding::Utf8, json!(null));
    let capabilities = &answer["capabilities"];
    assert_eq!(capabilities["positionEncoding"], "utf-8");
    assert_eq!(capabilities["textDocumentSync"]["change"], 2);
    assert_eq!(capabilities["inlineCompletionProvider"], true);
    assert_eq!(capabilities["completionProvider"]["resolveProvider"], false);
    assert_eq!(
        capabilities["executeCommandProvider"]["commands"],
        json!([
            "codegemma.accepted",
            "codegemma.partiallyAccepted",
            "codegemma.dismissed",
            "codegemma.restart",
            "codegemma.explain"
        ])
    );
    let status = client.notification("codegemma/status");
    assert_eq!(status["state"], "loading", "{status}");
    client.open(URI, SUM);
    let early = client.ask_inline(URI, &position(2, 14));
    assert_eq!(client.result(early), json!({"items": []}));
    assert_eq!(client.last_request()["reason"], "loading");
    client.wait_until_ready();
    let progress = |kind: &'static str| move |message: &Value| message["params"]["value"]["kind"] == kind;
    client.wait(|message| message["method"] == "window/workDoneProgress/create");
    client.wait(progress("begin"));
    client.wait(progress("end"));
}

#[test]
fn the_page_for_other_clients_shows_what_initialize_answers() {
    let page = std::fs::read_to_string(repository().join("editors/README.md")).unwrap();
    let section = page.split("### What the server offers").nth(1).unwrap();
    let shown = section.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let shown: Value = serde_json::from_str(shown).unwrap();
    let answer = Client::start(MODEL).initialize(Encoding::Utf8, json!(null));
    assert_eq!(answer["capabilities"], shown);
    assert_eq!(answer["serverInfo"]["name"], "codegemma-lsp");
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
        assert!(!item["insertText"].as_str().unwrap().is_empty(), "{item}");
        assert_eq!(item["range"], json!({"start": cursor, "end": cursor}), "{encoding:?}");
        assert_eq!(item["filterText"], item["insertText"]);
        assert_eq!(item["command"]["command"], "codegemma.accepted");
        let last = client.last_request();
        assert_eq!((&last["source"], &last["reason"]), (&json!("model"), &Value::Null));
        assert!(last["generated_tokens"].as_u64().unwrap() > 0, "{last}");
        assert!(last["forwarded_tokens"].as_u64().unwrap() > 0, "{last}");
        assert_eq!(item["command"]["arguments"], json!([{"uri": URI}]));
        for command in ["accepted", "partiallyAccepted", "dismissed"] {
            let arguments = &item["command"]["arguments"];
            let command = json!({"command": format!("codegemma.{command}"), "arguments": arguments});
            assert_eq!(client.call("workspace/executeCommand", command), Value::Null);
        }
    }
}

#[test]
fn the_popup_has_one_line_and_the_whole_text() {
    let mut client = Client::ready(Encoding::Utf16, few_tokens());
    client.open(URI, SUM);
    // A popup does not wait for a slow machine; what was read by then is there for the next one.
    let answer = (0..100).find_map(|_| {
        let id = client.ask_popup(URI, &position(2, 14));
        let answer = client.result(id);
        assert_eq!(answer["isIncomplete"], true);
        (!items(&answer).is_empty()).then_some(answer)
    });
    let item = &answer.expect("a popup with an item")["items"][0];
    let text = item["textEdit"]["newText"].as_str().unwrap();
    let label = item["label"].as_str().unwrap();
    assert!(!label.is_empty() && !label.contains('\n'), "{item}");
    assert!(text.trim_start().starts_with(label.trim_end_matches('…')), "{item}");
    assert_eq!(item["filterText"], "");
    assert_eq!(item["textEdit"]["range"]["start"], position(2, 14));
    assert!(
        item["documentation"]["value"].as_str().unwrap().contains(text),
        "{item}"
    );
    assert_eq!(client.call("completionItem/resolve", item.clone()), *item);
}

/// What a popup says that was asked for at `self.he` when `key` is typed before it is there.
fn popup_and_then(key: &str) -> (Vec<Value>, Value) {
    const RECTANGLE: &str = include_str!("../../examples/rectangle.py");
    let mut client = Client::ready(Encoding::Utf16, few_tokens());
    let cursor = position(14, 40);
    client.open(URI, RECTANGLE.trim_end());
    // Nobody types before it is known whether the model may see the document, which this waits for.
    client.explain(URI, &cursor);
    let place = json!({"textDocument": {"uri": URI}, "position": cursor, "context": {"triggerKind": 1}});
    let id = client.request("textDocument/completion", place);
    client.insert(URI, 2, &cursor, key);
    (items(&client.result(id)), client.last_request()["reason"].clone())
}

#[test]
fn a_popup_is_good_for_what_was_typed_before_it_came() {
    // A machine that is too slow for any popup gets a few tries.
    let (found, _) = (0..20)
        .map(|_| popup_and_then("i"))
        .find(|(found, _)| !found.is_empty())
        .expect("a popup with an item");
    let item = &found[0];
    let text = item["textEdit"]["newText"].as_str().unwrap();
    assert!(text.starts_with("height"), "{item}");
    assert_eq!(item["filterText"], "hei");
    let range = json!({"start": position(14, 38), "end": position(14, 40)});
    assert_eq!(item["textEdit"]["range"], range);
    let (found, reason) = popup_and_then("x");
    assert_eq!((found.len(), reason), (0, json!("outdated")));
}

#[test]
fn the_popup_and_ghost_text_of_one_keystroke_share_the_work() {
    let mut client = Client::ready(Encoding::Utf16, few_tokens());
    client.open(URI, SUM);
    let popup = client.ask_popup(URI, &position(2, 14));
    let inline = client.ask_inline(URI, &position(2, 14));
    assert_eq!(items(&client.result(inline)).len(), 1);
    client.result(popup);
    let second = client.ask_inline(URI, &position(2, 14));
    let popup = client.ask_popup(URI, &position(2, 14));
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
    assert_eq!(client.inline(URI, &position(2, 14)), Vec::<Value>::new());
    assert_eq!(client.last_request()["reason"], "disabled");
    client.notify(
        "workspace/didChangeConfiguration",
        settings(json!({"python": {"enabled": true}})),
    );
    assert_eq!(client.inline(URI, &position(2, 14)).len(), 1);
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
    assert_eq!(client.inline(URI, &position(2, 14)), Vec::<Value>::new());
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

    let endless = json!({"maxTokens": 4000, "deadlineMs": 600_000});
    let mut client = Client::ready_with(GEMMA, Encoding::Utf16, endless);
    client.open(URI, &SUM.repeat(200));
    client.ask_inline(URI, &position(1, 0));
    client.close();
    assert_eq!(
        client.exit_code(),
        Some(1),
        "an editor that crashed leaves no server behind"
    );
}
