//! Where a model is read from: a place on disk, or bytes that the program carries.
//!
//! Must not know what a model is made of.

use std::path::{Path, PathBuf};

use crate::LoadError;

/// Where a model is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// A `.gguf` file, or a folder with `config.json`, safetensors and `tokenizer.json`.
    Path(PathBuf),
    /// A GGUF file that is part of the program.
    Embedded(Embedded),
}

/// A GGUF file that is part of the program. It is used where it lies; any alignment will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Embedded {
    /// What messages call it.
    pub name: &'static str,
    /// The file's whole contents.
    pub bytes: &'static [u8],
    /// What the user can do when they are damaged.
    pub remedy: &'static str,
}

impl ModelSource {
    /// An error about what is read itself. `remedy` is for what lies on disk: what the program carries has its own.
    pub(crate) fn broken(&self, what: impl Into<String>, remedy: impl Into<String>) -> LoadError {
        match self {
            Self::Path(path) => LoadError::new(path, what, remedy),
            Self::Embedded(embedded) => {
                LoadError::at(embedded.name.to_owned(), what.into(), embedded.remedy.to_owned())
            }
        }
    }

    /// An error that is not the fault of what is read, so that `remedy` is what helps.
    pub(crate) fn failed(&self, what: impl Into<String>, remedy: impl Into<String>) -> LoadError {
        LoadError {
            remedy: remedy.into(),
            ..self.broken(what, "")
        }
    }
}

impl From<&Path> for ModelSource {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl std::fmt::Debug for Embedded {
    /// Without the bytes, which are millions.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} bytes", self.name, self.bytes.len())
    }
}
