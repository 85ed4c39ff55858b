//! A request for a completion from its arrival to its answer. The protocol's thread takes the document as it is and waits;
//! planning and judging are done on lanes, and the session's lock is taken to begin, to launch and to publish.
//!
//! It must not know the shapes of answers.

use std::sync::Arc;
use std::time::Duration;

use codegemma_model::{Alternative, RequestError};
use ropey::Rope;
use tower_lsp::ls_types::TextDocumentPositionParams;

use super::convert;
use super::shared::Shared;
use super::status::LastRequest;
use crate::completion::in_flight::{self, Awaited, Waiter};
use crate::completion::reason::Reason;
use crate::completion::snapshot::Suggestion;
use crate::completion::trigger::Trigger;
use crate::completion::written::Written;
use crate::context::explain::Explanation;
use crate::documents::document::Change;
use crate::documents::position::Encoding;
use crate::process::panics::fault;
use crate::session::{Begun, Planned, Request};

/// How long a request waits until settings that have come are taken over, and until it is known whether the model may see
/// the document.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it looks whether somebody else is held up.
const LOOK: Duration = Duration::from_millis(100);

/// A request that waits for the engine. It is dropped when it is answered, or when the client cancels it.
pub(super) struct Waiting {
    shared: Arc<Shared>,
    begun: Arc<Begun>,
    encoding: Encoding,
    deadline: Duration,
    /// What has been typed since, which the suggestion begins with.
    since: String,
    last_request: Option<LastRequest>,
    /// Why nothing is suggested.
    reason: Option<Reason>,
}

/// What an answer is good for that comes when the document has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// Nothing: the client asks again at each key.
    Nothing,
    /// As long as it begins with what was typed since, the place that was asked for: a client whose popup is not there yet
    /// does not ask again.
    TypedAlong,
}

/// A mistake in this program, which has been told.
#[derive(Debug)]
pub(super) struct Panicked;

/// What became of what the model wrote.
struct Judged {
    suggestions: Vec<Suggestion>,
    since: String,
    reason: Option<Reason>,
    last_request: LastRequest,
}

impl Shared {
    /// Begins a completion; `None` if nothing will be suggested. `entry` is what is selected in the editor's popup.
    pub(super) async fn begin(
        self: &Arc<Self>,
        at: &TextDocumentPositionParams,
        trigger: Trigger,
        entry: Option<Change>,
    ) -> Result<Option<(Waiting, Waiter)>, Panicked> {
        let mut request = match self.request(at, trigger, entry) {
            Ok(request) => request,
            Err(reason) => {
                self.nothing(reason);
                return Ok(None);
            }
        };
        self.is_known(request.document()).await;
        let shared = self.clone();
        let launch = move || {
            let with = shared.lock().planning(&request)?;
            let planned = request.plan(with);
            let mut session = shared.lock();
            let launched = session.launch(request, planned);
            shared.run_jobs(&mut session);
            let (begun, waiter) = launched?;
            if session.begin_wait() {
                shared.tell(&session, None);
            }
            let waiting = Waiting {
                shared: shared.clone(),
                begun: Arc::new(begun),
                encoding: session.encoding(),
                deadline: session.settings().deadline,
                since: String::new(),
                last_request: None,
                reason: None,
            };
            drop(session);
            // Where nobody waits any more both are dropped.
            Ok((waiting, waiter))
        };
        match self.lanes.requests.run(launch).await.ok_or(Panicked)? {
            Ok(begun) => Ok(Some(begun)),
            Err(reason) => {
                self.nothing(reason);
                Ok(None)
            }
        }
    }

    fn request(
        self: &Arc<Self>,
        at: &TextDocumentPositionParams,
        trigger: Trigger,
        entry: Option<Change>,
    ) -> Result<Request, Reason> {
        self.look_at_model_soon();
        let mut session = self.lock();
        let document = at.text_document.uri.as_str();
        let request = session.request(document, convert::line_column(at.position), trigger, entry);
        self.run_jobs(&mut session);
        request
    }

    /// Says that nothing is suggested.
    fn nothing(&self, reason: Reason) {
        tracing::debug!("nothing is suggested ({}): {}", reason.as_str(), reason.sentence());
        self.statistics().count_answer(Some(reason));
        self.tell(&self.lock(), Some(LastRequest::without_model(reason)));
    }

    /// Waits for a moment until settings that have come are taken over and it is known whether the model may see a document.
    async fn is_known(self: &Arc<Self>, document: &str) {
        let mut known = self.known.subscribe();
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.waits(document) && tokio::time::Instant::now() < until {
            // Whoever sends lives as long as this.
            drop(tokio::time::timeout(LOOK, known.changed()).await);
        }
    }

    /// Whether a request in a document has to wait, for what it sees to that it is found out.
    fn waits(self: &Arc<Self>, document: &str) -> bool {
        let mut session = self.lock();
        let unjudged = session.is_unjudged(document);
        if unjudged {
            self.judge(&mut session);
        }
        unjudged || session.expects_settings()
    }

    /// What the model is shown at a place, and why.
    pub(super) async fn explain(self: &Arc<Self>, at: &TextDocumentPositionParams) -> Result<Explanation, Panicked> {
        let mut request = match self.request(at, Trigger::Invoked, None) {
            Ok(request) => request,
            Err(reason) => return Ok(Explanation::of_nothing(reason)),
        };
        self.is_known(request.document()).await;
        let shared = self.clone();
        let explain = move || {
            let planning = shared.lock().planning(&request);
            let planned = planning.and_then(|with| request.plan(with).map_err(|unplanned| unplanned.reason));
            match planned {
                Err(reason) => Explanation::of_nothing(reason),
                Ok(Planned {
                    engine,
                    plan,
                    choice,
                    moved,
                    max_tokens,
                    ..
                }) => {
                    let (tokenizer, info, most) = (engine.tokenizer(), engine.info(), engine.whole_tokens());
                    Explanation {
                        reading: Some(engine.reading()),
                        ..Explanation::new(&plan, &choice, moved, tokenizer, info, most, max_tokens)
                    }
                }
            }
        };
        self.lanes.requests.run(explain).await.ok_or(Panicked)
    }

    /// Makes suggestions of what was waited for, the best first, unless the document is not what it was.
    fn judge_answer(self: &Arc<Self>, begun: &Arc<Begun>, awaited: Awaited, late: Late) -> Judged {
        fault("judge");
        let (current, now) = {
            let session = self.lock();
            let renewed = !session.is_revision(begun.revision);
            let current = !renewed && session.is_at(&begun.document, begun.version);
            let follows = late == Late::TypedAlong && !renewed && !current;
            (current, follows.then(|| session.text(&begun.document)).flatten())
        };
        let finished = matches!(awaited, Awaited::Finished(_));
        let more = |written: &Written, finish| begun.plan.judge(&written.after(begun.continuation.typed), finish);
        let mut others = Vec::new();
        let (stats, suggestion) = match awaited {
            Awaited::Underway(so_far) => {
                // The prompt's length is known as soon as the engine has begun.
                let begun = so_far.stats.prompt_tokens > 0;
                (
                    begun.then_some(so_far.stats),
                    more(&Written::of(&so_far), so_far.finish),
                )
            }
            Awaited::Finished(Ok(completion)) => {
                if begun.continuation.typed == 0 && current {
                    let written = |other: &Alternative| Some(more(&Written::of_other(other), other.finish).ok()?.0);
                    others = completion.alternatives.iter().filter_map(written).collect();
                }
                (
                    (!begun.continuation.finished).then_some(completion.stats),
                    more(&Written::of(&completion), completion.finish),
                )
            }
            Awaited::Finished(Err(error)) => (None, Err(reason(&error))),
        };
        let lines = suggestion.as_ref().ok().map(|(_, lines)| lines.as_slice());
        let probability = lines.and_then(|lines| begun.plan.probability(lines));
        let suggestion = suggestion.map(|(suggestion, _)| suggestion);
        let mut since = String::new();
        let suggestion = match suggestion {
            suggestion if current => suggestion,
            Ok(suggestion) => match now.and_then(|now| typed_since(begun, &now, &suggestion)) {
                Some(typed) => {
                    since = typed;
                    Ok(suggestion)
                }
                None => Err(Reason::Outdated),
            },
            Err(_) => Err(Reason::Outdated),
        };
        if finished && (current || suggestion.is_ok()) {
            let (shared, begun, suggestion) = (self.clone(), begun.clone(), suggestion.clone().ok());
            self.lanes
                .results
                .post(move || shared.go_ahead(&begun, suggestion.as_ref()));
        }
        let reason = suggestion.as_ref().err().copied().filter(|_| others.is_empty());
        if let Some(reason) = reason {
            tracing::debug!("nothing is suggested ({}): {}", reason.as_str(), reason.sentence());
        }
        let mut suggestions = Vec::new();
        for suggestion in suggestion.into_iter().chain(others) {
            let suggestion = match &begun.selected {
                Some(selected) => selected.extended(&suggestion),
                None => suggestion,
            };
            // What differed may have been cut away.
            if !suggestions.contains(&suggestion) {
                suggestions.push(suggestion);
            }
        }
        Judged {
            suggestions,
            since,
            reason,
            last_request: match begun.continuation.finished {
                true => LastRequest::typed_along(reason),
                false => LastRequest::new(stats.as_ref(), reason, begun.moved),
            }
            .with_probability(probability),
        }
    }

    /// Has the engine do what comes next, if nobody asks for anything else.
    fn go_ahead(&self, begun: &Begun, suggestion: Option<&Suggestion>) {
        let Some(prospect) = self.lock().prospect(&begun.document) else {
            return;
        };
        if let Some(step) = prospect.step(&begun.snapshot, suggestion) {
            self.lock().go_ahead(&prospect, step);
        }
    }
}

/// What was typed since a request, where its suggestion begins with that and goes on.
fn typed_since(begun: &Begun, now: &Rope, suggestion: &Suggestion) -> Option<String> {
    let snapshot = &begun.snapshot;
    let begins = |since: &String| suggestion.text.len() > since.len() && suggestion.text.starts_with(since);
    in_flight::typed_since(snapshot, now).find(begins)
}

impl Waiting {
    /// The document that the suggestions are for.
    pub(super) fn text(&self) -> &Rope {
        match &self.begun.selected {
            Some(selected) => selected.document(),
            None => &self.begun.snapshot.text,
        }
    }

    /// The URI of its document.
    pub(super) fn document(&self) -> &str {
        &self.begun.document
    }

    /// How long it may take; then what there is gets suggested, and the run goes on for the next request.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// What has been typed there since.
    pub(super) fn since(&self) -> &str {
        &self.since
    }

    /// How the client counts columns.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Makes suggestions of what was waited for, the best first, unless the document is not what it was.
    pub(super) async fn judge(&mut self, awaited: Awaited, late: Late) -> Result<Vec<Suggestion>, Panicked> {
        let (shared, begun) = (self.shared.clone(), self.begun.clone());
        let judge = move || shared.judge_answer(&begun, awaited, late);
        let judged = self.shared.lanes.results.run(judge).await.ok_or(Panicked)?;
        self.since = judged.since;
        self.reason = judged.reason;
        self.last_request = Some(judged.last_request);
        Ok(judged.suggestions)
    }
}

fn reason(error: &RequestError) -> Reason {
    match error {
        RequestError::Superseded => Reason::Superseded,
        RequestError::Invalid(_) | RequestError::Failed(_) | RequestError::ModelChanged(_) | RequestError::Stopped => {
            tracing::error!("{error}");
            Reason::Failed
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut session = self.shared.lock();
        session.end_wait();
        // Without it the client did not wait for the answer.
        if self.last_request.is_some() {
            self.shared.statistics().count_answer(self.reason);
        }
        self.shared.tell(&session, self.last_request.take());
    }
}
