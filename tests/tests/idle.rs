//! What the engine does while nobody waits for it, told by what the request that follows has left to do: counted tokens,
//! not time.

use std::time::Duration;

use codegemma_tests::{Client, Encoding, MODEL, position};
use serde_json::{Value, json};

/// How often something is tried that a busy machine may need longer for.
const ATTEMPTS: u64 = 30;

fn ready(settings: Value) -> Client {
    Client::ready_with(MODEL, Encoding::Utf16, settings)
}

fn count(request: &Value, name: &str) -> u64 {
    request[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {request}"))
}

/// Gives the engine time, more at each attempt.
fn wait(attempt: u64) {
    std::thread::sleep(Duration::from_millis(50 * attempt));
}

/// Lines that go on as they begin, unlike those of any other name.
fn lines(name: &str, count: usize) -> String {
    (1..=count)
        .map(|number| format!("{name}_{number} = compute({name}_{number})\n"))
        .collect()
}

#[test]
fn what_the_deadline_cut_off_is_there_for_the_next_request() {
    let mut client = ready(json!({"maxTokens": 12, "deadlineMs": 1, "idleShare": 0}));
    let uri = "file:///project/deadline.py";
    client.open(uri, &format!("{}value_21 = ", lines("value", 20)));
    let end = position(20, 11);
    let mut found = Vec::new();
    // In a millisecond no more than a token is written, so that only a run that goes on comes to its end.
    for attempt in 1..ATTEMPTS {
        found = client.inline(uri, &end);
        let request = client.last_request();
        match request["source"].as_str() {
            Some("typed-along") => break,
            _ if attempt + 1 == ATTEMPTS => panic!("the run came to no end: {request}"),
            _ => wait(attempt),
        }
    }
    let text = found[0]["insertText"].as_str().unwrap();
    // And for whoever types on.
    let (typed, rest) = text.split_at(text.find('(').expect("the pattern goes on"));
    client.insert(uri, 2, &end, typed);
    let found = client.inline(uri, &position(20, 11 + typed.len()));
    assert_eq!(client.last_request()["source"], "typed-along");
    assert_eq!(found[0]["insertText"], rest);
}

#[test]
fn a_document_is_read_when_it_is_opened() {
    for share in [1.0, 0.0] {
        let mut client = ready(json!({"maxTokens": 4, "deadlineMs": 600_000, "idleShare": share}));
        let mut read = false;
        for attempt in 1..ATTEMPTS {
            // Each has another text, so that none begins like one that was read for an earlier attempt.
            let name = format!("v{attempt}");
            let uri = format!("file:///project/{name}.py");
            client.open(&uri, &format!("{}{name}_41 = ", lines(&name, 40)));
            wait(attempt.min(10));
            client.inline(&uri, &position(40, name.len() + 6));
            let request = client.last_request();
            let (prompt, forwarded) = (count(&request, "prompt_tokens"), count(&request, "forwarded_tokens"));
            assert!(prompt > 200, "{request}");
            // The cursor's own statements are left, and they are less than half.
            read = forwarded * 2 < prompt;
            if read || (share == 0.0 && attempt == 5) {
                break;
            }
        }
        assert_eq!(read, share > 0.0, "with a share of {share}");
    }
}

/// Types lines until the anchor moves; gives that request.
fn type_until_the_anchor_moves(share: f64) -> Value {
    let mut client = ready(json!({"maxTokens": 4, "deadlineMs": 600_000, "idleShare": share}));
    let uri = "file:///project/long.py";
    client.open(uri, &format!("\n{}", lines("below", 12)));
    for line in 0..200 {
        let text = format!("above_{line} = {line}\n");
        client.insert(uri, 2 + line, &position(line as usize, 0), &text);
        client.inline(uri, &position(line as usize + 1, 0));
        let request = client.last_request();
        if line > 0 && request["source"] == "model" && request["anchor"] != "kept" {
            return request;
        }
        if share > 0.0 {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    panic!("the anchor never moved");
}

#[test]
fn an_anchor_that_is_far_away_moves_in_idle_time() {
    let request = type_until_the_anchor_moves(1.0);
    assert!(request["anchor"].as_str().unwrap().contains("idle"), "{request}");
    assert!(count(&request, "forwarded_tokens") < 32, "{request}");
    let request = type_until_the_anchor_moves(0.0);
    assert!(request["anchor"].as_str().unwrap().contains("too long"), "{request}");
    assert!(count(&request, "forwarded_tokens") > 100, "{request}");
}
