//! `codegemma-complete model`: the models of this machine.
//!
//! It must not know the protocol.

mod inspect;
mod list;
mod pull;
mod quantize;
mod remove;
mod table;
mod verify;

use clap::Subcommand;

use super::failure::Failure;

#[derive(clap::Args)]
pub(super) struct Flags {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Subcommand)]
enum ModelCommand {
    /// List the models that are on this machine
    List(list::Flags),
    /// Fetch a model: CodeGemma 2B for completion, or another by its name
    Pull(pull::Flags),
    /// Check that a model's bytes are those that were published
    Verify(verify::Flags),
    /// Remove a model that was pulled
    Remove(remove::Flags),
    /// Show what a model is, and what it needs here
    Inspect(inspect::Flags),
    /// Write a model anew with fewer bits, as one GGUF file
    Quantize(quantize::Flags),
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    match &flags.command {
        ModelCommand::List(flags) => list::run(flags),
        ModelCommand::Pull(flags) => pull::run(flags),
        ModelCommand::Verify(flags) => verify::run(flags),
        ModelCommand::Remove(flags) => remove::run(flags),
        ModelCommand::Inspect(flags) => inspect::run(flags),
        ModelCommand::Quantize(flags) => quantize::run(flags),
    }
}
