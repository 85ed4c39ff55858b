//! `codegemma-complete model remove`: only what `model pull` has fetched.
//!
//! It must not know any source of them.

use super::super::failure::Failure;
use super::super::output;
use crate::models::{known, pulled};

#[derive(clap::Args)]
pub(super) struct Flags {
    /// The name that it was pulled by, or its path
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let name = flags.name.as_str();
    let Some(model) = pulled::find(name) else {
        return Err(Failure::Message(refusal(name)));
    };
    let bytes: u64 = model
        .files
        .iter()
        .filter(|file| file.is_ours)
        .map(|file| file.bytes)
        .sum();
    let question = format!(
        "remove {} ({}) from {}?",
        model.name,
        output::size(bytes),
        model.path.display()
    );
    if !flags.yes && !output::asks(&question, "--yes removes it without asking")? {
        return Err(Failure::Message("nothing was removed".to_owned()));
    }
    let removed = pulled::remove(&model)?;
    output::note(&format!("{} is removed ({})", model.name, output::size(removed)));
    Ok(())
}

/// Why something is not removed.
fn refusal(name: &str) -> String {
    match (std::path::Path::new(name).exists(), known::find(name)) {
        (true, _) => {
            format!("{name}: this was not pulled by this program, so it is not removed; remove it with what brought it")
        }
        (false, Some(known)) => format!("{known} was not pulled, so there is nothing to remove"),
        (false, None) => {
            format!("{name}: no model of that name was pulled; `codegemma-complete model list` shows what is here")
        }
    }
}
