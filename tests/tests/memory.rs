//! Memory follows what is open and used: documents that are closed take none, and those that nobody looks at little more
//! than their text.
//!
//! `CODEGEMMA_MEMORY_DOCUMENTS` has it tried with another number of documents.

#![cfg(target_os = "linux")]

use codegemma_tests::{Client, Encoding, MODEL, position};
use serde_json::json;

const DOCUMENTS: usize = 1500;

fn documents() -> usize {
    std::env::var("CODEGEMMA_MEMORY_DOCUMENTS").map_or(DOCUMENTS, |number| number.parse().expect("a number"))
}

/// A text of its own for each number.
fn text(number: usize, bytes: usize) -> String {
    let function = |at: usize| format!("def work_{number}_{at}(first, second):\n    return first + {at} * second\n\n");
    let mut text: String = (0..bytes / 40).map(function).collect();
    text.truncate(bytes);
    text
}

fn uri(number: usize) -> String {
    format!("file:///memory/{number}.py")
}

/// Everything that was sent is done, and most of what follows from it in the background.
fn settle(client: &mut Client) {
    client.explain(&uri(0), &position(0, 0));
    std::thread::sleep(std::time::Duration::from_secs(2));
}

fn ready() -> (Client, u64) {
    let client = Client::ready_with(MODEL, Encoding::Utf16, json!({"idleShare": 1.0}));
    let start = client.memory();
    (client, start)
}

fn check(client: &Client, start: u64, most_mib: u64, what: &str) {
    let more = client.memory().saturating_sub(start) >> 20;
    eprintln!("{what}: {more} MiB over the start");
    assert!(more < most_mib, "{what}: {more} MiB over the start");
}

#[test]
fn documents_that_were_closed_take_none() {
    let (mut client, start) = ready();
    for number in 0..documents() {
        client.open(&uri(number), &text(number, 1024));
        // A user who looks at each for a moment has it read, too.
        if number % 100 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let closed = json!({"textDocument": {"uri": uri(number)}});
        client.notify("textDocument/didClose", closed);
    }
    settle(&mut client);
    check(&client, start, 100, "closed");
}

#[test]
fn documents_that_nobody_looks_at_take_little_more_than_their_text() {
    let (mut client, start) = ready();
    for number in 0..documents() {
        client.open(&uri(number), &text(number, 8 << 10));
    }
    settle(&mut client);
    let most = 100 + documents() as u64 * 300 / 2000;
    check(&client, start, most, "open");
    // Whichever is looked at is served as if it were the only one.
    for number in [0, documents() / 2] {
        client.inline(&uri(number), &position(2, 0));
        assert_ne!(client.last_request()["reason"], "unknown-document");
    }
}
