//! Plays a trace and writes down what each request took. It must not know what is made of that.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::failure::Failure;
use super::server::Server;
use super::trace::{Cursor, Step};

/// A request for a suggestion.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// From the keystroke to the answer; `None` if the next keystroke came first.
    pub(super) answered: Option<Duration>,
    /// Whether the answer was a suggestion.
    pub(super) suggested: bool,
    /// `lastRequest` of the status that tells about it.
    pub(super) told: Option<Value>,
}

/// Requests under way: the number of the last one, its id, and when it was asked.
struct Waiting {
    number: usize,
    id: i64,
    since: Instant,
}

struct Player<'a> {
    server: &'a mut Server,
    asked: Vec<Asked>,
    waiting: Option<Waiting>,
    /// Answered requests that the server has not told about yet; what it tells comes in order.
    untold: VecDeque<usize>,
}

/// How long an answer may take where the trace waits for it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Plays a trace at its pace, or as fast as it is answered. A request is cancelled when the next keystroke comes.
pub(super) fn play(server: &mut Server, steps: &[Step], paced: bool) -> Result<Vec<Asked>, Failure> {
    start(server, paced)?;
    let mut player = Player {
        server,
        asked: Vec::new(),
        waiting: None,
        untold: VecDeque::new(),
    };
    let begin = Instant::now();
    for step in steps {
        if paced {
            player.listen(begin + step.at, false)?;
        }
        if let Some((method, params)) = &step.notification {
            player.server.notify(method, params)?;
        }
        if let Some(cursor) = &step.cursor {
            player.ask(cursor)?;
        }
        if !paced {
            player.listen(Instant::now() + PATIENCE, true)?;
        }
    }
    player.listen(Instant::now() + PATIENCE, true)?;
    Ok(player.asked)
}

/// Waits until the model is there. Who waits for every answer waits for the whole of it.
fn start(server: &mut Server, paced: bool) -> Result<(), Failure> {
    let patient = json!({"deadlineMs": PATIENCE.as_millis() as u64});
    let settings = if paced { Value::Null } else { patient };
    let params = json!({"processId": null, "rootUri": null, "capabilities": {}, "initializationOptions": settings});
    let id = server.request("initialize", &params)?;
    server.wait(|message| message["id"] == id)?;
    server.notify("initialized", &json!({}))?;
    let settled = |message: &Value| message["method"] == "codegemma/status" && message["params"]["state"] != "loading";
    let status = server.wait(settled)?["params"].take();
    match status["state"].as_str() {
        Some("error") => Err(Failure::Message(
            status["message"].as_str().unwrap_or("no model").to_owned(),
        )),
        _ => Ok(()),
    }
}

impl Player<'_> {
    fn ask(&mut self, cursor: &Cursor) -> Result<(), Failure> {
        if let Some(waiting) = self.waiting.take() {
            self.server.notify("$/cancelRequest", &json!({"id": waiting.id}))?;
        }
        let params = json!({
            "textDocument": {"uri": cursor.uri},
            "position": {"line": cursor.line, "character": cursor.character},
            "context": {"triggerKind": 2},
        });
        let since = Instant::now();
        let id = self.server.request("textDocument/inlineCompletion", &params)?;
        let number = self.asked.len();
        self.waiting = Some(Waiting { number, id, since });
        self.asked.push(Asked::default());
        Ok(())
    }

    /// Takes what comes until a moment, or until everything is answered.
    fn listen(&mut self, until: Instant, until_answered: bool) -> Result<(), Failure> {
        while !(until_answered && self.waiting.is_none() && self.untold.is_empty()) {
            let Some((at, message)) = self.server.receive(until)? else {
                return match until_answered {
                    true => Err(Failure::Message("the server does not answer any more".to_owned())),
                    false => Ok(()),
                };
            };
            self.take(at, &message);
        }
        Ok(())
    }

    fn take(&mut self, at: Instant, message: &Value) {
        let told = &message["params"]["lastRequest"];
        if message["method"] == "codegemma/status" && !told.is_null() {
            // It comes before the answer or after it.
            let number = self.untold.pop_front();
            let number = number.or_else(|| self.waiting.as_ref().map(|waiting| waiting.number));
            if let Some(asked) = number.and_then(|number| self.asked.get_mut(number)) {
                asked.told = Some(told.clone());
            }
        } else if let Some(waiting) = self.waiting.take_if(|waiting| message["id"] == waiting.id) {
            let asked = &mut self.asked[waiting.number];
            asked.answered = Some(at - waiting.since);
            asked.suggested = message["result"]["items"]
                .as_array()
                .is_some_and(|items| !items.is_empty());
            if asked.told.is_none() {
                self.untold.push_back(waiting.number);
            }
        }
    }
}
