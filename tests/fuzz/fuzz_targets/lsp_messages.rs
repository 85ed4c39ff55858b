//! The language server in this process, without a model: whatever messages come in, it does not panic, and every request
//! is answered exactly once.
//!
//!     cargo install cargo-fuzz && cd tests && cargo +nightly fuzz run lsp_messages
//!
//! The messages are those of the seeded test in `tests/tests/fuzz.rs`, which talks to the built server with a model; here
//! each choice is a byte of the input, so that the fuzzer learns which choices lead to new code.

#![no_main]

#[path = "../../tests/fuzz/mutate.rs"]
mod mutate;

use clap::Parser;
use codegemma_lsp::config::EngineFlags;
use codegemma_lsp::lsp;
use codegemma_model::Engine;
use codegemma_tests::{Ledger, Random, position};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const URI: &str = "file:///good/one.py";
/// More messages teach nothing that fewer do not.
const MOST: usize = 60;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    engine: EngineFlags,
}

/// What the client sends, and which answers it waits for.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    ledger: Ledger,
    next_id: usize,
}

impl Input {
    fn body(&mut self, body: &str) {
        self.bytes
            .extend_from_slice(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn notify(&mut self, method: &str, params: &Value) {
        self.body(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
    }

    fn request(&mut self, method: &str, params: &Value) {
        self.next_id += 1;
        let id = json!(self.next_id);
        self.ledger.owe(&id);
        self.body(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
    }

    fn any(&mut self, random: &mut Random) {
        match random.below(8) {
            0..3 => {
                let (method, params) = mutate::message(random);
                match random.below(2) {
                    0 => self.notify(method, &params),
                    _ => self.request(method, &params),
                }
            }
            3 => {
                let at = |random: &mut Random| position(random.below(5), random.below(20));
                let (start, end) = (at(random), at(random));
                let text = *random.pick(&["", "a", "é😀", "\r\n", "\n\n", "f(", ")]}", "\"\"\"", "\u{0}"]);
                let change = json!({"range": {"start": start, "end": end}, "text": text});
                let document = json!({"uri": URI, "version": random.below(99)});
                self.notify(
                    "textDocument/didChange",
                    &json!({"textDocument": document, "contentChanges": [change]}),
                );
            }
            4 => {
                let params = mutate::meaningless_change(URI, random);
                self.notify("textDocument/didChange", &params);
            }
            5 => {
                let at = position(random.below(5), random.below(20));
                let method = *random.pick(&["textDocument/inlineCompletion", "textDocument/completion"]);
                let context = json!({"triggerKind": 1 + random.below(2)});
                self.request(
                    method,
                    &json!({"textDocument": {"uri": URI}, "position": at, "context": context}),
                );
            }
            6 => {
                self.next_id += 1;
                let (body, answered) = mutate::malformed(&json!(self.next_id), random);
                if let Some(id) = answered {
                    self.ledger.owe(&id);
                }
                self.body(&body);
            }
            _ => {
                let text = "def f(a):\r\n    return \"😀é\" + a\rx = f('\u{202e}abc\u{2066}')\n\n";
                let languages = ["python", "rust", "plaintext", "typescriptreact"];
                let document =
                    json!({"uri": URI, "languageId": random.pick(&languages), "version": 1, "text": text});
                self.notify("textDocument/didOpen", &json!({"textDocument": document}));
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut random = Random::of_bytes(data);
    let mut input = Input::default();
    if random.below(8) > 0 {
        let encodings = *random.pick(&["utf-8", "utf-16", "utf-32"]);
        let capabilities = json!({"general": {"positionEncodings": [encodings]}, "window": {"workDoneProgress": true}});
        input.request("initialize", &json!({"processId": 1, "capabilities": capabilities}));
        input.notify("initialized", &json!({}));
    }
    for _ in 0..MOST {
        if random.is_used_up() {
            break;
        }
        input.any(&mut random);
    }
    let answers = exchange(&input.bytes);
    let mut rest = answers.as_slice();
    while let Some(start) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
        let header = std::str::from_utf8(&rest[..start]).expect("a header is ASCII");
        let length: usize = header
            .trim_start_matches("Content-Length: ")
            .parse()
            .expect("the header is a length");
        let end = start + 4 + length;
        let message = serde_json::from_slice(&rest[start + 4..end]).expect("what the server sends is JSON");
        input.ledger.settle(&message);
        rest = &rest[end..];
    }
    assert!(rest.is_empty() && input.ledger.is_settled(), "a request was not answered");
});

/// All that the server says to these bytes, after which the client is gone.
fn exchange(bytes: &[u8]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime needs nothing");
    let flags = Flags::parse_from(["fuzz", "--no-config", "--model", "/there/is/no/model.gguf"]);
    let answers = runtime.block_on(async {
        let (mut to_server, input) = tokio::io::duplex(1 << 16);
        let (output, mut from_server) = tokio::io::duplex(1 << 16);
        let mut answers = Vec::new();
        let send = async {
            // A server that has ended reads no more.
            let _ = to_server.write_all(bytes).await;
            drop(to_server);
        };
        let (_, _, read) = tokio::join!(
            lsp::serve_on(input, output, flags.engine, false, Engine::load),
            send,
            from_server.read_to_end(&mut answers)
        );
        read.expect("a pipe in memory does not fail");
        answers
    });
    runtime.shutdown_background();
    answers
}
