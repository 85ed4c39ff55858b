//! `codegemma-complete completions` and `man`: what shells and `man` want to know of the flags.

use clap::CommandFactory;
use clap_complete::Shell;

use super::failure::Failure;
use super::{Cli, output};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete completions bash > ~/.local/share/bash-completion/completions/codegemma-complete
  codegemma-complete completions zsh > ~/.zfunc/_codegemma-complete    with ~/.zfunc in fpath
  codegemma-complete completions fish > ~/.config/fish/completions/codegemma-complete.fish")]
pub(super) struct CompletionsFlags {
    /// The shell
    shell: Shell,
}

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete man | man -l -
  codegemma-complete man doctor > ~/.local/share/man/man1/codegemma-complete-doctor.1")]
pub(super) struct ManFlags {
    /// The command; without one it is the program
    command: Option<String>,
}

pub(super) fn completions(flags: &CompletionsFlags) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut Cli::command(), "codegemma-complete", &mut script);
    output::print(&String::from_utf8(script).map_err(Failure::new)?)
}

pub(super) fn man(flags: &ManFlags) -> Result<(), Failure> {
    // Its parts know their whole names only once it is built.
    let mut program = Cli::command();
    program.build();
    let command = match &flags.command {
        None => Some(&program),
        Some(name) => program.find_subcommand(name),
    };
    let command = command.cloned().ok_or_else(|| {
        let name = flags.command.as_deref().unwrap_or_default();
        Failure::Usage(format!(
            "there is no command {name}; name one of: {}",
            super::commands().join(", ")
        ))
    })?;
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Failure::new)?;
    output::print(&String::from_utf8(page).map_err(Failure::new)?)
}
