//! The engine's errors: each says what happened, where, and what to do next, in one line.

use std::path::Path;

/// Why a model could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct LoadError {
    /// What was being read: a file or folder, or the name of a model that the program carries.
    pub place: String,
    /// What was wrong with it, naming the tensor, key or token, what was expected and what was found.
    pub what: String,
    /// What the user can do about it.
    pub remedy: String,
}

impl LoadError {
    /// An error about `path`.
    pub fn new(path: &Path, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            place: path.display().to_string(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// Why a request was answered without a completion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A newer request arrived before this one was done.
    #[error("a newer request took this one's place")]
    Superseded,
    /// The request cannot be served as it stands: its fault, not the engine's.
    #[error("{0}")]
    Invalid(String),
    /// The model failed or panicked on this request; the engine goes on with the next one.
    #[error("the model failed: {0}; the next request is served as usual, please report this one")]
    Failed(String),
    /// The file of the model was changed while it was in use; the engine serves nothing any more.
    #[error("{0}")]
    ModelChanged(String),
    /// The engine has been shut down.
    #[error("the engine has stopped; restart it")]
    Stopped,
}
