//! The notification `codegemma/status`: what the server is doing, and what its last request took.
//!
//! It must not know how it is sent.

use codegemma_model::{PromptWindow, Stats};
use serde::{Deserialize, Serialize};
use tower_lsp::ls_types::notification::Notification;

use crate::completion::anchor::Moved;
use crate::completion::reason::Reason;
use crate::models::starter;
use crate::session::{EngineState, Session};

/// The notification.
pub(super) enum Status {}

impl Notification for Status {
    type Params = StatusParams;
    const METHOD: &'static str = "codegemma/status";
}

/// What the server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Loading,
    Ready,
    Busy,
    Off,
    Error,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusParams {
    pub(super) state: State,
    message: String,
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_request: Option<LastRequest>,
}

/// What a request took, for those who measure. Its names are those of `--json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct LastRequest {
    /// Which part of the prompt was used, where the model was asked: `whole` or `near`.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<PromptWindow>,
    prompt_tokens: usize,
    whole_tokens: usize,
    /// Of the next larger part how many tokens are read, and how many it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_window: Option<(usize, usize)>,
    reused_tokens: usize,
    forwarded_tokens: usize,
    generated_tokens: usize,
    drafted_tokens: usize,
    accepted_tokens: usize,
    source: String,
    /// The code of the reason for which nothing was suggested.
    reason: Option<String>,
    /// That reason in a sentence, with what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_text: Option<String>,
    /// How likely what was suggested is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    anchor: Option<String>,
    queue_ms: u64,
    prefill_ms: u64,
    decode_ms: u64,
}

impl LastRequest {
    /// A request that the model had no part in.
    pub(super) fn without_model(reason: Reason) -> Self {
        Self {
            source: "none".to_owned(),
            ..Self::default()
        }
        .for_reason(Some(reason))
    }

    /// That something was suggested which is so likely to be right.
    pub(super) fn with_probability(self, probability: Option<f64>) -> Self {
        Self { probability, ..self }
    }

    fn for_reason(self, reason: Option<Reason>) -> Self {
        Self {
            reason: reason.map(|reason| reason.as_str().to_owned()),
            reason_text: reason.map(|reason| reason.sentence().to_owned()),
            ..self
        }
    }

    /// A request that an earlier answer was good for.
    pub(super) fn typed_along(reason: Option<Reason>) -> Self {
        Self {
            source: "typed-along".to_owned(),
            ..Self::default()
        }
        .for_reason(reason)
    }

    /// A request to the model; `stats` are there if it answered, `moved` if its anchor is not that of the one before.
    pub(super) fn new(stats: Option<&Stats>, reason: Option<Reason>, moved: Option<Moved>) -> Self {
        let stats = stats.copied();
        let asked = stats.is_some();
        let source = if asked { "model" } else { "none" };
        let stats = stats.unwrap_or_default();
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            window: asked.then_some(stats.reading.window),
            prompt_tokens: stats.prompt_tokens,
            whole_tokens: stats.reading.whole_tokens,
            next_window: stats.reading.next,
            reused_tokens: stats.reused_tokens,
            forwarded_tokens: stats.forwarded_tokens,
            generated_tokens: stats.generated_tokens,
            drafted_tokens: stats.drafted_tokens,
            accepted_tokens: stats.accepted_tokens,
            source: source.to_owned(),
            reason: None,
            reason_text: None,
            probability: None,
            anchor: Some(moved.map_or("kept", Moved::as_str).to_owned()),
            queue_ms: millis(stats.queue),
            prefill_ms: millis(stats.prefill),
            decode_ms: millis(stats.decode),
        }
        .for_reason(reason)
    }
}

/// The status of a session.
pub(super) fn status(session: &Session, last_request: Option<LastRequest>) -> StatusParams {
    let (state, message, model) = match session.engine() {
        _ if session.settings().is_off() => {
            let message = "completion is switched off; the setting enabled switches it on";
            (State::Off, message.to_owned(), None)
        }
        EngineState::Loading => (State::Loading, "the model is being loaded".to_owned(), None),
        EngineState::Failed(message) => (State::Error, message.clone(), None),
        EngineState::Ready(engine) => {
            let info = engine.info();
            let state = if session.is_busy() { State::Busy } else { State::Ready };
            let message = if session.has_starter() {
                format!("completions are served; {}", starter::NOTE)
            } else if info.fill_in_the_middle {
                "completions are served".to_owned()
            } else {
                "completions are served; this model was not trained to fill in the middle and sees the text before the cursor only".to_owned()
            };
            (state, message, Some(info.name.clone()))
        }
    };
    StatusParams {
        state,
        message,
        model,
        last_request,
    }
}
