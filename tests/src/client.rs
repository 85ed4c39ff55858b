//! A language client that talks to a `codegemma-lsp` process over stdio, as an editor does.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use codegemma_lsp::framing::{self, frame};
use serde_json::{Value, json};

use crate::{MODEL, command, repository};

/// Long enough for a loaded machine, short enough to notice that nothing comes.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the client counts columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// It offers UTF-8 and UTF-16.
    Utf8,
    /// It offers nothing, which means UTF-16.
    Utf16,
}

/// A server process and the conversation with it. Dropping it kills the process, and fails the test if a thread of the
/// server had panicked: the server itself goes on.
pub struct Client {
    child: Child,
    /// Shows what the server logs, and gives the panics in it.
    log: Option<JoinHandle<Vec<String>>>,
    stdin: Option<ChildStdin>,
    incoming: Receiver<Value>,
    /// What came in and nobody has asked for yet.
    inbox: Vec<Value>,
    next_id: i64,
    /// What the client's section of settings is when it is asked for, if it answers at all.
    pub section: Option<Value>,
    /// Whether the server's requests are answered.
    agrees: bool,
}

/// The settings of a user who is shown everything, however sure the model is.
fn everything_shown() -> PathBuf {
    repository().join("tests/everything-shown.toml")
}

impl Client {
    /// Starts a server with a model.
    pub fn start(model: &str) -> Self {
        Self::start_with(&["--model", model])
    }

    /// Starts a server with these flags, which keeps nothing for the next one.
    pub fn start_with(flags: &[&str]) -> Self {
        Self::start_as_user(&everything_shown(), flags)
    }

    /// Starts a server that keeps what it has read in a cache folder.
    pub fn start_in(cache: &Path, flags: &[&str]) -> Self {
        let mut server = command("codegemma-lsp");
        server.args(flags).arg("--keep").env("CODEGEMMA_CACHE", cache);
        server.env("CODEGEMMA_CONFIG", everything_shown());
        Self::spawn(server)
    }

    /// The same in a shell that was told something before.
    #[cfg(unix)]
    pub fn start_in_after(shell: &str, cache: &Path, flags: &[&str]) -> Self {
        let server = command("codegemma-lsp");
        let mut told = Command::new("sh");
        told.arg("-c")
            .arg(format!("{shell}; exec \"$0\" \"$@\""))
            .arg(server.get_program())
            .args(flags)
            .arg("--keep")
            .env_remove("CODEGEMMA_MODEL")
            .envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("CODEGEMMA_CACHE", cache)
            .env("CODEGEMMA_CONFIG", everything_shown());
        Self::spawn(told)
    }

    /// Starts a server for a user who has this file of settings.
    pub fn start_as_user(file: &Path, flags: &[&str]) -> Self {
        let mut server = command("codegemma-lsp");
        server.args(flags).env("CODEGEMMA_CONFIG", file);
        Self::spawn(server)
    }

    fn spawn(mut server: Command) -> Self {
        let mut child = server
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was just built");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let log = std::thread::spawn(|| {
            let lines = stderr.lines().map_while(Result::ok);
            lines
                .inspect(|line| eprintln!("{line}"))
                .filter(|line| line.contains(" panicked at "))
                .collect()
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (sender, incoming) = mpsc::channel();
        std::thread::spawn(move || {
            while let Some(message) = framing::read(&mut stdout) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            log: Some(log),
            incoming,
            inbox: Vec::new(),
            next_id: 1,
            section: Some(Value::Null),
            agrees: true,
        }
    }

    /// A server with the tests' model that is initialized, with these settings.
    pub fn initialized(encoding: Encoding, settings: Value) -> Self {
        let mut client = Self::start(MODEL);
        client.initialize(encoding, settings);
        client
    }

    /// A server that is initialized and has loaded the tests' model.
    pub fn ready(encoding: Encoding, settings: Value) -> Self {
        Self::ready_with(MODEL, encoding, settings)
    }

    /// A server that is initialized and has loaded a model.
    pub fn ready_with(model: &str, encoding: Encoding, settings: Value) -> Self {
        let mut client = Self::start(model);
        client.initialize(encoding, settings);
        client.wait_until_ready();
        client
    }

    /// A server that has loaded the tests' model and has a folder open.
    pub fn ready_in(workspace: &Path, settings: Value) -> Self {
        let mut client = Self::start(MODEL);
        client.initialize_in(Some(workspace), Encoding::Utf16, settings);
        client.wait_until_ready();
        client
    }

    /// Initializes the server and gives back what it answered.
    pub fn initialize(&mut self, encoding: Encoding, settings: Value) -> Value {
        self.initialize_in(None, encoding, settings)
    }

    /// Initializes the server for a workspace in this folder and gives back what it answered.
    pub fn initialize_in(&mut self, root: Option<&Path>, encoding: Encoding, settings: Value) -> Value {
        let general = match encoding {
            Encoding::Utf8 => json!({"positionEncodings": ["utf-8", "utf-16"]}),
            Encoding::Utf16 => json!({}),
        };
        let workspace = json!({
            "configuration": true,
            "didChangeConfiguration": {"dynamicRegistration": true},
            "didChangeWatchedFiles": {"dynamicRegistration": true, "relativePatternSupport": true},
        });
        let params = json!({
            "processId": null,
            "rootUri": root.map(|root| format!("file://{}", root.display())),
            "capabilities": {"general": general, "window": {"workDoneProgress": true}, "workspace": workspace},
            "initializationOptions": settings,
        });
        let answer = self.call("initialize", params);
        self.notify("initialized", json!({}));
        answer
    }

    /// Waits until the model is loaded.
    #[track_caller]
    pub fn wait_until_ready(&mut self) {
        let status = self.status(|status| status["state"] != "loading");
        assert_eq!(status["state"], "ready", "{status}");
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin
            .write_all(bytes)
            .and_then(|()| stdin.flush())
            .expect("the server reads");
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.send_raw(&frame(body.as_bytes()));
    }

    /// Sends a notification.
    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and gives back its id.
    pub fn request(&mut self, method: &str, params: Value) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// Waits for the whole response to a request.
    #[track_caller]
    pub fn response(&mut self, id: i64) -> Value {
        self.wait(|message| message.get("method").is_none() && message["id"] == id)
    }

    /// Waits for the result of a request.
    #[track_caller]
    pub fn result(&mut self, id: i64) -> Value {
        let response = self.response(id);
        assert!(response.get("error").is_none(), "{response}");
        response["result"].clone()
    }

    /// Sends a request and waits for its result.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.result(id)
    }

    /// Waits for a notification and gives back its params.
    #[track_caller]
    pub fn notification(&mut self, method: &str) -> Value {
        self.wait(|message| message["method"] == method)["params"].clone()
    }

    /// Waits for a status like this one.
    #[track_caller]
    pub fn status(&mut self, accept: impl Fn(&Value) -> bool) -> Value {
        self.wait(|message| message["method"] == "codegemma/status" && accept(&message["params"]))["params"].clone()
    }

    /// Waits for the status that tells about an answered request, from now on.
    #[track_caller]
    pub fn last_request(&mut self) -> Value {
        self.status(|status| status.get("lastRequest").is_some())["lastRequest"].clone()
    }

    /// The first message like this one, which is taken out of the inbox.
    #[track_caller]
    pub fn wait(&mut self, accept: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        let mut seen = 0;
        loop {
            if let Some(at) = self.inbox[seen..].iter().position(&accept) {
                return self.inbox.remove(seen + at);
            }
            seen = self.inbox.len();
            match self
                .incoming
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(message) => self.receive(message),
                Err(RecvTimeoutError::Timeout) => panic!("nothing came in time; the inbox: {:#?}", self.inbox),
                Err(RecvTimeoutError::Disconnected) => panic!("the server is gone; the inbox: {:#?}", self.inbox),
            }
        }
    }

    /// The messages that came in so far and nobody has taken.
    pub fn inbox(&mut self) -> &[Value] {
        while let Ok(message) = self.incoming.try_recv() {
            self.receive(message);
        }
        &self.inbox
    }

    /// Never answers a request of the server, from now on.
    pub fn stop_answering(&mut self) {
        self.agrees = false;
    }

    /// The oldest message that nobody has taken.
    #[track_caller]
    pub fn take(&mut self) -> Value {
        self.wait(|_| true)
    }

    /// How much memory the server has, in bytes.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the server lives");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect("a process has memory") << 10
    }

    fn receive(&mut self, message: Value) {
        // The server's requests are answered at once, as by an editor that agrees to everything.
        if self.agrees
            && message.get("method").is_some()
            && let Some(id) = message.get("id")
        {
            let result = match message["method"].as_str() {
                Some("workspace/configuration") => self.section.as_ref().map(|section| json!([section])),
                _ => Some(Value::Null),
            };
            if let Some(result) = result {
                self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
            }
        }
        self.inbox.push(message);
    }

    /// What the server says about the prompt at a place.
    #[track_caller]
    pub fn explain(&mut self, uri: &str, at: &Value) -> Value {
        let arguments = json!([{"uri": uri, "position": at}]);
        self.call(
            "workspace/executeCommand",
            json!({"command": "codegemma.explain", "arguments": arguments}),
        )
    }

    /// Opens a document.
    pub fn open(&mut self, uri: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": "python", "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Inserts text into a document.
    pub fn insert(&mut self, uri: &str, version: i64, at: &Value, text: &str) {
        let change = json!({"range": {"start": at, "end": at}, "text": text});
        self.change(uri, version, json!([change]));
    }

    /// Changes a document.
    pub fn change(&mut self, uri: &str, version: i64, changes: Value) {
        let params = json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": changes});
        self.notify("textDocument/didChange", params);
    }

    /// Asks for ghost text and gives back the request's id.
    pub fn ask_inline(&mut self, uri: &str, at: &Value) -> i64 {
        let params = json!({"textDocument": {"uri": uri}, "position": at, "context": {"triggerKind": 2}});
        self.request("textDocument/inlineCompletion", params)
    }

    /// Asks for ghost text and waits for the items.
    #[track_caller]
    pub fn inline(&mut self, uri: &str, at: &Value) -> Vec<Value> {
        let id = self.ask_inline(uri, at);
        items(&self.result(id))
    }

    /// Asks for a popup and gives back the request's id.
    pub fn ask_popup(&mut self, uri: &str, at: &Value) -> i64 {
        self.request(
            "textDocument/completion",
            json!({"textDocument": {"uri": uri}, "position": at}),
        )
    }

    /// Cancels a request.
    pub fn cancel(&mut self, id: i64) {
        self.notify("$/cancelRequest", json!({"id": id}));
    }

    /// Shuts the server down.
    #[track_caller]
    pub fn shut_down(&mut self) {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": "shutdown"}));
        assert_eq!(self.result(id), Value::Null);
    }

    /// Says that the server may exit.
    pub fn exit(&mut self) {
        self.send(&json!({"jsonrpc": "2.0", "method": "exit"}));
    }

    /// Asks the process to end, as the system does.
    #[cfg(unix)]
    pub fn terminate(&self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(status.expect("there is a command for it").success());
    }

    /// Closes the server's stdin, as an editor that crashed.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// Waits until the process ends and gives back its exit code.
    #[track_caller]
    pub fn exit_code(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                return status.code();
            }
            assert!(Instant::now() < end, "the server does not exit");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let panics = self.log.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert_eq!(panics.expect("a client is dropped once").unwrap(), [""; 0]);
        }
    }
}

/// The URI of a file or folder. Paths of temporary folders have nothing to escape.
pub fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A position.
pub fn position(line: usize, character: usize) -> Value {
    json!({"line": line, "character": character})
}

/// The items of an answer, inline or popup.
#[track_caller]
pub fn items(result: &Value) -> Vec<Value> {
    result["items"]
        .as_array()
        .unwrap_or_else(|| panic!("no items: {result}"))
        .clone()
}
