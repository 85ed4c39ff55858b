//! `codegemma-complete model`: the models of this machine.
//!
//! It must not know the protocol.

mod list;

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
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    match &flags.command {
        ModelCommand::List(flags) => list::run(flags),
    }
}
