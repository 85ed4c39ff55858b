//! Gemma 3 270M, a model that is fetched: by its name, and where what a model writes must be foretold.

use codegemma_tests::{Client, Encoding, GEMMA, command, complete_with, position};
use serde_json::{Value, json};

const URI: &str = "file:///project/sum.py";
const SUM: &str = "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n    return";

#[test]
fn it_is_found_by_its_name() {
    let output = complete_with(&["-:3:11", "--max-tokens", "8"], Some(GEMMA), SUM.as_bytes());
    assert!(
        output.stderr.contains("not trained to fill in the middle"),
        "{output:?}"
    );
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    let text = output.success();
    assert!(text.starts_with(" a + b"), "{text:?}");

    let output = command("codegemma-complete")
        .args(["README.md:1:1", "--model", GEMMA])
        .env("CODEGEMMA_CACHE", "/no/such/folder")
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(
        message.contains("/no/such/folder") && message.contains("tests/fetch.py"),
        "where it was looked for, and how to get it: {message}"
    );
}

#[test]
fn the_server_says_what_it_was_not_trained_for() {
    let mut client = Client::start(GEMMA);
    client.initialize(Encoding::Utf16, json!(null));
    let status = client.status(|status| status["state"] == "ready");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("not trained to fill in the middle"), "{status}");
    assert!(!message.contains("starter"), "{status}");
}

#[test]
fn a_paired_closer_is_replaced() {
    let settings = json!({"maxTokens": 6, "deadlineMs": 60_000});
    let mut client = Client::ready_with(GEMMA, Encoding::Utf8, settings);
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
fn several_lines_end_as_the_documents_lines_do() {
    let settings = json!({"maxTokens": 24, "deadlineMs": 60_000, "multiline": "always"});
    let mut client = Client::ready_with(GEMMA, Encoding::Utf16, settings);
    for end in ["\r\n", "\n"] {
        let uri = format!("file:///project/{}.py", end.len());
        client.open(&uri, &format!("def f(x):{end}    \"\"\"Print x three times.\"\"\""));
        let found = client.inline(&uri, &position(1, 30));
        let text = found[0]["insertText"].as_str().unwrap();
        assert!(
            text.contains(end) && !text.replace(end, "").contains(['\r', '\n']),
            "{text:?}"
        );
    }
    assert_eq!(client.last_request()["reason"], Value::Null);
}
