//! A panic injected at each place that is fenced: it is answered, the rest goes on, and what it left is served again later.

use std::thread::JoinHandle;
use std::time::Duration;

use clap::Parser;
use codegemma_model::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::serve_on;
use crate::cli;
use crate::config::EngineFlags;
use crate::framing::frame;
use crate::process::panics::faults;

const URI: &str = "file:///nowhere/sum.py";
const SUM: &str = "def add(a, b):\n    return a +";
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    engine: EngineFlags,
}

/// A server in this process, and a client of it.
struct Client {
    input: DuplexStream,
    output: BufReader<DuplexStream>,
    server: JoinHandle<bool>,
    last_id: i64,
    /// What came in and nobody has asked for yet.
    inbox: Vec<Value>,
}

impl Client {
    fn start() -> Self {
        let (input, reads) = tokio::io::duplex(1 << 20);
        let (writes, output) = tokio::io::duplex(1 << 20);
        let flags = Flags::parse_from(["test", "--model", "starter", "--no-config"]).engine;
        Self {
            input,
            output: BufReader::new(output),
            server: std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                runtime
                    .unwrap()
                    .block_on(serve_on(reads, writes, flags, false, Engine::load))
            }),
            last_id: 0,
            inbox: Vec::new(),
        }
    }

    async fn ready() -> Self {
        let mut client = Self::start();
        let answer = client
            .call(
                "initialize",
                json!({"capabilities": {}, "initializationOptions": {"idleShare": 0}}),
            )
            .await;
        assert!(answer.get("error").is_none(), "{answer}");
        client.notify("initialized", json!({})).await;
        client.state("ready").await;
        client
    }

    async fn send(&mut self, message: Value) {
        let body = message.to_string();
        self.input.write_all(&frame(body.as_bytes())).await.unwrap();
    }

    async fn notify(&mut self, method: &str, params: Value) {
        self.send(json!({"jsonrpc": "2.0", "method": method, "params": params}))
            .await;
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await;
        self.wait(|message| message["id"] == id && message.get("method").is_none())
            .await
    }

    async fn state(&mut self, state: &str) {
        self.wait(|message| message["method"] == "codegemma/status" && message["params"]["state"] == state)
            .await;
    }

    /// The first message like this one.
    async fn wait(&mut self, accept: impl Fn(&Value) -> bool) -> Value {
        let mut seen = 0;
        loop {
            if let Some(at) = self.inbox[seen..].iter().position(&accept) {
                return self.inbox.remove(seen + at);
            }
            seen = self.inbox.len();
            let message = tokio::time::timeout(PATIENCE, self.receive()).await;
            self.inbox.push(message.expect("a message comes in time"));
        }
    }

    async fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(
                self.output.read_line(&mut line).await.unwrap() > 0,
                "the server is gone"
            );
            match line.trim().split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    async fn open(&mut self, text: &str) {
        let document = json!({"uri": URI, "languageId": "python", "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}))
            .await;
    }

    async fn change(&mut self, change: Value) {
        let params = json!({"textDocument": {"uri": URI, "version": 2}, "contentChanges": [change]});
        self.notify("textDocument/didChange", params).await;
    }

    async fn inline(&mut self) -> Value {
        let at = json!({"textDocument": {"uri": URI}, "position": {"line": 1, "character": 14}, "context": {"triggerKind": 1}});
        self.call("textDocument/inlineCompletion", at).await
    }

    /// Asks for a completion, which is answered; gives why there is none, or nothing.
    async fn reason(&mut self) -> Option<String> {
        self.inbox.clear();
        let answer = self.inline().await;
        assert!(answer.get("error").is_none(), "{answer}");
        let status = self
            .wait(|message| message["params"].get("lastRequest").is_some())
            .await;
        status["params"]["lastRequest"]["reason"].as_str().map(str::to_owned)
    }

    /// Asks for a completion, which is answered with nothing for this reason. What is told of earlier requests may still
    /// be on its way.
    async fn nothing_for(&mut self, reason: &str) {
        self.inbox.clear();
        let answer = self.inline().await;
        assert_eq!(answer["result"]["items"], json!([]), "{answer}");
        self.wait(|message| message["params"]["lastRequest"]["reason"] == reason)
            .await;
    }

    /// The server does its work.
    async fn serves(&mut self) {
        self.open(SUM).await;
        let reason = self.reason().await;
        let other = ["unknown-document", "stale-document", "failed", "loading", "no-model"];
        assert!(
            !other.iter().any(|other| reason.as_deref() == Some(*other)),
            "{reason:?}"
        );
    }

    /// Waits until the fault that is armed strikes.
    async fn struck(&mut self) {
        for _ in 0..600 {
            if faults::has_struck() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody came to the fault");
    }

    async fn end(mut self) {
        self.send(json!({"jsonrpc": "2.0", "id": 0, "method": "shutdown"}))
            .await;
        self.wait(|message| message["id"] == 0).await;
        self.send(json!({"jsonrpc": "2.0", "method": "exit"})).await;
        let ended = tokio::task::spawn_blocking(move || self.server.join().unwrap());
        assert!(tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap());
    }
}

#[track_caller]
fn assert_failed(answer: &Value) {
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    assert!(!answer.to_string().contains("SECRET"), "{answer}");
}

/// All in one, as faults are armed for the whole process.
#[tokio::test]
async fn a_panic_ends_what_it_is_in_and_nothing_else() {
    let mut client = Client::start();
    faults::arm("enter");
    assert_failed(&client.call("initialize", json!({"capabilities": {}})).await);
    drop(client);
    let mut client = Client::ready().await;

    // Notifications: the document is out of order, and says so, until it comes whole.
    faults::arm("open");
    client.open(SUM).await;
    client.nothing_for("unknown-document").await;
    client.serves().await;
    faults::arm("change");
    client.change(json!({"text": SUM})).await;
    client.nothing_for("stale-document").await;
    client.change(json!({"text": SUM})).await;
    client.serves().await;
    faults::arm("close");
    let closed = json!({"textDocument": {"uri": URI}});
    client.notify("textDocument/didClose", closed.clone()).await;
    client.nothing_for("unknown-document").await;
    client.serves().await;
    faults::arm("save");
    client.notify("textDocument/didSave", closed).await;
    client.struck().await;
    client.serves().await;
    faults::arm("configure");
    let settings = |tokens: u32| json!({"settings": {"codegemma": {"maxTokens": tokens}}});
    client.notify("workspace/didChangeConfiguration", settings(9)).await;
    client.struck().await;
    client.notify("workspace/didChangeConfiguration", settings(8)).await;
    client.serves().await;

    // What the protocol's reader never sees: a change is lost, a request is answered.
    faults::arm("sieve");
    client.change(json!({"text": SUM})).await;
    client.nothing_for("stale-document").await;
    faults::arm("sieve");
    assert_failed(&client.inline().await);
    client.serves().await;
    // A file is hidden where it is not known whether it is to be seen.
    faults::arm("judge file");
    client.open(SUM).await;
    client.struck().await;
    client.nothing_for("excluded").await;
    client.serves().await;

    // Requests: an error.
    let at = json!({"textDocument": {"uri": URI}, "position": {"line": 1, "character": 14}});
    faults::arm("prepare");
    assert_failed(&client.inline().await);
    faults::arm("prepare");
    assert_failed(&client.call("textDocument/completion", at).await);
    faults::arm("prepare");
    let explain = json!([{"uri": URI, "position": {"line": 1, "character": 14}}]);
    let explain = json!({"command": "codegemma.explain", "arguments": explain});
    assert_failed(&client.call("workspace/executeCommand", explain).await);
    faults::arm("judge");
    assert_failed(&client.inline().await);
    client.serves().await;
    // On the engine's thread it is no answer. What ran before may still be at work there, and come to the fault first.
    let mut failed = false;
    for attempt in 0..20 {
        faults::arm("stop when");
        client.open(&format!("def other{attempt}(a, b):\n    return b +")).await;
        failed = client.reason().await.as_deref() == Some("failed");
        if failed {
            break;
        }
    }
    assert!(failed);
    client.serves().await;

    // Work in the background is done for whoever comes next: a fault strikes as often as it is armed.
    for place in ["parse", "context", "context done", "parse"] {
        faults::arm(place);
        client.open(&format!("# {place}\n{SUM}")).await;
        client.struck().await;
        client.serves().await;
    }
    faults::arm("send");
    client.serves().await;
    client.struck().await;
    client.serves().await;

    let idle = |share: f64| json!({"settings": {"codegemma": {"idleShare": share}}});
    client.notify("workspace/didChangeConfiguration", idle(0.5)).await;
    faults::arm("idle");
    client.serves().await;
    client.struck().await;
    client.serves().await;
    client.notify("workspace/didChangeConfiguration", idle(0.0)).await;

    faults::arm("load");
    let restart = json!({"command": "codegemma.restart"});
    client.call("workspace/executeCommand", restart.clone()).await;
    let told = client.wait(|message| message["method"] == "window/showMessage").await;
    assert!(
        told["params"]["message"]
            .as_str()
            .unwrap()
            .contains("its log says where"),
        "{told}"
    );
    client.serves().await;
    client.inbox.clear();
    client.call("workspace/executeCommand", restart).await;
    client.state("loading").await;
    client.state("ready").await;
    client.serves().await;
    client.end().await;

    // The command line fails, and says so.
    faults::arm("command line");
    let done = cli::done(vec!["codegemma-complete".into(), "doctor".into()]);
    assert!(matches!(done, Err(cli::Failure::Said)));
    assert!(faults::has_struck());
}
