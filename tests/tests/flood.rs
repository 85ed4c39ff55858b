//! A flood: a thousand changes and two hundred requests a second on three documents, with cancellations. Every request is
//! answered exactly once, the server ends with the text that the client has, and its memory stays flat.
//!
//! `CODEGEMMA_FLOOD_SECONDS=60` runs for longer. On a machine that is too slow the flood takes longer, and is no smaller.

use std::fmt::Write;
use std::time::{Duration, Instant};

use codegemma_tests::{Client, Encoding, Ledger, MODEL, Random, check_text, position};
use serde_json::{Value, json};

const SECONDS: u32 = 5;

/// What is sent at once, a hundred times a second.
const TICK: Duration = Duration::from_millis(10);
const CHANGES: u32 = 10;
const REQUESTS: u32 = 2;

/// More than the model's cache, which may be empty after a third of the flood, and the syntax trees vary by.
const MEMORY_SLACK: u64 = 64 << 20;

/// A document that is edited at random, kept in lines of ASCII.
struct Document {
    uri: &'static str,
    lines: Vec<String>,
    version: i64,
    /// Where the last edit ended.
    cursor: (usize, usize),
}

impl Document {
    fn new(uri: &'static str, lines: u32) -> Self {
        let line = |i: u32| match i % 5 {
            0 => format!("def work_{i}(first, second):"),
            4 => String::new(),
            _ => format!("    value_{i} = first + {i} * second"),
        };
        Self {
            uri,
            lines: (0..lines).map(line).collect(),
            version: 1,
            cursor: (0, 0),
        }
    }

    fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// One edit as the protocol tells it: something typed or pasted where the last edit ended, or somewhere else, or
    /// something erased.
    fn edit(&mut self, random: &mut Random) -> Value {
        if random.once_in(4) {
            let line = random.below(self.lines.len());
            self.cursor = (line, random.below(self.lines[line].len() + 1));
        }
        let (line, column) = self.cursor;
        self.version += 1;
        let (end, text) = match random.below(12) {
            0 => ((line, column), "\n"),
            1 if line + 1 < self.lines.len() => ((line + 1, 0), ""),
            2..5 => ((line, (column + 1).min(self.lines[line].len())), ""),
            _ => (
                (line, column),
                *random.pick(&["a", "b_", " ", "(", ")", "7", "x = ", "\"", "# "]),
            ),
        };
        let rest = self.lines[end.0].split_off(end.1);
        self.lines.drain(line + 1..=end.0);
        self.lines[line].truncate(column);
        self.cursor = match text {
            "\n" => {
                self.lines.insert(line + 1, rest);
                (line + 1, 0)
            }
            _ => {
                write!(self.lines[line], "{text}{rest}").expect("strings take everything");
                (line, column + text.len())
            }
        };
        json!([{"range": {"start": position(line, column), "end": position(end.0, end.1)}, "text": text}])
    }
}

struct Flood {
    client: Client,
    ledger: Ledger,
    /// The newest id of a request.
    newest: i64,
}

impl Flood {
    /// Takes what came in so far, without waiting.
    fn take_in(&mut self) {
        while !self.client.inbox().is_empty() {
            let message = self.client.take();
            self.ledger.settle(&message);
        }
    }

    fn request(&mut self, document: &Document, random: &mut Random) {
        let at = position(document.cursor.0, document.cursor.1);
        self.newest = match random.once_in(2) {
            true => self.client.ask_popup(document.uri, &at),
            false => self.client.ask_inline(document.uri, &at),
        };
        self.ledger.owe(&json!(self.newest));
        if random.once_in(3) {
            self.client.cancel(self.newest - random.below(4) as i64);
        }
    }
}

#[test]
fn a_flood_is_answered_in_full_and_leaves_the_right_text() {
    let seconds = std::env::var("CODEGEMMA_FLOOD_SECONDS").map_or(SECONDS, |number| number.parse().expect("a number"));
    let mut client = Client::start_with(&["--model", MODEL, "--cache-mib", "16"]);
    client.initialize(Encoding::Utf16, json!({"maxTokens": 16}));
    client.wait_until_ready();
    let mut random = Random::new(7);
    let mut documents = [
        Document::new("file:///flood/long.py", 5000),
        Document::new("file:///flood/short.py", 200),
        Document::new("file:///flood/empty.py", 1),
    ];
    for document in &documents {
        client.open(document.uri, &document.text());
    }
    let mut flood = Flood {
        client,
        ledger: Ledger::default(),
        newest: 0,
    };
    let ticks = seconds * 100;
    let begin = Instant::now();
    #[cfg(target_os = "linux")]
    let mut warm = 0;
    for tick in 0..ticks {
        for _ in 0..CHANGES {
            // Most of what is typed is typed in one document at a time.
            let at = if random.once_in(3) {
                random.below(3)
            } else {
                tick as usize / 50 % 3
            };
            let document = &mut documents[at];
            let change = document.edit(&mut random);
            flood.client.change(document.uri, document.version, change);
        }
        for _ in 0..REQUESTS {
            let document = &documents[tick as usize / 50 % 3];
            flood.request(document, &mut random);
        }
        flood.take_in();
        #[cfg(target_os = "linux")]
        if tick == ticks / 3 {
            warm = flood.client.memory();
        }
        std::thread::sleep((begin + TICK * (tick + 1)).saturating_duration_since(Instant::now()));
    }
    let sent = begin.elapsed();
    while !flood.ledger.is_settled() {
        let message = flood.client.take();
        flood.ledger.settle(&message);
    }
    let answered = begin.elapsed();
    #[cfg(target_os = "linux")]
    {
        let now = flood.client.memory();
        assert!(now <= warm + MEMORY_SLACK, "the server grew from {warm} to {now} bytes");
        eprintln!(
            "memory after a third of it {} MiB, at the end {} MiB",
            warm >> 20,
            now >> 20
        );
    }
    eprintln!(
        "{} changes and {} requests were sent in {sent:.1?} and answered after {answered:.1?}",
        ticks * CHANGES,
        ticks * REQUESTS
    );
    // A wrong setting is told after all that was told before.
    let settings = json!({"settings": {"codegemma": {"maxTokens": "fence"}}});
    flood.client.notify("workspace/didChangeConfiguration", settings);
    loop {
        let message = flood.client.take();
        flood.ledger.settle(&message);
        if message["method"] == "window/showMessage" {
            break;
        }
    }
    for document in &documents {
        check_text(&mut flood.client, document.uri, &document.text(), &mut random, 300);
    }
    flood.client.shut_down();
    flood.client.exit();
    assert_eq!(flood.client.exit_code(), Some(0));
}
