//! `codegemma-complete tokens`: the tokens of a file.

use std::fmt::Write;
use std::path::PathBuf;

use codegemma_model::Tokenizer;
use serde_json::json;

use super::failure::Failure;
use super::{model, output, source};
use crate::config::EngineFlags;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete tokens src/main.rs
  echo \"let x = 1;\" | codegemma-complete tokens -")]
pub(super) struct Flags {
    /// The file; - is stdin
    file: PathBuf,

    /// Print {"ids": […], "pieces": […]} instead of a line for each token
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    engine: EngineFlags,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let text = source::read(&flags.file)?.text;
    let choice = model::choice(&flags.engine);
    let tokenizer = Tokenizer::load(&model::source(&choice, flags.json)?);
    let tokenizer = tokenizer.map_err(|error| Failure::Message(choice.blame(&error.to_string())))?;
    let ids: Vec<u32> = tokenizer
        .begin_of_text()
        .into_iter()
        .chain(tokenizer.encode(&text))
        .collect();
    let pieces: Vec<&str> = ids.iter().map(|&id| tokenizer.piece(id).unwrap_or_default()).collect();
    if flags.json {
        return output::print_json(&json!({"ids": ids, "pieces": pieces}));
    }
    let mut lines = String::new();
    for (id, piece) in ids.iter().zip(pieces) {
        // Escaped, so that a token is a line whatever is in it.
        writeln!(lines, "{id}\t{}", piece.escape_debug()).map_err(Failure::new)?;
    }
    output::print_readable(&lines)
}
