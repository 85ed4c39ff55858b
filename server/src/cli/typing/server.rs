//! A `codegemma-lsp` process and the messages to and from it. It must not know what they mean.

use std::io::{BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::failure::Failure;
use crate::framing::{frame, read};

/// The process. It is killed when this is dropped.
pub(super) struct Server {
    child: Child,
    stdin: ChildStdin,
    incoming: Receiver<(Instant, Value)>,
    next_id: i64,
}

impl Server {
    /// Starts the program that lies beside this one.
    pub(super) fn start(arguments: &[String]) -> Result<Self, Failure> {
        let name = format!("codegemma-lsp{}", std::env::consts::EXE_SUFFIX);
        let program = std::env::current_exe().map_err(Failure::new)?.with_file_name(name);
        let failed = |what: String| {
            let remedy = "install it beside codegemma-complete, with cargo install or cargo build";
            Failure::Message(format!("{}: {what}; {remedy}", program.display()))
        };
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("the server cannot be started ({error})")))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or_else(|| failed("the server has no pipes".to_owned()))?;
        let (sender, incoming) = mpsc::channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = read(&mut stdout) {
                if sender.send((Instant::now(), message)).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            stdin,
            incoming,
            next_id: 1,
        })
    }

    fn send(&mut self, message: &Value) -> Result<(), Failure> {
        let body = message.to_string();
        let sent = self.stdin.write_all(&frame(body.as_bytes()));
        let sent = sent.and_then(|()| self.stdin.flush());
        sent.map_err(|error| Failure::Message(format!("the server takes no messages any more: {error}")))
    }

    /// Sends a notification.
    pub(super) fn notify(&mut self, method: &str, params: &Value) -> Result<(), Failure> {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
    }

    /// Sends a request and gives its id.
    pub(super) fn request(&mut self, method: &str, params: &Value) -> Result<i64, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        Ok(id)
    }

    /// The next message and when it came; `None` if none comes until then. Requests of the server are answered here, as
    /// by an editor that agrees to everything.
    pub(super) fn receive(&mut self, until: Instant) -> Result<Option<(Instant, Value)>, Failure> {
        loop {
            match self
                .incoming
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok((_, message)) if message.get("method").is_some() && message.get("id").is_some() => {
                    self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": null}))?;
                }
                Ok(message) => return Ok(Some(message)),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Message("the server ended before the trace did".to_owned()));
                }
            }
        }
    }

    /// Waits for a message like this one.
    pub(super) fn wait(&mut self, accept: impl Fn(&Value) -> bool) -> Result<Value, Failure> {
        /// Longer than any model takes to load.
        const PATIENCE: Duration = Duration::from_secs(600);
        let until = Instant::now() + PATIENCE;
        while let Some((_, message)) = self.receive(until)? {
            if accept(&message) {
                return Ok(message);
            }
        }
        Err(Failure::Message(format!(
            "the server said nothing for {} s",
            PATIENCE.as_secs()
        )))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
