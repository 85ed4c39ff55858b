//! The bytes of model files, mapped or part of the program: many tensors share them without copying.

use std::fs::File;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::{LoadError, ModelSource};

/// A range of a file's bytes. Clones share them. Nothing may be assumed of their alignment: kernels read weights byte
/// by byte or with unaligned loads, since blocks of quantized weights have odd sizes anyway.
#[derive(Clone)]
pub(crate) struct Bytes {
    whole: Whole,
    range: Range<usize>,
}

#[derive(Clone)]
enum Whole {
    Mapped(Arc<Mmap>),
    Embedded(&'static [u8]),
}

impl Bytes {
    /// The bytes of a model that is one file.
    pub(crate) fn of(source: &ModelSource) -> Result<Self, LoadError> {
        match source {
            ModelSource::Path(path) => Self::map(path),
            ModelSource::Embedded(embedded) => Ok(Self {
                range: 0..embedded.bytes.len(),
                whole: Whole::Embedded(embedded.bytes),
            }),
        }
    }

    /// Maps a whole file for reading.
    pub(crate) fn map(path: &Path) -> Result<Self, LoadError> {
        let fail = |error: std::io::Error| {
            LoadError::new(
                path,
                format!("cannot be read: {error}"),
                "check the path and its permissions",
            )
        };
        let file = File::open(path).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_dir() {
            return Err(LoadError::new(
                path,
                "is a folder where a file is expected",
                "name the file inside it",
            ));
        }
        // SAFETY: the mapping is private and read-only. Rust's rule that the bytes do not change while they are
        // borrowed rests on nobody writing to the model file while it is in use, which every mapping loader requires;
        // all values of these bytes are valid numbers, so that a change could spoil results but not types or bounds.
        let map = unsafe { Mmap::map(&file) }.map_err(fail)?;
        Ok(Self {
            range: 0..map.len(),
            whole: Whole::Mapped(Arc::new(map)),
        })
    }

    /// A part of these bytes; `range` counts from their start and must lie within them.
    pub(crate) fn slice(&self, range: Range<usize>) -> Option<Self> {
        let start = self.range.start.checked_add(range.start)?;
        let end = self.range.start.checked_add(range.end)?;
        (start <= end && end <= self.range.end).then(|| Self {
            whole: self.whole.clone(),
            range: start..end,
        })
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let whole: &[u8] = match &self.whole {
            Whole::Mapped(map) => map,
            Whole::Embedded(bytes) => bytes,
        };
        &whole[self.range.clone()]
    }
}

#[cfg(test)]
impl Bytes {
    /// Maps a temporary file that holds `bytes`.
    pub(crate) fn written(bytes: &[u8]) -> Self {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(bytes).expect("room for a temporary file");
        Self::map(file.path()).expect("a mapping")
    }
}
