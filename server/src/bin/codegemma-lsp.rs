//! The language server. Everything is in the library.

use std::process::ExitCode;

use codegemma_lsp::serve;
use codegemma_model::Engine;

fn main() -> ExitCode {
    serve::run(Engine::load)
}
