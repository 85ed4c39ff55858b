//! The bytes of model files, mapped or part of the program: many tensors share them without copying.

use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use super::mapping::Mapping;
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
    Mapped(Arc<Mapping>),
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
        let map = Mapping::open(path)?;
        Ok(Self {
            range: 0..map.len(),
            whole: Whole::Mapped(Arc::new(map)),
        })
    }

    /// The file that they are mapped from.
    pub(crate) fn mapping(&self) -> Option<&Arc<Mapping>> {
        match &self.whole {
            Whole::Mapped(mapping) => Some(mapping),
            Whole::Embedded(_) => None,
        }
    }

    /// At most the first `most` bytes, as they are now: a copy of what may change, and the rest is not read.
    pub(crate) fn beginning(&self, most: usize) -> Result<std::borrow::Cow<'_, [u8]>, LoadError> {
        let len = most.min(self.range.len());
        match &self.whole {
            Whole::Embedded(bytes) => Ok((&bytes[self.range.start..][..len]).into()),
            Whole::Mapped(mapping) => {
                let mut copy = vec![0; len];
                mapping.copy(self.range.start as u64, &mut copy)?;
                Ok(copy.into())
            }
        }
    }

    /// Copies as many bytes as `to` has room for, from byte `at` of these on, which have to be there.
    pub(crate) fn copy(&self, at: usize, to: &mut [u8]) -> Result<(), LoadError> {
        let end = at.checked_add(to.len()).filter(|end| *end <= self.range.len());
        let end = end.expect("who copies knows how many there are");
        match &self.whole {
            Whole::Embedded(bytes) => {
                to.copy_from_slice(&bytes[self.range.start + at..self.range.start + end]);
                Ok(())
            }
            Whole::Mapped(mapping) => mapping.copy((self.range.start + at) as u64, to),
        }
    }

    /// How many there are.
    pub(crate) fn size(&self) -> usize {
        self.range.len()
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
