//! `codegemma-complete raw`: the model's plain continuation of a text.

use std::path::PathBuf;
use std::time::Instant;

use codegemma_model::{CompletionRequest, Finish, Prompt, TokenLogprob};
use serde::Serialize;

use super::failure::Failure;
use super::stats::Stats;
use super::{complete, model, output, source};
use crate::config::EngineFlags;
use crate::config::settings::Settings;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete raw --prompt-file prompt.txt -n 100
  echo \"fn main() {\" | codegemma-complete raw --prompt-file - --logprobs 5 --json")]
pub(super) struct Flags {
    /// The text to continue; - is stdin
    #[arg(long, value_name = "FILE")]
    prompt_file: PathBuf,

    /// The most tokens to generate; by default what is configured, or 64
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    max_tokens: Option<usize>,

    /// With --json, give each generated token's log-probability and the K most likely tokens
    #[arg(long, value_name = "K", requires = "json")]
    logprobs: Option<usize>,

    /// Guess no tokens ahead: the same text, one token after the other
    #[arg(long)]
    no_drafts: bool,

    /// Print one JSON object instead of the text
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    engine: EngineFlags,
}

#[derive(Serialize)]
struct Report<'a> {
    text: &'a str,
    tokens: &'a [u32],
    finish: Finish,
    prompt_tokens: &'a [u32],
    logprobs: &'a [TokenLogprob],
    stats: Stats,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let prompt = source::read(&flags.prompt_file)?.text;
    let effective = model::effective(&flags.engine, &[]);
    let max_tokens = flags.max_tokens.unwrap_or(Settings::new(&effective).of("").max_tokens);
    let begin = Instant::now();
    let engine = model::load(&effective.engine(), flags.json)?;
    let load = begin.elapsed();
    let request = CompletionRequest {
        logprobs: flags.logprobs,
        drafts: !flags.no_drafts,
        ..CompletionRequest::new(Prompt::Plain(prompt), max_tokens)
    };
    let completion = engine.complete(request).map_err(Failure::new)?;
    complete::note_truncation(&completion);
    if !flags.json {
        return output::print(&completion.text);
    }
    output::print_json(&Report {
        text: &completion.text,
        tokens: &completion.tokens,
        finish: completion.finish,
        prompt_tokens: &completion.prompt_tokens,
        logprobs: &completion.logprobs,
        stats: Stats::new(&completion.stats, load),
    })
}
