//! Memory-mapped files: bytes that many tensors share without copying.

use std::fs::File;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::LoadError;

/// A range of a mapped file. Clones share the mapping.
#[derive(Clone)]
pub(crate) struct Bytes {
    map: Arc<Mmap>,
    range: Range<usize>,
}

impl Bytes {
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
            map: Arc::new(map),
        })
    }

    /// A part of these bytes; `range` counts from their start and must lie within them.
    pub(crate) fn slice(&self, range: Range<usize>) -> Option<Self> {
        let start = self.range.start.checked_add(range.start)?;
        let end = self.range.start.checked_add(range.end)?;
        (start <= end && end <= self.range.end).then(|| Self {
            map: Arc::clone(&self.map),
            range: start..end,
        })
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[self.range.clone()]
    }
}

#[cfg(test)]
impl Bytes {
    /// Maps a temporary file that holds `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(bytes).expect("room for a temporary file");
        Self::map(file.path()).expect("a mapping")
    }
}
