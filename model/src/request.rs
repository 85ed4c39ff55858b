//! What a caller asks of the engine and what it gets back. Text in, text out: token ids appear only as opaque
//! numbers for `--json` output.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What the model is asked to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Code around a hole. A model that was not trained to fill in the middle gets the prefix alone.
    Fim(FimPrompt),
    /// Text that is continued as it stands.
    Plain(String),
}

/// Code around a hole, in the shape that CodeGemma was trained on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FimPrompt {
    /// The file's path as the model should see it (relative to the workspace, forward slashes).
    pub path: Option<String>,
    /// The text before the anchor, a place at or before the cursor.
    pub prefix: String,
    /// The text between the anchor and the cursor. The model sees it as the beginning of the middle, so that typing
    /// changes the end of the prompt only.
    pub typed: String,
    /// The text after the cursor.
    pub suffix: String,
    /// Other files for context, most important last.
    pub files: Vec<PromptFile>,
}

/// A whole file or a span of one, given to the model as context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptFile {
    /// The file's path as the model should see it.
    pub path: String,
    /// The text to show.
    pub text: String,
}

/// How the next token is drawn from the logits. The default is greedy: always the most likely token.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 is greedy; larger is more random.
    pub temperature: f64,
    /// Draw from the `k` most likely tokens only.
    pub top_k: Option<usize>,
    /// Draw from the most likely tokens whose probabilities add up to `p` only.
    pub top_p: Option<f64>,
    /// The same seed, prompt and settings give the same text.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: None,
            top_p: None,
            seed: 0,
        }
    }
}

/// Tells the engine that nobody waits for an answer any more. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<OnceLock<Instant>>);

impl CancelToken {
    /// Asks for a stop. The engine looks at it before each pass, and in one that reads a prompt between two layers.
    pub fn cancel(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// Whether a stop has been asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.get().is_some()
    }

    /// For how long that has been so.
    pub(crate) fn cancelled_for(&self) -> Option<Duration> {
        self.0.get().map(Instant::elapsed)
    }
}

/// Looks at the text generated so far and its pieces, after each token; `true` ends the completion there
/// ([`Finish::Stop`]).
pub type StopWhen = Box<dyn FnMut(&str, &[Piece]) -> bool + Send>;

/// Watches a completion grow: is shown it as it would be given back if the deadline were now.
pub type Progress = Box<dyn FnMut(&Completion) + Send>;

/// How much of a prompt is read before the first token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PromptBudget {
    /// All that fits into the context, however long it takes.
    #[default]
    Context,
    /// The whole prompt, as long as it may be for requests that are in a hurry: what this machine reads in about 20 seconds.
    Idle,
    /// Some lines around the cursor in about so many tokens, or all where that is less: to measure what that costs.
    Near(usize),
    /// As much as is read in this time: the whole prompt where what is missing of it is, else the text near the cursor.
    /// Then larger parts are read when nobody waits, and while somebody does, until it is the whole.
    FirstToken(Duration),
}

/// Which part of the prompt the model was shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptWindow {
    /// All of it, but for what does not fit into the context.
    #[default]
    Whole,
    /// Some lines around the cursor, as reading all would have taken too long.
    Near,
}

/// One request to the engine.
pub struct CompletionRequest {
    /// What to continue.
    pub prompt: Prompt,
    /// How much of it is read.
    pub budget: PromptBudget,
    /// How to draw tokens.
    pub sampling: Sampling,
    /// The most tokens to generate.
    pub max_tokens: usize,
    /// When to give back what there is.
    pub deadline: Option<Instant>,
    /// Stops the work early.
    pub cancel: CancelToken,
    /// Give each generated token's log-probability and this many of the most likely alternatives.
    pub logprobs: Option<usize>,
    /// Whether to guess tokens ahead. Changes the speed and never the text; drawing at random goes without.
    pub drafts: bool,
    /// The caller's own stop rule, on top of the model's end tokens.
    pub stop_when: Option<StopWhen>,
    /// Is shown what there is after each chunk of the prompt and each token; not of alternatives.
    pub progress: Option<Progress>,
    /// How many other completions to look for, once there is one.
    pub alternatives: usize,
    /// Nobody uses the text yet. Of such texts the engine holds no more than one: what it read of another is forgotten,
    /// unless a request has used it since. For requests that nobody waits for.
    pub unused: bool,
}

impl CompletionRequest {
    /// A greedy request for at most `max_tokens` tokens.
    pub fn new(prompt: Prompt, max_tokens: usize) -> Self {
        Self {
            prompt,
            budget: PromptBudget::Context,
            sampling: Sampling::default(),
            max_tokens,
            deadline: None,
            cancel: CancelToken::default(),
            logprobs: None,
            drafts: true,
            stop_when: None,
            progress: None,
            alternatives: 0,
            unused: false,
        }
    }

    /// A request that has a prompt read and nothing written, so that a request for up to `max_tokens` tokens finds it
    /// read.
    pub fn reading(prompt: Prompt, max_tokens: usize) -> Self {
        Self {
            // The first token comes with the prompt's last pass.
            stop_when: Some(Box::new(|_, _| true)),
            budget: PromptBudget::Idle,
            ..Self::new(prompt, max_tokens)
        }
    }
}

/// Why the engine stopped generating.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model ended the text, or the caller's stop rule did.
    Stop,
    /// `max_tokens` were generated, or the context is full.
    Length,
    /// The deadline passed.
    #[default]
    Deadline,
    /// The request was cancelled.
    Cancelled,
}

/// What the engine generated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Completion {
    /// The generated text: whole characters, without control tokens.
    pub text: String,
    /// The ids of the generated tokens (the end token that stopped it is not among them). The first ones may stand for
    /// the end of what was typed, which is not part of `text`.
    pub tokens: Vec<u32>,
    /// The pieces of `text`, in order.
    pub pieces: Vec<Piece>,
    /// Why it ended.
    pub finish: Finish,
    /// The prompt as the model saw it.
    pub prompt_tokens: Vec<u32>,
    /// How many tokens of the prompt did not fit into the context and were left out.
    pub truncated_tokens: usize,
    /// The natural logarithm of the probability of `tokens` given the prompt, under the model's own distribution.
    pub logprob: f64,
    /// Other completions, the likeliest to leave the first one's way first; no two are the same.
    pub alternatives: Vec<Alternative>,
    /// One entry a generated token, where the request asked for it.
    pub logprobs: Vec<TokenLogprob>,
    /// Counts and times.
    pub stats: Stats,
}

impl Completion {
    /// That of a request for which nothing was done.
    pub(crate) fn cancelled() -> Self {
        Self {
            finish: Finish::Cancelled,
            ..Self::default()
        }
    }
}

/// Another completion: it leaves the first one where the model was least sure, and goes on as is likely from there.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// The text.
    pub text: String,
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
    /// Why it ended.
    pub finish: Finish,
}

/// A stretch of the generated text that was decided on at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Where it ends in the text, in bytes. That of the token that ended the text is empty.
    pub end: usize,
    /// The natural logarithm of its probability after all before it.
    pub logprob: f32,
}

/// A generated token's log-probability, in natural logarithms over the whole vocabulary.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TokenLogprob {
    /// The token.
    pub token: u32,
    /// Its log-probability.
    pub logprob: f32,
    /// The most likely tokens at this place with their log-probabilities, best first.
    pub top: Vec<(u32, f32)>,
}

/// How likely a model finds a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// How many tokens it is, the end included where that counts.
    pub tokens: usize,
    /// The natural logarithm of its probability after the prompt.
    pub logprob: f64,
    /// How many tokens of the prompt did not fit into the context and were left out.
    pub truncated_tokens: usize,
}

/// How far the reading of what stands around the user's cursor is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct PromptProgress {
    /// Which part of the prompt the last request was served with.
    pub window: PromptWindow,
    /// How many tokens that has.
    pub window_tokens: usize,
    /// How many the whole prompt has.
    pub whole_tokens: usize,
    /// How many tokens of the next larger part are read, and of how many; `None` where nothing is left to read.
    pub next: Option<(usize, usize)>,
}

/// The work that one request took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Which part of the prompt was used, and how far the next is.
    pub reading: PromptProgress,
    /// Tokens in the prompt.
    pub prompt_tokens: usize,
    /// Prompt tokens whose keys and values were already in the cache.
    pub reused_tokens: usize,
    /// Prompt tokens that had to be run through the model.
    pub forwarded_tokens: usize,
    /// Tokens generated, without those that stand for what was typed.
    pub generated_tokens: usize,
    /// Tokens guessed ahead of the model.
    pub drafted_tokens: usize,
    /// Guessed tokens that the model agreed with.
    pub accepted_tokens: usize,
    /// From submission until the engine began.
    pub queue: Duration,
    /// From the beginning until the first token's logits.
    pub prefill: Duration,
    /// From there to the end.
    pub decode: Duration,
}
