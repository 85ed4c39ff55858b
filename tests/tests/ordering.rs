//! What comes first is seen first, what is cancelled stops, and the newest request wins: the faults that servers on
//! tower-lsp commonly have, each with a real client process.

use std::time::{Duration, Instant};

use codegemma_tests::{Client, Encoding, GEMMA, position};
use serde_json::json;

const URI: &str = "file:///project/sum.py";
const SUM: &str = "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n    return a +";

/// Long after the engine has looked at the flag, and long before a slow request would be done by itself.
const PROMPTLY: Duration = Duration::from_secs(10);

/// A document that takes a long time to read, with no two lines alike.
fn long_text() -> String {
    long_text_called("value")
}

fn long_text_called(name: &str) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for i in 0..600u32 {
        let mixed = i.wrapping_mul(2_654_435_761);
        writeln!(
            text,
            "{name}_{i} = compute_{mixed}(seed={}, name='{mixed:x}')",
            mixed % 977
        )
        .unwrap();
    }
    text
}

/// A server whose model takes seconds to read such a text: the starter would be done before it could be disturbed.
fn slow() -> Client {
    Client::ready_with(GEMMA, Encoding::Utf16, json!({"maxTokens": 64, "deadlineMs": 600_000}))
}

#[test]
fn changes_are_applied_in_order_and_the_answer_is_from_the_last_text() {
    let mut client = Client::ready(Encoding::Utf16, json!({"maxTokens": 6, "deadlineMs": 60_000}));
    // Two hundred changes: the document typed and erased again, with requests in between that nobody waits for.
    client.open(URI, "");
    let typed: Vec<char> = SUM.chars().collect();
    let mut version = 1;
    let (mut line, mut column) = (0, 0);
    for (i, key) in typed.iter().enumerate() {
        version += 1;
        client.insert(URI, version, &position(line, column), &key.to_string());
        if *key == '\n' {
            (line, column) = (line + 1, 0);
        } else {
            column += 1;
        }
        if i % 10 == 0 {
            client.ask_inline(URI, &position(line, column));
        }
    }
    while version < 201 {
        version += 1;
        let text = if version % 2 == 0 { "x" } else { "" };
        let end = position(line, column + (version % 2) as usize);
        let range = json!({"start": position(line, column), "end": end});
        client.change(URI, version, json!([{"range": range, "text": text}]));
    }
    let found = client.inline(URI, &position(line, column));
    let item = found.first().expect("the last text is complete");
    assert_eq!(item["range"]["start"], position(2, 14));
    client.open("file:///project/whole.py", SUM);
    let whole = client.inline("file:///project/whole.py", &position(2, 14));
    assert_eq!(item["insertText"], whole[0]["insertText"]);
}

#[test]
fn a_cancelled_request_is_answered_at_once_and_the_engine_is_free() {
    let mut client = slow();
    let text = long_text();
    client.open(URI, &text);
    client.open("file:///project/short.py", SUM);
    let slow = client.ask_inline(URI, &position(text.lines().count(), 0));
    client.status(|status| status["state"] == "busy");
    let begin = Instant::now();
    client.cancel(slow);
    let response = client.response(slow);
    assert_eq!(response["error"]["code"], -32800, "{response}");
    assert!(begin.elapsed() < PROMPTLY, "{:?}", begin.elapsed());
    client.status(|status| status["state"] == "ready");
    let id = client.ask_inline("file:///project/short.py", &position(2, 14));
    let answer = client.result(id);
    assert_eq!(answer["items"].as_array().unwrap().len(), 1, "{answer}");
    assert!(client.last_request()["queue_ms"].as_u64().unwrap() < PROMPTLY.as_millis() as u64);
}

#[test]
fn a_cancelled_request_stops_the_engine() {
    const PAUSE: Duration = Duration::from_secs(2);
    let mut client = Client::ready_with(GEMMA, Encoding::Utf16, json!(null));
    let deadline = |client: &mut Client, time: Duration| {
        let section = json!({"deadlineMs": time.as_millis() as u64, "firstTokenMs": 60_000, "idleShare": 0});
        client.notify(
            "workspace/didChangeConfiguration",
            json!({"settings": {"codegemma": section}}),
        );
    };
    // How much this machine reads in that time now, in this build.
    let text = long_text_called("first");
    let end = position(text.lines().count(), 0);
    client.open(URI, &text);
    deadline(&mut client, PAUSE);
    client.inline(URI, &end);
    client.status(|status| status["state"] == "busy");
    let possible = client.last_request()["forwarded_tokens"].as_u64().unwrap();
    // What a cancelled run has read after as long, which the next run finds in the cache.
    let other = "file:///project/other.py";
    client.open(other, &long_text_called("second"));
    deadline(&mut client, Duration::from_secs(600));
    let slow = client.ask_inline(other, &end);
    client.status(|status| status["state"] == "busy");
    client.cancel(slow);
    assert_eq!(client.response(slow)["error"]["code"], -32800);
    std::thread::sleep(PAUSE);
    deadline(&mut client, PAUSE);
    client.inline(other, &end);
    let read = client.last_request()["reused_tokens"].as_u64().unwrap();
    assert!(
        read * 2 < possible,
        "{read} tokens were read, and {possible} could have been"
    );
}

#[test]
fn the_newest_request_wins_and_older_ones_are_answered_with_nothing() {
    let mut client = slow();
    let text = long_text();
    client.open(URI, &text);
    let short = "file:///project/short.py";
    client.open(short, SUM);
    // Requests wait until it is known whether the model may see their documents.
    for uri in [URI, short] {
        client.explain(uri, &position(0, 0));
    }
    let older: Vec<i64> = (0..5)
        .map(|i| client.ask_inline(URI, &position(text.lines().count() - 1 - i, 1000)))
        .collect();
    let newest = client.ask_inline(short, &position(2, 14));
    for id in older {
        assert_eq!(client.result(id), json!({"items": []}));
        assert_eq!(client.last_request()["reason"], "superseded");
    }
    assert_eq!(client.result(newest)["items"].as_array().unwrap().len(), 1);
}

#[test]
fn an_edit_stops_what_runs_for_the_old_text() {
    let mut client = slow();
    let text = long_text();
    client.open(URI, &text);
    let slow = client.ask_inline(URI, &position(text.lines().count(), 0));
    client.status(|status| status["state"] == "busy");
    client.insert(URI, 2, &position(0, 0), "#");
    let begin = Instant::now();
    assert_eq!(client.result(slow), json!({"items": []}));
    assert!(begin.elapsed() < PROMPTLY, "{:?}", begin.elapsed());
    assert_eq!(client.last_request()["reason"], "outdated");
}

#[test]
fn many_pending_requests_do_not_hold_up_edits_and_cancellations() {
    let mut client = slow();
    let text = long_text();
    client.open(URI, &text);
    // All for the same place, so that they wait for one run and none is superseded.
    let end = position(text.lines().count(), 0);
    let slow: Vec<i64> = (0..20).map(|_| client.ask_inline(URI, &end)).collect();
    client.status(|status| status["state"] == "busy");
    let begin = Instant::now();
    client.cancel(slow[19]);
    assert_eq!(client.response(slow[19])["error"]["code"], -32800);
    client.insert(URI, 2, &position(0, 0), "#");
    for &id in &slow[..19] {
        assert_eq!(client.result(id), json!({"items": []}));
    }
    assert!(begin.elapsed() < PROMPTLY, "{:?}", begin.elapsed());
}
