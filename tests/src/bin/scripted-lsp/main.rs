//! The language server with a model that follows a script, for tests of editors: `CODEGEMMA_SCRIPT` names the file.
//!
//! All else is the product: what the model is shown, what is cut from what it writes, alternatives, status and log. Where
//! a model was chosen, that one is loaded, as `codegemma-lsp` does.

mod model;
mod script;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use codegemma_lsp::serve;
use codegemma_model::{Engine, LoadError, LoadOptions, ModelInfo, ModelSource, Tokenizer};

use model::Scripted;
use script::Script;

/// Bytes for the sequences that the model holds.
const HELD: usize = 16 << 20;

fn main() -> ExitCode {
    serve::run(load)
}

fn load(source: &ModelSource, options: &LoadOptions) -> Result<Engine, LoadError> {
    if !matches!(source, ModelSource::Embedded(_)) {
        return Engine::load(source, options);
    }
    let file = std::env::var_os("CODEGEMMA_SCRIPT").expect("CODEGEMMA_SCRIPT names the script");
    let script = Script::read(Path::new(&file)).unwrap_or_else(|why| panic!("{}: {why}", Path::new(&file).display()));
    // The starter's, so that a place in the middle of a word is what it is with a real model.
    let tokenizer = Arc::new(Tokenizer::load(source)?);
    let context_tokens = options.context_tokens.unwrap_or(8192);
    let info = ModelInfo {
        name: "scripted".to_owned(),
        architecture: "script".to_owned(),
        quantization: "none".to_owned(),
        context_tokens,
        fill_in_the_middle: true,
    };
    let model = Scripted::new(script, Arc::clone(&tokenizer), context_tokens);
    let kept = options.keep_sequences.clone();
    Ok(Engine::start(info, tokenizer, model, HELD, kept).expect("a thread for the engine"))
}
