//! The command line. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    codegemma_lsp::cli::run(std::env::args_os())
}
