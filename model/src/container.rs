//! Files that hold tensors, before anything is known of models: their bytes, mapped where they lie, the formats of numbers,
//! and what is written in a GGUF file.
//!
//! Must not know weights, configurations or what a tensor is for.

mod bytes;
pub(crate) mod format;
pub(crate) mod gguf;
#[cfg(unix)]
mod guard;
pub(crate) mod kind;
mod mapping;
pub(crate) mod split;

use std::path::Path;
use std::sync::Arc;

pub(crate) use bytes::Bytes;
pub(crate) use format::Format;
pub(crate) use gguf::{Gguf, Input, Skimmed};
use mapping::Mapping;

/// What to do about a file that cannot be right.
pub(crate) const REMEDY: &str = "fetch or convert the model again";

/// The files that a checkpoint is mapped from; none where it is part of the program.
#[derive(Default)]
pub(crate) struct Files(Vec<Arc<Mapping>>);

impl Files {
    /// Those that some bytes are mapped from.
    pub(crate) fn of<'a>(bytes: impl IntoIterator<Item = &'a Bytes>) -> Self {
        Self(bytes.into_iter().filter_map(|bytes| bytes.mapping().cloned()).collect())
    }

    /// Where they lie.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|file| file.path())
    }

    /// An error where one of them is no longer what was opened.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.0.iter().try_for_each(|file| file.check())
    }
}
