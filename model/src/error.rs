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
        Self::at(path.display().to_string(), what.into(), remedy.into())
    }

    /// An error at a place that is no path. Names and values that it quotes of a file may be of any length, so that what
    /// is too long for a person is left out of the middle.
    pub(crate) fn at(place: String, what: String, remedy: String) -> Self {
        Self {
            place: shortened(place),
            what: shortened(what),
            remedy,
        }
    }
}

/// A text that is read at a glance: the beginning and the end of a long one.
fn shortened(text: String) -> String {
    const MOST: usize = 800;
    const END: usize = 100;
    if text.len() <= MOST {
        return text;
    }
    let begin = text.floor_char_boundary(MOST - END);
    let end = text.ceil_char_boundary(text.len() - END);
    format!("{}…{}", &text[..begin], &text[end..])
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
