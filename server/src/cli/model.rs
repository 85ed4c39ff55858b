//! The configuration of a command and the model that it runs on, with notes on what is wrong and where nobody chose.
//!
//! It must not know what the command is.

use std::path::PathBuf;

use codegemma_model::{Engine, ModelSource};

use super::failure::Failure;
use super::output;
use crate::config::{Effective, EngineChoice, EngineFlags};
use crate::starter;

/// What holds for a command with these flags in the workspaces with these roots.
pub(super) fn effective(flags: &EngineFlags, roots: &[PathBuf]) -> Effective {
    let config = flags.config(roots);
    for problem in config.problems() {
        output::note(&problem);
    }
    config.effective()
}

/// The engine for a command that is about no file of a workspace.
pub(super) fn choice(flags: &EngineFlags) -> EngineChoice {
    effective(flags, &[]).engine()
}

/// Where the model is read from.
pub(super) fn source(choice: &EngineChoice) -> Result<ModelSource, Failure> {
    let source = choice.source()?;
    if choice.model.is_none() {
        output::note(starter::NOTE);
    }
    Ok(source)
}

/// Loads the engine.
pub(super) fn load(choice: &EngineChoice) -> Result<Engine, Failure> {
    let source = source(choice)?;
    let engine = Engine::load(&source, &choice.load_options());
    engine.map_err(|error| Failure::Message(choice.blame(&error.to_string())))
}
