//! The configuration of a command and the model that it runs on, with notes on what is wrong and where nobody chose.
//!
//! It must not know what the command is.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use codegemma_model::{Engine, ModelSource};

use super::failure::Failure;
use super::output;
use crate::config::{Effective, EngineChoice, EngineFlags};
use crate::models::path;
use crate::models::starter;

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

/// Where the model is read from. Who did not choose one is told so once a day, unless a program reads what is printed.
pub(super) fn source(choice: &EngineChoice, json: bool) -> Result<ModelSource, Failure> {
    let source = choice.source()?;
    if choice.model.is_none() && !json && is_first_of_the_day() {
        output::note(starter::NOTE);
    }
    Ok(source)
}

/// Whether nothing was said within a day. A file in the cache folder remembers; where it cannot be written, it is the
/// first time again.
fn is_first_of_the_day() -> bool {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let Ok(folder) = path::cache_folder() else {
        return true;
    };
    let stamp = folder.join("starter-advice");
    let written = stamp.metadata().and_then(|metadata| metadata.modified());
    // A time that is yet to come is no reason to be silent until then.
    let age = written
        .ok()
        .and_then(|written| SystemTime::now().duration_since(written).ok());
    if age.is_some_and(|age| age < DAY) {
        return false;
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let _ = builder.create(folder).and_then(|()| fs::write(stamp, ""));
    true
}

/// Loads the engine; `json` as for [`source`].
pub(super) fn load(choice: &EngineChoice, json: bool) -> Result<Engine, Failure> {
    let source = source(choice, json)?;
    let engine = Engine::load(&source, &choice.load_options());
    engine.map_err(|error| Failure::Message(choice.blame(&error.to_string())))
}
