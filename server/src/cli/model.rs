//! The model that a command runs on, with a note where nobody chose it.
//!
//! It must not know what the command is.

use codegemma_model::ModelSource;

use super::failure::Failure;
use super::output;
use crate::config::EngineFlags;
use crate::starter;

/// Where the model is read from.
pub(super) fn source(flags: &EngineFlags) -> Result<ModelSource, Failure> {
    let source = flags.model_source()?;
    if !flags.names_a_model() {
        output::note(starter::NOTE);
    }
    Ok(source)
}
