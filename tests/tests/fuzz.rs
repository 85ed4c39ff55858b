//! Thousands of messages that make no sense, in bursts. After each burst the server is there, has answered every request
//! exactly once, and has the text of the documents that were edited in good order meanwhile.
//!
//! A failure prints the seed and the burst's messages; `CODEGEMMA_FUZZ_SEED` runs it again, and `CODEGEMMA_FUZZ_BURSTS`
//! runs for longer.

mod fuzz {
    pub(super) mod mutate;
    pub(super) mod plain;
}

use codegemma_lsp::framing::frame;
use codegemma_tests::{Client, Encoding, Ledger, MODEL, Random, check_text, position};
use fuzz::mutate;
use fuzz::plain::Plain;
use serde_json::{Value, json};

const SEED: u64 = 20_251_124;
const BURSTS: usize = 24;
const MESSAGES: usize = 150;

/// The documents that are edited in good order, with their languages.
const GOOD: [(&str, &str); 3] = [
    ("file:///good/one.py", "python"),
    ("file:///good/two.rs", "rust"),
    ("untitled:three", "plaintext"),
];

/// More than the caches of the model and of the syntax trees vary by.
const MEMORY_SLACK: u64 = 96 << 20;

struct Fuzz {
    client: Client,
    ledger: Ledger,
    random: Random,
    good: Vec<Plain>,
    next_id: i64,
    bursts: usize,
    seed: u64,
    /// What was sent in this burst.
    sent: Vec<String>,
}

impl Drop for Fuzz {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}, burst {}, which was:", self.seed, self.bursts);
            for message in &self.sent {
                eprintln!("{message}");
            }
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    Some(std::env::var(variable).ok()?.parse().expect("a number"))
}

impl Fuzz {
    /// A server with the good documents open, whose requests are never answered.
    fn new(seed: u64) -> Self {
        let mut client = Client::start_with(&["--model", MODEL, "--cache-mib", "64", "--log-level", "error"]);
        client.stop_answering();
        let mut fuzz = Self {
            ledger: Ledger::default(),
            random: Random::new(seed),
            good: Vec::new(),
            next_id: 1_000_000,
            bursts: 0,
            seed,
            sent: Vec::new(),
            client: {
                client.initialize(Encoding::Utf16, json!(null));
                client.wait_until_ready();
                client
            },
        };
        for (uri, language) in GOOD {
            let text = "def f(a):\r\n    return \"😀é\" + a\rx = f('\u{202e}abc\u{2066}')\n\n";
            fuzz.good.push(Plain::new(uri, language, text));
            let document = json!({"uri": uri, "languageId": language, "version": 1, "text": text});
            fuzz.send(
                &json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": document}}),
            );
        }
        fuzz
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.sent
            .push(String::from_utf8_lossy(bytes).chars().take(600).collect());
        self.client.send_raw(bytes);
    }

    fn body(&mut self, body: &str) {
        self.raw(&frame(body.as_bytes()));
    }

    fn send(&mut self, message: &Value) {
        self.body(&message.to_string());
    }

    fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn request(&mut self, id: &Value, method: &str, params: &Value) {
        self.ledger.owe(id);
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    fn fresh_id(&mut self) -> Value {
        self.next_id += 1;
        match self.next_id % 3 {
            0 => json!(self.next_id.to_string()),
            _ => json!(self.next_id),
        }
    }

    /// An id that may have been used, now or long ago, or never.
    fn any_id(&mut self) -> Value {
        let id = self.next_id - self.random.below(20) as i64;
        match self.random.below(4) {
            0 => json!(id.to_string()),
            1 => json!(-1),
            _ => json!(id),
        }
    }

    /// A change of a good document that every server must understand, if only as an error.
    fn edit(&mut self) {
        let at = self.random.below(self.good.len());
        let params = self.good[at].edit(&mut self.random);
        self.notify("textDocument/didChange", &params);
    }

    /// Half an emoji, as editors in JavaScript send it: one UTF-16 unit, which is kept as one.
    fn lone_surrogate(&mut self) {
        let at = self.random.below(self.good.len());
        let params = self.good[at].append(&mut self.random, "\u{fffd}");
        let body = json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": params}).to_string();
        let half = *self.random.pick(&["\\ud83d", "\\uDE00", "\\udfff"]);
        self.body(&body.replace('\u{fffd}', half));
    }

    /// A change of a good document that has no meaning, so that nobody knows what its text is.
    fn meaningless_change(&mut self) {
        let at = self.random.below(self.good.len());
        let params = mutate::meaningless_change(self.good[at].uri(), &mut self.random);
        self.good[at].lose();
        self.notify("textDocument/didChange", &params);
    }

    /// A request at some place of a good document, perhaps sent twice, perhaps cancelled.
    fn complete(&mut self) {
        let (uri, _) = *self.random.pick(&GOOD);
        let at = position(
            self.random.below(9),
            *self.random.pick(&[0, 1, 3, 7, 20, 4_000_000_000]),
        );
        let params =
            json!({"textDocument": {"uri": uri}, "position": at, "context": {"triggerKind": 1 + self.random.below(2)}});
        let methods = ["textDocument/inlineCompletion", "textDocument/completion"];
        let id = self.fresh_id();
        let method = methods[self.random.below(2)];
        self.request(&id, method, &params);
        if self.random.once_in(8) {
            self.request(&id, methods[0], &params);
        }
        if self.random.once_in(3) {
            let id = if self.random.once_in(2) { id } else { self.any_id() };
            self.notify("$/cancelRequest", &json!({"id": id}));
        }
    }

    /// Any message of the protocol with something wrong in it, as a request or a notification, whichever it should be.
    fn mutated(&mut self) {
        let (method, params) = mutate::message(&mut self.random);
        if self.random.once_in(2) {
            self.notify(method, &params);
        } else {
            let id = match self.random.once_in(20) {
                true => Value::Null,
                false => self.fresh_id(),
            };
            self.request(&id, method, &params);
        }
    }

    /// Bytes that are no message.
    fn malformed(&mut self) {
        let id = self.fresh_id();
        let (body, answered) = mutate::malformed(&id, &mut self.random);
        if let Some(id) = answered {
            self.ledger.owe(&id);
        }
        self.body(&body);
    }

    fn bad_header(&mut self) {
        let headers = [
            "Content-Length: x\r\n\r\n",
            "rubbish\r\n\r\n",
            "Content-Length: -5\r\n\r\n",
        ];
        self.ledger.owe(&Value::Null);
        let header = headers[self.random.below(headers.len())];
        self.raw(header.as_bytes());
    }

    fn burst(&mut self) {
        for _ in 0..MESSAGES {
            match self.random.below(20) {
                0..5 => self.edit(),
                5 => self.lone_surrogate(),
                6 if self.random.once_in(8) => self.meaningless_change(),
                6..11 => self.complete(),
                11..17 => self.mutated(),
                17..19 => self.malformed(),
                _ => self.bad_header(),
            }
        }
    }

    /// A document of one line of 10 MB: opened, edited in the middle, completed and closed.
    fn huge_line(&mut self) {
        let uri = "file:///bad/huge.py";
        let document = json!({"uri": uri, "languageId": "python", "version": 1, "text": "abc, é(".repeat(1_250_000)});
        self.notify("textDocument/didOpen", &json!({"textDocument": document}));
        let at = position(0, 5_000_000);
        let change = json!({"range": {"start": at, "end": at}, "text": "(x\n"});
        self.notify(
            "textDocument/didChange",
            &json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]}),
        );
        // The first is answered before the others come, which the model need not finish.
        for (i, column) in [2_000_003, u32::MAX as usize, 0].into_iter().enumerate() {
            let id = self.fresh_id();
            let at = position(i / 2, column);
            let params = json!({"textDocument": {"uri": uri}, "position": at, "context": {"triggerKind": 1}});
            self.request(&id, "textDocument/inlineCompletion", &params);
            if i == 0 {
                self.settle();
            }
        }
        self.settle();
        self.notify("textDocument/didClose", &json!({"textDocument": {"uri": uri}}));
    }

    /// Waits until everything is answered and told, with settings that serve all documents.
    fn settle(&mut self) {
        let fence = format!("fence {}", self.next_id);
        self.next_id += 1;
        let languages = json!({"python": {"enabled": true}, "rust": {"enabled": true}, "plaintext": {"enabled": true}});
        let settings = json!({"maxTokens": 2, "deadlineMs": 60_000, "multiline": "auto", "languages": languages});
        self.notify(
            "workspace/didChangeConfiguration",
            &json!({"settings": {"codegemma": settings}}),
        );
        while !self.ledger.is_settled() {
            let message = self.client.take();
            self.ledger.settle(&message);
        }
        // What is told goes one way, in order; a wrong setting is told at once.
        self.notify(
            "workspace/didChangeConfiguration",
            &json!({"settings": {"codegemma": {"deadlineMs": fence}}}),
        );
        loop {
            let message = self.client.take();
            self.ledger.settle(&message);
            let text = message["params"]["message"].as_str();
            if message["method"] == "window/showMessage" && text.is_some_and(|text| text.contains(&fence)) {
                break;
            }
        }
    }

    /// The server does its work on the documents as they are.
    fn check(&mut self) {
        self.settle();
        for uri in mutate::BAD_URIS {
            self.notify("textDocument/didClose", &json!({"textDocument": {"uri": uri}}));
        }
        for at in 0..self.good.len() {
            let document = &self.good[at];
            if document.is_stale() {
                self.client.inline(document.uri(), &position(0, 0));
                assert_eq!(self.client.last_request()["reason"], "stale-document");
                let params = self.good[at].replace("fn whole(text: &str) {\r\n\r\n}");
                self.notify("textDocument/didChange", &params);
            }
            let document = &self.good[at];
            check_text(&mut self.client, document.uri(), document.text(), &mut self.random, 25);
        }
        // Something suggests itself after this, and popups name the word that is being typed.
        let uri = "file:///good/last.py";
        self.client.open(
            uri,
            "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n    return a +",
        );
        let items = self.client.inline(uri, &position(2, 14));
        assert_eq!(items.len(), 1, "{items:?}");
        assert_eq!(items[0]["range"]["start"], position(2, 14));
        self.client.last_request();
        self.notify("textDocument/didClose", &json!({"textDocument": {"uri": uri}}));
        self.sent.clear();
    }
}

#[test]
fn whatever_comes_in_the_server_answers_once_and_goes_on() {
    let bursts = number("CODEGEMMA_FUZZ_BURSTS").map_or(BURSTS, |bursts| bursts as usize);
    let mut fuzz = Fuzz::new(number("CODEGEMMA_FUZZ_SEED").unwrap_or(SEED));
    fuzz.huge_line();
    #[cfg(target_os = "linux")]
    let mut warm = None;
    while fuzz.bursts < bursts {
        fuzz.burst();
        fuzz.check();
        fuzz.bursts += 1;
        #[cfg(target_os = "linux")]
        if fuzz.bursts * 3 >= bursts {
            let (now, warm) = (fuzz.client.memory(), *warm.get_or_insert_with(|| fuzz.client.memory()));
            assert!(now <= warm + MEMORY_SLACK, "the server grew from {warm} to {now} bytes");
        }
    }
    // Leaving works with a request of the server that was never answered.
    fuzz.client.shut_down();
    let id = fuzz.fresh_id();
    fuzz.request(&id, "textDocument/completion", &json!({"position": 1}));
    fuzz.notify("textDocument/didChange", &json!({"textDocument": {"uri": GOOD[0].0}}));
    while !fuzz.ledger.is_settled() {
        let message = fuzz.client.take();
        fuzz.ledger.settle(&message);
    }
    fuzz.client.exit();
    assert_eq!(fuzz.client.exit_code(), Some(0));
}

#[test]
fn before_it_is_initialized_the_server_answers_with_errors() {
    let seed = number("CODEGEMMA_FUZZ_SEED").unwrap_or(SEED);
    let mut random = Random::new(seed);
    let mut ledger = Ledger::default();
    let mut client = Client::start_with(&["--model", MODEL, "--log-level", "error"]);
    for id in 0..200 {
        let (method, params) = mutate::message(&mut random);
        if method != "initialize" {
            ledger.owe(&json!(format!("early {id}")));
            client.send(&json!({"jsonrpc": "2.0", "id": format!("early {id}"), "method": method, "params": params}));
            client.notify(method, params);
        }
    }
    while !ledger.is_settled() {
        let message = client.take();
        ledger.settle(&message);
        assert!(message.get("error").is_some(), "seed {seed}: {message}");
    }
    client.initialize(Encoding::Utf16, json!(null));
    client.wait_until_ready();
    client.shut_down();
    client.exit();
    assert_eq!(client.exit_code(), Some(0));
}
