//! What the model is shown at a place, and why: the prompt as text, and every piece with its source, tokens and reason.
//!
//! The command line and the language server give the same object. It must not know the protocol or files.

use codegemma_model::{ModelInfo, PromptProgress, ShownPrompt, Tokenizer};
use serde::Serialize;

use crate::completion::anchor::Moved;
use crate::completion::plan::Plan;
use crate::completion::reason::Reason;
use crate::completion::trigger::Extent;
use crate::context::{self, Choice};

/// Why the prompt is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Explanation {
    /// The whole text as the model sees it; empty where nothing is asked.
    pub prompt: String,
    /// Every piece, taken or not: those that are in it in their order, and then those that are not.
    pub pieces: Vec<PromptPiece>,
    /// Whether the anchor is that of the request before, and else why not.
    pub anchor: String,
    /// How much is completed here, or why nothing.
    pub trigger: String,
    /// What the last request was served with, and how far the reading of more is; in a server alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<PromptProgress>,
}

/// A piece of the prompt, or what could have been one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PromptPiece {
    /// What it is, or why it was looked at.
    pub source: String,
    /// The path of its file as the model sees it.
    pub path: String,
    /// How many tokens it takes; of a file that is left out, about how many the whole would take.
    pub tokens: usize,
    /// Whether it is in the prompt.
    pub included: bool,
    /// Why it is in or out.
    pub reason: String,
}

impl Explanation {
    /// Of a request that the model would get, with a prompt for a context of `context_tokens`.
    pub(crate) fn new(
        plan: &Plan,
        choice: &Choice,
        moved: Option<Moved>,
        tokenizer: &Tokenizer,
        model: &ModelInfo,
        context_tokens: usize,
        max_tokens: usize,
    ) -> Self {
        let shown = tokenizer.show(plan.prompt(), context_tokens, max_tokens);
        let path = plan.prompt().path.clone().unwrap_or_default();
        let (mut pieces, mut left_out) = (Vec::new(), Vec::new());
        let mut files = shown.files.iter();
        for piece in &choice.pieces {
            let tokens = piece.text.as_ref().and_then(|_| *files.next()?);
            let reason = match (tokens, &piece.text) {
                (None, Some(_)) if model.fill_in_the_middle => "no room: the document itself needs the model's context",
                (None, Some(_)) => "this model was not trained to see other files",
                _ => piece.reason,
            };
            let record = PromptPiece {
                source: piece.source.as_str().to_owned(),
                path: piece.path.clone(),
                tokens: tokens.unwrap_or_else(|| context::estimated_tokens(piece.bytes)),
                included: tokens.is_some(),
                reason: reason.to_owned(),
            };
            match record.included {
                true => pieces.push(record),
                false => left_out.push(record),
            }
        }
        pieces.extend(own(&shown, &path));
        pieces.extend(left_out);
        Self {
            prompt: shown.text,
            pieces,
            anchor: moved.map_or("kept", Moved::as_str).to_owned(),
            trigger: match plan.extent() {
                Extent::Line => "line",
                Extent::Block => "block",
            }
            .to_owned(),
            reading: None,
        }
    }

    /// Of a place where the model is not asked.
    pub(crate) fn of_nothing(reason: Reason) -> Self {
        Self {
            prompt: String::new(),
            pieces: Vec::new(),
            anchor: String::new(),
            trigger: reason.as_str().to_owned(),
            reading: None,
        }
    }
}

/// The pieces of the document itself.
fn own(shown: &ShownPrompt, path: &str) -> Vec<PromptPiece> {
    let healed = format!(
        "what is typed since the anchor; {:?} before the cursor is written again",
        shown.healed
    );
    let parts = [
        ("path", shown.path, "the name of the file"),
        ("prefix", shown.prefix, "the text before the anchor, as far as it fits"),
        ("suffix", shown.suffix, "the text after the cursor, as far as it fits"),
        (
            "typed",
            shown.typed,
            if shown.healed.is_empty() {
                "what is typed since the anchor"
            } else {
                &healed
            },
        ),
    ];
    let piece = |(source, tokens, reason): (&str, usize, &str)| PromptPiece {
        source: source.to_owned(),
        path: path.to_owned(),
        tokens,
        included: tokens > 0,
        reason: if tokens > 0 { reason } else { "there is none" }.to_owned(),
    };
    parts.map(piece).into()
}
