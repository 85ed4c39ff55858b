//! The `stats` object of `--json`.
//!
//! It must not know which command prints it.

use std::time::Duration;

use serde::Serialize;

/// Counts and times of one request.
#[derive(Debug, Serialize)]
pub(super) struct Stats {
    prompt_tokens: usize,
    reused_tokens: usize,
    generated_tokens: usize,
    drafted_tokens: usize,
    accepted_tokens: usize,
    load_ms: f64,
    prefill_ms: f64,
    decode_ms: f64,
}

impl Stats {
    /// What the engine counted, and how long the model took to load.
    pub(super) fn new(stats: &codegemma_model::Stats, load: Duration) -> Self {
        // Tenths of a millisecond are as fine as anything here is measured.
        let millis = |time: Duration| (time.as_secs_f64() * 10_000.0).round() / 10.0;
        Self {
            prompt_tokens: stats.prompt_tokens,
            reused_tokens: stats.reused_tokens,
            generated_tokens: stats.generated_tokens,
            drafted_tokens: stats.drafted_tokens,
            accepted_tokens: stats.accepted_tokens,
            load_ms: millis(load),
            prefill_ms: millis(stats.prefill),
            decode_ms: millis(stats.decode),
        }
    }
}
