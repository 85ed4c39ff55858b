//! The inference engine of CodeGemma LSP: text in, text out.
//!
//! Every Gemma is one decoder graph with the architecture as data (`config`), run on candle tensors with kernels of
//! our own, over weights that stay quantized and memory-mapped. [`Engine`] owns the model, its key/value cache and its
//! thread; callers submit a [`CompletionRequest`] and get a [`Completion`].
//!
//! This crate must not know LSP, URIs, documents, syntax trees or an async runtime.

pub mod bench;
mod config;
mod container;
mod decoder;
mod draft;
mod encoded;
mod engine;
mod error;
mod generate;
mod inspect;
mod kv_cache;
mod logits;
mod memory;
mod model;
mod ops;
mod persist;
pub mod plain_file;
mod prompt;
mod quantize;
mod rate;
mod request;
mod sampler;
mod score;
mod sequence;
mod show;
mod source;
#[cfg(test)]
mod testing;
mod tokenizer;
mod weights;
mod window;
mod workspace;

pub use container::split::SplitPart;
pub use engine::Engine;
pub use error::{LoadError, RequestError};
pub use inspect::{InspectedTensor, Inspection, inspect};
pub use logits::Logits;
pub use model::{Device, LoadOptions, ModelInfo};
pub use prompt::{near_end, near_start};
pub use quantize::{Mixture, Quantized, quantize};
pub use request::{
    Alternative, CancelToken, Completion, CompletionRequest, FimPrompt, Finish, Piece, Progress, Prompt, PromptBudget,
    PromptFile, PromptProgress, PromptWindow, Sampling, Score, Stats, StopWhen, TokenLogprob,
};
pub use sequence::{LanguageModel, Paused};
pub use show::ShownPrompt;
pub use source::{Embedded, ModelSource};
pub use tokenizer::Tokenizer;
