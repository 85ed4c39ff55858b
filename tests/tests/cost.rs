//! What a change and a request cost outside the model, on a file of 5,000 lines with twenty files open. They are upper
//! bounds: from before a message is written until its answer is read.
//!
//! `cargo test --release -p codegemma-tests --test cost -- --ignored --nocapture` on a machine that does nothing else.

use std::time::{Duration, Instant};

use codegemma_tests::{Client, Encoding, MODEL, position};
use serde_json::{Value, json};

const TIMES: usize = 1000;
const LINES: usize = 5000;
const URI: &str = "file:///cost/long.py";

fn text() -> String {
    let line = |i: usize| match i % 5 {
        0 => format!("def work_{i}(first, second):\n"),
        4 => "\n".to_owned(),
        _ => format!("    value_{i} = first + {i} * second\n"),
    };
    (0..LINES).map(line).collect()
}

/// The client types words of forty characters, each at the start of another statement in the middle of the file. Gives
/// where the word starts and where it ends so far.
fn type_character(client: &mut Client, typed: usize) -> [Value; 2] {
    let (line, column) = (LINES / 4 + 1 + typed / 40 * 5, typed % 40);
    client.insert(URI, 2 + typed as i64, &position(line, column), "x");
    [position(line, 0), position(line, column + 1)]
}

/// Prints the median and the 99th percentile, and gives both.
fn report(what: &str, mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    eprintln!("{what}: median {:.2?}, 99th percentile {:.2?}", at(50), at(99));
    [at(50), at(99)]
}

#[test]
#[ignore = "it measures, so it wants a machine of its own and a release build"]
fn what_it_costs_outside_the_model() {
    let mut client = Client::ready_with(MODEL, Encoding::Utf16, json!({"maxTokens": 4}));
    client.open(URI, &text());
    for i in 0..19 {
        client.open(&format!("file:///cost/other_{i}.py"), &text());
    }
    let change = |client: &mut Client, typed| {
        let begin = Instant::now();
        type_character(client, typed);
        let fence = client.request("no/such", json!({}));
        client.response(fence);
        begin.elapsed()
    };
    // The trees of what was opened are made meanwhile.
    for typed in 0..TIMES / 10 {
        change(&mut client, typed);
    }
    let changes = (0..TIMES).map(|i| change(&mut client, TIMES / 10 + i)).collect();
    let [_, change] = report("a change", changes);

    // Each after a change, so that the tree has to be brought up to date; the cursor is before the word.
    let first = TIMES / 10 + TIMES;
    let mut refused = Vec::new();
    let mut answered = Vec::new();
    for typed in first..first + TIMES {
        let [start, end] = type_character(&mut client, typed);
        let begin = Instant::now();
        client.inline(URI, &start);
        refused.push(begin.elapsed());
        assert_eq!(client.last_request()["reason"], "inside-word");
        // The server counts the model's time in whole milliseconds.
        let begin = Instant::now();
        client.inline(URI, &end);
        let time = begin.elapsed();
        let last = client.last_request();
        let model: u64 = ["queue_ms", "prefill_ms", "decode_ms"]
            .iter()
            .filter_map(|name| last[name].as_u64())
            .sum();
        answered.push(time.saturating_sub(Duration::from_millis(model)));
    }
    let [median, slowest] = report("a request that is refused inside a word", refused);
    report(
        "a request to the model, less its time, and up to 3 ms of rounding",
        answered,
    );
    assert!(change < Duration::from_millis(5), "a change takes {change:?}");
    assert!(median < Duration::from_millis(3), "a request takes {median:?}");
    assert!(slowest < Duration::from_millis(10), "a request takes {slowest:?}");
}
